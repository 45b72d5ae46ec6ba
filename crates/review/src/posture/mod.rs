//! The posture of a service: code, pipeline and runtime in one word, with the reason that decides it.
//!
//! Input: facts of the server's views and of judged evidence. Invariant: pure, and total: each word follows from facts alone, the
//! worst first. A fact that is not known makes no service look better: evidence that was not read is said to be so.

mod build;
#[cfg(test)]
mod tests;

pub use build::BuildFacts;
use wire::RunState;

use crate::headline::{capital, words};
use crate::place_state::PlaceState;

/// Facts of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its places, in the order of the way to production.
    pub places: Vec<PlaceFacts>,
    /// State of its newest run; absent before the first one.
    pub run: Option<RunState>,
}

/// Facts of a service at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceFacts {
    /// The environment.
    pub environment: String,
    /// How the service does there.
    pub state: PlaceState,
    /// Whether the place is frozen.
    pub frozen: bool,
    /// Number of the running release.
    pub release: Option<u64>,
    /// The running artifact, as text.
    pub artifact: Option<String>,
    /// The evidence of the running release.
    pub evidence: Evidence,
    /// The pending release.
    pub pending: Option<Pending>,
}

/// The evidence of a running release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing runs there.
    Nothing,
    /// It was not read for this page.
    Unread,
    /// No gate judged what runs, or its evidence does not hold.
    Missing,
    /// It holds.
    Holds(EvidenceFacts),
}

/// Facts that evidence proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvidenceFacts {
    /// Whether an enrolled person signed the commit.
    pub signed: bool,
    /// Number of runners with equal outputs.
    pub runners: usize,
    /// Open findings that are critical, known to be exploited, or secrets.
    pub grave: usize,
    /// Whether the policy reads a report of findings.
    pub scanned: bool,
}

/// A pending release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its number.
    pub release: u64,
    /// Whether its gate has not let it pass.
    pub held: bool,
    /// Whether it is at its agent, or judged without people.
    pub moves: bool,
}

/// The posture in one word, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// The service does not work at a place.
    Down,
    /// A release with an open finding that is grave runs: critical, known to be exploited, or a secret.
    Exposed,
    /// A release without evidence that holds runs.
    Unproven,
    /// A release is held by its gate.
    Blocked,
    /// The newest run did not pass.
    Broken,
    /// A release was rolled back, or did not work.
    RolledBack,
    /// A place is frozen.
    Frozen,
    /// A release waits for people.
    Waiting,
    /// A release or a run is on its way.
    Moving,
    /// Some evidence was not read.
    Unread,
    /// The commit that runs is not signed by anybody enrolled, or one runner alone built it, or policies read no findings.
    Thin,
    /// Environments run different artifacts.
    Behind,
    /// Nothing runs.
    Idle,
    /// Everything is as it should be.
    Good,
}

/// A posture with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    /// The word.
    pub word: Word,
    /// The reason, in words.
    pub reason: String,
    /// The place that it is about, counted in the facts' order; absent if it is about the service as a whole.
    pub at: Option<usize>,
}

impl Word {
    /// The word as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Exposed => "exposed",
            Self::Unproven => "unproven",
            Self::Blocked => "blocked",
            Self::Broken => "build failed",
            Self::RolledBack => "rolled back",
            Self::Frozen => "frozen",
            Self::Waiting => "waits",
            Self::Moving => "on its way",
            Self::Unread => "not read",
            Self::Thin => "thin evidence",
            Self::Behind => "differs",
            Self::Idle => "nothing runs",
            Self::Good => "good",
        }
    }

    /// Whether people should act.
    #[must_use]
    pub const fn needs_attention(self) -> bool {
        matches!(
            self,
            Self::Down
                | Self::Exposed
                | Self::Unproven
                | Self::Blocked
                | Self::Broken
                | Self::RolledBack
                | Self::Frozen
        )
    }
}

impl Posture {
    /// The posture of a service.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let found =
            runtime(facts).or_else(|| evidence(facts)).or_else(|| flow(facts)).or_else(|| notes(facts));
        let runs = facts.places.iter().filter(|place| place.release.is_some()).count();
        found.unwrap_or_else(|| match runs {
            0 => whole(Word::Idle, "no release runs at any of its places"),
            1 => whole(Word::Good, "it runs as judged at its place"),
            count => whole(Word::Good, format!("it runs as judged at {} places", words(count))),
        })
    }
}

fn whole(word: Word, reason: impl Into<String>) -> Posture {
    Posture { word, reason: reason.into(), at: None }
}

/// The first place, the last environment first, that has something.
fn at(facts: &Facts, word: Word, of: impl Fn(&PlaceFacts) -> Option<String>) -> Option<Posture> {
    facts.places.iter().enumerate().rev().find_map(|(nth, place)| {
        let reason = format!("{}: {}", place.environment, of(place)?);
        Some(Posture { word, reason, at: Some(nth) })
    })
}

fn runtime(facts: &Facts) -> Option<Posture> {
    at(facts, Word::Down, |place| place.state.is_unhealthy().then(|| place.state.word().to_owned()))
}

/// Evidence against what runs.
fn evidence(facts: &Facts) -> Option<Posture> {
    let exposed = at(facts, Word::Exposed, |place| match &place.evidence {
        Evidence::Holds(found) if found.grave > 0 => {
            let runs = if found.grave == 1 { "runs" } else { "run" };
            Some(format!(
                "{}, critical, exploited or a secret, {runs}",
                shown::many(found.grave, "open finding")
            ))
        }
        _ => None,
    });
    exposed.or_else(|| {
        at(facts, Word::Unproven, |place| {
            (place.evidence == Evidence::Missing)
                .then(|| "no evidence that holds for the running release".to_owned())
        })
    })
}

/// The way to production: things that people have to settle, or that move.
fn flow(facts: &Facts) -> Option<Posture> {
    let held = || {
        at(facts, Word::Blocked, |place| {
            let pending = place.pending.as_ref().filter(|pending| pending.held)?;
            Some(format!("the gate does not let release {} pass", pending.release))
        })
    };
    let rolled_back = || {
        at(facts, Word::RolledBack, |place| {
            let is_back = matches!(place.state, PlaceState::RolledBack | PlaceState::RollingBack);
            is_back.then(|| place.state.word().to_owned())
        })
    };
    let frozen = || {
        at(facts, Word::Frozen, |place| {
            (place.frozen || place.state == PlaceState::Frozen)
                .then(|| "no release is let through".to_owned())
        })
    };
    let waits = || {
        at(facts, Word::Waiting, |place| {
            let pending = place.pending.as_ref().filter(|pending| !pending.held && !pending.moves)?;
            Some(format!("release {} waits for people", pending.release))
        })
    };
    held()
        .or_else(|| broken(facts))
        .or_else(rolled_back)
        .or_else(frozen)
        .or_else(waits)
        .or_else(|| moves(facts))
}

fn broken(facts: &Facts) -> Option<Posture> {
    let said = match facts.run? {
        RunState::Failed => "its newest run failed",
        RunState::Differed => "runners made different bytes in its newest run",
        RunState::Lost => "its newest run was lost",
        RunState::Running | RunState::Passed | RunState::Cancelled => return None,
    };
    Some(whole(Word::Broken, said))
}

fn moves(facts: &Facts) -> Option<Posture> {
    let moves = at(facts, Word::Moving, |place| {
        let of_state = matches!(place.state, PlaceState::RollingOut | PlaceState::Checking);
        let pending = place.pending.as_ref().filter(|pending| pending.moves);
        let of_pending =
            pending.map(|pending| format!("release {} is judged or rolled out", pending.release));
        of_pending.or_else(|| of_state.then(|| place.state.word().to_owned()))
    });
    moves.or_else(|| {
        (facts.run == Some(RunState::Running)).then(|| whole(Word::Moving, "a run is in progress"))
    })
}

/// Weaknesses that stop nothing.
fn notes(facts: &Facts) -> Option<Posture> {
    let unread = at(facts, Word::Unread, |place| {
        (place.evidence == Evidence::Unread).then(|| "its evidence was not read for this page".to_owned())
    });
    let thin = || {
        at(facts, Word::Thin, |place| {
            if place.state == PlaceState::ChecksLost {
                return Some("its checks were lost with their runner".to_owned());
            }
            let Evidence::Holds(found) = &place.evidence else { return None };
            match found {
                EvidenceFacts { signed: false, .. } => Some("nobody enrolled signed the commit".to_owned()),
                EvidenceFacts { runners: 0 | 1, .. } => Some("one runner alone built it".to_owned()),
                EvidenceFacts { scanned: false, .. } => Some("the policy reads no findings".to_owned()),
                _ => None,
            }
        })
    };
    unread.or_else(thin).or_else(|| differs(facts))
}

fn differs(facts: &Facts) -> Option<Posture> {
    let running: Vec<&PlaceFacts> = facts.places.iter().filter(|place| place.artifact.is_some()).collect();
    running.windows(2).rev().find_map(|pair| match pair {
        [before, after] if before.artifact != after.artifact => {
            let said = format!("{} and {} run different artifacts", before.environment, after.environment);
            Some(whole(Word::Behind, said))
        }
        _ => None,
    })
}

/// How all services are, each with its name, those first that need attention.
#[must_use]
pub fn headline(services: &[(String, Posture)]) -> String {
    let needy: Vec<_> = services.iter().filter(|(_, posture)| posture.word.needs_attention()).collect();
    let unread = services.iter().filter(|(_, posture)| posture.word == Word::Unread).count();
    match (services.len(), needy.as_slice()) {
        // Evidence that was not read may say anything.
        (1, []) if unread > 0 => {
            "Not all evidence of the service was read yet: load this page again".to_owned()
        }
        (all, []) if unread > 0 => {
            let (all, unread) = (words(all), words(unread));
            format!(
                "None of {all} services needs attention as far as evidence was read; that of {unread} was not, so load this page again"
            )
        }
        (0, _) => "There is no service yet".to_owned(),
        (1, []) => "The service needs no attention".to_owned(),
        (all, []) => format!("None of the {} services needs attention", words(all)),
        (1, [(_, posture), ..]) => format!("The service needs attention: {}", posture.reason),
        (all, [(first, posture), ..]) => {
            let verb = if needy.len() == 1 { "needs" } else { "need" };
            let (some, all) = (capital(&words(needy.len())), words(all));
            format!("{some} of {all} services {verb} attention, {first} first: {}", posture.reason)
        }
    }
}
