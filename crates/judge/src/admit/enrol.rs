//! The action `enrol`.

use domain::Command;
use domain::identity::{Enrol, Enrolled};
use evidence::enrolment::{Enrolment, EnrolmentError};
use evidence::trust_root::QuorumError;

use super::form::{AdmitError, Admitted, Known, MORE_SIGN, SIGN_AGAIN, Sent, bare, malformed, named, refuse};

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    Ok(bare(match Enrolment::open(envelope, known.root) {
        Ok(enrolment) => {
            let facts = Enrolled::of(&enrolment, known.root.version).map_err(malformed)?;
            Command::Enrol(Enrol { enrolment: facts, issued: enrolment.issued })
        }
        Err(error @ EnrolmentError::Quorum(QuorumError::Threshold { .. })) => {
            refuse("registrars-missing", &error, MORE_SIGN)
        }
        Err(error) => refuse("enrolment-unsound", &error, SIGN_AGAIN),
    }))
}
