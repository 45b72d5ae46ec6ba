//! The action `state`: a statement of a person, of any kind.

use domain::{Command, statement};
use evidence::Digest;
use evidence::enrolment::Purpose;
use evidence::statements::Statement;

use super::enrolment::enrolment_at;
use super::form::{AdmitError, Admitted, Known, SIGN_AGAIN, Sent, bare, malformed, named, refuse};

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    let statement = Statement::read(envelope).map_err(malformed)?;
    let unsound = |what: &str| Ok(bare(refuse("statement-unsound", &what, SIGN_AGAIN)));
    if statement.installation != known.root.installation {
        return unsound("it is of another installation");
    }
    if statement.person != sent.request.person {
        return unsound("it is signed in another person's name than the request");
    }
    let person = sent.request.person.into();
    let Some(signer) = known.state.identity.enrolled(person) else {
        return unsound("its signer is not enrolled");
    };
    let enrolment = enrolment_at(known.store, signer.entry)?;
    let keys: Vec<_> = enrolment.keys_for(Purpose::Approve).collect();
    let key = match statement.verify(envelope, &keys) {
        Ok(key) => key.fingerprint().to_owned(),
        Err(error) => return unsound(&error.to_string()),
    };
    let bytes = envelope.encode().map_err(malformed)?;
    let stated = statement::Stated {
        statement: envelope.payload_digest(),
        kind: statement.kind(),
        person,
        scope: statement.scope.clone(),
        not_before: statement.not_before,
        expires: statement.expires,
        envelope: Digest::of(&bytes),
        secret: statement::StatedSecret::of(&statement),
    };
    let sealed = match attached(&stated, sent) {
        Ok(sealed) => sealed,
        Err(what) => return unsound(what),
    };
    let command = Command::SubmitStatement(Box::new(statement::SubmitStatement { stated, key }));
    Ok(Admitted {
        command,
        project: Some(statement.scope.project),
        blobs: sealed.into_iter().chain([bytes]).collect(),
    })
}

/// The sealed value of a secret that the statement puts at its place. The server cannot open it, so it looks at its digest and
/// length alone.
fn attached(stated: &statement::Stated, sent: &Sent<'_>) -> Result<Option<Vec<u8>>, &'static str> {
    match (&stated.secret, sent.attachments) {
        // Older programs accepted attachments that no statement names, and kept none.
        (None, _) => Ok(None),
        (Some(secret), [bytes]) if Digest::of(bytes) == secret.value && bytes.len() <= SEALED_BYTES_MAX => {
            Ok(Some(bytes.clone()))
        }
        (Some(_), _) => Err("the sealed value that it names is not attached, or is longer than 2 MiB"),
    }
}

/// Largest sealed value in bytes.
const SEALED_BYTES_MAX: usize = 2 << 20;
