//! Quotas: limits on the runs and the stored bytes of one project or one person.
//!
//! Invariant: the limits come from the operator's configuration and not from the ledger, so the ledger cannot reproduce
//! a refusal that rests on them. The codes of such refusals begin with `quota-`. Replay checks the requester and
//! accepts the operator's word for the rest, because an operator can always refuse to answer. For this reason no quota
//! applies to an action that stops something.

use evidence::{Moment, Name};

use crate::build;
use crate::command::Command;
use crate::event::Refused;
use crate::ids::PersonId;
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::statement::Stated;

/// Limits on the runs that may be under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Runs of one project.
    pub per_project: usize,
    /// Runs that one person asked for.
    pub per_person: usize,
}

/// Limits on the statements that may be in force at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statements {
    /// Statements of one person.
    pub per_person: usize,
    /// Statements that can count at one place.
    pub per_place: usize,
}

/// The refusal of a command that would exceed a quota of runs or statements; `None` when it fits.
#[must_use]
pub fn exceeded(
    state: &State,
    command: &Command,
    (runs, statements): (Runs, Statements),
    moment: Moment,
) -> Option<Refusal> {
    match command {
        Command::Run(run) => over(state, run, runs),
        Command::MakePreview(made) => over(state, &made.run, runs),
        Command::SubmitStatement(new) => stated(state, &new.stated, statements, moment),
        _ => None,
    }
}

/// The refusal of a statement that would exceed a quota; `None` when it fits.
fn stated(state: &State, new: &Stated, quota: Statements, moment: Moment) -> Option<Refusal> {
    let of_person = state.statement.by(new.person, moment);
    let of_place = state.statement.beside(&new.scope, moment);
    let mut reasons = Vec::new();
    let mut look = |code: &str, who: String, found: usize, most: usize, setting: &str| {
        if found >= most {
            let what = format!("{who} has {found} statements in force, and the quota is {most}");
            let remedy = format!(
                "mend findings, wait until a statement has ended, or have one withdrawn with `countersign trust status \
                 --withdraw`; the server's operator sets the quota: `statements-per-{setting}` in quotas.json of the data \
                 directory"
            );
            reasons.push(Reason::new(code, what, remedy));
        }
    };
    look(STATEMENTS_OF_PERSON, format!("person {}", new.person), of_person, quota.per_person, "person");
    look(STATEMENTS_OF_PLACE, format!("`{}`", new.scope), of_place, quota.per_place, "place");
    Refusal::of(reasons)
}

/// The refusal of a run that would exceed a quota; `None` when it fits.
fn over(state: &State, run: &build::Run, quota: Runs) -> Option<Refusal> {
    let (project, person) = (&run.take.project, run.take.requester);
    let of_project = state.build.runs().filter(|run| run.started.project == *project).count();
    let by = |run: &build::Progress| state.source.of(run.started.run).map(|source| source.facts.requester);
    let of_person = state.build.runs().filter(|run| by(run) == Some(person)).count();
    let mut reasons = Vec::new();
    if of_project >= quota.per_project {
        let who = format!("project `{project}`");
        reasons.push(runs_reason(RUNS_OF_PROJECT, &who, of_project, quota.per_project, "project"));
    }
    if of_person >= quota.per_person {
        let who = format!("person {person}");
        reasons.push(runs_reason(RUNS_OF_PERSON, &who, of_person, quota.per_person, "person"));
    }
    Refusal::of(reasons)
}

fn runs_reason(code: &str, who: &str, found: usize, quota: usize, setting: &str) -> Reason {
    let what = format!("{who} has {found} runs under way, and the quota is {quota}");
    let remedy = format!(
        "wait until one has ended, or end one with `countersign cancel RUN`; the server's operator sets the quota: \
         `runs-per-{setting}` in quotas.json of the data directory"
    );
    Reason::new(code, what, remedy)
}

/// Owner of stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A project.
    Project,
    /// A person.
    Person,
}

/// The reason against storing more bytes.
#[must_use]
pub fn stored(owner: Owner, who: &str, bytes: u64, quota: u64) -> Reason {
    let (code, owner) = match owner {
        Owner::Project => (BYTES_OF_PROJECT, "project"),
        Owner::Person => (BYTES_OF_PERSON, "person"),
    };
    let what = format!("{who} has {} MiB stored, and the quota is {} MiB", bytes >> 20, quota >> 20);
    let remedy = format!(
        "ask the server's operator for more: `stored-mib-per-{owner}` in quotas.json of the data directory. What is on \
         record stays stored"
    );
    Reason::new(code, what, remedy)
}

/// The fact that this many more requests of a person were refused within a minute than are recorded one by one.
#[must_use]
pub fn counted(person: PersonId, action: Name, more: u64) -> Refused {
    Refused { person, action, reasons: vec![REFUSALS.to_owned()], more: Some(more) }
}

/// Whether quotas apply to an action. They apply to actions that start something and store large bodies, and to statements.
#[must_use]
pub fn apply_to(action: &Name) -> bool {
    !codes(action).is_empty()
}

/// Whether the refusal of an action may record the digests of its bodies alone, because they can be large.
#[must_use]
pub fn leaves_out(action: &Name) -> bool {
    codes(action).contains(&BYTES_OF_PROJECT)
}

/// Codes with which quotas can refuse an action.
fn codes(action: &Name) -> &'static [&'static str] {
    match action.as_str() {
        "run" => &[RUNS_OF_PROJECT, RUNS_OF_PERSON, BYTES_OF_PROJECT, BYTES_OF_PERSON],
        "set-environment" => &[BYTES_OF_PROJECT, BYTES_OF_PERSON],
        "state" => &[STATEMENTS_OF_PERSON, STATEMENTS_OF_PLACE],
        _ => &[],
    }
}

impl Refused {
    /// Whether every reason is a quota that applies to the action.
    #[must_use]
    pub fn rests_on_quotas(&self) -> bool {
        let known = codes(&self.action);
        !self.reasons.is_empty() && self.reasons.iter().all(|code| known.contains(&code.as_str()))
    }

    /// Whether the entry only counts refusals.
    #[must_use]
    pub fn is_a_count(&self) -> bool {
        self.action.as_str() == COUNT
            && self.more.is_some_and(|more| more > 0)
            && self.reasons.iter().map(String::as_str).eq([REFUSALS])
    }
}

/// Code of the entry that counts refusals.
pub const REFUSALS: &str = "quota-refusals";
/// Action of an entry that counts refusals. No person can request it.
pub const COUNT: &str = "count";
const RUNS_OF_PROJECT: &str = "quota-runs-of-project";
const RUNS_OF_PERSON: &str = "quota-runs-of-person";
const STATEMENTS_OF_PERSON: &str = "quota-statements-of-person";
const STATEMENTS_OF_PLACE: &str = "quota-statements-of-place";
const BYTES_OF_PROJECT: &str = "quota-bytes-of-project";
const BYTES_OF_PERSON: &str = "quota-bytes-of-person";

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::statements::{Scope, StatementKind};

    use crate::scenario::{alice, at, bob, digest, founded, happen, id, name, run};
    use crate::statement::SubmitStatement;

    #[test]
    fn attack_one_person_does_not_fill_the_room_for_statements() {
        let mut state = founded();
        let new = |n: u8, person, environment: Option<&str>| {
            let scope = Scope { project: name("shop"), service: None, environment: environment.map(name) };
            Command::SubmitStatement(Box::new(SubmitStatement {
                stated: Stated {
                    statement: digest(&n.to_string()),
                    kind: StatementKind::Waiver,
                    person,
                    scope,
                    not_before: at(0),
                    expires: at(800),
                    envelope: digest(&format!("envelope {n}")),
                    secret: None,
                },
                key: "SHA256:2-Approve".into(),
            }))
        };
        let runs = Runs { per_project: 1, per_person: 1 };
        let codes = |state: &State, command: &Command, per_person, per_place, moment| -> Vec<String> {
            let refusal = exceeded(state, command, (runs, Statements { per_person, per_place }), moment);
            let reasons = refusal.iter().flat_map(Refusal::reasons);
            reasons.map(|reason| reason.code.clone()).collect()
        };
        for n in [1, 2] {
            happen(&mut state, &new(n, bob(), Some("production")));
        }
        let (person, place) = ("quota-statements-of-person", "quota-statements-of-place");
        assert_eq!(codes(&state, &new(3, bob(), Some("staging")), 2, 2, at(10)), [person]);
        assert_eq!(codes(&state, &new(3, alice(), Some("staging")), 2, 2, at(10)), [""; 0]);
        assert_eq!(codes(&state, &new(3, alice(), Some("production")), 2, 2, at(10)), [place]);
        assert_eq!(codes(&state, &new(3, alice(), None), 2, 2, at(10)), [place], "it counts there too");
        assert_eq!(codes(&state, &new(3, bob(), None), 2, 2, at(10)), [person, place]);
        assert_eq!(codes(&state, &new(3, bob(), None), 3, 3, at(10)), [""; 0]);
        assert_eq!(codes(&state, &new(3, bob(), None), 2, 2, at(800)), [""; 0], "all have ended");
        let limits = (runs, Statements { per_person: 2, per_place: 9 });
        let text = exceeded(&state, &new(3, bob(), None), limits, at(10)).unwrap().to_string();
        assert!(text.contains("`statements-per-person` in quotas.json"), "{text}");
    }

    #[test]
    fn attack_one_project_or_person_takes_no_more_than_its_runs() {
        let mut state = founded();
        let asked = |n: u8, project: &str| {
            let mut asked = run(false);
            asked.take.run = id(n).into();
            asked.take.project = name(project);
            asked
        };
        let quota = Runs { per_project: 2, per_person: 3 };
        let codes = |state: &State, n, project| {
            let refusal = over(state, &asked(n, project), quota);
            refusal.map(|refusal| refusal.reasons().map(|reason| reason.code.clone()).collect::<Vec<_>>())
        };
        for n in [100, 101] {
            assert_eq!(codes(&state, n, "shop"), None);
            happen(&mut state, &Command::Run(Box::new(asked(n, "shop"))));
        }
        assert_eq!(codes(&state, 102, "shop").unwrap(), ["quota-runs-of-project"]);
        assert_eq!(codes(&state, 102, "yard"), None, "another project is not held up");
        let tight = Runs { per_project: 2, per_person: 2 };
        let refusal = over(&state, &asked(102, "shop"), tight).unwrap();
        let codes: Vec<_> = refusal.reasons().map(|reason| reason.code.as_str()).collect();
        assert_eq!(codes, ["quota-runs-of-project", "quota-runs-of-person"]);
        let text = refusal.to_string();
        assert!(text.contains("project `shop` has 2 runs under way, and the quota is 2"), "{text}");
        assert!(text.contains("countersign cancel RUN"), "{text}");
        let cancel =
            build::Cancel { run: id(100).into(), commit: crate::scenario::commit(1), person: alice() };
        happen(&mut state, &Command::Cancel(cancel));
        assert_eq!(over(&state, &asked(102, "shop"), tight), None, "a run that has ended makes room");
    }
}
