//! Operations on build secrets for people: the vault, new values, the list, and reads by a person.
//!
//! Invariant: a sender of a value is known, owns the project's secrets, and sends the request that puts it afterwards; no
//! answer has a plain value. Values that are lent to steps: `lent_secrets.rs`.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use domain::secret::{ROLE, Rotation, Secret};
use domain::statement::RecordedStatement;
use domain::{PersonId, Reason, Refusal};
use evidence::dsse::Envelope;
use evidence::request::Request;
use evidence::secret_name::SecretName;
use evidence::{Digest, Id, Moment, Name, Place};
use judge::Store as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vault::{SEALED_BYTES_MAX, SealedValue, SecretVersion};
use wire::{
    Credential, ProblemKind, PutValue, SECRET_USES_MAX, SecretUseView, SecretVersionView, SecretView,
    SignedStatement, Submission, VaultView,
};

use super::freshness::up_to_date;
use super::machines::malformed;
use super::problem::Failure;
use super::requester::blocking;
use super::right;
use crate::caller::Caller;
use crate::clock;
use crate::edge::EdgeError;
use crate::job::Answer;
use crate::shared::Shared;
use crate::vault_store::{UNNAMED_MAX, VaultError};
use crate::views::records::{self, RecordConditions, RecordRow};

/// The vault: whether it is open, and the key to which the keys of new values are wrapped.
pub async fn vault(State(shared): State<Arc<Shared>>) -> Json<VaultView> {
    Json(shared.vault.view())
}

/// Takes in a sealed value in the name of the signed request that puts it; it is durable when this answers.
pub async fn put_value(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let digest: Digest = digest.parse().map_err(malformed)?;
    let Some(Credential::Request(envelope)) = right::credential(&headers) else {
        let what = "a value needs the signed request that puts it in the header `Authorization`";
        return Err(Failure::new(ProblemKind::Unauthenticated, what));
    };
    let at = Arc::clone(&shared);
    let (request, of) = blocking(move || {
        let (state, now) = (at.intake.state(), clock::now());
        let request = at.gatekeeper.signed(&state, &envelope, now)?;
        let of = version_of(&request, digest)?;
        if at.gatekeeper.is_recorded(&request)? {
            let what = "this request is recorded; the value comes before it";
            return Err(Failure::new(ProblemKind::KeyReused, what));
        }
        owns(&at, request.person.into(), of.0.project(), now)?;
        at.gatekeeper.disk_space().for_anything().map_err(EdgeError::from)?;
        Ok((request, of))
    })
    .await?;
    // The sender is known from here on, and only a few values are in memory at once.
    let taking = shared.taking_values.acquire().await;
    let arriving = tokio::time::timeout(ARRIVAL, to_bytes(body, PUT_BYTES_MAX));
    let slow = |_| Failure::new(ProblemKind::Busy, "the request did not arrive or finish in time");
    let bytes = arriving.await.map_err(slow)?.map_err(malformed)?;
    let keeper = Arc::clone(&shared);
    blocking(move || take_in(&keeper, &bytes, digest, of)).await?;
    drop(taking);
    listen::note_identity(&request.person.to_string());
    Ok(StatusCode::CREATED.into_response())
}

fn take_in(
    shared: &Shared,
    bytes: &[u8],
    digest: Digest,
    (secret, number): (SecretName, u32),
) -> Result<(), Failure> {
    let project = secret.project().clone();
    let put: PutValue = serde_json::from_slice(bytes).map_err(malformed)?;
    let sealed = SealedValue::decode(&put.sealed.0).map_err(malformed)?;
    if Digest::of(&put.sealed.0) != digest || *sealed.of() != SecretVersion::build(secret, number) {
        return Err(malformed("the sealed value is another one than the request names"));
    }
    if !shared.vault.expect(&project, digest, &shared.intake.state().secret.values()) {
        let what = format!(
            "{UNNAMED_MAX} values of project `{project}` were sent that no request has put; send the requests that put them, or \
             wait for a day"
        );
        return Err(Failure::new(ProblemKind::Busy, what));
    }
    // A blob without a key is an orphan, which a sweep removes; a key without a blob opens nothing.
    shared.gatekeeper.blobs().put(&put.sealed.0)?;
    shared.vault.take_in(&sealed, &put.key, clock::now()).map_err(closed)?;
    Ok(())
}

/// The version that a request puts with this value.
fn version_of(request: &Request, digest: Digest) -> Result<(SecretName, u32), Failure> {
    let value: Digest = argument(request, "value")?;
    if request.action.as_str() == PUT && value == digest {
        return Ok((argument(request, "secret")?, argument(request, "number")?));
    }
    let what = format!("the request is for `{}`, and not for putting value {digest}", request.action);
    Err(Failure::new(ProblemKind::Malformed, what))
}

/// An argument of a request.
pub fn argument<T: DeserializeOwned>(request: &Request, name: &str) -> Result<T, Failure> {
    let found = request.arguments.get(name).cloned().unwrap_or_default();
    serde_json::from_value(found).map_err(|error| malformed(format!("argument `{name}`: {error}")))
}

/// Refuses a person who owns no secrets of a project.
pub fn owns(shared: &Shared, person: PersonId, project: &Name, now: Moment) -> Result<(), Failure> {
    let role: Name = ROLE.parse().map_err(Failure::failed)?;
    if shared.intake.state().identity.has_role(person, &role, project, None, now) {
        return Ok(());
    }
    let what = format!("you are no {ROLE} of project `{project}`; a registrar can enrol you with that role");
    Err(Failure::new(ProblemKind::Forbidden, what))
}

/// The failure for a vault that does not do what was asked.
pub fn closed(error: VaultError) -> Failure {
    match error {
        VaultError::Sealed(_) => {
            let remedy = "the server's operator starts it with its root key: `countersign server --root-key`";
            Failure::refused(None, &Refusal::from(Reason::new("vault-sealed", error.to_string(), remedy)))
        }
        VaultError::Ring(error) => malformed(error),
        VaultError::Disk(_) | VaultError::Random(_) => Failure::failed(error),
    }
}

/// The value that a submission puts must be in the vault.
pub fn check_value(shared: &Shared, submission: &Submission) -> Result<(), Failure> {
    let request = Request::read(&submission.request).map_err(malformed)?;
    if request.action.as_str() != PUT {
        return Ok(());
    }
    let value: Digest = argument(&request, "value")?;
    match shared.vault.has(&value) {
        true => Ok(()),
        false => Err(malformed(format!("the vault has no key for value {value}: it was not sent before"))),
    }
}

/// Whether a submission destroys a version, so that its decision and the vault's part go together.
pub fn destroys(submission: &Submission) -> bool {
    Request::read(&submission.request).is_ok_and(|request| request.action.as_str() == DESTROY)
}

/// The part of a refusal that its sender may know. Somebody without the role learns nothing of a secret, not even whether there is
/// one; the record of the refusal, which the project's people read, has all reasons.
pub fn told(submission: &Submission, refusal: &Refusal) -> Refusal {
    let is_of_secret = Request::read(&submission.request)
        .is_ok_and(|request| [PUT, DESTROY].contains(&request.action.as_str()));
    let role: Vec<_> = refusal.reasons().filter(|reason| reason.code == ROLE_MISSING).cloned().collect();
    Refusal::of(role).filter(|_| is_of_secret).unwrap_or_else(|| refusal.clone())
}

/// Takes keys of destroyed versions out of the vault, after their destruction was recorded.
pub fn destroy(shared: &Shared, answer: &Answer) -> Result<(), Failure> {
    let entry = match answer {
        Answer::Accepted { entry, .. } | Answer::Repeated(entry) => *entry,
        Answer::Refused { .. } => return Ok(()),
    };
    forget(shared).map(drop).map_err(|error| {
        Failure::failed(format!(
            "the destruction is recorded as entry {entry}, and the key could not be taken out of the vault yet: {error}; the server \
             tries it again at each start and once a day"
        ))
    })
}

/// Takes out the keys of all destroyed versions, and of values that no entry names.
pub fn forget(shared: &Shared) -> Result<usize, VaultError> {
    let state = shared.intake.state();
    shared.vault.destroy(&state.secret.destroyed_values(), &state.secret.values(), clock::now())
}

/// The project of a list.
#[derive(Debug, Deserialize)]
pub struct ListQuery {
    project: Option<Name>,
}

/// The secrets that the caller may know of, without a value.
pub async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Query(ListQuery { project }): Query<ListQuery>,
) -> Result<Json<Vec<SecretView>>, Failure> {
    let found = blocking(move || {
        if let Some(project) = &project {
            right::of_project(&shared, &caller, project)?;
        }
        let (state, now) = (shared.intake.state(), clock::now());
        let wanted = |of: &Name| {
            project.as_ref().is_none_or(|project| project == of) && caller.may_read(of, &state, now)
        };
        let role: Name = ROLE.parse().map_err(Failure::failed)?;
        let owns = |of: &Name| match &caller {
            Caller::Owner | Caller::Anybody => true,
            Caller::Person(person) => state.identity.has_role(*person, &role, of, None, now),
            Caller::Runner(_) | Caller::Agent(..) => false,
        };
        let found = state.secret.all().filter(|(name, _)| wanted(name.project()));
        Ok(found.map(|(name, secret)| view(name, secret, owns(name.project()), now)).collect())
    });
    Ok(Json(found.await?))
}

fn view(name: &SecretName, secret: &Secret, is_owner: bool, now: Moment) -> SecretView {
    let versions = secret.versions.iter().rev().map(|(number, version)| SecretVersionView {
        number: *number,
        value: version.value,
        at: version.at,
        person: version.person.id(),
        expires: version.expires,
        destroyed: version.destroyed,
    });
    SecretView {
        secret: name.clone(),
        versions: versions.collect(),
        rotate_days: secret.rotate_days,
        rotation_due: match secret.rotation(now) {
            Rotation::Soon(due) | Rotation::Due(due) => Some(due),
            Rotation::Fresh => None,
        },
        honey: is_owner && secret.honey,
    }
}

/// The lines that are asked for.
#[derive(Debug, Deserialize)]
pub struct UsesQuery {
    #[serde(default)]
    project: Option<Name>,
    #[serde(default)]
    secret: Option<SecretName>,
    #[serde(default)]
    run: Option<Id>,
    #[serde(default)]
    place: Option<Place>,
    #[serde(default)]
    before: Option<u64>,
}

/// Lines about reads of secrets that the caller may know of, the newest first.
pub async fn uses(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Query(UsesQuery { project, secret, run, place, before }): Query<UsesQuery>,
) -> Result<Json<Vec<SecretUseView>>, Failure> {
    let found = blocking(move || {
        up_to_date(&shared)?;
        let (state, now) = (shared.intake.state(), clock::now());
        let may = |of: Option<&Name>| of.is_some_and(|project| caller.may_read(project, &state, now));
        let wanted = RecordConditions { project, secret, run, place, before, ..RecordConditions::default() };
        let found = shared.views.ask(|rows| records::find(rows, &wanted, SECRET_USES_MAX, &may));
        Ok(found.map_err(Failure::failed)?.into_iter().map(used).collect())
    });
    Ok(Json(found.await?))
}

fn used(row: RecordRow) -> SecretUseView {
    SecretUseView {
        entry: row.entry,
        line: row.line,
        kind: row.kind,
        time: row.time,
        secret: row.secret,
        number: row.number,
        who: row.who,
        run: row.run,
        step: row.step,
        place: row.place,
        release: row.release,
        allowed: row.allowed,
        summary: row.summary,
    }
}

/// The project whose statements are asked for.
#[derive(Debug, Deserialize)]
pub struct GrantsQuery {
    project: Name,
}

/// The signed statements of a project in force that lend secrets.
pub async fn grants(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Query(GrantsQuery { project }): Query<GrantsQuery>,
) -> Result<Json<Vec<SignedStatement>>, Failure> {
    let found = blocking(move || {
        right::of_project(&shared, &caller, &project)?;
        let (state, now) = (shared.intake.state(), clock::now());
        let store = shared.gatekeeper.store();
        let enrolled = |known: &&RecordedStatement| state.identity.person(known.facts.person, now).is_some();
        let lending = state.statement.lending(&project, now).filter(enrolled).take(GRANTS_MAX);
        let signed = lending.map(|known| {
            let bytes = store.blob(&known.facts.envelope).map_err(Failure::failed)?;
            Ok(SignedStatement { statement: Envelope::decode(&bytes).map_err(Failure::failed)? })
        });
        signed.collect()
    });
    Ok(Json(found.await?))
}

/// Most statements in one answer.
const GRANTS_MAX: usize = 512;

/// Code for a person who does not hold the role.
const ROLE_MISSING: &str = "role-missing";
/// Action that puts a version.
pub const PUT: &str = "secret-put";
/// Action that destroys one.
pub const DESTROY: &str = "secret-destroy";
/// A sealed value in base64, with its key.
const PUT_BYTES_MAX: usize = SEALED_BYTES_MAX / 3 * 4 + 4_096;
/// Time for a value to arrive. The few places are given in the order of asking, so nobody holds one for long.
const ARRIVAL: std::time::Duration = std::time::Duration::from_secs(10);
