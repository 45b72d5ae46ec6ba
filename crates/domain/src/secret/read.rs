//! Reads of secrets: by a runner for a step, by a person, or by an agent for a release.
//!
//! Invariant: to decide changes nothing. The writer decides, in the state after all that it has accepted.

use std::collections::BTreeMap;

use evidence::records::Body;

use super::decision::ReadingDecision;
use super::lend::{self, Lend};
use super::show::{self, Show};
use super::tell::{self, Tell};
use crate::state::State;

/// A read of one or several secrets.
#[derive(Clone, Debug)]
pub enum Reading {
    /// A runner asks for the secrets of a step.
    Lend(Box<Lend>),
    /// A person asks for the value of a secret.
    Show(Box<Show>),
    /// An agent tells which versions it uses.
    Tell(Box<Tell>),
    /// The server notes lines that it alone vouches for, and nothing is read.
    Note(Vec<Body>),
}

impl Reading {
    /// Approximate size of its lines in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Lend(lend) => lend.names.len() * LINE_BYTES,
            Self::Tell(tell) => tell.versions.len() * LINE_BYTES,
            Self::Show(show) => LINE_BYTES + show.reason.len(),
            Self::Note(lines) => lines.len() * NOTED_BYTES,
        }
    }
}

/// Decides a read. To decide changes nothing.
#[must_use]
pub fn read(state: &State, reading: &Reading, moment: evidence::Moment) -> ReadingDecision {
    match reading {
        Reading::Lend(lend) => {
            lend::lend(&state.identity, &state.build, &state.statement, &state.secret, lend, moment)
        }
        Reading::Tell(tell) => tell::tell(state, tell),
        Reading::Show(show) => show::show(&state.identity, &state.secret, show, moment),
        Reading::Note(lines) => ReadingDecision { lines: lines.clone(), lent: Ok(BTreeMap::new()) },
    }
}

const LINE_BYTES: usize = 512;
/// A line that is noted has sentences, too.
const NOTED_BYTES: usize = 2_048;
