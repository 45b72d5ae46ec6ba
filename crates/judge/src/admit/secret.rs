//! The actions `secret-put` and `secret-destroy`.
//!
//! Invariant: the request names the sealed value by its digest alone. The server asks its vault for the value's key before
//! this; replay cannot, and need not, since no decision rests on it.

use domain::{Command, secret};

use super::form::{AdmitError, Admitted, Known, Sent, arguments, bare, malformed};
use crate::arguments::{DestroySecretArguments, PutSecretArguments};

pub fn put(_: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let asked: PutSecretArguments = arguments(sent.request)?;
    if asked.rotate_days.is_some_and(|days| !(1..=secret::ROTATE_DAYS_MAX).contains(&days)) {
        let what = format!("`rotate_days` is 1 to {}", secret::ROTATE_DAYS_MAX);
        return Err(malformed(what));
    }
    let project = Some(asked.secret.project().clone());
    let put = secret::SecretPut {
        secret: asked.secret,
        number: asked.number,
        value: asked.value,
        person: sent.request.person.into(),
        expires: asked.expires,
        rotate_days: asked.rotate_days,
        honey: asked.honey,
    };
    Ok(Admitted { project, ..bare(Command::PutSecret(Box::new(secret::Put { put }))) })
}

pub fn destroy(_: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let DestroySecretArguments { secret: name, number } = arguments(sent.request)?;
    let project = Some(name.project().clone());
    let destroyed = secret::SecretDestroyed { secret: name, number, person: sent.request.person.into() };
    Ok(Admitted { project, ..bare(Command::DestroySecret(secret::Destroy { destroyed })) })
}
