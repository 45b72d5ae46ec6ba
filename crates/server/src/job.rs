//! Commands on their way to the writer: who sends them, what goes on record beside them, and what became of them.

use domain::{Command, Reason, Refusal, quota};
use evidence::entry::{Actor, Auth};
use evidence::{Digest, Name, NameError};
use judge::LEFT_OUT;
use serde_json::Value;

use crate::room::Full;
use crate::writer::QUEUE_MAX;

/// Who sends a command, and how that is known.
#[derive(Clone, Debug)]
pub struct CommandSource {
    /// Who.
    pub actor: Actor,
    /// How they were authenticated.
    pub auth: Auth,
    /// What they call it, for refusals on record.
    pub action: Name,
    /// Digest under which the command counts once.
    pub idempotency: Option<Digest>,
    /// Project that it belongs to.
    pub project: Option<Name>,
}

/// One command for the writer, with what goes on record beside its facts.
#[derive(Clone, Debug)]
pub struct Job {
    /// The command.
    pub command: Command,
    /// Where it comes from.
    pub origin: CommandSource,
    /// Particulars of the first entry: signed statements, names, texts.
    pub particulars: Option<Value>,
    /// Blobs that the entries name, durable already, sorted.
    pub blobs: Vec<Digest>,
    /// Digests of statements and attachments that are too large to be kept of a refused request: with these, a refusal
    /// records them in the place of the bodies, and names no blob.
    pub bodies: Vec<Digest>,
}

impl Job {
    /// About how many bytes it takes on record: those of the texts in its particulars.
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

    /// What records how many refusals there were: the server does that by itself.
    pub(crate) fn counting() -> Result<Self, NameError> {
        let origin = CommandSource {
            actor: Actor::System,
            auth: Auth::None,
            action: quota::COUNT.parse()?,
            idempotency: None,
            project: None,
        };
        let command = Command::Refuse(Reason::new(quota::REFUSALS, "", "").into());
        Ok(Self { command, origin, particulars: None, blobs: Vec::new(), bodies: Vec::new() })
    }

    /// The same as it is recorded when it was refused: with the reasons, and without large bodies.
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

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Decided for; recorded from this entry on.
    Accepted {
        /// Number of the first entry.
        entry: u64,
        /// Size of the ledger after the append.
        size: u64,
    },
    /// Decided against.
    Refused {
        /// Number of the entry, when a known person asked.
        entry: Option<u64>,
        /// Why.
        refusal: Refusal,
    },
    /// Its idempotency key is on record at this entry.
    Repeated(u64),
}

impl Answer {
    /// Whether it shows that whoever sent the command had it first: a command counts once, and can be read and sent
    /// again by many.
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
    /// The writer has stopped.
    #[error("the writer has stopped: {0}")]
    Stopped(String),
    /// There is no room on the disk.
    #[error(transparent)]
    Full(#[from] Full),
    /// What is to be recorded of it does not fit an entry.
    #[error("it cannot be recorded: {0}; send less")]
    Unfit(String),
    /// The commit failed; the ledger was read anew and does not hold the command.
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
