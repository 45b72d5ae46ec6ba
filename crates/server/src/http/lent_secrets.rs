//! Values of secrets that are lent: to the runner whose step is due, and to a person who gives a reason.
//!
//! Invariant: a value leaves sealed, its key wrapped to the key in the claim or request alone, and only after the line of the
//! read is durable. Refused reads have lines too; a stranger's request has none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Uri};
use domain::secret::{LentValue, LentVersion, Reading, ReadingDecision, Show};
use evidence::entry::Actor;
use evidence::seal::SealKey;
use evidence::secret_name::SecretName;
use evidence::{Digest, Id, Name};
use judge::LoanClaim;
use vault::{SEALED_BYTES_MAX, SealedValue};
use wire::{
    Credential, LentElsewhere, LentSecret, LentSecrets, ProblemKind, SECRETS_MAX, VaultState, WantedSecret,
    WantedSecrets,
};

use super::freshness::up_to_date;
use super::machines::{claim, is_for, malformed};
use super::problem::Failure;
use super::requester::blocking;
use super::right;
use super::secrets::{argument, closed};
use crate::clock;
use crate::shared::Shared;
use crate::views::records;

/// The secrets of a step that is due on the asking runner.
pub async fn lend(
    State(shared): State<Arc<Shared>>,
    Path(nonce): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Result<Json<LentSecrets>, Failure> {
    let claim = claim(&headers)?;
    let nonce: Id = nonce.parse().map_err(malformed)?;
    let asked = shared.claimed_operation(&Method::POST, &uri);
    let at = Arc::clone(&shared);
    let (wanted, lend) = blocking(move || {
        let (state, now) = (at.intake.state(), clock::now());
        let runner = at.gatekeeper.runner(&state, &claim, &asked, now).map_err(|(_, error)| error)?;
        is_for(&claim, &body)?;
        listen::note_identity(runner.as_str());
        let wanted: WantedSecrets = serde_json::from_slice(&body).map_err(malformed)?;
        if !(1..=SECRETS_MAX).contains(&wanted.secrets.len()) {
            return Err(malformed(format!("a step asks for 1 to {SECRETS_MAX} secrets")));
        }
        let names: BTreeSet<SecretName> = wanted.secrets.iter().map(|it| it.secret.clone()).collect();
        let first = never_lent(&at, &names, &Actor::Machine(runner.clone()))?;
        let is_open = at.vault.view().state == VaultState::Open;
        let claim = LoanClaim { runner, nonce, names, first, is_open };
        let (root, store) = (at.gatekeeper.root(&state)?, at.gatekeeper.store());
        let named = |pack: &Digest, project: &Name| {
            let made = || judge::step_secrets(&store, pack, project);
            at.pages.step_secrets.or_make((*pack, project.clone()), made)
        };
        let lend = judge::lending(&state, &root, &store, &named, claim, now).map_err(Failure::failed)?;
        Ok((wanted, lend))
    })
    .await?;
    let lent = decided(shared.intake.read(Reading::Lend(Box::new(lend))).await?)?;
    let values = blocking(move || {
        let WantedSecrets { key, secrets } = wanted;
        let mut answer = LentSecrets::default();
        for WantedSecret { name, secret } in secrets {
            match of(&lent, &secret)? {
                LentValue::Version(version) => {
                    answer.values.push(wrapped(&shared, (name, secret), *version, (key, nonce))?);
                }
                LentValue::Elsewhere(from) => {
                    answer.elsewhere.push(LentElsewhere { name, secret, from: from.clone() });
                }
            }
        }
        Ok(answer)
    });
    Ok(Json(values.await?))
}

/// The value of a secret for a person.
pub async fn read(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<LentSecret>, Failure> {
    let Some(Credential::Request(envelope)) = right::credential(&headers) else {
        let what = "a secret is read by a signed request in the header `Authorization`";
        return Err(Failure::new(ProblemKind::Unauthenticated, what));
    };
    let at = Arc::clone(&shared);
    let (key, nonce, show) = blocking(move || {
        let request = at.gatekeeper.signed(&at.intake.state(), &envelope, clock::now())?;
        if request.action.as_str() != READ {
            return Err(malformed(format!("the request is for `{}`, and not for reading", request.action)));
        }
        let show = Show {
            person: request.person.into(),
            secret: argument(&request, "secret")?,
            number: argument(&request, "number")?,
            reason: argument(&request, "reason")?,
            is_open: at.vault.view().state == VaultState::Open,
        };
        Ok((argument(&request, "key")?, request.nonce, show))
    })
    .await?;
    listen::note_identity(&show.person.to_string());
    let secret = show.secret.clone();
    let lent = decided(shared.intake.read(Reading::Show(Box::new(show))).await?)?;
    let name: Name = secret.path().last().cloned().ok_or_else(|| malformed("the secret has no name"))?;
    let LentValue::Version(version) = of(&lent, &secret)? else {
        return Err(Failure::failed("people read versions of the vault alone"));
    };
    let version = *version;
    Ok(Json(blocking(move || wrapped(&shared, (name, secret), version, (key, nonce))).await?))
}

/// The things that are lent, or the refusal with every reason.
fn decided(decision: ReadingDecision) -> Result<BTreeMap<SecretName, LentValue>, Failure> {
    decision.lent.map_err(|refusal| Failure::refused(None, &refusal))
}

fn of<'a>(lent: &'a BTreeMap<SecretName, LentValue>, secret: &SecretName) -> Result<&'a LentValue, Failure> {
    let missing = || Failure::failed("the decision names another secret than was asked for");
    lent.get(secret).ok_or_else(missing)
}

/// A value with its key, wrapped to a key for the work or request with this nonce.
fn wrapped(
    shared: &Shared,
    (name, secret): (Name, SecretName),
    LentVersion { number, value }: LentVersion,
    (to, nonce): (SealKey, Id),
) -> Result<LentSecret, Failure> {
    let sealed = shared.gatekeeper.blobs().read(&value, SEALED_BYTES_MAX as u64)?;
    let read = SealedValue::decode(&sealed).map_err(Failure::failed)?;
    let installation = shared.vault.view().installation;
    let binding = read.binding(installation, Some(nonce)).map_err(Failure::failed)?;
    let key = shared.vault.lend(&to, &binding).map_err(closed)?;
    Ok(LentSecret { name, secret, number, sealed: evidence::Bytes(sealed), key })
}

/// Secrets that somebody was never lent before. Only alerts rest on it.
fn never_lent(
    shared: &Shared,
    names: &BTreeSet<SecretName>,
    who: &Actor,
) -> Result<BTreeSet<SecretName>, Failure> {
    up_to_date(shared)?;
    let mut first = BTreeSet::new();
    for name in names {
        let is_first = shared.views.ask(|rows| records::is_first(rows, name, who, None));
        if is_first.map_err(Failure::failed)? {
            first.insert(name.clone());
        }
    }
    Ok(first)
}

/// Action of the request by which a person reads a secret. It is recorded as a line, and no request of the ledger.
const READ: &str = "secret-read";
