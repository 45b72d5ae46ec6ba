//! The records of a submission besides its command: the request and its bodies, or the digests of bodies that are large.

use domain::quota;
use evidence::dsse::Envelope;
use evidence::{Digest, Name};
use serde_json::{Value, json};
use wire::Submission;

use super::error::{EdgeError, malformed};

/// The particulars that are recorded for a submission.
pub fn particulars(submission: &Submission, inline: &[Envelope]) -> Result<Value, EdgeError> {
    let mut particulars = json!({ "request": to_value(&submission.request)? });
    if let Some(object) = particulars.as_object_mut() {
        let inline: Vec<Value> = inline.iter().map(to_value).collect::<Result<_, _>>()?;
        if !inline.is_empty() {
            object.insert("statements".into(), inline.into());
        }
        if let Some(repository) = &submission.repository {
            let bounded: String = repository.chars().take(REPOSITORY_CHARS_MAX).collect();
            object.insert("repository".into(), bounded.into());
        }
        if let Some(upload) = &submission.upload {
            object.insert(UPLOAD.into(), json!(upload));
        }
    }
    Ok(particulars)
}

/// Particular of a run with the digest of the pack that was uploaded for it.
pub const UPLOAD: &str = "upload";

/// The bodies of a request: their digests and total size.
pub struct Bodies {
    /// Their digests.
    pub digests: Vec<Digest>,
    /// Bytes of the statements.
    pub statements: usize,
    /// Bytes of the attachments.
    pub attachments: usize,
}

impl Bodies {
    /// The bodies of a submission.
    pub fn of(submission: &Submission) -> Result<Self, EdgeError> {
        let statements = submission.statements.iter().map(Envelope::encode).collect::<Result<Vec<_>, _>>()?;
        let attachments = submission.attachments.iter().map(|bytes| bytes.0.as_slice());
        let all = statements.iter().map(Vec::as_slice).chain(attachments.clone());
        Ok(Self {
            digests: all.map(Digest::of).collect(),
            statements: statements.iter().map(Vec::len).sum(),
            attachments: attachments.map(<[u8]>::len).sum(),
        })
    }

    /// Whether a refusal of this action records only digests, because the bodies exceed the limit for a refused request. A
    /// stopping action keeps its bodies, because replay derives from them why it was refused.
    pub fn are_left_out(&self, action: &Name) -> bool {
        quota::leaves_out(action)
            && (self.statements + self.attachments > REFUSED_BYTES_MAX
                || self.digests.len() > REFUSED_BODIES_MAX)
    }
}

fn to_value(envelope: &Envelope) -> Result<Value, EdgeError> {
    serde_json::to_value(envelope).map_err(malformed)
}

/// Most bytes of statements and attachments that are recorded for a refused request; beyond it, only their digests.
const REFUSED_BYTES_MAX: usize = 8 * 1024;

/// Most statements and attachments that are recorded for a refused request.
const REFUSED_BODIES_MAX: usize = 8;

/// Longest path of a repository that is recorded.
const REPOSITORY_CHARS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Replay derives the refusal of a stopping action, so all of its bodies are recorded, however large.
    #[test]
    fn only_refusals_to_which_quotas_apply_keep_digests_alone() {
        let bodies = |statements, attachments, count| Bodies {
            digests: vec![Digest::of(b"body"); count],
            statements,
            attachments,
        };
        let all = [
            "enrol",
            "set-root",
            "set-status",
            "set-environment",
            "run",
            "agree",
            "cancel",
            "approve",
            "state",
        ];
        for action in
            all.into_iter().chain(["promote", "rollback", "advance", "secret-put", "secret-destroy"])
        {
            let may = ["run", "set-environment"].contains(&action);
            let action = action.parse().unwrap();
            for large in [bodies(8193, 0, 1), bodies(0, 8193, 1), bodies(4096, 4097, 2), bodies(9, 0, 9)] {
                assert_eq!(large.are_left_out(&action), may, "{action}");
            }
            assert!(!bodies(4096, 4096, 8).are_left_out(&action), "{action}");
        }
    }
}
