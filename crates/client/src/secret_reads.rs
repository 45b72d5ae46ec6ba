//! Reads of build secrets by a person.
//!
//! Input: the name of a secret and a reason. Output: the value. Invariant: the value
//! comes sealed, its key wrapped to a key that is drawn for this one read and is gone with it.

use evidence::secret_name::SecretName;
use serde_json::{Map, Value, json};
use vault::{SealSecret, SealedValue, SecretVersion};
use wire::Client;
use zeroize::Zeroizing;

use crate::access::Access;
use crate::error::Error;
use crate::profile::Profile;
use crate::random;
use crate::request::{self, Parts};
use crate::secret_values::refused;

/// A value that a person read.
#[derive(Debug)]
pub struct ReadValue {
    /// Number of the version.
    pub number: u32,
    /// The value.
    pub value: Zeroizing<Vec<u8>>,
}

/// Reads a value for a reason, which is recorded with the read.
///
/// # Errors
/// `Error` if the server refuses, or sends anything but the value that was asked for.
pub async fn read(
    access: &Access,
    client: &Client,
    secret: &SecretName,
    number: Option<u32>,
    reason: &str,
) -> Result<ReadValue, Error> {
    let installation = Profile::of(access)?.installation;
    let own = random::drawing(|draw| SealSecret::filled(draw))?;
    let unusable = |error: &dyn std::fmt::Display| Error::unusable(error.to_string());
    let key = own.public().map_err(|error| unusable(&error))?;
    let mut arguments = Map::new();
    arguments.insert("secret".into(), json!(secret));
    arguments.insert("key".into(), json!(key));
    arguments.insert("reason".into(), json!(reason));
    if let Some(number) = number {
        arguments.insert("number".into(), json!(number));
    }
    let signed = request::sign(access, "secret-read", Value::Object(arguments), Parts::default())?;
    let lent = client.read_secret(signed.envelope().clone()).await.map_err(refused)?;
    let sealed = SealedValue::decode(&lent.sealed.0).map_err(|error| unusable(&error))?;
    let asked = number.unwrap_or(lent.number);
    if *sealed.of() != SecretVersion::build(secret.clone(), asked) {
        return Err(Error::unusable(format!(
            "the server sent another value than version {asked} of {secret}"
        )));
    }
    let binding = sealed.binding(installation, Some(signed.nonce()))?;
    let key = own.unwrap(&lent.key, &binding).map_err(|error| unusable(&error))?;
    let value = sealed.open(installation, &key).map_err(|error| unusable(&error))?;
    Ok(ReadValue { number: asked, value })
}
