//! The reasons of a gate that are left, and the step that comes next.
//!
//! Invariant: this advice decides nothing: the gate judges again.

use evidence::Place;
use judge::Judgement;
use policy::Reason;

use crate::approvers;
use crate::results::Results;

/// The reasons of a judgement, without the promotion.
#[must_use]
pub fn left(judgement: &Judgement) -> Vec<Reason> {
    let all = judgement.reasons.iter().chain(&judgement.unclear);
    all.filter(|reason| reason.code != "not-promoted").cloned().collect()
}

/// The next step at a place for which these reasons are left.
#[must_use]
pub fn next(place: &Place, left: &[Reason], results: &Results) -> String {
    let has = |code: &str| left.iter().any(|reason| reason.code == code);
    let mut blocking = results.blocking().peekable();
    if let Some(first) = blocking.peek() {
        let ids = first.id.clone();
        return format!(
            "mend what blocks it (the worst is finding {ids}), commit, and `countersign run`; if it has to wait: `countersign waive {ids}`"
        );
    }
    if has("tests-failed") {
        return "mend the failed tests, commit, and `countersign run`".to_owned();
    }
    match left.first() {
        None => format!("countersign promote {place}"),
        Some(_) if has("approvals-missing") => approvers::somebody(&approvers::command(place)),
        Some(first) => {
            let [code, remedy] = [(&first.code, CODE_CHARS), (&first.remedy, REMEDY_CHARS)]
                .map(|(text, most)| shown::brief(text, most));
            format!("{code}: {remedy}")
        }
    }
}

const CODE_CHARS: usize = 60;
const REMEDY_CHARS: usize = 200;
