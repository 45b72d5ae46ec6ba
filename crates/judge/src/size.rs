//! The size of evidence: what does not fit a bundle, or the input of a gate, and what to do about it.
//!
//! Invariant: evidence that is too large is never cut. Nobody can read it, so the server says so instead of a verdict,
//! and names the largest parts. Arithmetic: `docs/formats/bundle.md`.

use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::canonical;
use serde::Serialize;

use crate::lanes::DOCUMENTS_BYTES_MAX;
use crate::reasons::Reasons;

/// Evidence that is too large.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct LargeEvidence {
    /// The part that is too large, and by how much.
    pub what: String,
    /// The way to make it smaller.
    pub remedy: &'static str,
}

impl LargeEvidence {
    /// A bundle that has this many bytes; `None` if that is not too many.
    #[must_use]
    pub fn of(bundle: &Bundle, bytes: usize) -> Option<Self> {
        if bytes <= BYTES_MAX {
            return None;
        }
        let mut parts = [
            ("the source pack", size(&bundle.source), SMALLER_RANGE),
            ("the list of the commit's files", size(&bundle.tree), FEWER_FILES),
            ("the documents of reports", size(&bundle.lanes.documents), LESS_READ),
            ("the receipts", size(&bundle.receipts) + size(&bundle.lanes.checks), FEWER_OUTPUTS),
            ("enrolments and approvals", size(&bundle.enrolments) + size(&bundle.approvals), FEWER_PEOPLE),
            ("statements about findings", size(&bundle.lanes.statements), FEWER_STATEMENTS),
        ];
        parts.sort_by_key(|(_, bytes, _)| std::cmp::Reverse(*bytes));
        let [(first, first_bytes, remedy), (second, second_bytes, _), ..] = parts;
        let what = format!(
            "the evidence has {bytes} bytes, at most {BYTES_MAX} are allowed; the largest parts are {first} \
             ({first_bytes} bytes) and {second} ({second_bytes} bytes)"
        );
        Some(Self { what, remedy })
    }

    /// The documents of reports, of which these many bytes are only a part.
    #[must_use]
    pub fn documents(bytes: usize) -> Self {
        let what = format!(
            "the documents of reports that the policy reads have {bytes} bytes or more together, at most \
             {DOCUMENTS_BYTES_MAX} are allowed"
        );
        Self { what, remedy: LESS_READ }
    }

    /// A gate input with facts from reports; `None` if it is not too large.
    #[must_use]
    pub fn input(bytes: usize) -> Option<Self> {
        let most = policy::INPUT_BYTES_MAX;
        let what = || {
            format!(
                "with the facts from reports the input of the policy has {bytes} bytes, at most {most} are allowed"
            )
        };
        (bytes > most).then(|| Self { what: what(), remedy: LESS_READ })
    }

    pub(crate) fn tell(&self, reasons: &mut Reasons) {
        reasons.unclear(LARGE, self.what.clone(), self.remedy);
    }
}

/// Code of evidence that is too large.
pub const LARGE: &str = "evidence-large";

fn size<T: Serialize>(part: &T) -> usize {
    canonical::encode("part of a bundle", part).map_or(0, |bytes| bytes.len())
}

const SMALLER_RANGE: &str =
    "release an earlier commit of the range first, or bring the change in by `git merge --squash`";
const FEWER_FILES: &str = "remove files from the repository, or split it into several projects";
const LESS_READ: &str = "let the scanners report less, for example from a higher severity on, or let the policy read only \
                         the counts, with `\"content\": false` in `reads`";
const FEWER_OUTPUTS: &str = "let steps leave fewer files as outputs: pack them with `tar`";
const FEWER_STATEMENTS: &str = "mend findings, so that fewer of them need a waiver, and give shorter reasons; statements that have ended \
                                no longer count, and the operator limits them with `statements-per-place` in quotas.json";
const FEWER_PEOPLE: &str = "let fewer people approve, with shorter reasons";
