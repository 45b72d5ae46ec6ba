//! The claim for the secrets of a step: a process is started that will hold them, and the server lends them to its key.
//!
//! Invariant: what was lent is exactly what the verified commit's pipeline gives to this step. A refusal names every reason.

use std::collections::BTreeMap;

use evidence::pipeline::Step;
use evidence::secret_name::SecretName;
use evidence::{Id, Name};
use tracing::debug;
use wire::{ClientError, LentSecrets, Problem, WantedSecret, WantedSecrets};

use crate::holder::{HeldStep, Holder, HolderError, StepRole};
use crate::host::{Isolation, NO_SECRETS};

/// Gets secrets from the server; nothing if the work is not wanted any more.
pub type Lend<'a> = dyn Fn(&WantedSecrets) -> Result<Option<LentSecrets>, ClientError> + Sync + 'a;

/// Why a step gets no secrets.
#[derive(Debug, thiserror::Error)]
pub enum LentError {
    /// Nobody lends secrets to this machine.
    #[error("{NO_SECRETS}")]
    Nobody,
    /// The process that is to hold them does not start.
    #[error(transparent)]
    Holder(#[from] HolderError),
    /// The server does not lend them.
    #[error("the server does not lend the secrets of the step: {}", reasons(.0))]
    Refused(ClientError),
    /// A text of its database is not a name.
    #[error("the database of the step: {0}")]
    Database(#[from] mint::TextError),
    /// The work is not wanted any more.
    #[error("the work is not wanted any more")]
    Unwanted,
    /// The server lent something else.
    #[error("the server lent other secrets than the step has")]
    Other,
}

/// The step that a claim is about.
pub struct Claimant<'a> {
    /// The installation.
    pub installation: Id,
    /// Nonce of the work.
    pub nonce: Id,
    /// The secrets that people granted to it, by the names of their files.
    pub secrets: &'a BTreeMap<Name, SecretName>,
    /// The step of the pipeline.
    pub step: &'a Step,
    /// The role that it is to have.
    pub role: Option<StepRole<'a>>,
}

/// The isolation for a step with secrets: they are lent to a process that it will run in.
///
/// # Errors
/// `LentError` if they are not.
pub fn hold<'a>(
    of: Claimant<'a>,
    within: &'a dyn Isolation,
    lend: Option<&Lend<'_>>,
) -> Result<HeldStep<'a>, LentError> {
    let (Some(lend), Some(start)) = (lend, within.holder()) else { return Err(LentError::Nobody) };
    let holder = Holder::start(start)?;
    let claimed =
        |(file, secret): (&Name, &SecretName)| WantedSecret { name: file.clone(), secret: secret.clone() };
    let secrets = of.secrets.iter().map(claimed).collect();
    let claim = WantedSecrets { key: holder.key(), secrets };
    let lent = lend(&claim).map_err(LentError::Refused)?.ok_or(LentError::Unwanted)?;
    let named = lent.values.iter().map(|lent| (&lent.name, &lent.secret));
    if !named.eq(claim.secrets.iter().map(|claimed| (&claimed.name, &claimed.secret))) {
        return Err(LentError::Other);
    }
    let reports = of.step.reports.iter().map(|report| report.path.clone());
    let leaves = of.step.outputs.iter().cloned().chain(reports).collect();
    Ok(HeldStep::new(within, holder, (of.installation, of.nonce), lent, leaves).with_role(of.role))
}

/// Asks for secrets outside the hours of their grants, so that the server records the read and alerts people. Nothing is opened,
/// whatever it answers: the process with the key ends before the claim is sent. The step was refused already, so a failure here
/// changes nothing.
pub fn ask_in_vain(secrets: &BTreeMap<Name, SecretName>, within: &dyn Isolation, lend: &Lend<'_>) {
    let Some(Ok(holder)) = within.holder().map(Holder::start) else { return };
    let key = holder.key();
    drop(holder);
    let claimed =
        |(file, secret): (&Name, &SecretName)| WantedSecret { name: file.clone(), secret: secret.clone() };
    if let Err(error) = lend(&WantedSecrets { key, secrets: secrets.iter().map(claimed).collect() }) {
        debug!("a read outside the hours of its grant was refused, and is on record: {error}");
    }
}

/// The code of a grant's hours, on which the server's record rests.
pub const OUTSIDE_HOURS: &str = "secret-outside-hours";

/// Each reason of a refusal on a line, as the log of the step shows it.
fn reasons(error: &ClientError) -> String {
    match error {
        ClientError::Problem(problem) if !problem.reasons.is_empty() => lines(problem),
        error => error.to_string(),
    }
}

fn lines(problem: &Problem) -> String {
    let line = |reason: &domain::Reason| {
        format!("\ncountersign:   {}: {}; {}", reason.code, reason.what, reason.remedy)
    };
    problem.reasons.iter().map(line).collect()
}
