//! Jobs for the writer: a command, its sender, the data that is recorded with it, and its outcome.

use domain::{Command, Reason, Refusal, quota};
use evidence::entry::{Actor, Auth};
use evidence::{Digest, Name, NameError};
use judge::LEFT_OUT;
use serde_json::Value;
use tracing::Span;

use crate::disk_space::DiskFull;
use crate::lanes::QUEUE_MAX;

/// The sender of a command, and how it was authenticated.
#[derive(Clone, Debug)]
pub struct CommandSource {
    /// The actor.
    pub actor: Actor,
    /// How the actor was authenticated.
    pub auth: Auth,
    /// The name of the action, as a refusal records it.
    pub action: Name,
    /// Digest under which the command counts once.
    pub idempotency: Option<Digest>,
    /// The project of the command.
    pub project: Option<Name>,
}

/// One command for the writer, with the data that is recorded beside its facts.
#[derive(Clone, Debug)]
pub struct Job {
    /// The command.
    pub command: Command,
    /// The sender.
    pub origin: CommandSource,
    /// Particulars of the first entry: signed statements, names, texts.
    pub particulars: Option<Value>,
    /// Blobs that the entries name; already durable, sorted.
    pub blobs: Vec<Digest>,
    /// Digests of statements and attachments that are too large to be recorded with a refused request: a refusal records
    /// these digests in place of the bodies, and names no blob.
    pub bodies: Vec<Digest>,
    /// The request that brings it, for the server's log; none for what the server does by itself.
    pub span: Span,
}

impl Job {
    /// Approximate size of its record in bytes: the sum of the texts in its particulars.
    pub(crate) fn bytes(&self) -> usize {
        fn texts(value: &Value) -> usize {
            match value {
                Value::String(text) => text.len(),
                Value::Array(items) => items.iter().map(texts).sum(),
                Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + texts(value)).sum(),
                Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            }
        }
        self.particulars.as_ref().map_or(0, texts)
    }

    /// The job by which the server itself records the number of counted refusals.
    pub(crate) fn counting() -> Result<Self, NameError> {
        let origin = CommandSource {
            actor: Actor::System,
            auth: Auth::None,
            action: quota::COUNT.parse()?,
            idempotency: None,
            project: None,
        };
        let command = Command::Refuse(Reason::new(quota::REFUSALS, "", "").into());
        Ok(Self {
            command,
            origin,
            particulars: None,
            blobs: Vec::new(),
            bodies: Vec::new(),
            span: Span::none(),
        })
    }

    /// The job as a refusal records it: with the reasons, and without large bodies.
    pub(crate) fn refused(&self, texts: Value) -> Self {
        let mut object = match self.particulars.clone() {
            Some(Value::Object(object)) => object,
            _ => serde_json::Map::new(),
        };
        object.insert("refusal".into(), texts);
        let mut refused = self.clone();
        if !self.bodies.is_empty() {
            object.remove("statements");
            object.insert(LEFT_OUT.into(), self.bodies.iter().map(Digest::to_string).collect());
            refused.blobs = Vec::new();
        }
        refused.particulars = Some(Value::Object(object));
        refused
    }
}

/// The outcome of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Accepted; recorded from this entry on.
    Accepted {
        /// Number of the first entry.
        entry: u64,
        /// Size of the ledger after the append.
        size: u64,
    },
    /// Refused.
    Refused {
        /// Number of the entry, if the refusal was recorded.
        entry: Option<u64>,
        /// The reasons.
        refusal: Refusal,
    },
    /// Its idempotency key is recorded at this entry already.
    Repeated(u64),
}

impl Answer {
    /// Whether the outcome proves that this sender sent the command first: a command counts once, but many people can read
    /// it and send it again.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// Why a command was not decided.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IntakeError {
    /// The queue is full.
    #[error("more than {QUEUE_MAX} commands wait; try again in a moment")]
    Busy,
    /// The sender had too many reads of secrets refused.
    #[error(
        "{0} of your reads of secrets were refused within a minute, and no more are answered; wait a minute"
    )]
    RefusedReads(u32),
    /// The writer has stopped.
    #[error("the writer has stopped: {0}")]
    Stopped(String),
    /// The disk is full.
    #[error(transparent)]
    DiskFull(#[from] DiskFull),
    /// Its record does not fit an entry.
    #[error("it cannot be recorded: {0}; send less")]
    Unfit(String),
    /// The commit failed; the ledger was read anew and does not contain the command.
    #[error("the append failed and nothing was recorded: {0}")]
    Append(String),
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn attack_a_command_that_is_sent_again_shows_nothing() {
        assert!(Answer::Accepted { entry: 1, size: 2 }.is_first());
        assert!(!Answer::Repeated(1).is_first());
    }
}
