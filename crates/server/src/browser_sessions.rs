//! Sessions of browsers: a ticket is exchanged once for a session, which reads for hours and can do nothing else.
//!
//! Invariant: tickets and sessions are in memory only, by the digest of a random token, up to a limit for each reader. A
//! ticket is valid at the process that made it, once, and for a minute. At each use of a session the person's enrolment
//! and key are checked again, as in `sessions.rs`: a withdrawal or a revocation ends it at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{PersonId, State};
use evidence::enrolment::Purpose;
use evidence::{Digest, Moment};
use wire::PagePath;

use crate::salt::{self, NoRandomness};

/// Open tickets and sessions.
#[derive(Debug, Default)]
pub struct BrowserSessions(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    tickets: BTreeMap<Digest, Ticket>,
    open: BTreeMap<Digest, Session>,
}

/// A person or account whose browser reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrowserReader {
    /// The user who owns the data directory, as the kernel said when the ticket was asked for.
    Owner,
    /// An enrolled person.
    Person {
        /// The person.
        person: PersonId,
        /// Fingerprint of the sign-in key that opened the person's session.
        key: String,
    },
}

/// A ticket that was not exchanged yet.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The reader.
    pub reader: BrowserReader,
    /// The page that is shown first.
    pub page: PagePath,
    expires: Moment,
}

#[derive(Debug)]
struct Session {
    reader: BrowserReader,
    expires: Moment,
}

/// A session that was just opened.
#[derive(Debug)]
pub struct Opened {
    /// Its token, for the cookie.
    pub token: String,
    /// The page that is shown first.
    pub page: PagePath,
}

impl BrowserSessions {
    /// Makes a ticket and returns it with its end. Beyond the limit for one reader, the reader's oldest ticket ends now.
    ///
    /// # Errors
    /// `NoRandomness` if the system's source of randomness failed.
    pub fn ticket(
        &self,
        reader: BrowserReader,
        page: PagePath,
        now: Moment,
    ) -> Result<(String, Moment), NoRandomness> {
        let token = token()?;
        let expires = now.later_by(TICKET_VALIDITY);
        let mut table = self.table(now);
        let ended = beyond(&table.tickets, |ticket| (ticket.reader == reader).then_some(ticket.expires));
        for digest in ended {
            table.tickets.remove(&digest);
        }
        table.tickets.insert(Digest::of(token.as_bytes()), Ticket { reader, page, expires });
        Ok((token, expires))
    }

    /// The ticket of a token; it stays valid.
    pub fn look(&self, token: &str, now: Moment) -> Option<Ticket> {
        self.table(now).tickets.get(&Digest::of(token.as_bytes())).cloned()
    }

    /// Exchanges a ticket for a session. Beyond the limit for one reader, the session that ends first ends now.
    ///
    /// # Errors
    /// `NoRandomness` if the system's source of randomness failed; the ticket is then still valid.
    pub fn exchange(&self, ticket: &str, state: &State, now: Moment) -> Result<Option<Opened>, NoRandomness> {
        let token = token()?;
        let mut table = self.table(now);
        let Some(ticket) = table.tickets.remove(&Digest::of(ticket.as_bytes())) else { return Ok(None) };
        let Ticket { reader, page, .. } = ticket;
        if !reader.counts(state, now) {
            return Ok(None);
        }
        let ended = beyond(&table.open, |session| (session.reader == reader).then_some(session.expires));
        for digest in ended {
            table.open.remove(&digest);
        }
        let session = Session { reader, expires: now.later_by(SESSION_VALIDITY) };
        table.open.insert(Digest::of(token.as_bytes()), session);
        Ok(Some(Opened { token, page }))
    }

    /// The reader whose session has this token, and its end.
    pub fn reader(&self, token: &str, state: &State, now: Moment) -> Option<(BrowserReader, Moment)> {
        let table = self.table(now);
        let session = table.open.get(&Digest::of(token.as_bytes()))?;
        session.reader.counts(state, now).then(|| (session.reader.clone(), session.expires))
    }

    /// Ends the session of a token, if there is one.
    pub fn end(&self, token: &str, now: Moment) {
        self.table(now).open.remove(&Digest::of(token.as_bytes()));
    }

    /// Number of sessions that have not expired.
    pub fn count(&self, now: Moment) -> usize {
        self.table(now).open.len()
    }

    /// The table without what has expired.
    fn table(&self, now: Moment) -> MutexGuard<'_, Table> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.tickets.retain(|_, ticket| ticket.expires > now);
        table.open.retain(|_, session| session.expires > now);
        table
    }
}

impl BrowserReader {
    /// Whether the reader may still read: a person is enrolled with this key, and the key is not revoked.
    fn counts(&self, state: &State, now: Moment) -> bool {
        match self {
            Self::Owner => true,
            Self::Person { person, key } => {
                let enrolled = state.identity.person(*person, now);
                enrolled.is_some_and(|person| person.has_key(key, Purpose::SignIn))
                    && !state.identity.is_revoked(key, now)
            }
        }
    }
}

/// Those of a reader's rows that end first, so that one more stays within the limit.
fn beyond<T>(rows: &BTreeMap<Digest, T>, end: impl Fn(&T) -> Option<Moment>) -> Vec<Digest> {
    let mut own: Vec<_> = rows.iter().filter_map(|(digest, row)| Some((end(row)?, *digest))).collect();
    own.sort();
    let count = (own.len() + 1).saturating_sub(EACH_MAX);
    own.into_iter().take(count).map(|(_, digest)| digest).collect()
}

fn token() -> Result<String, NoRandomness> {
    let secret: [u8; TOKEN_BYTES] = salt::bytes()?;
    Ok(URL_SAFE_NO_PAD.encode(secret))
}

const TOKEN_BYTES: usize = 32;
/// Validity of a ticket.
const TICKET_VALIDITY: Duration = Duration::from_mins(1);
/// Validity of a session.
pub const SESSION_VALIDITY: Duration = Duration::from_hours(8);
/// Most tickets, and most sessions, of one reader at once.
const EACH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use domain::Event;
    use domain::identity::Enrolled;
    use lab::{Lab, Person, at};

    use super::*;

    fn enrolled(person: &Person) -> (State, BrowserReader) {
        let mut state = State::default();
        let enrolment = person.enrolment(&["developer"]);
        state.apply(&Event::Enrolled(Enrolled::of(&enrolment, 1).unwrap()), at(-60));
        let id = person.id.into();
        let keys = &state.identity.person(id, at(0)).unwrap().keys;
        let key = keys.iter().find(|key| key.purposes.contains(&Purpose::SignIn)).unwrap();
        let reader = BrowserReader::Person { person: id, key: key.fingerprint.clone() };
        (state, reader)
    }

    fn seconds(count: u64) -> Moment {
        at(0).later_by(Duration::from_secs(count))
    }

    #[test]
    fn attack_a_ticket_counts_once_for_a_minute_and_at_its_server() {
        let (state, reader) = enrolled(&Lab::default().ada);
        let (here, elsewhere) = (BrowserSessions::default(), BrowserSessions::default());
        let page: PagePath = "/runs/1".parse().unwrap();
        let ticket = |now| here.ticket(reader.clone(), page.clone(), now).unwrap().0;
        let used = ticket(seconds(0));
        assert!(elsewhere.exchange(&used, &state, seconds(0)).unwrap().is_none(), "another server");
        assert_eq!(here.look(&used, seconds(59)).unwrap().page, page, "looking at it uses nothing up");
        let opened = here.exchange(&used, &state, seconds(59)).unwrap().unwrap();
        assert_eq!(opened.page, page);
        assert!(here.exchange(&used, &state, seconds(59)).unwrap().is_none(), "the second use");
        let late = ticket(seconds(0));
        assert!(here.exchange(&late, &state, seconds(60)).unwrap().is_none(), "it has expired");
        assert!(here.look(&late, seconds(60)).is_none());
        assert!(here.exchange("", &state, seconds(0)).unwrap().is_none());
        assert!(here.reader(&used, &state, seconds(60)).is_none(), "a ticket is no session");
        assert!(
            here.exchange(&opened.token, &state, seconds(60)).unwrap().is_none(),
            "and a session no ticket"
        );
        assert_eq!(here.reader(&opened.token, &state, seconds(60)).unwrap().0, reader);
        assert!(elsewhere.reader(&opened.token, &state, seconds(60)).is_none());
    }

    #[test]
    fn attack_a_session_ends_with_its_hours_and_with_the_persons_right() {
        let lab = Lab::default();
        let (state, reader) = enrolled(&lab.ada);
        let here = BrowserSessions::default();
        let open = |reader: &BrowserReader| {
            let (ticket, _) = here.ticket(reader.clone(), PagePath::root(), seconds(0)).unwrap();
            here.exchange(&ticket, &state, seconds(0)).unwrap().map(|opened| opened.token)
        };
        let token = open(&reader).unwrap();
        assert!(here.reader(&token, &state, seconds(8 * 3_600 - 1)).is_some());
        let owner = open(&BrowserReader::Owner).unwrap();
        assert!(here.reader(&token, &State::default(), seconds(1)).is_none(), "she is enrolled no more");
        assert!(here.reader(&owner, &State::default(), seconds(1)).is_some());
        assert!(here.reader(&token, &state, seconds(8 * 3_600)).is_none(), "eight hours are over");
        let (_, bob) = enrolled(&lab.bob);
        assert!(open(&bob).is_none(), "a ticket of a person who is not enrolled any more opens nothing");
    }

    #[test]
    fn one_reader_has_few_sessions_and_takes_none_of_others() {
        let (state, reader) = enrolled(&Lab::default().ada);
        let here = BrowserSessions::default();
        let open = |reader: &BrowserReader, second| {
            let (ticket, _) = here.ticket(reader.clone(), PagePath::root(), seconds(second)).unwrap();
            here.exchange(&ticket, &state, seconds(second)).unwrap().unwrap().token
        };
        let owner = open(&BrowserReader::Owner, 0);
        let tokens: Vec<_> = (0..=EACH_MAX as u64).map(|second| open(&reader, second)).collect();
        let is_open = |token: &str| here.reader(token, &state, seconds(20)).is_some();
        assert!(!is_open(&tokens[0]), "the oldest one has ended");
        assert!(tokens[1..].iter().all(|token| is_open(token)) && is_open(&owner));
        let tickets: Vec<_> = (0..=EACH_MAX as u64)
            .map(|second| here.ticket(reader.clone(), PagePath::root(), seconds(second)).unwrap().0)
            .collect();
        assert!(here.look(&tickets[0], seconds(20)).is_none());
        assert!(here.look(&tickets[1], seconds(20)).is_some());
    }
}
