//! Reads of secrets: the question, and the decision with its lines.
//!
//! Invariant: every read has a line for each secret that it names, allowed or refused. A value is handed out only after the
//! lines are durable.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::records::Body;
use evidence::secret_name::SecretName;

use super::lend::{self, Lend};
use super::show::{self, Show};
use crate::refusal::Refusal;
use crate::state::State;

/// A read of one or several secrets.
#[derive(Clone, Debug)]
pub enum Reading {
    /// A runner asks for the secrets of a step.
    Lend(Box<Lend>),
    /// A person asks for the value of a secret.
    Show(Box<Show>),
}

/// A version whose value may be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentVersion {
    /// Its number.
    pub number: u32,
    /// Digest of its sealed value.
    pub value: Digest,
}

/// The decision about a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingDecision {
    /// A version for each secret; or, if one of them is refused, the reasons against all of those.
    pub lent: Result<BTreeMap<SecretName, LentVersion>, Refusal>,
    /// Lines to record, whatever the decision.
    pub lines: Vec<Body>,
}

impl Reading {
    /// Approximate size of its lines in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Lend(lend) => lend.names.len() * LINE_BYTES,
            Self::Show(show) => LINE_BYTES + show.reason.len(),
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
        Reading::Show(show) => show::show(&state.identity, &state.secret, show, moment),
    }
}

const LINE_BYTES: usize = 512;
