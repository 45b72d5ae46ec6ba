//! The introducer: by what this process shows that it is the server, and the challenges that it gives to those who
//! sign in.
//!
//! Invariant: what it draws at its start is known to nobody else and ends with the process, so that nothing that was
//! signed for one process counts at another. The ledger's key, which may lie in a slow device, signs once in half a day.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evidence::dsse::Envelope;
use evidence::introduction::{Answer, Introduction, IntroductionError, VALIDITY};
use evidence::machine::{MachineKey, MachineKeyError, MachineSigner};
use evidence::{Id, Moment};

use crate::salt::{self, NoRandomness};

/// How this process introduces itself.
#[derive(Debug)]
pub struct Introducer {
    ledger: MachineSigner,
    url: String,
    answering: MachineSigner,
    challenging: hmac::Key,
    made: Mutex<Option<(Envelope, Moment)>>,
}

impl Introducer {
    /// Draws the keys of this process.
    ///
    /// # Errors
    /// `NoRandomness` when the system has none to give.
    pub fn new(ledger: MachineSigner, url: String) -> Result<Self, NoRandomness> {
        let seed: [u8; 32] = salt::bytes()?;
        let secret: [u8; 32] = salt::bytes()?;
        let answering = MachineSigner::from_seed(seed).map_err(|_| NoRandomness)?;
        let challenging = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Ok(Self { ledger, url, answering, challenging, made: Mutex::default() })
    }

    /// Where this server listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// By which key answers are signed.
    pub const fn key(&self) -> &MachineKey {
        self.answering.public()
    }

    /// The introduction, signed anew when half of its time is over.
    ///
    /// # Errors
    /// `IntroductionError` when the ledger's key did not sign.
    pub fn introduction(&self, installation: Id, now: Moment) -> Result<Envelope, IntroductionError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((envelope, issued)) = &*made
            && (*issued..=issued.later_by(VALIDITY / 2)).contains(&now)
        {
            return Ok(envelope.clone());
        }
        let introduction = Introduction {
            v: 1,
            installation,
            url: self.url.clone(),
            key: *self.key(),
            issued: now,
            expires: now.later_by(VALIDITY),
        };
        let envelope = introduction.sign(&self.ledger)?;
        *made = Some((envelope.clone(), now));
        Ok(envelope)
    }

    /// Signs an answer.
    ///
    /// # Errors
    /// `MachineKeyError` when the key did not sign.
    pub fn sign(&self, answer: &Answer<'_>) -> Result<String, MachineKeyError> {
        answer.header(&self.answering)
    }

    /// A challenge for somebody who signs in: nobody guesses it, nothing is kept for it, and it counts for minutes.
    ///
    /// # Errors
    /// `NoRandomness` when the system has none to give.
    pub fn challenge(&self, now: Moment) -> Result<String, NoRandomness> {
        let random: [u8; RANDOM_BYTES] = salt::bytes()?;
        let mut bytes = random.to_vec();
        bytes.extend(now.later_by(CHALLENGE_VALIDITY).millis().to_be_bytes());
        bytes.extend(hmac::sign(&self.challenging, &bytes).as_ref());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Until when a challenge of this process counts; `None` when it is none, or does not count any more.
    pub fn challenged(&self, challenge: &str, now: Moment) -> Option<Moment> {
        let bytes = URL_SAFE_NO_PAD.decode(challenge).ok()?;
        let (said, tag) = bytes.split_at_checked(RANDOM_BYTES + 8)?;
        hmac::verify(&self.challenging, said, tag).ok()?;
        let until = u64::from_be_bytes(said.get(RANDOM_BYTES..)?.try_into().ok()?);
        Moment::from_millis(until).ok().filter(|until| now <= *until)
    }
}

const RANDOM_BYTES: usize = 16;
const CHALLENGE_VALIDITY: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn introducer() -> Introducer {
        let ledger = MachineSigner::from_seed([7; 32]).unwrap();
        Introducer::new(ledger, "http://127.0.0.1:8080".into()).unwrap()
    }

    fn at(minutes: u64) -> Moment {
        lab::at(0).later_by(Duration::from_mins(minutes))
    }

    #[test]
    fn attack_a_challenge_counts_at_the_process_that_gave_it_and_for_minutes() {
        let (this, other) = (introducer(), introducer());
        let challenge = this.challenge(at(0)).unwrap();
        assert_eq!(this.challenged(&challenge, at(4)), Some(at(5)));
        assert_eq!(this.challenged(&challenge, at(6)), None, "it has expired");
        assert_eq!(other.challenged(&challenge, at(0)), None, "the server was started again");
        assert_ne!(this.challenge(at(0)).unwrap(), challenge);
        let mut bytes = URL_SAFE_NO_PAD.decode(&challenge).unwrap();
        // Its time, put forward.
        bytes[RANDOM_BYTES + 5] ^= 1;
        assert_eq!(this.challenged(&URL_SAFE_NO_PAD.encode(bytes), at(0)), None);
        assert_eq!(this.challenged("", at(0)), None);
    }

    #[test]
    fn the_ledgers_key_signs_once_in_half_a_day() {
        let this = introducer();
        let first = this.introduction(lab::id(1), at(0)).unwrap();
        assert_eq!(this.introduction(lab::id(1), at(12 * 60)).unwrap(), first);
        assert_ne!(this.introduction(lab::id(1), at(12 * 60 + 1)).unwrap(), first);
        let key = this.ledger.public();
        let opened = Introduction::open(&first, key, lab::id(1), at(24 * 60)).unwrap();
        assert_eq!(opened.key, *this.key());
        opened.is_of("http://127.0.0.1:8080").unwrap();
        opened.is_of("http://127.0.0.1:8081").unwrap_err();
        assert!(Introduction::open(&first, this.key(), lab::id(1), at(0)).is_err(), "another ledger");
        assert!(Introduction::open(&first, key, lab::id(2), at(0)).is_err(), "another installation");
        assert!(Introduction::open(&first, key, lab::id(1), at(24 * 60 + 1)).is_err(), "expired");
    }
}
