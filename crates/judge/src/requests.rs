//! Requests in a bundle: for the run, at approval nodes, and for the release.
//!
//! Invariant: a request that nothing needs fails the check, so that no signature is in a bundle by accident.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::enrolment::{Enrolment, Purpose};
use evidence::environment::Environment;
use evidence::pipeline::{Pipeline, Step};
use evidence::pool::Pool;
use evidence::request::{NAMESPACE, Request, RequestError};
use evidence::serving::RunChoice;
use evidence::ssh::{self, SshSigError};
use evidence::{CommitId, Digest, Id, Name};
use serde_json::{Value, json};

use crate::arguments::RunArguments;
use crate::people::{ChangeAuthors, People, roles};
use crate::reasons::{NEW_BUNDLE, Reasons, one_reason};
use crate::records::Records;

/// People's requests behind a release.
#[derive(Clone, Debug)]
pub struct RunRequests {
    /// Subject of the person who asked for the run.
    pub requester: String,
    /// Seed of the nonces of that run.
    pub seed: Id,
    /// Subject of the person who let the release go ahead, if a person did.
    pub promoter: Option<String>,
    /// Subjects of the people who agreed, by approval node.
    pub agreed: BTreeMap<Name, BTreeSet<String>>,
    /// The choice of runners in the request for the run.
    pub choice: RunChoice,
    /// Version of the trust root by which they are chosen, if the request names one.
    pub chosen_by: Option<u32>,
    /// Their pool, if runners have pools. Nothing is known of it until the runners are checked.
    pub pool: Option<Pool>,
}

/// People, and what they did and asked for.
#[derive(Clone, Debug)]
pub struct PeopleProof {
    /// The people who are enrolled.
    pub enrolled: People,
    /// Change authors of the range.
    pub authors: ChangeAuthors,
    /// People's requests.
    pub asked: RunRequests,
}

impl PeopleProof {
    /// Whether a person, by subject, is behind the change or asked for it.
    pub fn is_behind(&self, subject: &str) -> bool {
        self.authors.subjects.contains(subject) || self.asked.requester == subject
    }
}

/// Reasons why a request does not count.
#[derive(Debug, thiserror::Error)]
pub enum SignedRequestError {
    /// The request is malformed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The request is for another installation.
    #[error("a request is for another installation")]
    OtherInstallation,
    /// The signer is not among the people of the bundle.
    #[error("person {0} is not enrolled")]
    NotEnrolled(Id),
    /// The signature is invalid.
    #[error(transparent)]
    Signature(#[from] SshSigError),
    /// The request has no signature, or more than one.
    #[error("a request needs exactly one signature")]
    Signatures,
}

/// Errors in the arguments of a request for a run.
#[derive(Debug, thiserror::Error)]
pub enum RunArgumentsError {
    /// They do not have the shape.
    #[error(transparent)]
    Shape(#[from] serde_json::Error),
    /// They break a rule.
    #[error("{0}")]
    Fault(&'static str),
}

/// Opens the requests. Each of them must be needed.
pub fn open(
    bundle: &Bundle,
    environment: &Environment,
    people: &People,
    records: &Records,
    pipeline: &Pipeline,
    reasons: &mut Reasons,
) -> Result<RunRequests, Reasons> {
    let wrong = |what: String| one_reason("request-unsound", what, NEW_BUNDLE);
    if !bundle.requests.is_sorted_by(|a, b| a.payload_digest() < b.payload_digest()) {
        return Err(wrong("requests are not sorted, or one stands twice".into()));
    }
    let mut opened = Vec::new();
    for (envelope, record) in bundle.requests.iter().zip(&records.requests) {
        let signed = signed(envelope, record, bundle.installation, people);
        opened.push(signed.map_err(|error| wrong(error.to_string()))?);
    }
    let (mut requester, mut promoter, mut run) = (None, None, None);
    let mut agreed: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
    let place = format!("{}/{}/{}", bundle.project, bundle.service, bundle.environment);
    let promotion = json!({ "place": place, "release": bundle.release, "artifact": bundle.artifact() });
    // Programs before 2026-11-22 signed no artifact: the release number at a place identifies it.
    let promotion_without = json!({ "place": place, "release": bundle.release });
    for ((request, person), envelope) in opened.iter().zip(&bundle.requests) {
        let needed = match request.action.as_str() {
            "run" if asks_for_run(&request.arguments, &bundle.project, &bundle.source.commit) => {
                if !roles(person, &bundle.project, None).iter().any(|role| role.as_str() == DEVELOPER) {
                    let what = format!("{}, who asked for the run, is no {DEVELOPER} here", person.name);
                    reasons.against("requester-role-missing", what, "have somebody run it who is");
                }
                same_preview(request, envelope, environment)?;
                let seed = domain::build::seed(request.idempotency());
                run = Some((request.nonce, seed, choice(request).map_err(|error| wrong(error.to_string()))?));
                requester.replace(person.subject.clone()).is_none()
            }
            "promote" if [&promotion, &promotion_without].contains(&&request.arguments) => {
                let may = roles(person, &bundle.project, Some(&bundle.environment));
                may.iter().any(|role| role.as_str() == MANAGER)
                    && promoter.replace(person.subject.clone()).is_none()
            }
            "agree" => true,
            _ => false,
        };
        if !needed {
            return Err(wrong(format!("`{}` by {} is not needed here", request.action, person.name)));
        }
    }
    let (Some(requester), Some((run, seed, (choice, chosen_by)))) = (requester, run) else {
        return Err(wrong("nobody's request for the run is here".into()));
    };
    for (request, person) in opened.iter().filter(|(request, _)| request.action.as_str() == "agree") {
        let may = roles(person, &bundle.project, None);
        let node = node_of(request, run, &bundle.source.commit, pipeline, &may)
            .ok_or_else(|| wrong(format!("{} agreed to something else", person.name)))?;
        agreed.entry(node).or_default().insert(person.subject.clone());
    }
    if promoter.is_none() && !environment.automatic {
        let what = format!("nobody has asked for release {} to go ahead", bundle.release);
        reasons.against("not-promoted", what, "ask for it with `countersign promote`");
    }
    Ok(RunRequests { requester, seed, promoter, agreed, choice, chosen_by, pool: None })
}

/// Checks that the run was for this preview, or for places that stay: what a person asked for as a preview is evidence nowhere
/// else.
fn same_preview(request: &Request, envelope: &Envelope, environment: &Environment) -> Result<(), Reasons> {
    let is_for_preview = request.arguments.get("preview").is_some();
    match &environment.preview {
        Some(preview) if preview.request != envelope.payload_digest() => {
            let what = "the request that makes the preview is not the one for this run";
            Err(one_reason("preview-unasked", what, NEW_BUNDLE))
        }
        None if is_for_preview => {
            let what = format!(
                "the run was asked for as a preview, and {} is a place that stays",
                environment.place()
            );
            Err(one_reason("run-of-a-preview", what, "run the commit again without --preview"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Runners that the request for the run leaves out. Nothing is verified yet: [`open`] verifies each request of the bundle.
pub fn left_out(bundle: &Bundle) -> BTreeSet<Name> {
    let read = bundle.requests.iter().filter_map(|envelope| Request::read(envelope).ok());
    let runs = read.filter(|request| request.action.as_str() == "run");
    runs.filter_map(|request| choice(&request).ok()).flat_map(|(choice, _)| choice.without).collect()
}

/// The choice of runners in a request for a run, with the version of the trust root that it names.
pub fn choice(request: &Request) -> Result<(RunChoice, Option<u32>), RunArgumentsError> {
    let read: RunArguments = serde_json::from_value(request.arguments.clone())?;
    match read.fault() {
        Some(fault) => Err(RunArgumentsError::Fault(fault)),
        None => Ok((read.choice(request.nonce), read.root)),
    }
}

/// Removes change authors and the requester of the run from the people who agreed.
pub fn exclude_change_authors(
    agreed: &mut BTreeMap<Name, BTreeSet<String>>,
    authors: &ChangeAuthors,
    requester: &str,
) {
    for people in agreed.values_mut() {
        people.retain(|subject| !authors.subjects.contains(subject) && *subject != requester);
    }
}

/// Reads a request and finds the person who signed it with a key that counts for the record with this digest.
pub fn signed<'a>(
    envelope: &Envelope,
    record: &Digest,
    installation: Id,
    people: &'a People,
) -> Result<(Request, &'a Enrolment), SignedRequestError> {
    let request = Request::read(envelope)?;
    if request.installation != installation {
        return Err(SignedRequestError::OtherInstallation);
    }
    let person = people.by_id(request.person);
    let person = person.ok_or(SignedRequestError::NotEnrolled(request.person))?;
    let keys = people.keys(person, Purpose::SignIn, record);
    match ssh::signers(envelope, NAMESPACE, &keys)?.as_slice() {
        [_] => Ok((request, person)),
        _ => Err(SignedRequestError::Signatures),
    }
}

/// Whether a request's arguments ask for a run of a commit, for the first time or again. Programs before 2026-11-28 did
/// not say which. A ref, runners to do without, and the
/// version of the root that chooses them may stand beside it.
pub fn asks_for_run(arguments: &Value, project: &Name, commit: &CommitId) -> bool {
    let mut asked = arguments.clone();
    if let Value::Object(fields) = &mut asked {
        fields.retain(|field, _| !BESIDE_THE_RUN.contains(&field.as_str()));
    }
    let run = |again: bool| json!({ "project": project, "commit": commit, "again": again });
    asked == json!({ "project": project, "commit": commit })
        || [true, false].into_iter().any(|again| asked == run(again))
}

/// The approval node at which a request, by a person with these roles, agrees to this run of this commit. The requester
/// draws the run's id, so two runs with one id are told apart by their commits.
pub fn node_of(
    request: &Request,
    run: Id,
    commit: &CommitId,
    pipeline: &Pipeline,
    may: &BTreeSet<Name>,
) -> Option<Name> {
    let node: Name = request.arguments.get("step")?.as_str()?.parse().ok()?;
    let approval = pipeline.steps.get(&node)?.approval.as_ref()?;
    let agrees = request.arguments == json!({ "run": run, "step": node, "commit": commit });
    (agrees && may.contains(&approval.role)).then_some(node)
}

/// Checks that each approval node among these steps has enough people.
pub fn nodes<'a>(
    steps: impl Iterator<Item = (&'a Name, &'a Step)>,
    agreed: &BTreeMap<Name, BTreeSet<String>>,
    reasons: &mut Reasons,
) {
    for (name, step) in steps {
        let Some(approval) = &step.approval else { continue };
        let found = agreed.get(name).map_or(0, BTreeSet::len);
        if found < approval.count as usize {
            let what = format!("{found} of {} people agreed at node `{name}`", approval.count);
            reasons.against("node-open", what, "have more people agree, and run again");
        }
    }
}

/// Arguments that may stand beside project and commit.
const BESIDE_THE_RUN: [&str; 4] = ["preview", "ref", "root", "without"];
/// Role that may ask for runs.
pub const DEVELOPER: &str = "developer";
const MANAGER: &str = "release-manager";
