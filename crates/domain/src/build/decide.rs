//! Decisions about runs.
//!
//! Invariant: every receipt and every person's agreement counts once, and only for the run and commit that it names.

use std::collections::{BTreeMap, BTreeSet};

use evidence::pool::Pool;
use evidence::receipt::Work;
use evidence::{CommitId, Digest, Id, Moment, Name, Place};

use super::event::{Agreed, Due, Ended, Reported, RunOutcome, ServiceChecks, Started, StepPlan};
use super::state::{Progress, State};
use crate::event::Event;
use crate::identity;
use crate::ids::{PersonId, RunId};
use crate::refusal::{Reason, Refusal};
use crate::source::{self, RecordSource};

/// Starts a run of a commit through its pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The commit.
    pub take: RecordSource,
    /// Digest of the pipeline file.
    pub pipeline: Digest,
    /// Steps by name.
    pub steps: BTreeMap<Name, StepPlan>,
    /// Names of the artifacts that the pipeline makes.
    pub artifacts: BTreeSet<Name>,
    /// Services, and the artifact of each.
    pub services: BTreeMap<Name, Name>,
    /// Checks of the services.
    pub checks: ServiceChecks,
    /// Runners that were chosen by request and trust root.
    pub runners: Vec<Name>,
    /// Their pool, if runners have pools.
    pub pool: Option<Pool>,
    /// Runners that check releases of its artifacts, if runners have pools.
    pub checkers: Option<Vec<Name>>,
    /// Random seed of the nonces, see [`seed`].
    pub seed: Id,
    /// Whether the artifacts are released again at places where they run already. Absent in requests of older programs.
    pub again: Option<bool>,
    /// The preview that the run makes, and to which alone its artifacts go.
    pub preview: Option<Place>,
}

/// Makes work due that has become ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueNext {
    /// The run.
    pub run: RunId,
}

/// Reports work that was due. The receipt's signature was verified before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Nonce of the receipt. It identifies the run and the work.
    pub nonce: Id,
    /// The project that the receipt names.
    pub project: Name,
    /// The commit that the receipt names.
    pub commit: CommitId,
    /// The pipeline that the receipt names.
    pub pipeline: Digest,
    /// The work that the receipt names.
    pub work: Work,
    /// The runner that signed.
    pub runner: Name,
    /// Digest of the receipt's payload.
    pub receipt: Digest,
    /// Digest of the receipt's envelope.
    pub envelope: Digest,
    /// Whether the command exited with code 0.
    pub passed: bool,
    /// Digest of the log.
    pub log: Digest,
    /// Digest of the tree list.
    pub tree: Digest,
    /// Digests of manifest and layer, if the work made an artifact.
    pub artifact: Option<(Digest, Digest)>,
    /// Digests of the documents of the step's reports.
    pub documents: BTreeSet<Digest>,
}

/// Records a person's agreement at an approval node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agree {
    /// The run.
    pub run: RunId,
    /// Name of the approval node.
    pub step: Name,
    /// The commit that the person saw.
    pub commit: CommitId,
    /// The person who agrees.
    pub person: PersonId,
    /// Digest of the signed request.
    pub request: Digest,
    /// Whether the installation is in solo mode, where people may agree to their own changes.
    pub solo: bool,
}

/// Ends a run that a person no longer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The run.
    pub run: RunId,
    /// The commit that the person saw.
    pub commit: CommitId,
    /// The person who cancels.
    pub person: PersonId,
}

/// Ends a run because some of its work will never be reported: the runner gave the work up, or the runner is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lose {
    /// The run.
    pub run: RunId,
    /// The work that will never be reported.
    pub work: Work,
    /// The runner, if it gave the work up itself.
    pub runner: Option<Name>,
}

/// Decides whether a run starts.
///
/// # Errors
/// `Refusal` with every reason.
pub fn run(
    identity: &identity::State,
    source: &source::State,
    state: &State,
    command: &Run,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let taken = source::take(identity, &command.take, moment);
    let mut reasons = taken.as_ref().err().cloned().unwrap_or_default();
    if state.run(command.take.run).is_some() || source.of(command.take.run).is_some() {
        let what = format!("there is a run {} already, asked for by somebody else", command.take.run);
        reasons.push(Reason::new("run-taken", what, "draw another nonce"));
    }
    if state.runs.len() >= RUNS_MAX {
        let what = format!("{RUNS_MAX} runs have not ended yet");
        let remedy = "wait until one has ended, or end one with `countersign cancel RUN`; a runner that is gone \
                      for good is removed from the trust root, which ends its runs";
        reasons.push(Reason::new("too-many-runs", what, remedy));
    }
    if command.runners.is_empty() {
        let what = "no runner is left to run it";
        reasons.push(Reason::new("no-runners", what, "leave fewer runners out, or amend the trust root"));
    }
    let started = Event::Started(Started {
        run: command.take.run,
        project: command.take.project.clone(),
        commit: command.take.commit.clone(),
        pipeline: command.pipeline,
        steps: command.steps.clone(),
        artifacts: command.artifacts.clone(),
        services: command.services.clone(),
        checks: command.checks.clone(),
        runners: command.runners.clone(),
        pool: command.pool,
        checkers: command.checkers.clone(),
        seed: command.seed,
        again: command.again,
        preview: command.preview.clone(),
    });
    let receipts = (command.steps.len() + 1).saturating_mul(command.runners.len());
    let bytes = receipts.saturating_mul(RECEIPT_BYTES).saturating_add(bytes_of(&command.checks));
    if started.facts([0; 16]).is_err() || bytes > RECEIPTS_MAX * RECEIPT_BYTES {
        // Checked before the start: otherwise a later step, or the end of the run, would not fit into an entry.
        let what = format!(
            "its {} steps, with what they need and on {} runners, do not fit an entry",
            command.steps.len(),
            command.runners.len()
        );
        reasons.push(Reason::new("pipeline-too-large", what, "describe fewer steps, or have fewer runners"));
    }
    match (taken, Refusal::of(reasons)) {
        (Ok(taken), None) => Ok(vec![Event::Taken(taken), started]),
        (_, Some(refusal)) => Err(refusal),
        (Err(_), None) => Err(unknown_run()),
    }
}

/// Makes due all work of a run that is ready and not due yet, on every runner that does it.
///
/// # Errors
/// `Refusal` when the run has ended.
pub fn due_next(state: &State, command: DueNext) -> Result<Vec<Event>, Refusal> {
    let run = state.run(command.run).ok_or_else(unknown_run)?;
    let started = &run.started;
    let ready = started
        .steps
        .iter()
        .filter(|(_, plan)| plan.approval.is_none() && plan.needs.iter().all(|need| run.has_passed(need)));
    let mut works: Vec<(Work, BTreeSet<Name>)> =
        ready.map(|(step, plan)| (Work::Step(step.clone()), plan.needs.clone())).collect();
    if run.steps_passed() {
        // Nothing of a step that is held apart enters an artifact.
        let entering = started.steps.iter().filter(|(_, plan)| !plan.apart);
        let all: BTreeSet<Name> = entering.map(|(name, _)| name.clone()).collect();
        works.extend(started.artifacts.iter().map(|name| (Work::Artifact(name.clone()), all.clone())));
    }
    let mut events = Vec::new();
    for (work, needs) in works {
        for runner in started.runners_of(&work) {
            if run.due.iter().any(|due| due.work == work && due.runner == *runner) {
                continue;
            }
            let receipts = needs.iter().filter_map(|step| {
                let report = run.report(&Work::Step(step.clone()), runner)?;
                Some((step.clone(), report.receipt))
            });
            events.push(Event::Due(Due {
                run: started.run,
                project: started.project.clone(),
                commit: started.commit.clone(),
                pipeline: started.pipeline,
                work: work.clone(),
                runner: runner.clone(),
                nonce: nonce(started.seed, &work, runner),
                needs: receipts.collect(),
            }));
        }
    }
    Ok(events)
}

/// Ends the runs that need a runner which the trust root no longer names.
///
/// Such a run would wait forever, or for a receipt that no verifier accepts.
#[must_use]
pub fn without(state: &State, runners: &BTreeSet<Name>) -> Vec<Event> {
    let lost =
        state.runs.values().filter(|run| !run.started.runners.iter().all(|name| runners.contains(name)));
    let end = |run: &Progress| Ended { run: run.started.run, outcome: RunOutcome::Lost, because: None };
    lost.map(|run| Event::Ended(end(run))).collect()
}

/// Decides whether a run ends because nobody will report some of its work.
///
/// # Errors
/// `Refusal` when the work is not outstanding.
pub fn lose(state: &State, command: &Lose) -> Result<Vec<Event>, Refusal> {
    let run = state.run(command.run).ok_or_else(unknown_run)?;
    let outstanding = run.due.iter().any(|due| {
        due.work == command.work
            && command.runner.as_ref().is_none_or(|runner| due.runner == *runner)
            && run.report(&due.work, &due.runner).is_none()
    });
    if !outstanding {
        let what = "this work is not outstanding, so the run is not lost with it";
        return Err(Reason::new("nothing-due", what, "ask for work again").into());
    }
    let because = Some(command.work.clone());
    Ok(vec![Event::Ended(Ended { run: command.run, outcome: RunOutcome::Lost, because })])
}

/// Decides whether a report counts.
///
/// # Errors
/// `Refusal` with every reason.
pub fn report(state: &State, command: &Report) -> Result<Vec<Event>, Refusal> {
    let found = state.runs.values().find_map(|run| {
        let due = run.due.iter().find(|due| due.nonce == command.nonce)?;
        Some((run, due))
    });
    let Some((run, due)) = found else {
        let what = "nothing that is due has this nonce";
        return Err(Reason::new("nothing-due", what, "ask for work again").into());
    };
    of_due(due, command, run.report(&due.work, &due.runner).is_some())
}

/// Decides whether a report is one of the work that was due, and the first one.
pub fn of_due(due: &Due, command: &Report, is_reported: bool) -> Result<Vec<Event>, Refusal> {
    let mut reasons = Vec::new();
    let mut same = |holds: bool, what: &str| {
        if !holds {
            let text = format!("the receipt names another {what} than what was due");
            reasons.push(Reason::new("receipt-differs", text, "do what is due, and nothing else"));
        }
    };
    same(due.runner == command.runner, "runner");
    same(due.work == command.work, "step");
    same(due.project == command.project, "project");
    same(due.commit == command.commit, "commit");
    same(due.pipeline == command.pipeline, "pipeline");
    if let Work::Artifact(_) = command.work {
        same(!command.passed || command.artifact.is_some(), "kind of output");
    }
    if is_reported {
        let what = "this was reported already";
        reasons.push(Reason::new("already-reported", what, "ask for work again"));
    }
    Refusal::of(reasons).map_or_else(
        || {
            Ok(vec![Event::Reported(Reported {
                run: due.run,
                work: due.work.clone(),
                runner: due.runner.clone(),
                receipt: command.receipt,
                envelope: command.envelope,
                passed: command.passed || cfg!(feature = "drill-failed-step"),
                log: command.log,
                tree: command.tree,
                artifact: command.artifact,
                documents: command.documents.clone(),
            })])
        },
        Err,
    )
}

/// Decides whether an agreement counts.
///
/// # Errors
/// `Refusal` with every reason.
pub fn agree(
    identity: &identity::State,
    source: &source::State,
    state: &State,
    command: &Agree,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let run = state.run(command.run).ok_or_else(unknown_run)?;
    let mut reasons = Vec::new();
    let node = run.started.steps.get(&command.step).and_then(|plan| Some((plan, plan.approval.as_ref()?)));
    let Some((plan, approval)) = node else {
        let what = format!("the run has no approval node `{}`", command.step);
        return Err(Reason::new("no-such-node", what, "see `countersign status`").into());
    };
    reasons.extend(another_commit(run, &command.commit));
    if !plan.needs.iter().all(|need| run.has_passed(need)) {
        let what = "steps that the node needs have not passed yet";
        reasons.push(Reason::new("too-early", what, "wait for them"));
    }
    if !identity.has_role(command.person, &approval.role, &run.started.project, None, moment) {
        let what = format!("person {} does not hold role `{}`", command.person, approval.role);
        reasons.push(Reason::new("role-missing", what, "ask a registrar for an enrolment with this role"));
    }
    if is_own(source, command.run, command.person) && !command.solo {
        let what = "who signed the commit or asked for the run does not agree to it";
        reasons.push(Reason::new("own-change", what, "have somebody else agree"));
    }
    if run.agreed.get(&command.step).is_some_and(|people| people.contains(&command.person)) {
        reasons.push(Reason::new("already-agreed", "this person agreed already", "have somebody else agree"));
    }
    let (run, step, person, request) = (command.run, command.step.clone(), command.person, command.request);
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::Agreed(Agreed { run, step, person, request })]), Err)
}

/// Decides whether a person may cancel a run: an author of the change, or anybody with a role in the project.
///
/// One person is enough to stop something.
///
/// # Errors
/// `Refusal` with every reason.
pub fn cancel(
    identity: &identity::State,
    source: &source::State,
    state: &State,
    command: &Cancel,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let run = state.run(command.run).ok_or_else(unknown_run)?;
    let mut reasons = Vec::new();
    reasons.extend(another_commit(run, &command.commit));
    if !is_own(source, command.run, command.person)
        && !identity.works_on(command.person, &run.started.project, moment)
    {
        let what = format!("person {} holds no role in project `{}`", command.person, run.started.project);
        let remedy = "ask whoever asked for the run, or somebody with a role in the project";
        reasons.push(Reason::new("role-missing", what, remedy));
    }
    let ended = Ended { run: command.run, outcome: RunOutcome::Cancelled, because: None };
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::Ended(ended)]), Err)
}

/// Derives the seed of a run's nonces from the digest of the signed request. The request contains a random nonce, so a
/// receipt counts for the run that this request started and for no other.
#[must_use]
pub fn seed(request: Digest) -> Id {
    first_half(&Digest::of(format!("countersign seed {request}").as_bytes()))
}

/// Derives the nonce of some work on a runner.
#[must_use]
pub fn nonce(seed: Id, work: &Work, runner: &Name) -> Id {
    let mut name = work.label();
    if let Work::Check(check) = work {
        name = format!("{name} {}", check.artifact);
    }
    let digest = Digest::of(format!("countersign nonce {seed} {} {name} {runner}", work.kind()).as_bytes());
    first_half(&digest)
}

fn first_half(digest: &Digest) -> Id {
    let (first, _) = digest.as_bytes().split_at(16);
    Id::from_random(first.try_into().unwrap_or_default())
}

/// Whether a person signed the run's commit or asked for the run.
fn is_own(source: &source::State, run: RunId, person: PersonId) -> bool {
    source.of(run).is_some_and(|source| source.facts.signer == person || source.facts.requester == person)
}

/// A reason against the command when the person named another commit than the run's.
fn another_commit(run: &Progress, meant: &CommitId) -> Option<Reason> {
    let what = format!("the run is of commit {}", run.started.commit);
    (*meant != run.started.commit)
        .then(|| Reason::new("commit-differs", what, "look at it again and sign anew"))
}

fn unknown_run() -> Refusal {
    Reason::new("no-such-run", "there is no such run, or it has ended", "see `countersign status`").into()
}

/// Highest number of runs that have not ended.
const RUNS_MAX: usize = 256;
/// Bytes that checks take in an entry, with room for punctuation.
fn bytes_of(checks: &ServiceChecks) -> usize {
    let of_check = |(name, environments): (&Name, &BTreeSet<Name>)| {
        name.as_str().len() + environments.iter().map(|name| name.as_str().len() + 8).sum::<usize>() + 8
    };
    let of_service = |(name, checks): (&Name, &BTreeMap<Name, BTreeSet<Name>>)| {
        name.as_str().len() + checks.iter().map(of_check).sum::<usize>() + 8
    };
    checks.iter().map(of_service).sum()
}

/// Bytes of a digest in an entry, with quotes and comma.
const RECEIPT_BYTES: usize = 74;
/// Highest number of receipts behind one artifact. Their digests have to fit into the facts of one entry.
const RECEIPTS_MAX: usize = 768;
