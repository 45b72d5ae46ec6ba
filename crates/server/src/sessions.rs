//! Sessions: a person reads without a signature for each request. One signed request opens a session; its token allows
//! reading for an hour, and nothing else.
//!
//! Invariant: sessions are in memory only, by the digest of their token, up to a limit for each person. At each use the
//! person's enrolment and key are checked again: a withdrawal or a revocation ends a session at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{PersonId, State};
use evidence::enrolment::Purpose;
use evidence::{Digest, Moment};

/// The open sessions.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    open: BTreeMap<Digest, Session>,
    /// Challenges that opened a session, until they expire: each opens only one.
    used: BTreeMap<Digest, (PersonId, Moment)>,
}

#[derive(Debug)]
struct Session {
    person: PersonId,
    /// Fingerprint of the sign-in key that opened it.
    key: String,
    expires: Moment,
}

/// The opener of a session, according to the signed request.
#[derive(Clone, Copy, Debug)]
pub struct SessionRequest<'a> {
    /// The person.
    pub person: PersonId,
    /// Fingerprint of the key that signed.
    pub key: &'a str,
    /// Digest of the answered challenge, which counts once.
    pub challenge: Digest,
    /// When the challenge expires.
    pub until: Moment,
}

/// Why no session was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The challenge was used before.
    #[error("this challenge has opened a session before; ask for a new one and sign that")]
    Used,
    /// Too many were opened.
    #[error("more than {OPENED_MAX} sessions were opened for this person within minutes; try again later")]
    Many,
    /// The system's source of randomness failed.
    #[error("the system's source of randomness failed")]
    Randomness,
}

impl Sessions {
    /// Opens a session and returns its token and its end. Beyond the limit for one person, the session that ends first ends
    /// now.
    ///
    /// # Errors
    /// `SessionError` if no session was opened.
    pub fn open(&self, opening: SessionRequest<'_>, now: Moment) -> Result<(String, Moment), SessionError> {
        let mut secret = [0; TOKEN_BYTES];
        SystemRandom::new().fill(&mut secret).map_err(|_| SessionError::Randomness)?;
        let token = URL_SAFE_NO_PAD.encode(secret);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Table { open, used } = &mut *table;
        open.retain(|_, session| session.expires > now);
        used.retain(|_, (_, until)| *until > now);
        if used.contains_key(&opening.challenge) {
            return Err(SessionError::Used);
        }
        if used.values().filter(|(person, _)| *person == opening.person).count() >= OPENED_MAX {
            return Err(SessionError::Many);
        }
        used.insert(opening.challenge, (opening.person, opening.until));
        let own = open.iter().filter(|(_, session)| session.person == opening.person);
        let mut own: Vec<_> = own.map(|(digest, session)| (session.expires, *digest)).collect();
        own.sort();
        for (_, digest) in own.iter().take((own.len() + 1).saturating_sub(SESSIONS_EACH)) {
            open.remove(digest);
        }
        let expires = now.later_by(VALIDITY);
        let session = Session { person: opening.person, key: opening.key.to_owned(), expires };
        open.insert(Digest::of(token.as_bytes()), session);
        Ok((token, expires))
    }

    /// The person whose session has this token; `None` if it has ended, or the person may no longer sign in with its key.
    #[must_use]
    pub fn person(&self, token: &str, state: &State, now: Moment) -> Option<PersonId> {
        self.holder(token, state, now).map(|(person, _)| person)
    }

    /// Fingerprint of the sign-in key that opened a session; `None` as for [`Self::person`].
    #[must_use]
    pub fn key(&self, token: &str, state: &State, now: Moment) -> Option<String> {
        self.holder(token, state, now).map(|(_, key)| key)
    }

    fn holder(&self, token: &str, state: &State, now: Moment) -> Option<(PersonId, String)> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = table.open.get(&Digest::of(token.as_bytes()))?;
        let person = state.identity.person(session.person, now)?;
        let counts = session.expires > now
            && person.has_key(&session.key, Purpose::SignIn)
            && !state.identity.is_revoked(&session.key, now);
        counts.then(|| (session.person, session.key.clone()))
    }
}

const TOKEN_BYTES: usize = 32;
/// Validity of a session.
const VALIDITY: Duration = Duration::from_hours(1);
/// Most sessions of one person at once.
const SESSIONS_EACH: usize = 16;
/// Most sessions that one person can open while their challenges are valid.
const OPENED_MAX: usize = 64;
