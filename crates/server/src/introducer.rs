//! The introducer: proves this server's identity to clients, and issues challenges to people who sign in.
//!
//! Invariant: its keys are random, known to nobody else, and end with the process, so that a signature for one process is
//! invalid at another. The ledger's key, which may be in a slow device, signs once in half a day, and a client waits for
//! it only if no valid introduction exists.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evidence::dsse::Envelope;
use evidence::introduction::{Answer, Introduction, IntroductionError, VALIDITY};
use evidence::machine::{MachineKey, MachineKeyError, MachineSigner};
use evidence::{Id, Moment};
use tracing::error;

use crate::salt::{self, NoRandomness};

/// The identity of this process.
#[derive(Debug)]
pub struct Introducer {
    ledger: MachineSigner,
    /// URL on this machine, then the addresses for other machines.
    urls: Vec<String>,
    answering: MachineSigner,
    challenging: hmac::Key,
    /// Introductions by URL.
    made: Mutex<BTreeMap<String, (Envelope, Moment)>>,
    /// Held while the ledger's key signs.
    signing: Mutex<()>,
}

impl Introducer {
    /// Draws the keys of this process.
    ///
    /// # Errors
    /// `NoRandomness` if the system's source of randomness failed.
    pub fn new(ledger: MachineSigner, urls: Vec<String>) -> Result<Self, NoRandomness> {
        let seed: [u8; 32] = salt::bytes()?;
        let secret: [u8; 32] = salt::bytes()?;
        let answering = MachineSigner::from_seed(seed).map_err(|_| NoRandomness)?;
        let challenging = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Ok(Self { ledger, urls, answering, challenging, made: Mutex::default(), signing: Mutex::default() })
    }

    /// URL at which this server listens on its machine.
    pub fn url(&self) -> &str {
        self.urls.first().map_or("", String::as_str)
    }

    /// Whether a URL is one at which this server listens.
    pub fn is_at(&self, url: &str) -> bool {
        self.urls.iter().any(|own| own == url)
    }

    /// The public key of the answers' signatures.
    pub const fn key(&self) -> &MachineKey {
        self.answering.public()
    }

    /// The introduction for one of the server's URLs, signed anew when half of its validity is over. Until three quarters are over, the old one is used
    /// while another task has a new one signed, or if that fails.
    ///
    /// # Errors
    /// `IntroductionError` if the ledger's key did not sign.
    pub fn introduction(
        &self,
        installation: Id,
        url: &str,
        now: Moment,
    ) -> Result<Envelope, IntroductionError> {
        if let Some(young) = self.made_within(url, VALIDITY / 2, now) {
            return Ok(young);
        }
        let old = self.made_within(url, VALIDITY / 4 * 3, now);
        let _signing = match (self.signing.try_lock(), old.clone()) {
            (Ok(signing), _) => signing,
            (Err(TryLockError::Poisoned(poisoned)), _) => poisoned.into_inner(),
            (Err(TryLockError::WouldBlock), Some(old)) => return Ok(old),
            (Err(TryLockError::WouldBlock), None) => {
                self.signing.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        // Another task may have had it signed meanwhile.
        if let Some(young) = self.made_within(url, VALIDITY / 2, now) {
            return Ok(young);
        }
        let introduction = Introduction {
            v: 1,
            installation,
            url: url.to_owned(),
            key: *self.key(),
            issued: now,
            expires: now.later_by(VALIDITY),
        };
        match (introduction.sign(&self.ledger), old) {
            (Ok(envelope), _) => {
                self.identity().insert(url.to_owned(), (envelope.clone(), now));
                Ok(envelope)
            }
            (Err(error), Some(old)) => {
                error!("the ledger's key did not sign a new introduction: {error}");
                Ok(old)
            }
            (Err(error), None) => Err(error),
        }
    }

    fn made_within(&self, url: &str, age: Duration, now: Moment) -> Option<Envelope> {
        let made = self.identity();
        let (envelope, issued) = made.get(url)?;
        (*issued..=issued.later_by(age)).contains(&now).then(|| envelope.clone())
    }

    fn identity(&self) -> MutexGuard<'_, BTreeMap<String, (Envelope, Moment)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs an answer.
    ///
    /// # Errors
    /// `MachineKeyError` if the key did not sign.
    pub fn sign(&self, answer: &Answer<'_>) -> Result<String, MachineKeyError> {
        answer.header(&self.answering)
    }

    /// A challenge for a person who signs in. It cannot be guessed, needs no memory, and is valid for minutes.
    ///
    /// # Errors
    /// `NoRandomness` if the system's source of randomness failed.
    pub fn challenge(&self, now: Moment) -> Result<String, NoRandomness> {
        let random: [u8; RANDOM_BYTES] = salt::bytes()?;
        let mut bytes = random.to_vec();
        bytes.extend(now.later_by(CHALLENGE_VALIDITY).millis().to_be_bytes());
        bytes.extend(hmac::sign(&self.challenging, &bytes).as_ref());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The end of a challenge of this process; `None` if it is invalid or has expired.
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
    use std::sync::{Arc, mpsc};

    use tlog::{SharedKey, SigningError, SigningKey};

    use super::*;

    const URL: &str = "http://127.0.0.1:8080";
    const ADDRESS: &str = "https://server.example:8443";

    fn introducer() -> Introducer {
        let ledger = MachineSigner::from_seed([7; 32]).unwrap();
        Introducer::new(ledger, vec![URL.into(), ADDRESS.into()]).unwrap()
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
        // The challenge with a changed time.
        bytes[RANDOM_BYTES + 5] ^= 1;
        assert_eq!(this.challenged(&URL_SAFE_NO_PAD.encode(bytes), at(0)), None);
        assert_eq!(this.challenged("", at(0)), None);
    }

    #[test]
    fn the_ledgers_key_signs_once_in_half_a_day() {
        let this = introducer();
        let first = this.introduction(lab::id(1), URL, at(0)).unwrap();
        assert_eq!(this.introduction(lab::id(1), URL, at(12 * 60)).unwrap(), first);
        assert_ne!(this.introduction(lab::id(1), URL, at(12 * 60 + 1)).unwrap(), first);
        let key = this.ledger.public();
        let opened = Introduction::open(&first, key, lab::id(1), at(24 * 60)).unwrap();
        assert_eq!(opened.key, *this.key());
        opened.is_of("http://127.0.0.1:8080").unwrap();
        opened.is_of("http://127.0.0.1:8081").unwrap_err();
        // Each address has its own introduction, so that no other server can pass one on.
        let other = this.introduction(lab::id(1), ADDRESS, at(0)).unwrap();
        Introduction::open(&other, key, lab::id(1), at(0)).unwrap().is_of(ADDRESS).unwrap();
        assert!(this.is_at(URL) && this.is_at(ADDRESS) && !this.is_at("https://server.example:8444"));
        assert!(Introduction::open(&first, this.key(), lab::id(1), at(0)).is_err(), "another ledger");
        assert!(Introduction::open(&first, key, lab::id(2), at(0)).is_err(), "another installation");
        assert!(Introduction::open(&first, key, lab::id(1), at(24 * 60 + 1)).is_err(), "expired");
    }

    /// A key in a device that signs when the test tells it to, and fails when the test's end is gone.
    struct Device {
        key: SharedKey,
        begun: mpsc::Sender<()>,
        told: Mutex<mpsc::Receiver<()>>,
    }

    impl SigningKey for Device {
        fn public(&self) -> [u8; 32] {
            self.key.public()
        }

        fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
            let _ = self.begun.send(());
            let told = self.told.lock().unwrap().recv();
            told.map_err(|_| SigningError("the device is gone".into()))?;
            self.key.sign(message)
        }
    }

    #[test]
    fn nobody_waits_for_a_slow_key_who_can_have_what_still_counts() {
        let (begun, begins) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let key = MachineSigner::from_seed([7; 32]).unwrap().key();
        let device = MachineSigner::new(Arc::new(Device { key, begun, told: told.into() }));
        let this = Introducer::new(device, vec![URL.into(), ADDRESS.into()]).unwrap();
        let introduction = |minutes| this.introduction(lab::id(1), URL, at(minutes));
        tell.send(()).unwrap();
        let first = introduction(0).unwrap();
        begins.recv().unwrap();
        let late = 12 * 60 + 1;
        let second = std::thread::scope(|scope| {
            let waits = scope.spawn(|| introduction(late).unwrap());
            begins.recv().unwrap();
            assert_eq!(introduction(late).unwrap(), first, "it still counts");
            tell.send(()).unwrap();
            waits.join().unwrap()
        });
        assert_ne!(second, first);
        assert_eq!(introduction(late).unwrap(), second);
        drop(tell);
        assert_eq!(introduction(late + 18 * 60).unwrap(), second, "the old one does as long as it may");
        introduction(late + 18 * 60 + 1).unwrap_err();
    }
}
