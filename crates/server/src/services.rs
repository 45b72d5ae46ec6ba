//! Reports of agents about their services, in memory: the state of each service and the latest part of its log.
//!
//! Invariant: bounded for each place, and only the agent of a place writes to it. No decision uses it, and a restarted
//! server knows nothing until the agents report again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use evidence::{Name, Place};
use wire::{AgentSecretsView, LogPiece, ServiceLogView, ServiceReport, ServiceView};

/// Services of all places.
#[derive(Debug, Default)]
pub struct Services {
    known: Mutex<BTreeMap<Place, ServiceRecord>>,
}

#[derive(Debug)]
struct ServiceRecord {
    view: ServiceView,
    told: Instant,
    /// The secrets of each agent, since a place can have several; agents that are silent leave.
    secrets: BTreeMap<Name, (Instant, AgentSecretsView)>,
    log: Log,
}

/// The latest part of a service's log. Readers use the server's own positions, which continue when an agent is
/// restarted.
#[derive(Debug, Default)]
struct Log {
    stream: u64,
    stream_next: u64,
    bytes: VecDeque<u8>,
    begin: u64,
}

impl Services {
    /// Stores an agent's report; returns the position up to which its log was received.
    pub fn tell(&self, place: &Place, agent: &Name, report: ServiceReport) -> u64 {
        let mut known = self.known();
        let known = known.entry(place.clone()).or_insert_with(|| ServiceRecord {
            view: ServiceView::default(),
            told: Instant::now(),
            secrets: BTreeMap::new(),
            log: Log::default(),
        });
        let ServiceView { secrets, secret_refused, .. } = &report.service;
        let (agent, refused) = (agent.clone(), secret_refused.clone());
        let view = AgentSecretsView { agent: agent.clone(), secrets: secrets.clone(), refused };
        known.secrets.retain(|_, (told, _)| told.elapsed() < FORGET_AFTER);
        known.secrets.insert(agent, (Instant::now(), view));
        known.view = report.service;
        known.told = Instant::now();
        known.log.append(&report.log)
    }

    /// The state of a place's service, if its agent has reported it recently.
    pub fn view(&self, place: &Place) -> Option<ServiceView> {
        let known = self.known();
        let known = known.get(place)?;
        (known.told.elapsed() < FORGET_AFTER).then(|| known.view.clone())
    }

    /// The secrets with which the service of each agent runs, of agents that have reported recently.
    pub fn secrets(&self, place: &Place) -> Vec<AgentSecretsView> {
        let known = self.known();
        let of = known.get(place).into_iter().flat_map(|known| known.secrets.values());
        of.filter(|(told, _)| told.elapsed() < FORGET_AFTER).map(|(_, view)| view.clone()).collect()
    }

    /// A place's log from a position on; `None` if its agent never reported.
    pub fn log(&self, place: &Place, from: u64, most: usize) -> Option<ServiceLogView> {
        self.known().get(place).map(|known| known.log.read(from, most))
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Place, ServiceRecord>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn append(&mut self, piece: &LogPiece) -> u64 {
        if piece.stream != self.stream {
            // The agent still has the earlier part, so it is asked for that part.
            if piece.from > 0 && !piece.is_oldest {
                return 0;
            }
            (self.stream, self.stream_next) = (piece.stream, piece.from);
        }
        let bytes = &piece.bytes.0;
        let known = self.stream_next.saturating_sub(piece.from);
        if let Some(lost) = piece.from.checked_sub(self.stream_next).filter(|lost| *lost > 0) {
            self.push(
                format!(
                    "\n[{lost} bytes are left out here: the service prints faster than the agent sends]\n"
                )
                .as_bytes(),
            );
            self.stream_next = piece.from;
        }
        let new = usize::try_from(known).ok().and_then(|known| bytes.get(known..)).unwrap_or_default();
        self.push(new);
        self.stream_next = self.stream_next.saturating_add(new.len() as u64);
        self.stream_next
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let beyond = self.bytes.len().saturating_sub(LOG_BYTES_MAX);
        self.bytes.drain(..beyond);
        self.begin += beyond as u64;
    }

    fn read(&self, from: u64, most: usize) -> ServiceLogView {
        let end = self.begin + self.bytes.len() as u64;
        // A position beyond the end comes from an earlier server process.
        let from = if from > end { self.begin } else { from.max(self.begin) };
        let skip = usize::try_from(from - self.begin).unwrap_or(usize::MAX);
        let bytes: Vec<u8> = self.bytes.iter().skip(skip).take(most).copied().collect();
        let next = from + bytes.len() as u64;
        ServiceLogView { bytes: evidence::Bytes(bytes), next }
    }
}

/// Size of the part of each log that is kept.
const LOG_BYTES_MAX: usize = 512 * 1024;
/// An agent reports every ten seconds, so three missing reports make its state unknown.
const FORGET_AFTER: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(stream: u64, from: u64, text: &str) -> LogPiece {
        LogPiece { stream, from, is_oldest: false, bytes: evidence::Bytes(text.as_bytes().to_vec()) }
    }

    #[test]
    fn each_agent_says_which_secrets_its_service_has() {
        let (services, place) = (Services::default(), "shop/api/dev".parse().unwrap());
        for (agent, number) in [("agent-1", 1), ("agent-2", 1), ("agent-1", 2)] {
            let secrets = [("database".parse().unwrap(), number)].into();
            let service = ServiceView { secrets, ..ServiceView::default() };
            let report = ServiceReport { service, log: piece(1, 0, "") };
            services.tell(&place, &agent.parse().unwrap(), report);
        }
        let numbers = services
            .secrets(&place)
            .into_iter()
            .map(|view| (view.agent.to_string(), view.secrets.into_values().collect::<Vec<_>>()));
        let expected = [("agent-1".to_owned(), vec![2]), ("agent-2".to_owned(), vec![1])];
        assert_eq!(numbers.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pieces_are_put_together_once() {
        let mut log = Log::default();
        assert_eq!(log.append(&piece(1, 0, "one ")), 4);
        assert_eq!(log.append(&piece(1, 0, "one two ")), 8, "an answer was lost");
        assert_eq!(log.append(&piece(1, 2, "e")), 8);
        assert_eq!(log.append(&piece(1, 8, "")), 8);
        assert_eq!(
            log.read(0, 100),
            ServiceLogView { bytes: evidence::Bytes(b"one two ".to_vec()), next: 8 }
        );
        assert_eq!(log.append(&piece(1, 10, "four")), 14);
        assert!(String::from_utf8(log.read(8, 1000).bytes.0).unwrap().contains("[2 bytes are left out here"));
    }

    #[test]
    fn a_server_that_knows_nothing_asks_for_what_was_before() {
        let mut log = Log::default();
        assert_eq!(log.append(&piece(1, 5000, "new")), 0);
        let oldest = LogPiece { is_oldest: true, ..piece(1, 4990, "older, new") };
        assert_eq!(log.append(&oldest), 5000);
        // The agent was restarted; readers continue at their position.
        assert_eq!(log.append(&piece(2, 0, "again")), 5);
        assert_eq!(log.read(10, 100).bytes.0, b"again");
        assert_eq!(log.read(99, 3).bytes.0, b"old", "a number of a server before this one");
    }

    #[test]
    fn a_log_is_bounded() {
        let mut log = Log::default();
        log.append(&piece(1, 0, &"x".repeat(LOG_BYTES_MAX)));
        log.append(&piece(1, LOG_BYTES_MAX as u64, "end"));
        assert_eq!(log.bytes.len(), LOG_BYTES_MAX);
        assert_eq!(log.read(LOG_BYTES_MAX as u64, 10).bytes.0, b"end");
    }
}
