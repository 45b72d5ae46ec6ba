//! The action `cancel`.

use domain::{Command, build};

use super::form::{AdmitError, Admitted, Known, Sent, arguments, bare};
use crate::arguments::CancelArguments;

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let CancelArguments { run, commit } = arguments(sent.request)?;
    let command = build::Cancel { run, commit, person: sent.request.person.into() };
    Ok(Admitted { project: known.project_of(run), ..bare(Command::Cancel(command)) })
}
