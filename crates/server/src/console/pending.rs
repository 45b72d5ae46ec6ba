//! A pending release in words: what it waits for, why, and the next command.
//!
//! Invariant: the words follow from the judgement alone, which the gate would make the same way.

use domain::release::UNTIMELY;
use evidence::Place;
use policy::Reason;
use review::headline::words;
use review::results::FindingShown;
use web::model::{Badge, Command, State};

use super::acting;
use super::judgement::{Judged, Proven};
use super::words::{badge, command, command_for, list};

/// A pending release in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingWords {
    /// Its state.
    pub badge: Badge,
    /// The end of a sentence that begins with the release: `needs one approval`.
    pub what: String,
    /// The reason.
    pub detail: String,
    /// The next command.
    pub command: Command,
}

/// A pending release in words.
pub fn words_of(place: &Place, judged: &Judged) -> PendingWords {
    let left = judged.left();
    let others: Vec<&Reason> = left.iter().filter(|reason| !waits_for_votes(reason)).collect();
    let explain = command_for(format!("countersign policy explain {place}"), TO_LOOK);
    let made = |state, word: String, what: String, detail: String, command| PendingWords {
        badge: badge(state, word),
        what,
        detail,
        command,
    };
    let is_unwitnessed = left.iter().any(|reason| reason.code == "not-witnessed");
    match (judged.judgement.unclear.as_slice(), others.as_slice(), left.as_slice()) {
        _ if is_unwitnessed => {
            let detail = "the witnesses have not signed the newest entries of the ledger".to_owned();
            made(State::Wait, "not witnessed".into(), "waits for the witnesses".into(), detail, explain)
        }
        ([first, ..], _, _) => {
            let what = "cannot be decided".to_owned();
            made(State::Stop, "undecided".into(), what, first.what.clone(), explain)
        }
        (_, _, []) => {
            let promote = command(format!("countersign promote {place}"));
            let what = "waits for its promotion".to_owned();
            made(State::Wait, "ready".into(), what, "everything else is there".into(), promote)
        }
        (_, [], [first, ..]) => {
            let first = left.iter().find(|reason| reason.code == "approvals-missing").unwrap_or(first);
            let count = missing_votes(first).unwrap_or(1);
            let noun = if count == 1 { "approval" } else { "approvals" };
            let command = approve(place, judged.proven.as_ref());
            let what = format!("needs {} {noun}", words(count));
            made(State::Wait, waits_for(count), what, first.what.clone(), command)
        }
        (_, [frozen], _) if frozen.code == "frozen" => {
            let (what, detail) = ("waits for the end of a freeze".to_owned(), frozen.what.clone());
            made(State::Frozen, "frozen".into(), what, detail, explain)
        }
        (_, [waits], _) if UNTIMELY.contains(&waits.code.as_str()) => {
            let what = if waits.code == "soaking" { "soaks" } else { "waits for its window" };
            made(State::Wait, "waits for its time".into(), what.to_owned(), waits.what.clone(), explain)
        }
        (_, [first, ..], _) => {
            let detail = worst(judged, first, others.len());
            let command = acting::mend(judged, &left).unwrap_or(explain);
            made(State::Stop, "blocked".into(), "is blocked".into(), detail, command)
        }
    }
}

/// The word of something that waits for so many people, the same on every page.
pub fn waits_for(people: usize) -> String {
    format!("waits for {people}")
}

/// The command by which a person approves at a place, and the people who may.
pub fn approve(place: &Place, proven: Option<&Proven>) -> Command {
    let line = review::approvers::command(place);
    match proven {
        Some(proven) if proven.is_solo => command(line),
        Some(proven) => command_for(line, may_approve(proven.may_approve.as_deref())),
        None => command_for(line, may_approve(None)),
    }
}

/// The people who may approve, in words.
fn may_approve(names: Option<&[String]>) -> String {
    match names {
        None => "somebody other than the change authors".to_owned(),
        Some([]) => "nobody yet: everybody with the role took part in the change".to_owned(),
        Some(names) => list(names, NAMES_MAX),
    }
}

/// Whether a reason goes away with votes alone.
fn waits_for_votes(reason: &Reason) -> bool {
    is_of_votes(&reason.code)
}

/// Whether reasons with a code go away with votes alone.
pub fn is_of_votes(code: &str) -> bool {
    ["approvals-missing", "approval-void"].contains(&code)
}

/// The number of votes that a policy's sentence, such as `0 of 2 people in role X approve`, says are missing.
pub fn missing_votes(reason: &Reason) -> Option<usize> {
    let (given, needed) = votes(reason)?;
    needed.checked_sub(given)
}

/// The numbers of such a sentence.
pub fn votes(reason: &Reason) -> Option<(usize, usize)> {
    let mut parts = reason.what.split(' ');
    let given = parts.next()?.parse().ok()?;
    (parts.next()? == "of").then_some(())?;
    Some((given, parts.next()?.parse().ok()?))
}

/// The worst reason, and the number of the others.
fn worst(judged: &Judged, first: &Reason, count: usize) -> String {
    let finding = judged.proven.as_ref().and_then(|proven| proven.results.blocking().next());
    let what = finding.map_or_else(|| first.what.clone(), about);
    let more = match count.saturating_sub(1) {
        0 => String::new(),
        1 => "; and one more reason".to_owned(),
        more => format!("; and {} more reasons", words(more)),
    };
    format!("{what}{more}")
}

/// A finding in a sentence.
fn about(finding: &FindingShown) -> String {
    let exploited = if finding.exploited { ", known to be exploited" } else { "" };
    let fixed = finding.fixed.as_ref().map(|version| format!(", fixed in {version}")).unwrap_or_default();
    format!(
        "{}{exploited}: {} at {}: {}{fixed}",
        finding.severity.as_str(),
        finding.rule,
        finding.at,
        finding.message
    )
}

/// The note of a command that changes nothing.
pub const TO_LOOK: &str = "to look, rule by rule";
const NAMES_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use judge::Judgement;
    use policy::Reason;
    use web::model::State;

    use super::{Judged, may_approve, votes, words_of};

    fn reason(code: &str, what: &str) -> Reason {
        Reason { code: code.into(), what: what.into(), remedy: "do it".into(), finding: None }
    }

    #[test]
    fn each_state_of_a_pending_release_has_its_words() {
        let place = "shop/api/production".parse().unwrap();
        let promotion = ("not-promoted", "nobody promoted it");
        let votes = |what| ("approvals-missing", what);
        for (reasons, unclear, state, word, what) in [
            (vec![promotion], vec![], State::Wait, "ready", "waits for its promotion"),
            (
                vec![promotion, votes("0 of 1 people in role x approve")],
                vec![],
                State::Wait,
                "waits for 1",
                "needs one approval",
            ),
            (
                vec![votes("1 of 3 people in role x approve"), ("approval-void", "it does not count")],
                vec![],
                State::Wait,
                "waits for 2",
                "needs two approvals",
            ),
            (
                vec![("frozen", "it is frozen")],
                vec![],
                State::Frozen,
                "frozen",
                "waits for the end of a freeze",
            ),
            (
                vec![("window-closed", "they open at noon"), promotion],
                vec![],
                State::Wait,
                "waits for its time",
                "waits for its window",
            ),
            (vec![("soaking", "until noon")], vec![], State::Wait, "waits for its time", "soaks"),
            (
                vec![("tests-failed", "2 tests failed"), ("frozen", "it is frozen")],
                vec![],
                State::Stop,
                "blocked",
                "is blocked",
            ),
            (
                vec![],
                vec![("range-shallow", "a commit is missing")],
                State::Stop,
                "undecided",
                "cannot be decided",
            ),
            (
                vec![],
                vec![("not-witnessed", "not yet")],
                State::Wait,
                "not witnessed",
                "waits for the witnesses",
            ),
        ] {
            let mut judgement = Judgement::undecided("x", "x", "x");
            let made = |all: Vec<(&str, &str)>| -> Vec<Reason> {
                all.into_iter().map(|(code, what)| reason(code, what)).collect()
            };
            (judgement.reasons, judgement.unclear) = (made(reasons), made(unclear));
            let said = words_of(&place, &Judged { judgement, proven: None });
            assert_eq!((said.badge.state, said.badge.word.as_str(), said.what.as_str()), (state, word, what));
        }
    }

    #[test]
    fn numbers_of_votes_come_from_the_policys_sentence() {
        assert_eq!(votes(&reason("x", "1 of 2 people in role release-manager approve")), Some((1, 2)));
        assert_eq!(votes(&reason("x", "two are missing")), None);
        assert_eq!(may_approve(None), "somebody other than the change authors");
        assert_eq!(may_approve(Some(&["Carol".into(), "Dave".into()])), "Carol and Dave");
    }
}
