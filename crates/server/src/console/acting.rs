//! The people who act on a release that its gate holds, and the command that mends it.
//!
//! Invariant: the words follow from the judgement alone. A command that mends is named only where a new commit can remove the
//! reason; other reasons keep their remedy.

use domain::release::UNTIMELY;
use policy::Reason;
use web::model::Command;

use super::judgement::Judged;
use super::words::command_for;

/// The command that mends a reason by a new commit, with the people who act; `None` if no reason goes away with a commit.
pub fn mend(judged: &Judged, left: &[Reason]) -> Option<Command> {
    let reason = left.iter().find(|reason| is_mended(reason.finding.is_some(), &reason.code))?;
    Some(command_for(MEND, who(judged, reason)))
}

/// Whether a new commit removes a reason.
pub fn is_mended(is_finding: bool, code: &str) -> bool {
    is_finding || MENDED.contains(&code)
}

/// Whether somebody owns the matter of a reason: votes, freezes, windows and witnesses are no matter of the code's owner.
pub fn has_owner(code: &str) -> bool {
    let of_people =
        ["approvals-missing", "approval-void", "rejected", "frozen", "not-witnessed", "not-promoted"];
    !of_people.contains(&code) && !UNTIMELY.contains(&code)
}

/// The people who act on a reason, in words.
fn who(judged: &Judged, reason: &Reason) -> String {
    let Some(proven) = &judged.proven else { return acts(None, None) };
    let finding = proven.results.blocking().next().filter(|_| reason.finding.is_some());
    let owner = match finding {
        Some(finding) => finding.owner.clone(),
        None => proven.explained.owner.clone().filter(|_| has_owner(&reason.code)),
    };
    let mends = owner.or_else(|| proven.author.clone());
    let can_be_waived = reason.finding.is_some() || reason.code == "tests-failed";
    match (&mends, &proven.may_waive) {
        (Some(_), Some(_)) if proven.is_solo && can_be_waived => "you mend it, or waive it".to_owned(),
        (mends, waives) => acts(mends.as_deref(), waives.as_deref().filter(|_| can_be_waived)),
    }
}

/// The people who mend or waive something: `alice mends it, or bob waives it`.
pub fn acts(mends: Option<&str>, waives: Option<&[String]>) -> String {
    let waives = waives.filter(|names| !names.is_empty()).map(|names| match names {
        [one] => one.clone(),
        [first, second] => format!("{first} or {second}"),
        [first, second, rest @ ..] => format!("{first}, {second} or {} more", rest.len()),
        [] => String::new(),
    });
    match (mends, waives) {
        (Some(mends), Some(waives)) => format!("{mends} mends it, or {waives} waives it"),
        (Some(mends), None) => format!("{mends} mends it"),
        (None, Some(waives)) => format!("nobody owns this; {waives} may waive it"),
        (None, None) => "nobody owns this".to_owned(),
    }
}

/// The command by which a person mends something: a new commit is built and released again.
pub const MEND: &str = "git commit --all && countersign run";
/// Codes of reasons without a finding that a new commit removes.
const MENDED: [&str; 19] = [
    "budget-exceeded",
    "check-failed",
    "configuration-out-of-bounds",
    "coverage-low",
    "debug-on",
    "dependencies-unjudged",
    "dependency-unpinned",
    "finding-undecided",
    "fix-overdue",
    "fix-undated",
    "label-missing",
    "licence-denied",
    "report-old",
    "sbom-missing",
    "secrets-unscanned",
    "steps-missing",
    "tests-failed",
    "tests-missing",
    "version-missing",
];

#[cfg(test)]
mod tests {
    use super::{acts, is_mended};

    #[test]
    fn the_words_name_everybody_who_can_act() {
        let names = |count: usize| -> Vec<String> { (1..=count).map(|n| format!("n{n}")).collect() };
        for (mends, waives, said) in [
            (Some("alice"), names(1), "alice mends it, or n1 waives it"),
            (Some("alice"), names(2), "alice mends it, or n1 or n2 waives it"),
            (Some("alice"), names(4), "alice mends it, or n1, n2 or 2 more waives it"),
            (Some("alice"), names(0), "alice mends it"),
            (None, names(1), "nobody owns this; n1 may waive it"),
            (None, names(0), "nobody owns this"),
        ] {
            assert_eq!(acts(mends, Some(&waives)), said);
        }
        assert_eq!(acts(None, None), "nobody owns this");
    }

    #[test]
    fn a_commit_mends_findings_and_reports_but_no_vote() {
        assert!(is_mended(true, "anything") && is_mended(false, "tests-failed"));
        for code in ["approvals-missing", "rejected", "frozen", "runners-too-few", "not-witnessed"] {
            assert!(!is_mended(false, code), "{code}");
        }
    }
}
