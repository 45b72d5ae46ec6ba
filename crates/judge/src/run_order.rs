//! Runs: whether a runner may do a piece of work that the server says is due.
//!
//! Invariant: an authorised person asked for this run of this commit, an enrolled person signed the commit, enough
//! people agreed at the approval nodes before this work, and no key that is revoked today counts. So the server's owner
//! cannot make a runner do work that people did not ask for. The owner can only withhold work.

use std::collections::{BTreeMap, BTreeSet};

use domain::build::{Due, nonce, seed};
use evidence::git::{Commit, RefName};
use evidence::pipeline::Pipeline;
use evidence::pool::Pool;
use evidence::receipt::Work;
use evidence::request::Request;
use evidence::run_order::RunOrder;
use evidence::serving::checkers;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{Digest, Moment, Name};

use crate::context::{Anchors, VerificationContext};
use crate::loans::{self, LendingRun, Lent, ProvenGrant};
use crate::people::{People, roles};
use crate::reasons::{RENEW_ROOT, Reasons, one_reason};
use crate::records::{NOWHERE, Revoked};
use crate::requests::{DEVELOPER, asks_for_run, choice, exclude_change_authors, node_of, nodes, signed};
use crate::roots::{self, walk};
use crate::serving;
use crate::unapplied;

/// A piece of work, as a runner sees it.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// The server's description of the work.
    pub due: &'a Due,
    /// Name of this runner.
    pub runner: &'a Name,
    /// The commit of the work. Its bytes were compared with its id.
    pub commit: &'a Commit,
    /// The pipeline in that commit.
    pub pipeline: &'a Pipeline,
}

/// A valid order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedRun {
    /// Version of the newest trust root.
    pub root: u32,
    /// Number of the status.
    pub status: u64,
}

/// An order that proves that an authorised person asked for this work on this runner. The proof needed no byte of the
/// repository; the commit and its pipeline are checked afterwards.
#[derive(Clone, Debug)]
pub struct OpenedRun<'a> {
    pub(crate) due: &'a Due,
    pub(crate) root: TrustRoot,
    pub(crate) revoked: Revoked,
    status: u64,
    people: People,
    run: Request,
    serves: Serves,
    grants: Vec<ProvenGrant>,
    requester: String,
    others: Vec<Other>,
}

/// The part of a runner in a run.
#[derive(Clone, Debug)]
struct Serves {
    /// The ref that the request names.
    at_ref: Option<RefName>,
    /// The pool that this ref leads to.
    pool: Pool,
    /// Whether the steps that are held apart are for this runner.
    leads: bool,
}

/// Another request than the one for the run, with its signer and the signer's roles.
#[derive(Clone, Debug)]
struct Other {
    request: Request,
    subject: String,
    may: BTreeSet<Name>,
}

/// Checks the order of a piece of work against a pinned root and the judge's own knowledge.
///
/// # Errors
/// `Reasons` with the faults.
pub fn check_run(
    order: &RunOrder,
    piece: &Piece<'_>,
    anchors: &Anchors,
    seen: &VerificationContext,
    now: Moment,
) -> Result<CheckedRun, Reasons> {
    let opened = open_run(order, piece.due, piece.runner, anchors, seen, now)?;
    opened.signed(piece.commit)?;
    opened.agreed(piece.commit, piece.pipeline)
}

/// Checks everything that needs no byte of the repository: root, status, enrolments, signed requests, and that the work
/// belongs to the requested run.
///
/// # Errors
/// `Reasons` with the faults.
pub fn open_run<'a>(
    order: &RunOrder,
    due: &'a Due,
    runner: &Name,
    anchors: &Anchors,
    seen: &VerificationContext,
    now: Moment,
) -> Result<OpenedRun<'a>, Reasons> {
    if order.v != 1 {
        return Err(wrong("order-unsound", "it is of a version that this program does not know"));
    }
    let (root, roots) = walk(&order.roots, anchors, seen)?;
    if root.expires <= now {
        return Err(one_reason(
            "root-expired",
            format!("the trust root ended at {}", root.expires),
            RENEW_ROOT,
        ));
    }
    let status = roots::newest_status(&order.status, &root, seen)?;
    if status.expires <= now {
        let what = format!("status {} ended at {}", status.number, status.expires);
        return Err(one_reason("status-expired", what, "renew it with `countersign trust status --renew`"));
    }
    // Work is judged at the time when it is done, not when it was requested. So a revoked key never counts.
    let revoked = Revoked::new(&status, now, &BTreeMap::new());
    let people = People::open(&order.enrolments, &root, &status, revoked.clone(), now)
        .map_err(|flaw| wrong(flaw.code, flaw.what))?;
    unapplied::refuse("the order", &order.unapplied())?;
    for person in people.all() {
        unapplied::refuse(&format!("the enrolment of {}", person.name), &person.unapplied())?;
    }
    let (run, requester, others) = asked(order, due, &root, &people)?;
    let serves = serves(due, runner, &run, &roots, anchors)?;
    if due.nonce != nonce(seed(run.idempotency()), &due.work, runner) {
        return Err(wrong("other-run", "the work is of another run than was asked for"));
    }
    let grants = loans::prove(order, &due.project, &root, &status, &people)?;
    Ok(OpenedRun {
        due,
        root,
        revoked,
        status: status.number,
        people,
        run,
        serves,
        grants,
        requester,
        others,
    })
}

impl OpenedRun<'_> {
    /// Version of the newest trust root, and number of the status.
    #[must_use]
    pub const fn numbers(&self) -> (u32, u64) {
        (self.root.version, self.status)
    }

    /// When the run was asked for.
    #[must_use]
    pub const fn asked(&self) -> Moment {
        self.run.issued
    }

    /// The ref on which this runner has to find the commit before it works, if the request names one.
    #[must_use]
    pub const fn at_ref(&self) -> Option<&RefName> {
        self.serves.at_ref.as_ref()
    }

    /// Digest that no two requests share: what a runner finds for one run counts for no other.
    #[must_use]
    pub fn request(&self) -> Digest {
        self.run.idempotency()
    }

    /// Verifies the commit's own signature, before anything of its tree is read.
    ///
    /// # Errors
    /// `Reasons` when no person who is enrolled for commits has signed it.
    pub fn signed(&self, commit: &Commit) -> Result<(), Reasons> {
        if self.people.signer(commit, &NOWHERE).is_none() {
            let what =
                format!("commit {} is not signed by anybody who is enrolled for that", self.due.commit);
            return Err(wrong("commit-unsigned", what));
        }
        Ok(())
    }

    /// Decides whether people lent the secrets that the step names. `verified` is the ref on which this runner itself found the
    /// commit. Nothing is lent to other work.
    ///
    /// # Errors
    /// `Reasons` with every reason for each secret.
    pub fn lent(
        &self,
        pipeline: &Pipeline,
        verified: Option<&RefName>,
        now: Moment,
    ) -> Result<Lent, Reasons> {
        let Work::Step(step) = &self.due.work else { return Ok(Lent::default()) };
        let at_ref = verified.filter(|found| self.at_ref() == Some(*found));
        let pool = self.serves.pool;
        let run = LendingRun { project: &self.due.project, at_ref, pool, moment: now };
        loans::lent(&self.grants, step, pipeline, run)
    }

    /// Checks that enough people agreed at the approval nodes before this work.
    ///
    /// # Errors
    /// `Reasons` with the faults.
    pub fn agreed(self, commit: &Commit, pipeline: &Pipeline) -> Result<CheckedRun, Reasons> {
        let mut agreed: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
        for Other { request, subject, may } in self.others {
            let node = (request.action.as_str() == "agree")
                .then(|| node_of(&request, self.run.nonce, &self.due.commit, pipeline, &may));
            let unneeded = || wrong("request-unsound", format!("{} is not needed here", request.action));
            agreed.entry(node.flatten().ok_or_else(unneeded)?).or_default().insert(subject);
        }
        if self.root.mode != Mode::Solo {
            let authors = self.people.authors(std::iter::once((&self.due.commit, commit)), &NOWHERE);
            exclude_change_authors(&mut agreed, &authors, &self.requester);
        }
        let apart = pipeline.held_apart();
        if matches!(&self.due.work, Work::Step(step) if apart.contains(step)) && !self.serves.leads {
            return Err(wrong(serving::NOT_SERVING, serving::not_leading(&self.due.runner)));
        }
        let before = before(pipeline, &self.due.work)?;
        let mut reasons = Reasons::default();
        nodes(pipeline.steps.iter().filter(|(name, _)| before.contains(name)), &agreed, &mut reasons);
        if !reasons.against.is_empty() {
            return Err(reasons);
        }
        Ok(CheckedRun { root: self.root.version, status: self.status })
    }
}

/// Finds the request for the run, the subject of its signer, and the other requests.
fn asked(
    order: &RunOrder,
    due: &Due,
    root: &TrustRoot,
    people: &People,
) -> Result<(Request, String, Vec<Other>), Reasons> {
    let unsound = |what: String| wrong("request-unsound", what);
    let mut runs = Vec::new();
    let mut others = Vec::new();
    for envelope in &order.requests {
        let signed = signed(envelope, &NOWHERE, root.installation, people);
        let (request, person) = signed.map_err(|error| unsound(error.to_string()))?;
        let may = roles(person, &due.project, None);
        if request.action.as_str() == "run" {
            if !may.iter().any(|role| role.as_str() == DEVELOPER) {
                return Err(wrong("role-missing", format!("{} is no {DEVELOPER} here", person.name)));
            }
            runs.push((request, person.subject.clone()));
        } else {
            others.push(Other { request, subject: person.subject.clone(), may });
        }
    }
    let Ok([(run, requester)]) = <[_; 1]>::try_from(runs) else {
        return Err(unsound("not exactly one request for a run is here".into()));
    };
    if !asks_for_run(&run.arguments, &due.project, &due.commit) {
        return Err(unsound("it asks for something else".into()));
    }
    Ok((run, requester, others))
}

/// Checks that this runner may serve the run: it is in the pool that the request's ref leads to, and the request does not
/// leave it out. A check of a release is for runners that check.
fn serves(
    due: &Due,
    runner: &Name,
    run: &Request,
    roots: &[TrustRoot],
    anchors: &Anchors,
) -> Result<Serves, Reasons> {
    let (choice, version) = choice(run).map_err(|error| wrong("request-unsound", error.to_string()))?;
    let by = serving::root(roots, version, &choice, anchors.version)?;
    let serves = match &due.work {
        Work::Check(_) => checkers(by, &choice.without).any(|known| known.name == *runner),
        Work::Step(_) | Work::Artifact(_) => choice.may_serve(by, runner),
    };
    if !serves {
        let what =
            format!("the run is not for {runner}: it is of another pool, or the request leaves it out");
        return Err(one_reason(serving::NOT_SERVING, what, "have the run asked for again"));
    }
    // For checks, the judge of a release looks at the newest root.
    if !matches!(due.work, Work::Check(_)) {
        serving::still(roots, &choice, runner)?;
    }
    Ok(Serves { pool: choice.trust(by), leads: choice.leads(by, runner), at_ref: choice.at_ref })
}

/// All steps that have to pass before a piece of work.
fn before(pipeline: &Pipeline, work: &Work) -> Result<BTreeSet<Name>, Reasons> {
    let Work::Step(name) = work else { return Ok(pipeline.steps.keys().cloned().collect()) };
    let mut open = vec![name];
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        let step = pipeline.steps.get(name);
        let step = step.ok_or_else(|| wrong("other-run", format!("the pipeline has no step `{name}`")))?;
        open.extend(step.needs.iter().filter(|need| found.insert((*need).clone())));
    }
    Ok(found)
}

fn wrong(code: &str, what: impl Into<String>) -> Reasons {
    one_reason(code, what, "have somebody who may run it again")
}
