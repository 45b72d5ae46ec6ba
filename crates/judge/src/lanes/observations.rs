//! The observation lane: what the agents of the environment before measured there, and those of the place itself, as far as the
//! policy reads it. The kind says whose it is.
//!
//! Invariant: each observation is signed by an agent of that environment, is on record, and, if it is about a release, is
//! about exactly the release that runs this artifact there, under the plan that its agent reported; one of the place itself
//! measures what its configuration in force declares. The bundle carries at most
//! one of each agent and kind, and no kind that the policy does not read. Its age counts from the time of the judgement. A
//! server that withholds one can only make a verdict stricter: policies ask for what was measured, never for its absence.

use std::collections::BTreeSet;

use evidence::bundle::Bundle;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::observations::{Observation, ObservationKind};
use evidence::policy_files::PolicyFiles;
use evidence::report::AgentReport;
use evidence::trust_root::Mode;
use evidence::{Digest, Moment, Name, Place};
use policy::ReadObservation;
use tlog::Hash;

use crate::input_reads::{compile, reads_input};
use crate::proofs::{Proven, was_head};
use crate::reasons::{Flaw, Reasons};
use crate::records::{Records, Revoked};
use crate::reports::Before;

/// Facts that observations prove.
#[derive(Clone, Debug, Default)]
pub struct ObservationProof {
    /// The observations that the policy reads.
    pub reads: BTreeSet<ReadObservation>,
    /// The observations, in the order of the bundle.
    pub observations: Vec<Observation>,
    /// Ledger sizes that their agents have seen, if they also state the root hash.
    pub sizes: BTreeSet<u64>,
}

/// Everything that the judge knows before it looks at observations.
#[derive(Clone, Copy, Debug)]
pub struct ObservationGrounds<'a> {
    /// The statement of the place itself, and the configuration that it names.
    pub here: (&'a Environment, &'a Configuration),
    /// Records of the bundle.
    pub records: &'a Records,
    /// Revoked keys.
    pub revoked: &'a Revoked,
    /// Facts that the ledger proves.
    pub proven: &'a Proven,
    /// The time of the judgement.
    pub now: Moment,
}

/// Proves the observations of the environment before.
pub fn prove(
    bundle: &Bundle,
    before: Option<(&Environment, &Before)>,
    on: ObservationGrounds<'_>,
    reads: BTreeSet<ReadObservation>,
    reasons: &mut Reasons,
) -> Result<ObservationProof, Flaw> {
    let envelopes = &bundle.lanes.observations;
    if !envelopes.is_sorted_by(|a, b| a.payload_digest() < b.payload_digest()) {
        return Err(unsound("observations are not sorted, or one stands twice"));
    }
    let mut proof = ObservationProof { reads, ..ObservationProof::default() };
    let mut of: BTreeSet<(Name, ObservationKind)> = BTreeSet::new();
    for (envelope, record) in envelopes.iter().zip(&on.records.observations) {
        let read = Observation::read(envelope).map_err(|error| unsound(error.to_string()))?;
        let environment = match (read.kind().is_of_itself(), before) {
            (true, _) => on.here.0,
            (false, Some((environment, _))) => environment,
            (false, None) => return Err(stray("no environment comes before")),
        };
        let observation =
            Observation::open(envelope, environment).map_err(|error| unsound(error.to_string()))?;
        if !on.revoked.counts_signer(envelope, record) {
            return Err(unsound(format!("the key of agent {} is revoked", observation.agent)));
        }
        if !proof.reads.iter().any(|read| read.kind == observation.kind()) {
            return Err(stray(&format!("the policy does not read a {}", observation.kind().as_str())));
        }
        match before {
            Some((_, before)) if !observation.kind().is_of_itself() => {
                is_of_release(bundle.artifact(), &observation, before)?;
            }
            _ => is_of_configuration(&observation, on.here.1)?,
        }
        if !of.insert((observation.agent.clone(), observation.kind())) {
            let (agent, kind) = (&observation.agent, observation.kind().as_str());
            return Err(unsound(format!("there are two observations {kind} of agent {agent}")));
        }
        if let Some(head) = observation.checkpoint_root {
            let root = Hash::from_bytes(*head.as_bytes());
            if !was_head(bundle, on.proven, observation.checkpoint, &root) {
                let what = format!("agent {} saw another ledger", observation.agent);
                return Err(Flaw::new("ledger-forked", what));
            }
            proof.sizes.insert(observation.checkpoint);
        }
        proof.observations.push(observation);
    }
    let environments = (on.here.0, before.map(|(environment, _)| environment));
    demand_all(&proof.reads, environments, &proof.observations, on.now, reasons);
    Ok(proof)
}

/// Finds fault where an observation that the policy demands, of the place itself or of the environment before, is missing or too
/// old.
pub fn demand_all(
    reads: &BTreeSet<ReadObservation>,
    (here, before): (&Environment, Option<&Environment>),
    observations: &[Observation],
    now: Moment,
    reasons: &mut Reasons,
) {
    for read in reads {
        let environment = if read.kind.is_of_itself() { Some(here) } else { before };
        if let Some(environment) = environment {
            demand(read, environment, observations, now, reasons);
        }
    }
}

/// Checks that an observation of the place itself measures what its configuration in force declares.
fn is_of_configuration(observation: &Observation, configuration: &Configuration) -> Result<(), Flaw> {
    let fits = observation.about().is_none() && observation.body.fits(configuration);
    let what = || format!("a {} measures another configuration", observation.kind().as_str());
    if fits { Ok(()) } else { Err(stray(&what())) }
}

/// Observations of the place itself among these, as the server collects them: those that an agent of its statement signed about
/// its configuration in force.
#[must_use]
pub fn observations_of_itself(
    here: &Environment,
    configuration: &Configuration,
    kinds: &BTreeSet<ObservationKind>,
    observations: impl IntoIterator<Item = Envelope>,
) -> Vec<Envelope> {
    let applies = |envelope: &Envelope| {
        Observation::open(envelope, here).is_ok_and(|observation| {
            kinds.contains(&observation.kind()) && is_of_configuration(&observation, configuration).is_ok()
        })
    };
    observations.into_iter().filter(applies).collect()
}

/// Checks that an observation is about the release that runs this artifact in the environment before.
fn is_of_release(artifact: Digest, observation: &Observation, before: &Before) -> Result<(), Flaw> {
    let Some(about) = observation.about() else { return Ok(()) };
    let running = before.report.as_ref().and_then(|report| report.running.as_ref());
    let is_it = running.is_some_and(|running| {
        about.artifact == artifact
            && running.artifact == about.artifact
            && running.release == Some(about.release)
            && running.plan == Some(about.plan)
    });
    if is_it {
        return Ok(());
    }
    let what = format!("release {} does not run this artifact in `{}`", about.release, before.environment);
    Err(stray(&what))
}

/// Finds fault where an observation that the policy demands is missing or too old.
fn demand(
    read: &ReadObservation,
    environment: &Environment,
    observations: &[Observation],
    now: Moment,
    reasons: &mut Reasons,
) {
    let Some(hours) = read.hours else { return };
    let (kind, at) = (read.kind.as_str(), &environment.environment);
    let of_kind = || observations.iter().filter(|observation| observation.kind() == read.kind);
    if read.kind.is_of_itself() {
        let silent = environment.agents.iter().filter(|agent| of_kind().all(|one| one.agent != agent.name));
        for agent in silent {
            let what =
                format!("the policy reads a {kind} of `{at}`, and agent {} made none of it", agent.name);
            reasons.against("observation-missing", what, ASK_AGENT);
        }
    } else if of_kind().next().is_none() {
        let what = format!("the policy reads a {kind} of `{at}`, and no agent made one of this release");
        reasons.against("observation-missing", what, MEASURE);
    }
    for observation in of_kind() {
        let agent = &observation.agent;
        let Some(seconds) = age(observation, now) else {
            let what =
                format!("the {kind} of agent {agent} is of {}, which is in the future", observation.time);
            reasons.unclear("observation-undated", what, CLOCKS);
            continue;
        };
        if seconds >= u64::from(hours.get()) * SECONDS_PER_HOUR {
            let age = seconds / SECONDS_PER_HOUR;
            let what = format!(
                "the {kind} of agent {agent} is {age} hours old; it has to be younger than {hours} hours"
            );
            let remedy = if read.kind.is_of_itself() { ASK_AGENT } else { MEASURE };
            reasons.against("observation-old", what, remedy);
        }
    }
}

/// Age of an observation in whole seconds; `None` if it is of the future. An agent's clock may be ahead by a little.
#[must_use]
pub fn age(observation: &Observation, now: Moment) -> Option<u64> {
    if observation.time > now.later_by(evidence::request::CLOCK_SKEW_MAX) {
        return None;
    }
    Some(now.millis().saturating_sub(observation.time.millis()) / 1000)
}

/// Whether the policy reads observations of this kind at a place, as the server collects them. A policy that cannot be
/// compiled reads none.
#[must_use]
pub fn read_kinds(policy: &PolicyFiles, mode: Mode, place: &Place) -> BTreeSet<ObservationKind> {
    let reads = compile(policy).ok().and_then(|gate| gate.observes(&reads_input(mode, place).ok()?).ok());
    reads.unwrap_or_default().into_iter().map(|read| read.kind).collect()
}

/// Observations among these that are about a release, as the server collects them: of the newest ones of each agent, those
/// that an agent of the environment before signed about exactly the release that its agent reported.
#[must_use]
pub fn observations_that_apply(
    artifact: Digest,
    reports: &[Envelope],
    before: &Environment,
    kinds: &BTreeSet<ObservationKind>,
    observations: impl IntoIterator<Item = Envelope>,
) -> Vec<Envelope> {
    let report = reports.iter().find_map(|report| AgentReport::open(report, before).ok());
    let last = Before { environment: before.environment.clone(), report, runs_it: true };
    let applies = |envelope: &Envelope| {
        Observation::open(envelope, before).is_ok_and(|observation| {
            kinds.contains(&observation.kind()) && is_of_release(artifact, &observation, &last).is_ok()
        })
    };
    let mut found: Vec<_> = observations.into_iter().filter(applies).collect();
    found.sort_by_key(Envelope::payload_digest);
    found
}

fn unsound(what: impl Into<String>) -> Flaw {
    Flaw::new("observation-unsound", what)
}

fn stray(what: &str) -> Flaw {
    Flaw::new("observation-stray", what)
}

const SECONDS_PER_HOUR: u64 = 3_600;
const MEASURE: &str =
    "release it there again with `countersign run --again`, so that it is measured, and then promote it";
const ASK_AGENT: &str =
    "look whether the agent runs and reaches the server: it measures again every few minutes";
const CLOCKS: &str = "compare the clocks of the hosts";
