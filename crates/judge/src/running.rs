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

use crate::check::{self, Anchors, Seen, walk};
use crate::findings::{Findings, RENEW_ROOT, one};
use crate::people::{People, roles};
use crate::records::Revoked;
use crate::requests::{DEVELOPER, bar, node_of, nodes, run_of, signed};

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

/// Checks the order behind a piece of work against a pinned root and what was seen before.
///
/// # Errors
/// `Findings` with what does not hold.
pub fn check_run(
    order: &RunOrder,
    piece: &Piece<'_>,
    anchors: &Anchors,
    seen: &Seen,
    now: Moment,
) -> Result<CheckedRun, Findings> {
    let due = piece.due;
    if order.v != 1 {
        return Err(wrong("order-unsound", "it is of a version that this program does not know"));
    }
    let (root, _) = walk(&order.roots, anchors, seen)?;
    if root.expires <= now {
        return Err(one("root-expired", format!("the trust root ended at {}", root.expires), RENEW_ROOT));
    }
    let status = check::newest_status(&order.status, &root, seen)?;
    if status.expires <= now {
        let what = format!("status {} ended at {}", status.number, status.expires);
        return Err(one("status-expired", what, "renew it with `countersign trust status --renew`"));
    }
    // Work is judged when it is done, not by when it was asked for: a revoked key counts for none.
    let revoked = Revoked::new(&status, now, &BTreeMap::new());
    let people = People::open(&order.enrolments, &root, &status, revoked, now)
        .map_err(|(code, what)| wrong(&code, what))?;
    let asked = asked(order, piece, &root, &people)?;
    if due.nonce != nonce(seed(asked.run.idempotency()), &due.work, piece.runner) {
        return Err(wrong("other-run", "the work is of another run than was asked for"));
    }
    if people.signer(piece.commit, &NOWHERE).is_none() {
        let what = format!("commit {} is not signed by anybody who is enrolled for that", due.commit);
        return Err(wrong("commit-unsigned", what));
    }
    let mut agreed = asked.agreed;
    if root.mode != Mode::Solo {
        let behind = people.behind(std::iter::once(piece.commit), &NOWHERE);
        bar(&mut agreed, &behind, &asked.requester);
    }
    let before = before(piece.pipeline, &due.work)?;
    let mut findings = Findings::default();
    nodes(piece.pipeline.steps.iter().filter(|(name, _)| before.contains(name)), &agreed, &mut findings);
    if !findings.against.is_empty() {
        return Err(findings);
    }
    Ok(CheckedRun { root: root.version, status: status.number })
}

/// What people asked for.
struct Asked {
    run: Request,
    requester: String,
    agreed: BTreeMap<Name, BTreeSet<String>>,
}

/// Opens the requests; each must be needed.
fn asked(order: &RunOrder, piece: &Piece<'_>, root: &TrustRoot, people: &People) -> Result<Asked, Findings> {
    let unsound = |what: String| wrong("request-unsound", what);
    let due = piece.due;
    let mut runs = Vec::new();
    let mut others = Vec::new();
    for envelope in &order.requests {
        let (request, person) = signed(envelope, &NOWHERE, root.installation, people).map_err(unsound)?;
        let may = roles(person, &due.project, None);
        if request.action.as_str() == "run" {
            if !may.iter().any(|role| role.as_str() == DEVELOPER) {
                return Err(wrong("role-missing", format!("{} is no {DEVELOPER} here", person.name)));
            }
            runs.push((request, person.subject.clone()));
        } else {
            others.push((request, person.subject.clone(), may));
        }
    }
    let [(run, requester)] = runs.as_slice() else {
        return Err(unsound(format!("{} requests for a run are here, not one", runs.len())));
    };
    if run.arguments != run_of(&due.project, &due.commit) {
        return Err(unsound("it asks for something else".into()));
    }
    let mut agreed: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
    for (request, subject, may) in others {
        let node = (request.action.as_str() == "agree")
            .then(|| node_of(&request, run.nonce, &due.commit, piece.pipeline, &may));
        let node = node.flatten().ok_or_else(|| unsound(format!("{} is not needed here", request.action)))?;
        agreed.entry(node).or_default().insert(subject);
    }
    Ok(Asked { run: run.clone(), requester: requester.clone(), agreed })
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
    one(code, what, "have somebody who may run it again")
}

/// No record is looked at here: what is on no record was seen today.
const NOWHERE: Digest = Digest::from_bytes([0; 32]);
