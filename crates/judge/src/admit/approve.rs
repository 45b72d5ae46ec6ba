//! The action `approve`.

use domain::{Command, approval};
use evidence::Digest;
use evidence::approval::Signed;
use evidence::enrolment::Purpose;
use evidence::trust_root::Mode;

use super::enrolment::enrolment_at;
use super::form::{AdmitError, Admitted, Known, SIGN_AGAIN, Sent, bare, malformed, named, refuse};

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    let signed = Signed::read(envelope).map_err(malformed)?;
    let unsound = |what: &str| Ok(bare(refuse("approval-unsound", &what, SIGN_AGAIN)));
    if signed.said.installation != known.root.installation {
        return unsound("it is of another installation");
    }
    if signed.said.person != sent.request.person {
        return unsound("it is signed in another person's name than the request");
    }
    let person = sent.request.person.into();
    let Some(signer) = known.state.identity.enrolled(person) else {
        return unsound("its signer is not enrolled");
    };
    let enrolment = enrolment_at(known.store, signer.entry)?;
    let keys: Vec<_> = enrolment.keys_for(Purpose::Approve).collect();
    let key = match signed.verify(envelope, &keys) {
        Ok(key) => key.fingerprint().to_owned(),
        Err(error) => return unsound(&error.to_string()),
    };
    let bytes = envelope.encode().map_err(malformed)?;
    let given = approval::Given {
        place: signed.said.place(),
        release: signed.said.release,
        person,
        decision: signed.decision,
        artifact: signed.artifact,
        plan: signed.plan,
        expires: signed.said.expires,
        envelope: Digest::of(&bytes),
    };
    let command = approval::SubmitApproval {
        given,
        key,
        not_before: signed.said.not_before,
        solo: known.root.mode == Mode::Solo,
    };
    let project = Some(signed.said.project);
    Ok(Admitted { command: Command::SubmitApproval(Box::new(command)), project, blobs: vec![bytes] })
}
