//! The opening of a value that was lent.
//!
//! Invariant: a value opens only as the version of the secret that it is named, for this installation and this work.

use evidence::Id;
use vault::{Binding, Key, SealSecret, SealedValue, SecretVersion};
use zeroize::Zeroizing;

use super::hold_error::HoldError;
use super::protocol::Lent;

/// An opened value, with the key that opens it once more and what that key is bound to.
pub struct OpenedValue {
    pub value: Zeroizing<Vec<u8>>,
    pub key: Key,
    pub binding: Binding,
}

/// Opens a value.
pub fn open(
    lent: &Lent,
    (installation, nonce): (Id, Id),
    secret: &SealSecret,
) -> Result<OpenedValue, HoldError> {
    let name = || lent.file.to_string();
    let sealed =
        SealedValue::decode(lent.sealed.as_ref()).map_err(|error| HoldError::Value(name(), error))?;
    if *sealed.of() != SecretVersion::build(lent.secret.clone(), lent.number) {
        return Err(HoldError::Other(name(), Box::new(sealed.of().clone())));
    }
    let binding = sealed.binding(installation, Some(nonce));
    let binding = binding.map_err(|error| HoldError::Value(name(), error.into()))?;
    let key = secret.unwrap(&lent.key, &binding).map_err(|error| HoldError::Open(name(), error))?;
    let value = sealed.open(installation, &key).map_err(|error| HoldError::Open(name(), error))?;
    Ok(OpenedValue { value, key, binding })
}
