//! Admission of machines' reports: makes commands of runners' receipts, agents' reports and observations.
//!
//! Invariant: the signature is verified against the trust root or the environment statement in force. The inputs that a
//! receipt states must equal the outputs of the same runner's earlier receipts.

use std::collections::BTreeMap;

use domain::observation::{self, Observed};
use domain::{Command, Reason, RunId, State, build, gate, release};
use evidence::dsse::Envelope;
use evidence::enrolment::{Enrolment, Purpose};
use evidence::environment::Environment;
use evidence::git::RefName;
use evidence::observations::Observation;
use evidence::oci::Manifest;
use evidence::receipt::{Output, Receipt, Work};
use evidence::report::AgentReport;
use evidence::request::{NAMESPACE, Request};
use evidence::trust_root::{Machine, TrustRoot};
use evidence::{Digest, Place, canonical, ssh};

use crate::admit::{AdmitError, Admitted};
use crate::arguments::RollbackArguments;
use crate::requests::choice;
use crate::store::{Store, Unavailable};

/// Makes a command of a receipt.
///
/// # Errors
/// `AdmitError` when the receipt cannot be read or its signature is invalid.
pub fn admit_receipt(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    envelope: &Envelope,
) -> Result<(Admitted, Receipt), AdmitError> {
    let receipt = Receipt::open(envelope, root).map_err(malformed)?;
    let bytes = envelope.encode().map_err(malformed)?;
    let command = match unfit(state, root, store, &receipt)? {
        Some(reason) => Command::Refuse(reason.into()),
        None => Command::Report(Box::new(build::Report {
            nonce: receipt.nonce,
            project: receipt.project.clone(),
            commit: receipt.commit.clone(),
            pipeline: receipt.pipeline,
            work: receipt.work.clone(),
            runner: receipt.runner.clone(),
            receipt: envelope.payload_digest(),
            envelope: Digest::of(&bytes),
            passed: receipt.passed(),
            log: receipt.log,
            tree: receipt.tree,
            artifact: artifact(&receipt),
            documents: receipt.reports.values().map(|report| report.document).collect(),
        })),
    };
    let project = Some(receipt.project.clone());
    Ok((Admitted { command, project, blobs: vec![bytes] }, receipt))
}

/// The reason why a receipt does not match the work that was due, as far as blobs show it.
fn unfit(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    receipt: &Receipt,
) -> Result<Option<Reason>, Unavailable> {
    let due = state.outstanding(&receipt.runner).find(|due| due.nonce == receipt.nonce);
    let Some(due) = due else { return Ok(None) };
    if !receipt.passed() {
        // A failed receipt only ends its run. Work that could not start has no inputs to name; and if the report of a
        // failure were refused, the run would wait forever.
        return Ok(None);
    }
    let reason = |what: &str| Some(Reason::new("receipt-differs", what, "do what is due, and nothing else"));
    let run = state.build.run(due.run);
    let mut left: BTreeMap<String, Output> = BTreeMap::new();
    for wanted in due.needs.values() {
        let reported = run.and_then(|run| run.reported.iter().find(|report| report.receipt == *wanted));
        let Some(reported) = reported else { return Ok(reason("it needs a receipt that is not here")) };
        let envelope = Envelope::decode(&store.blob(&reported.envelope)?).map_err(Unavailable::of)?;
        left.extend(Receipt::open(&envelope, root).map_err(Unavailable::of)?.outputs);
    }
    let same = match receipt.work {
        Work::Step(_) | Work::Check(_) => receipt.inputs == left,
        // The judge derives from the pipeline which files go into an artifact and under which names.
        Work::Artifact(_) => receipt.inputs.values().all(|input| left.values().any(|output| output == input)),
    };
    if !same {
        return Ok(reason("its inputs are not what the steps before it left"));
    }
    if !matches!(receipt.work, Work::Check(_)) {
        let asked = asked_ref(state, store, due.run)?;
        if receipt.verified_ref.as_ref().map(|verified| &verified.name) != asked.as_ref() {
            return Ok(reason("the ref that it names is not the one of the request for the run"));
        }
    }
    if let Some((manifest, layer)) = artifact(receipt) {
        let parsed: Result<Manifest, _> =
            canonical::decode("manifest", &store.blob(&manifest)?, MANIFEST_MAX);
        let names = parsed.is_ok_and(|manifest| manifest.layers.iter().any(|part| part.digest == layer));
        if !names {
            return Ok(reason("its manifest does not name its layer"));
        }
    }
    for (path, report) in &receipt.reports {
        let bytes = store.blob(&report.document)?;
        // The judge sees a document only where the policy reads it; a policy that reads counts alone relies on this.
        match report.kind.inspect(&bytes) {
            Ok(summary) if summary.items == report.items && summary.tool == report.tool => {}
            Ok(_) => {
                return Ok(reason(&format!("report `{path}` has other counts or tools than its document")));
            }
            Err(error) => return Ok(reason(&format!("the document of report `{path}` is unsound: {error}"))),
        }
    }
    Ok(None)
}

/// The ref that the request for a run names.
fn asked_ref(state: &State, store: &dyn Store, run: RunId) -> Result<Option<RefName>, Unavailable> {
    let Some(source) = state.source.of(run) else { return Ok(None) };
    let envelope = Envelope::decode(&store.blob(&source.facts.request)?).map_err(Unavailable::of)?;
    let request = Request::read(&envelope).map_err(Unavailable::of)?;
    Ok(choice(&request).map_err(Unavailable::of)?.0.at_ref)
}

fn artifact(receipt: &Receipt) -> Option<(Digest, Digest)> {
    let Work::Artifact(_) = receipt.work else { return None };
    let output = |path: &str| receipt.outputs.get(path).map(|output| output.sha256);
    Some((output("manifest.json")?, output("layer.tar")?))
}

/// Makes a command of an agent's report.
///
/// # Errors
/// `AdmitError` when the report cannot be read or its signature is invalid.
pub fn admit_report(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    envelope: &Envelope,
) -> Result<(Admitted, AgentReport), AdmitError> {
    let claimed = AgentReport::read(envelope).map_err(malformed)?;
    let place = claimed.place();
    let statement = statement_of(state, root, store, &place)?;
    let report = AgentReport::open(envelope, &statement).map_err(malformed)?;
    let bytes = envelope.encode().map_err(malformed)?;
    let command = release::Report { report: report.clone(), envelope: Digest::of(&bytes) };
    let command = Command::AgentReport(Box::new(command));
    Ok((Admitted { command, project: Some(place.project), blobs: vec![bytes] }, report))
}

/// Makes a command of a rollback that an agent carried out by hand: of its report, the person's signed request, and the enrolment
/// that says who the person is. The agent judged all of it when it went back; rights of today change nothing about that.
///
/// # Errors
/// `AdmitError` when one of them cannot be read, its signature is invalid, or the report is about another request.
pub fn admit_by_hand(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    (report, request, enrolment): (&Envelope, &Envelope, &Envelope),
) -> Result<(Admitted, AgentReport), AdmitError> {
    let place = AgentReport::read(report).map_err(malformed)?.place();
    let statement = statement_of(state, root, store, &place)?;
    let said = AgentReport::open(report, &statement).map_err(malformed)?;
    let person = Enrolment::open(enrolment, root).map_err(malformed)?;
    let asked = Request::read(request).map_err(malformed)?;
    let keys: Vec<_> = person.keys_for(Purpose::SignIn).collect();
    let signers = ssh::signers(request, NAMESPACE, &keys).map_err(malformed)?;
    let arguments = serde_json::from_value::<RollbackArguments>(asked.arguments.clone());
    let arguments = arguments.ok().filter(|arguments| {
        asked.action.as_str() == "rollback"
            && asked.installation == root.installation
            && asked.person == person.person
            && signers.len() == 1
            && said.by_hand == Some(request.payload_digest())
            && (&arguments.place, arguments.to) == (&place, said.artifact)
    });
    let arguments = arguments.ok_or_else(|| malformed("the report is about another request"))?;
    let encoded = |envelope: &Envelope| envelope.encode().map_err(malformed);
    let (report, request, enrolment) = (encoded(report)?, encoded(request)?, encoded(enrolment)?);
    let command = release::ReportByHand {
        report: said.clone(),
        envelope: Digest::of(&report),
        from: arguments.from,
        person: asked.person.into(),
        request: Digest::of(&request),
        enrolment: Digest::of(&enrolment),
    };
    let command = Command::ReportByHand(Box::new(command));
    let blobs = vec![report, request, enrolment];
    Ok((Admitted { command, project: Some(place.project), blobs }, said))
}

/// Makes a command of an agent's observation.
///
/// # Errors
/// `AdmitError` when it cannot be read or its signature is invalid.
pub fn admit_observation(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    envelope: &Envelope,
) -> Result<(Admitted, Observation), AdmitError> {
    let place = Observation::read(envelope).map_err(malformed)?.place;
    let statement = statement_of(state, root, store, &place)?;
    let observation = Observation::open(envelope, &statement).map_err(malformed)?;
    let bytes = envelope.encode().map_err(malformed)?;
    let observed = Observed::of(&observation, envelope.payload_digest(), Digest::of(&bytes));
    let command = Command::Observe(Box::new(observation::Observe { observed }));
    Ok((Admitted { command, project: Some(place.project), blobs: vec![bytes] }, observation))
}

/// The statement in force of a place, with the keys of its agents. A preview has the agents of its template.
///
/// # Errors
/// `AdmitError` when no statement is in force, or it does not count under this root.
pub fn statement_of(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    place: &Place,
) -> Result<Environment, AdmitError> {
    let set = state.gate.environment(place);
    let set = set.ok_or_else(|| malformed(format!("there is no environment statement for {place}")))?;
    let envelope =
        |set: &gate::Environment| Envelope::decode(&store.blob(&set.facts.envelope)?).map_err(malformed);
    let Some(made) = &set.facts.preview else {
        return Environment::open(&envelope(set)?, root).map_err(malformed);
    };
    let template = Place { environment: made.template.clone(), ..place.clone() };
    let template = state.gate.environment(&template).map(envelope).transpose()?;
    let template = template.and_then(|template| Environment::open(&template, root).ok());
    let own = envelope(set)?;
    match template {
        Some(template) => Ok(kept_by(Environment::read(&own).map_err(malformed)?, template)),
        None => Environment::open(&own, root).map_err(malformed),
    }
}

/// A preview with the agents of the template in force: there their keys are renewed, and new policy signers sign it again. The
/// request that made the preview stays as it was, and its signatures were checked when it was recorded.
fn kept_by(preview: Environment, template: Environment) -> Environment {
    let mut agents = template.agents;
    let is_other = |agent: &&Machine| agents.iter().all(|known| known.name != agent.name);
    let others: Vec<_> = preview.agents.iter().filter(is_other).cloned().collect();
    agents.extend(others);
    Environment { agents, ..preview }
}

fn malformed(error: impl std::fmt::Display) -> AdmitError {
    AdmitError::Malformed(error.to_string())
}

const MANIFEST_MAX: usize = 1024 * 1024;
