//! Places with several agents: whose turn a release is, and when the agents that have it go back.
//!
//! Invariant: an agent believes the signed reports of the agents that the environment statement names before it, and nothing that
//! the server says of them. A report counts for exactly one release, artifact and plan.

use std::collections::BTreeMap;

use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::observations::{About, Observation};
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::retreat_order::RetreatOrder;
use evidence::{Digest, Moment, Name, Place};

use crate::checked::Checked;
use crate::context::{Anchors, VerificationContext};
use crate::reasons::{Reasons, one_reason};
use crate::records::{NOWHERE, Revoked};
use crate::remedies::remedy_of;
use crate::roots::{newest_status, walk};

/// The agent whose turn is before this one, if a release is not this agent's turn.
///
/// `reports` are those of the agents before it, as the server hands them out; one that does not count is as good as none. An agent
/// that a newer statement no longer names has no turn, and neither has one that only the newer statement names: it gets the next
/// release.
#[must_use]
pub fn turn_before<'a>(
    checked: &'a Checked<'_>,
    agent: &Name,
    reports: &[Envelope],
    newer: Option<&Envelope>,
) -> Option<&'a Name> {
    let environment = &checked.trust.environment;
    if environment.agents.len() < 2 {
        return None;
    }
    let newer = newer.and_then(|newer| Environment::open(newer, &checked.trust.root).ok());
    let newer = newer.filter(|newer| {
        newer.place() == environment.place() && newer.number > environment.number && newer.preview.is_none()
    });
    let is_named =
        |name: &Name| newer.as_ref().is_none_or(|newer| newer.agents.iter().any(|agent| agent.name == *name));
    let revoked = Revoked::new(&checked.trust.status, checked.now, &BTreeMap::new());
    let about = About {
        release: checked.bundle.release,
        artifact: checked.bundle.artifact(),
        plan: checked.plan.digest,
    };
    let runs = |name: &Name| {
        reports.iter().any(|report| {
            counting(report, environment, &revoked, about)
                .is_ok_and(|report| report.agent == *name && report.outcome == ReleaseOutcome::Running)
        })
    };
    let before = environment.agents.iter().map(|agent| &agent.name).take_while(|name| *name != agent);
    before.filter(|name| is_named(name)).find(|name| !runs(name))
}

/// A report that counts for a release.
fn counting(
    envelope: &Envelope,
    environment: &Environment,
    revoked: &Revoked,
    about: About,
) -> Result<AgentReport, String> {
    let report = AgentReport::open(envelope, environment).map_err(|error| error.to_string())?;
    if !revoked.counts_signer(envelope, &NOWHERE) {
        return Err(format!("the key of agent {} is revoked", report.agent));
    }
    let is_it = (report.release, report.artifact, report.plan) == (about.release, about.artifact, about.plan);
    if is_it { Ok(report) } else { Err("the report is about another release".to_owned()) }
}

/// A release from which an agent goes back.
#[derive(Clone, Debug)]
pub struct CheckedRetreat {
    /// Version of the newest trust root.
    pub root: u32,
    /// Number of the status.
    pub status: u64,
    /// The report of the agent where the release did not work.
    pub report: AgentReport,
    /// The observation that bars its artifact, with the digest of its payload.
    pub bar: Option<(Observation, Digest)>,
}

/// The agent's knowledge of the release from which it is to go back.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The agent's place.
    pub place: &'a Place,
    /// The agent.
    pub agent: &'a Name,
    /// The release that it has.
    pub about: About,
}

/// Checks an order to go back against a pinned root and the judge's own knowledge.
///
/// # Errors
/// `Reasons` with the fault.
pub fn check_retreat(
    order: &RetreatOrder,
    anchors: &Anchors,
    seen: &VerificationContext,
    held: &Held<'_>,
    now: Moment,
) -> Result<CheckedRetreat, Reasons> {
    let wrong = |what: String| one_reason("retreat-unsound", what, remedy_of("retreat-unsound"));
    if order.v != 1 {
        return Err(wrong("the order is of a version that this program does not know".into()));
    }
    let (root, _) = walk(&order.roots, anchors, seen)?;
    let status = newest_status(&order.status, &root, seen)?;
    let statement = Environment::open(&order.statement, &root).map_err(|error| wrong(error.to_string()))?;
    if statement.place() != *held.place || order.place != *held.place {
        return Err(wrong("the order is of another place".into()));
    }
    if statement.number < seen.statement {
        let what = format!("statement {} was seen before, this is {}", seen.statement, statement.number);
        return Err(one_reason(OLDER, what, remedy_of(OLDER)));
    }
    let revoked = Revoked::new(&status, now, &BTreeMap::new());
    let report = counting(&order.report, &statement, &revoked, held.about).map_err(wrong)?;
    if report.agent == *held.agent || report.outcome == ReleaseOutcome::Running {
        return Err(wrong("no other agent says that the release did not work".into()));
    }
    let bar = order.observation.as_ref().map(|envelope| {
        let observation =
            Observation::open(envelope, &statement).map_err(|error| wrong(error.to_string()))?;
        let counts = observation.agent == report.agent
            && observation.about() == Some(held.about)
            && observation.barred().is_some()
            && revoked.counts_signer(envelope, &NOWHERE);
        let unfit = || wrong("the observation does not bar this release".into());
        counts.then(|| (observation, envelope.payload_digest())).ok_or_else(unfit)
    });
    Ok(CheckedRetreat { root: root.version, status: status.number, report, bar: bar.transpose()? })
}

const OLDER: &str = "environment-rollback";
