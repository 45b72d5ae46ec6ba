//! The parts that all actions share: a submission, a command with its bytes, and refusals.

use domain::{Command, Reason, RunId, State};
use evidence::dsse::Envelope;
use evidence::request::Request;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Name};
use serde::de::DeserializeOwned;

use crate::arguments::StatementArguments;
use crate::store::{Store, Unavailable};

/// A person's submission. The signature and time of its request were verified before.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The request.
    pub request: &'a Request,
    /// The signed envelope of the request.
    pub envelope: &'a Envelope,
    /// Statements that the request names by the digests of their payloads.
    pub statements: &'a [Envelope],
    /// Bytes that the request or a statement names by their digests.
    pub attachments: &'a [Vec<u8>],
}

/// A command with the bytes to record.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The command.
    pub command: Command,
    /// Project of the entry.
    pub project: Option<Name>,
    /// Blobs that must be durable before the command is decided.
    pub blobs: Vec<Vec<u8>>,
}

/// Reasons why a submission cannot become a command.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The submission cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// Bytes of the ledger are unavailable.
    #[error(transparent)]
    Store(#[from] Unavailable),
}

/// Everything that a submission is compared with.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The state.
    pub state: &'a State,
    /// The trust root in force.
    pub root: &'a TrustRoot,
    /// Bytes of the ledger.
    pub store: &'a dyn Store,
}

impl Known<'_> {
    /// The project of a run that has not ended.
    pub fn project_of(&self, run: RunId) -> Option<Name> {
        self.state.build.run(run).map(|run| run.started.project.clone())
    }
}

/// The statement that the request is about and, for a status, its tightening.
pub fn named<'a>(sent: &Sent<'a>) -> Result<(&'a Envelope, Option<&'a Envelope>), AdmitError> {
    let named: StatementArguments = arguments(sent.request)?;
    let find = |digest: &Digest| {
        let found = sent.statements.iter().find(|envelope| envelope.payload_digest() == *digest);
        found.ok_or_else(|| malformed(format!("statement {digest} is named but was not sent")))
    };
    if named.tightening.is_some() && sent.request.action.as_str() != "set-status" {
        return Err(malformed(format!("`{}` takes no tightening", sent.request.action)));
    }
    let declared = ["enrol", "set-root", "set-environment"].contains(&sent.request.action.as_str());
    if named.source.as_ref().is_some_and(|source| !declared || !source.is_sound()) {
        return Err(malformed(format!("`source` is unsound, or `{}` takes none", sent.request.action)));
    }
    let expected = 1 + usize::from(named.tightening.is_some());
    if sent.statements.len() != expected {
        let found = sent.statements.len();
        return Err(malformed(format!("{expected} statements are named, {found} were sent")));
    }
    Ok((find(&named.statement)?, named.tightening.as_ref().map(find).transpose()?))
}

pub fn arguments<T: DeserializeOwned>(request: &Request) -> Result<T, AdmitError> {
    let parsed = serde_json::from_value(request.arguments.clone());
    parsed.map_err(|error| malformed(format!("arguments of `{}`: {error}", request.action)))
}

pub fn bare(command: Command) -> Admitted {
    Admitted { command, project: None, blobs: Vec::new() }
}

pub fn refuse(code: &str, error: &dyn std::fmt::Display, remedy: &str) -> Command {
    Command::Refuse(Reason::new(code, error.to_string(), remedy).into())
}

pub fn malformed(error: impl std::fmt::Display) -> AdmitError {
    AdmitError::Malformed(error.to_string())
}

pub const MORE_SIGN: &str =
    "have the others sign the same file with `countersign trust sign FILE` and send it again";
pub const SIGN_AGAIN: &str = "mend the statement, have it signed and send it again";

#[cfg(test)]
mod tests {
    use evidence::{Id, Moment};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn attack_a_source_that_is_none_or_where_none_belongs() {
        let envelope = Envelope::new("a/b", b"a statement".to_vec());
        let asked = |action: &str, source: Value| {
            let arguments = json!({ "statement": envelope.payload_digest(), "source": source });
            let (id, now) = (Id::from_random([7; 16]), Moment::default());
            let action = action.parse().unwrap();
            let request = Request {
                v: 1,
                installation: id,
                person: id,
                issued: now,
                expires: now,
                nonce: id,
                action,
                arguments,
            };
            let statements = std::slice::from_ref(&envelope);
            let sent = Sent { request: &request, envelope: &envelope, statements, attachments: &[] };
            named(&sent).map(drop).map_err(|error| error.to_string())
        };
        let (short, long) = ("11".repeat(20), "11".repeat(32));
        let source = json!({ "commit": short, "tree": short });
        assert_eq!(asked("set-environment", source.clone()), Ok(()));
        assert_eq!(asked("set-environment", Value::Null), Ok(()));
        for (action, source) in [
            ("state", source.clone()),
            ("set-status", source),
            ("enrol", json!({ "commit": short, "tree": long })),
        ] {
            assert_eq!(asked(action, source), Err(format!("`source` is unsound, or `{action}` takes none")));
        }
        asked("enrol", json!({ "commit": "main", "tree": short })).unwrap_err();
        asked("enrol", json!({ "commit": short, "tree": short, "more": 1 })).unwrap_err();
    }
}
