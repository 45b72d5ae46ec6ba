//! The claim for the secrets of a step: a process is started that will hold them, and the server lends them to its key.
//!
//! Invariant: what was lent is exactly what the verified commit's pipeline gives to this step. A refusal names every reason.

use std::collections::BTreeMap;

use evidence::pipeline::Step;
use evidence::secret_name::SecretName;
use evidence::{Id, Name};
use judge::Lent;
use stores::StoresError;
use tracing::debug;
use wire::{ClientError, LentSecrets, Problem, WantedSecret, WantedSecrets};

use crate::holder::{HeldStep, Holder, HolderError, StepRole};
use crate::host::{Isolation, NO_SECRETS};
use crate::store_logins::StepLogins;

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
    /// A secret lies in a store that this machine cannot log in to.
    #[error(transparent)]
    Store(#[from] StoresError),
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
    /// The secrets that people granted to it.
    pub lent: &'a Lent,
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
    (within, logins): (&'a dyn Isolation, StepLogins<'a>),
    lend: Option<&Lend<'_>>,
) -> Result<HeldStep<'a>, LentError> {
    let (Some(lend), Some(start)) = (lend, within.holder()) else { return Err(LentError::Nobody) };
    let holder = Holder::start(start)?;
    // The server is not asked for secrets that this machine cannot read anyway.
    of.lent.from.values().try_for_each(|from| logins.access(from).map(drop))?;
    let claimed = of.lent.secrets.iter();
    let claimed = claimed.map(|(file, secret)| WantedSecret { name: file.clone(), secret: secret.clone() });
    let secrets = claimed.collect();
    let claim = WantedSecrets { key: holder.key(), secrets };
    let lent = lend(&claim).map_err(LentError::Refused)?.ok_or(LentError::Unwanted)?;
    // The grants that this runner verified say where each value is.
    let (stored, sealed): (Vec<_>, Vec<_>) =
        claim.secrets.iter().partition(|claimed| of.lent.from.contains_key(&claimed.secret));
    let values = lent.values.iter().map(|lent| (&lent.name, &lent.secret));
    let elsewhere = lent.elsewhere.iter().map(|lent| (&lent.name, &lent.secret, Some(&lent.from)));
    let is_same = values.eq(sealed.into_iter().map(|claimed| (&claimed.name, &claimed.secret)))
        && elsewhere.eq(stored
            .into_iter()
            .map(|claimed| (&claimed.name, &claimed.secret, of.lent.from.get(&claimed.secret))));
    if !is_same {
        return Err(LentError::Other);
    }
    let reports = of.step.reports.iter().map(|report| report.path.clone());
    let leaves = of.step.outputs.iter().cloned().chain(reports).collect();
    let held = HeldStep::new(within, holder, (of.installation, of.nonce), lent, leaves);
    Ok(held.with_logins(logins).with_role(of.role))
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
