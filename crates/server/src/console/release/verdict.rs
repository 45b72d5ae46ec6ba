//! The verdict of a release: every reason with whom to ask and the commands that resolve it, and every rule.

use std::collections::BTreeMap;

use domain::gate::GateOutcome;
use evidence::Place;
use evidence::approval::Decision;
use evidence::status::Freeze;
use review::explain::{Explained, FactShown, ReasonShown, RuleShown, RuleVerdict};
use review::results::{FindingShown, Results};
use review::waivers;
use web::model::{self, Command, Reason, Rule, Verdict};
use wire::ReleaseStage;

use super::seen::Seen;
use super::timeline::Events;
use super::waivers::{counted, shown};
use crate::console::acting::{self, has_owner, is_mended};
use crate::console::judgement::{Judged, Proven};
use crate::console::pending::{approve, is_of_votes, words_of};
use crate::console::uncovered;
use crate::console::words::{badge, clock, command, command_for, fact, list};

/// A judgement, and the facts beside it that its words depend on.
#[derive(Clone, Copy, Debug)]
pub struct Ruling<'a> {
    /// The place.
    pub place: &'a Place,
    /// The judgement.
    pub judged: &'a Judged,
    /// Whether the release is pending, so that commands can still change the verdict.
    pub is_pending: bool,
    /// Freezes in force.
    pub freezes: &'a [Freeze],
    /// For findings that are open although a waiver has the same rule, by the shown id: why the waiver does not cover it.
    pub uncovered: &'a BTreeMap<String, String>,
}

/// The verdict; `None` before the first judgement.
pub fn of(seen: &Seen<'_>, events: &Events) -> Option<Verdict> {
    let judged = seen.judged.as_deref()?;
    let place = &seen.view.place;
    let detail = match (seen.is_pending, events.judged_at()) {
        (true, _) => format!(
            "Judged now by the server, as the gate would; the agent of {} judges again before anything changes",
            place.environment
        ),
        (false, Some(at)) => {
            format!("Judged by the gate with the evidence of {}, and again by the agent", clock(at))
        }
        (false, None) => String::new(),
    };
    let freezes = seen.state.identity.freezes();
    let uncovered = if seen.is_pending {
        uncovered::of_release(seen.at, seen.state, seen.proven(), place)
    } else {
        BTreeMap::new()
    };
    let ruling = Ruling { place, judged, is_pending: seen.is_pending, freezes, uncovered: &uncovered };
    let verdict = ruled(ruling, detail);
    Some(if is_past(seen) { past(verdict) } else { verdict })
}

/// Whether the release neither waits, moves nor runs.
fn is_past(seen: &Seen<'_>) -> bool {
    let is_on_its_way = seen.is_pending || seen.view.stage == ReleaseStage::Due;
    seen.rolled_back_by().is_some() || !(is_on_its_way || seen.is_current)
}

/// The verdict about a release that was replaced or rolled back: it says nothing about now.
fn past(verdict: Verdict) -> Verdict {
    let state = if verdict.state == model::State::Pass { model::State::Quiet } else { verdict.state };
    let mut letters = verdict.title.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    let title = format!("The verdict of that time: {first}{}", letters.as_str());
    Verdict { state, title, ..verdict }
}

/// The verdict of a judgement.
fn ruled(ruling: Ruling<'_>, detail: String) -> Verdict {
    let Ruling { place, judged, is_pending, .. } = ruling;
    let words = words_of(place, judged);
    let state = match judged.judgement.outcome {
        GateOutcome::Pass => model::State::Pass,
        _ if is_pending => words.badge.state,
        _ => model::State::Stop,
    };
    let Some(proven) = &judged.proven else { return unproven(judged, state, detail) };
    let Explained { besides, unclear, rules, checks, .. } = &proven.explained;
    let maker = Maker { ruling, proven, results: &proven.results };
    let by_rules = |verdict| {
        let of = rules.iter().filter(move |rule: &&RuleShown| rule.verdict == verdict);
        of.flat_map(|rule| &rule.reasons)
    };
    let against = unclear.iter().chain(besides).chain(by_rules(RuleVerdict::Block));
    // The promotion comes last, and the page names it as the next command.
    let mut against: Vec<&ReasonShown> = against.filter(|reason| reason.code != "not-promoted").collect();
    against.sort_by_key(|reason| maker.rank(reason));
    let title = match state {
        model::State::Wait | model::State::Frozen => format!("It {}", words.what),
        model::State::Pass => proven.explained.title() + &counted(&proven.waivers),
        _ => proven.explained.title(),
    };
    let mut reasons: Vec<Reason> =
        against.iter().take(REASONS_MAX).map(|reason| maker.reason(reason)).collect();
    let mended = against.iter().position(|reason| is_mended(reason.finding.is_some(), &reason.code));
    if let Some(reason) = mended.filter(|_| is_pending).and_then(|nth| reasons.get_mut(nth)) {
        reason.commands.splice(0..0, acting::mend(judged, &judged.left()));
    }
    Verdict {
        state,
        title,
        detail,
        waivers: shown(&proven.waivers),
        reasons,
        warnings: by_rules(RuleVerdict::Warn).take(REASONS_MAX).map(|reason| maker.reason(reason)).collect(),
        rules: rules.iter().map(|one| rule(one, is_pending)).collect(),
        passed: checks.clone(),
    }
}

/// The verdict about evidence that does not hold, or is missing.
fn unproven(judged: &Judged, state: model::State, detail: String) -> Verdict {
    let all = judged.judgement.unclear.iter().chain(&judged.judgement.reasons);
    let reason = |reason: &policy::Reason| Reason {
        code: reason.code.clone(),
        what: reason.what.clone(),
        remedy: reason.remedy.clone(),
        owner: None,
        unowned: None,
        facts: Vec::new(),
        commands: Vec::new(),
    };
    let title = match judged.judgement.outcome {
        GateOutcome::Undecided => "No decision can be made",
        _ => "The evidence does not hold",
    };
    Verdict {
        state,
        title: title.to_owned(),
        detail,
        waivers: Vec::new(),
        reasons: all.take(REASONS_MAX).map(reason).collect(),
        warnings: Vec::new(),
        rules: Vec::new(),
        passed: Vec::new(),
    }
}

/// Makes reasons of a page.
struct Maker<'a> {
    ruling: Ruling<'a>,
    proven: &'a Proven,
    results: &'a Results,
}

impl Maker<'_> {
    /// Findings come first, the worst of them first; votes come last.
    fn rank(&self, reason: &ReasonShown) -> (u8, usize) {
        let at = reason.finding.as_ref();
        let at = at.and_then(|id| self.results.worst().position(|finding| finding.id == *id));
        match (at, reason.code.as_str()) {
            (Some(at), _) => (0, at),
            (None, "approvals-missing" | "approval-void") => (2, 0),
            (None, _) => (1, 0),
        }
    }

    fn reason(&self, reason: &ReasonShown) -> Reason {
        let finding = reason.finding.as_ref();
        let finding = finding.and_then(|id| self.results.worst().find(|finding| finding.id == *id));
        let uncovered = finding.and_then(|finding| self.ruling.uncovered.get(&finding.id)).cloned();
        Reason {
            code: reason.code.clone(),
            what: reason.what.clone(),
            remedy: reason.remedy.clone(),
            owner: reason.owner.clone(),
            unowned: unowned(reason, self.proven.author.as_deref()),
            facts: finding.map(facts).unwrap_or_default().into_iter().chain(uncovered).collect(),
            commands: if self.ruling.is_pending { self.commands(reason) } else { Vec::new() },
        }
    }

    /// The commands that resolve a reason. A finding or test is named only where the results show it.
    fn commands(&self, reason: &ReasonShown) -> Vec<Command> {
        let waive = |id: &str| command_for(waivers::command(id, self.ruling.place), waive_note(self.proven));
        match (&reason.finding, reason.code.as_str()) {
            (Some(id), _) => vec![waive(id)],
            (None, "tests-failed") => {
                let tests = waivers::failed_tests(self.results);
                tests.take(WAIVED_MAX).map(|test| waive(&test.id)).collect()
            }
            (None, "approvals-missing") => vec![approve(self.ruling.place, Some(self.proven))],
            (None, "frozen") => {
                let covers = |freeze: &&Freeze| {
                    freeze.covers(
                        &self.ruling.place.project,
                        &self.ruling.place.service,
                        &self.ruling.place.environment,
                    )
                };
                let freezes = self.ruling.freezes.iter().filter(covers);
                freezes.map(|freeze| command(format!("countersign unfreeze {freeze}"))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The sentence for a reason whose owner the commit does not name. Votes and freezes are no matter of an owner.
fn unowned(reason: &ReasonShown, author: Option<&str>) -> Option<String> {
    let author = author.map(|author| format!("; its author is {author}")).unwrap_or_default();
    (has_owner(&reason.code) && reason.owner.is_none())
        .then(|| format!("Nobody is named as owner in the commit (`CODEOWNERS` or release file){author}"))
}

/// The people who may waive something, and what a waiver does to approvals that exist: they name the evidence without it.
fn waive_note(proven: &Proven) -> String {
    let who = match proven.may_waive.as_deref() {
        _ if proven.is_solo => "you may".to_owned(),
        None => "for a person who may and is no change author".to_owned(),
        Some([]) => "nobody may yet: everybody with the role took part in the change".to_owned(),
        Some(names) => format!("{} may", list(names, NAMES_MAX)),
    };
    let approved = proven.votes.iter().filter(|vote| vote.void.is_empty());
    let approved = approved.filter(|vote| vote.decision == Decision::Approve);
    let names: Vec<String> = approved.map(|vote| vote.name.clone()).collect();
    let voided = match names.as_slice() {
        [] => String::new(),
        names => {
            format!("; it changes the evidence, so {} would have to approve again", list(names, NAMES_MAX))
        }
    };
    format!("accepts it until a date; {who}{voided}")
}

/// Facts about a finding, short ones first.
fn facts(finding: &FindingShown) -> Vec<String> {
    let mut facts = vec![
        format!("finding {}", finding.id),
        finding.severity.as_str().to_owned(),
        format!("{} at {}", finding.rule, finding.at),
    ];
    facts.extend(finding.exploited.then(|| "known to be exploited".to_owned()));
    facts.extend(finding.unconfirmed.then(|| "only suspected".to_owned()));
    facts.extend(finding.fixed.as_ref().map(|version| format!("fixed in {version}")));
    facts.extend(finding.waived_until.map(|until| format!("waived until {}", clock(until))));
    facts.extend(finding.not_affected_until.map(|until| format!("not affected until {}", clock(until))));
    facts.extend(finding.outgrown.clone());
    facts
}

fn rule(rule: &RuleShown, is_pending: bool) -> Rule {
    let (state, word) = match rule.verdict {
        // Votes that are missing are no fault of the release.
        RuleVerdict::Block if is_pending && is_of_votes(&rule.code) => (model::State::Wait, "waits"),
        RuleVerdict::Block => (model::State::Stop, "blocks"),
        RuleVerdict::Warn => (model::State::Wait, "warns"),
        RuleVerdict::Undecided => (model::State::Stop, "undecided"),
        RuleVerdict::Pass => (model::State::Pass, "passes"),
        RuleVerdict::Off => (model::State::Quiet, "off"),
    };
    let shown = |shown: &FactShown| fact(&shown.field, shown.value.clone());
    Rule { code: rule.code.clone(), badge: badge(state, word), facts: rule.facts.iter().map(shown).collect() }
}

/// Most names of a note.
const NAMES_MAX: usize = 6;
/// Most reasons of a page.
const REASONS_MAX: usize = 50;
/// Most failed tests with a command each.
const WAIVED_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use judge::VerificationContext;
    use lab::forgery::{self, ForgedEvidence};
    use web::model::State;

    use super::{Judged, Ruling, ruled};
    use crate::console::judgement::judged;

    fn of(row: &str) -> (Judged, evidence::Place) {
        let rows = forgery::all();
        let ForgedEvidence { bundle, lab, .. } =
            rows.iter().find(|known| known.name == row).unwrap().forged();
        let seen = VerificationContext { root: 1, ..VerificationContext::default() };
        (judged(&bundle, &lab.anchors(), &seen, None, Some(&[])), bundle.place())
    }

    #[test]
    fn a_finding_that_blocks_is_shown_with_its_owner_facts_and_commands() {
        let (judged, place) = of("a secret that one runner alone found");
        let ruling = Ruling {
            place: &place,
            judged: &judged,
            is_pending: true,
            freezes: &[],
            uncovered: &BTreeMap::new(),
        };
        let verdict = ruled(ruling, String::new());
        assert_eq!(verdict.state, State::Stop);
        assert!(
            verdict.title.starts_with("One of ") && verdict.title.ends_with(" rules that can block does"),
            "{verdict:?}"
        );
        let [reason] = verdict.reasons.as_slice() else { unreachable!("{verdict:#?}") };
        assert_eq!((reason.code.as_str(), reason.owner.as_deref()), ("secret-found", Some("team shop")));
        let [mend, command] = reason.commands.as_slice() else { unreachable!("{reason:#?}") };
        assert_eq!(mend.line, super::acting::MEND);
        assert_eq!(mend.note.as_deref(), Some("team shop mends it"), "nobody may waive it");
        let id = reason.facts[0].strip_prefix("finding ").unwrap();
        let line = format!("countersign waive {id} --place {place} --until DATE --reason WHY");
        assert_eq!(command.line, line);
        assert!(
            verdict.rules.len() > 5 && verdict.rules[0].code == "secret-found",
            "the blocking rule comes first"
        );
        let settled = ruled(Ruling { is_pending: false, ..ruling }, String::new());
        assert!(settled.reasons[0].commands.is_empty(), "no command changes a verdict of the past");
    }

    #[test]
    fn a_gate_that_passed_with_a_waiver_says_whose_and_why() {
        let (lab, parts) = forgery::KINDS[0].stated(|_| ());
        let (bundle, _) = lab::assemble(&lab, &parts);
        let seen = VerificationContext { root: 1, ..VerificationContext::default() };
        let (judged, place) = (judged(&bundle, &lab.anchors(), &seen, None, Some(&[])), bundle.place());
        let ruling = Ruling {
            place: &place,
            judged: &judged,
            is_pending: false,
            freezes: &[],
            uncovered: &BTreeMap::new(),
        };
        let verdict = ruled(ruling, String::new());
        assert!(verdict.title.ends_with(", with one waiver"), "{verdict:?}");
        let [waived] = verdict.waivers.as_slice() else { unreachable!("{verdict:?}") };
        assert!(waived.title.contains(" waived critical sql at "), "{waived:?}");
        assert!(waived.until.is_some() && !waived.reason.is_empty(), "{waived:?}");
    }

    #[test]
    fn a_command_says_who_may_waive_and_which_approvals_end_with_it() {
        let (judged, place) = of("a secret that one runner alone found");
        let mut proven = judged.proven.unwrap();
        let given = proven.votes.iter().filter(|vote| vote.void.is_empty()).map(|vote| vote.name.clone());
        let given: Vec<String> = given.collect();
        assert!(!given.is_empty(), "the lab's release has approvals");
        proven.may_waive = Some(vec!["Bob".into(), "Carol".into()]);
        let again = format!("so {} would have to approve again", super::list(&given, super::NAMES_MAX));
        let note = super::waive_note(&proven);
        assert_eq!(
            note,
            format!("accepts it until a date; Bob and Carol may; it changes the evidence, {again}")
        );
        (proven.may_waive, proven.votes) = (Some(Vec::new()), Vec::new());
        assert!(super::waive_note(&proven).ends_with("everybody with the role took part in the change"));
        for rules in &mut proven.explained.rules {
            rules.reasons.iter_mut().for_each(|reason| reason.owner = None);
        }
        (proven.author, proven.may_waive) = (Some("Alice".into()), None);
        let judged = Judged { judgement: judged.judgement, proven: Some(proven) };
        let ruling = Ruling {
            place: &place,
            judged: &judged,
            is_pending: true,
            freezes: &[],
            uncovered: &BTreeMap::new(),
        };
        let verdict = ruled(ruling, String::new());
        assert_eq!(
            verdict.reasons[0].unowned.as_deref(),
            Some(
                "Nobody is named as owner in the commit (`CODEOWNERS` or release file); its author is Alice"
            )
        );
    }

    #[test]
    fn evidence_that_does_not_hold_is_said_to_be_so() {
        let rows = forgery::all();
        let broken = rows.iter().find(|row| {
            let (judged, _) = of(row.name);
            judged.proven.is_none()
        });
        let (judged, place) = of(broken.unwrap().name);
        let ruling = Ruling {
            place: &place,
            judged: &judged,
            is_pending: true,
            freezes: &[],
            uncovered: &BTreeMap::new(),
        };
        let verdict = ruled(ruling, "detail".to_owned());
        assert!(verdict.rules.is_empty() && !verdict.reasons.is_empty(), "{verdict:?}");
        assert!(verdict.reasons.iter().all(|reason| !reason.remedy.is_empty()), "{verdict:?}");
    }
}
