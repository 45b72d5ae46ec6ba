//! Messages about build secrets: the vault, new values, the list, and what is lent to a step.
//!
//! Invariant: a value travels sealed, and the key of a sealed value wrapped to the one who may open it. No message has a
//! field for a plain value.

use bytes::Bytes as Body;
use evidence::dsse::Envelope;
use evidence::entry::Actor;
use evidence::seal::{SealKey, WrappedKey};
use evidence::secret_name::SecretName;
use evidence::statements::StoreSource;
use evidence::{Bytes, Digest, Id, Moment, Name, Place};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::api::BODY_BYTES_MAX;
use crate::client::{Client, path_of};
use crate::client_error::{ClientError, problem_of, unreadable};
use crate::client_request::ClientRequest;
use crate::message::SignedStatement;

/// Most secrets of one step.
pub const SECRETS_MAX: usize = 16;
/// Most lines in one answer about reads.
pub const SECRET_USES_MAX: usize = 200;

/// The vault as its server sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultView {
    /// The installation, to which values are bound.
    pub installation: Id,
    /// Whether it opens values.
    pub state: VaultState,
    /// The key to which the keys of new values are wrapped, of an open vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intake: Option<SealKey>,
    /// Why it is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whether a vault opens values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaultState {
    /// It takes values in and lends them.
    Open,
    /// Its root key is not here, or not the right one.
    Sealed,
    /// There is neither a key ring nor a root key.
    Absent,
}

/// A sealed value on its way to the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutValue {
    /// The sealed value's bytes.
    pub sealed: Bytes,
    /// Its key, wrapped to the vault's intake key.
    pub key: WrappedKey,
}

/// A secret as people see it: never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretView {
    /// Its name.
    pub secret: SecretName,
    /// Its versions, the newest first.
    pub versions: Vec<SecretVersionView>,
    /// Days after which a newer version is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_days: Option<u32>,
    /// The moment from which a newer version is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_due: Option<Moment>,
    /// Whether every read of it is an alert; only its owners see that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub honey: bool,
}

/// A version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretVersionView {
    /// Its number.
    pub number: u32,
    /// Digest of the sealed value.
    pub value: Digest,
    /// The moment at which it was put.
    pub at: Moment,
    /// The person who put it.
    pub person: Id,
    /// Moment from which it is not lent any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// Whether it was destroyed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub destroyed: bool,
}

/// A line about a read of a secret, or an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretUseView {
    /// Number of the entry that records it.
    pub entry: u64,
    /// Its place in the entry, counted from 0.
    pub line: u64,
    /// Its kind, such as `secret-used`.
    pub kind: String,
    /// Time of the entry.
    pub time: Moment,
    /// The secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretName>,
    /// Number of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// The person or machine.
    pub who: Actor,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Id>,
    /// The step of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Name>,
    /// The place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Number of the release at the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Whether it was allowed; absent where the line is no decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<bool>,
    /// The line in words.
    pub summary: String,
}

/// Which lines are asked for.
#[derive(Clone, Debug, Default)]
pub struct SecretUseFilter {
    /// Of this project.
    pub project: Option<Name>,
    /// Of this secret.
    pub secret: Option<SecretName>,
    /// Of this run.
    pub run: Option<Id>,
    /// Of this place.
    pub place: Option<Place>,
    /// Of entries before this number.
    pub before: Option<u64>,
}

impl SecretUseFilter {
    fn query(&self) -> String {
        let all = [
            ("project", self.project.as_ref().map(ToString::to_string)),
            ("secret", self.secret.as_ref().map(ToString::to_string)),
            ("run", self.run.map(|run| run.to_string())),
            ("place", self.place.as_ref().map(ToString::to_string)),
            ("before", self.before.map(|before| before.to_string())),
        ];
        let given = all.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        given.enumerate().map(|(at, part)| format!("{}{part}", if at == 0 { '?' } else { '&' })).collect()
    }
}

/// The secrets that a step asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedSecrets {
    /// The key of the process that will hold the values.
    pub key: SealKey,
    /// The secrets, at most `SECRETS_MAX`.
    pub secrets: Vec<WantedSecret>,
}

/// A secret that a step asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedSecret {
    /// The name in the step.
    #[serde(rename = "as")]
    pub name: Name,
    /// The secret.
    pub secret: SecretName,
}

/// Values that are lent, each to be opened by one process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LentSecrets {
    /// The values that the vault has, in the order of the question.
    pub values: Vec<LentSecret>,
    /// Secrets that the runner may read in a store by itself, in the order of the question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<LentElsewhere>,
}

/// A secret that lies in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LentElsewhere {
    /// The name in the step.
    #[serde(rename = "as")]
    pub name: Name,
    /// The secret.
    pub secret: SecretName,
    /// Where its value is.
    pub from: StoreSource,
}

/// A value that is lent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LentSecret {
    /// The name in the step.
    #[serde(rename = "as")]
    pub name: Name,
    /// The secret.
    pub secret: SecretName,
    /// Number of the version.
    pub number: u32,
    /// The sealed value's bytes.
    pub sealed: Bytes,
    /// Its key, wrapped to the process for this work alone.
    pub key: WrappedKey,
}

impl Client {
    /// The vault.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn vault(&self) -> Result<VaultView, ClientError> {
        self.get("secrets/vault").await
    }

    /// The secrets of a project, or of all that the caller may read.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn secrets(&self, project: Option<&Name>) -> Result<Vec<SecretView>, ClientError> {
        let query = project.map(|project| format!("?project={project}")).unwrap_or_default();
        self.get(&format!("secrets{query}")).await
    }

    /// Lines about reads of secrets, the newest first, at most `SECRET_USES_MAX`.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn secret_uses(&self, filter: &SecretUseFilter) -> Result<Vec<SecretUseView>, ClientError> {
        self.get(&format!("secrets/uses{}", filter.query())).await
    }

    /// The signed statements of a project in force that lend secrets.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn secret_grants(&self, project: &Name) -> Result<Vec<SignedStatement>, ClientError> {
        self.get(&format!("secrets/grants?project={project}")).await
    }

    /// Sends a sealed value, in the name of the signed request that puts it, which is sent afterwards.
    ///
    /// # Errors
    /// `ClientError` if it was not taken in.
    pub async fn put_value(
        &self,
        signed: Envelope,
        value: &Digest,
        put: &PutValue,
    ) -> Result<(), ClientError> {
        let operation = format!("secrets/values/{value}");
        let body = serde_json::to_vec(put).map_err(|error| unreadable(&operation, error))?;
        let path = path_of(&operation);
        let ask = ClientRequest {
            body: Some(Body::from(body)),
            signed: Some(signed),
            ..ClientRequest::to(Method::PUT, &path)
        };
        let (status, bytes) = self.bounded(&operation, self.ask(&ask).await?, BODY_BYTES_MAX).await?;
        if status.is_success() { Ok(()) } else { Err(problem_of(&operation, status, &bytes)) }
    }

    /// A value for a person, by a signed request that names the key to which it is lent.
    ///
    /// # Errors
    /// `ClientError` if it was not lent.
    pub async fn read_secret(&self, signed: Envelope) -> Result<LentSecret, ClientError> {
        let operation = "secrets/reads";
        let path = path_of(operation);
        let ask = ClientRequest { signed: Some(signed), ..ClientRequest::to(Method::POST, &path) };
        self.answer(operation, self.ask(&ask).await?).await
    }

    /// The secrets of a step that is due on this runner.
    ///
    /// # Errors
    /// `ClientError` if they were not lent; a refusal has every reason.
    pub async fn borrow_secrets(
        &self,
        nonce: &Id,
        wanted: &WantedSecrets,
    ) -> Result<LentSecrets, ClientError> {
        let operation = format!("work/secrets/{nonce}");
        let body = serde_json::to_vec(wanted).map_err(|error| unreadable(&operation, error))?;
        let path = path_of(&operation);
        let ask = ClientRequest { body: Some(Body::from(body)), ..ClientRequest::to(Method::POST, &path) };
        let (status, bytes) = self.bounded(&operation, self.ask(&ask).await?, LENT_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of(&operation, status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| unreadable(&operation, error))
    }
}

/// `SECRETS_MAX` sealed values of the largest size, in base64 once more.
const LENT_BYTES_MAX: usize = SECRETS_MAX * (2 << 20);
