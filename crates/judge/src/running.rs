//! Runs: whether a runner does a piece of work, of which the server says that it is due.
//!
//! Invariant: somebody who may has asked for this run of this commit, somebody enrolled has signed the commit,
//! as many people agreed before as the pipeline wants, and nothing that was revoked by today counts. So the
//! server's owner can have a runner do nothing that people did not ask for, and can only keep work from it.

use std::collections::{BTreeMap, BTreeSet};

use domain::build::{Due, nonce, seed};
use evidence::git::Commit;
use evidence::pipeline::Pipeline;
use evidence::receipt::Work;
use evidence::request::Request;
use evidence::run_order::RunOrder;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{Digest, Moment, Name};

use crate::check::{self, walk};
use crate::context::{Anchors, VerificationContext};
use crate::findings::{Findings, RENEW_ROOT, one_finding};
use crate::people::{People, roles};
use crate::records::Revoked;
use crate::requests::{DEVELOPER, asks_for_run, exclude_change_authors, node_of, nodes, signed};

/// A piece of work as a runner has it before it.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// What the server says.
    pub due: &'a Due,
    /// The runner's own name.
    pub runner: &'a Name,
    /// The commit that the work names, its bytes compared with its id.
    pub commit: &'a Commit,
    /// The pipeline in that commit.
    pub pipeline: &'a Pipeline,
}

/// An order that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedRun {
    /// Version of the newest trust root.
    pub root: u32,
    /// Number of the status.
    pub status: u64,
}

/// An order that shows that somebody who may has asked for this work on this runner. Nothing of the repository was
/// needed for that; what the commit and its pipeline have to say comes after.
#[derive(Clone, Debug)]
pub struct OpenedRun<'a> {
    due: &'a Due,
    root: TrustRoot,
    status: u64,
    people: People,
    run: Request,
    requester: String,
    others: Vec<Other>,
}

/// A request beside the one for the run: who signed it, and their roles.
#[derive(Clone, Debug)]
struct Other {
    request: Request,
    subject: String,
    may: BTreeSet<Name>,
}

/// Checks the order behind a piece of work against a pinned root and what was seen before.
///
/// # Errors
/// `Findings` with what does not hold.
pub fn check_run(
    order: &RunOrder,
    piece: &Piece<'_>,
    anchors: &Anchors,
    seen: &VerificationContext,
    now: Moment,
) -> Result<CheckedRun, Findings> {
    let opened = open_run(order, piece.due, piece.runner, anchors, seen, now)?;
    opened.signed(piece.commit)?;
    opened.agreed(piece.commit, piece.pipeline)
}

/// Checks what needs no byte of the repository: root, status, enrolments, the signed requests, and that the work is of
/// the run that was asked for.
///
/// # Errors
/// `Findings` with what does not hold.
pub fn open_run<'a>(
    order: &RunOrder,
    due: &'a Due,
    runner: &Name,
    anchors: &Anchors,
    seen: &VerificationContext,
    now: Moment,
) -> Result<OpenedRun<'a>, Findings> {
    if order.v != 1 {
        return Err(wrong("order-unsound", "it is of a version that this program does not know"));
    }
    let (root, _) = walk(&order.roots, anchors, seen)?;
    if root.expires <= now {
        return Err(one_finding(
            "root-expired",
            format!("the trust root ended at {}", root.expires),
            RENEW_ROOT,
        ));
    }
    let status = check::newest_status(&order.status, &root, seen)?;
    if status.expires <= now {
        let what = format!("status {} ended at {}", status.number, status.expires);
        return Err(one_finding("status-expired", what, "renew it with `countersign trust status --renew`"));
    }
    // Work is judged when it is done, not by when it was asked for: a revoked key counts for none.
    let revoked = Revoked::new(&status, now, &BTreeMap::new());
    let people = People::open(&order.enrolments, &root, &status, revoked, now)
        .map_err(|flaw| wrong(flaw.code, flaw.what))?;
    let (run, requester, others) = asked(order, due, &root, &people)?;
    if due.nonce != nonce(seed(run.idempotency()), &due.work, runner) {
        return Err(wrong("other-run", "the work is of another run than was asked for"));
    }
    Ok(OpenedRun { due, root, status: status.number, people, run, requester, others })
}

impl OpenedRun<'_> {
    /// Version of the newest trust root, and number of the status.
    #[must_use]
    pub const fn numbers(&self) -> (u32, u64) {
        (self.root.version, self.status)
    }

    /// Checks the commit's own signature, before anything of its tree is looked at.
    ///
    /// # Errors
    /// `Findings` when nobody who is enrolled for that has signed it.
    pub fn signed(&self, commit: &Commit) -> Result<(), Findings> {
        if self.people.signer(commit, &NOWHERE).is_none() {
            let what =
                format!("commit {} is not signed by anybody who is enrolled for that", self.due.commit);
            return Err(wrong("commit-unsigned", what));
        }
        Ok(())
    }

    /// Checks that as many people agreed before this work as the pipeline wants.
    ///
    /// # Errors
    /// `Findings` with what does not hold.
    pub fn agreed(self, commit: &Commit, pipeline: &Pipeline) -> Result<CheckedRun, Findings> {
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
        let before = before(pipeline, &self.due.work)?;
        let mut findings = Findings::default();
        nodes(pipeline.steps.iter().filter(|(name, _)| before.contains(name)), &agreed, &mut findings);
        if !findings.against.is_empty() {
            return Err(findings);
        }
        Ok(CheckedRun { root: self.root.version, status: self.status })
    }
}

/// The request for the run, the subject of who signed it, and the other requests.
fn asked(
    order: &RunOrder,
    due: &Due,
    root: &TrustRoot,
    people: &People,
) -> Result<(Request, String, Vec<Other>), Findings> {
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

/// All steps that have to have passed before a piece of work.
fn before(pipeline: &Pipeline, work: &Work) -> Result<BTreeSet<Name>, Findings> {
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

fn wrong(code: &str, what: impl Into<String>) -> Findings {
    one_finding(code, what, "have somebody who may run it again")
}

/// No record is looked at here: what is on no record was seen today.
const NOWHERE: Digest = Digest::from_bytes([0; 32]);
