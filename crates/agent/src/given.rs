//! The secrets that a process is given: where they lie sealed, and where it finds them.
//!
//! Invariant: nothing here opens a value. A secret of a plan without a version that is held stops the start.

use std::path::{Path, PathBuf};

use evidence::Bytes;
use evidence::databases::PlannedDatabase;
use evidence::plan::Plan;

use crate::held::StartError;
use crate::keeper::Launch;
use crate::minting::SealedCredential;
use crate::opened::{SealedSecret, SealedSecrets};
use crate::sealed_values::SealedValues;
use crate::secrets::{HeldSecrets, SEAL_FILE};

/// The secrets with which processes are started.
#[derive(Debug)]
pub struct GivenSecrets {
    seal: PathBuf,
    sealed: SealedValues,
    directory: PathBuf,
    held: HeldSecrets,
}

impl GivenSecrets {
    /// Secrets that lie in an agent's directory, for services with their releases in another one.
    pub fn of(agent: &Path, home: &Path) -> Self {
        Self {
            seal: agent.join(SEAL_FILE),
            sealed: SealedValues::of(agent),
            directory: home.join("secrets"),
            held: HeldSecrets::new(),
        }
    }

    /// Takes the versions with which processes are started from now on.
    pub fn take(&mut self, held: &HeldSecrets) {
        self.held = held.clone();
    }

    /// The launch of a plan's process with its secrets.
    ///
    /// # Errors
    /// `StartError` when one is not held.
    pub fn to(&self, plan: &Plan, launch: Launch) -> Result<Launch, StartError> {
        if plan.secrets.is_empty() {
            return Ok(launch);
        }
        let mut secrets = Vec::new();
        for (name, reference) in &plan.secrets {
            let missing =
                || StartError::Secrets(format!("this agent has no version of secret `{}`", reference.secret));
            let held = self.held.get(&reference.secret).ok_or_else(missing)?;
            secrets.push(SealedSecret {
                name: name.clone(),
                variable: reference.variable.clone(),
                secret: reference.secret.clone(),
                number: held.number,
                value: held.value,
                key: held.key.clone(),
                file: self.sealed.file(&held.value),
            });
        }
        disk::make_dir(&self.directory)?;
        let mut variables = launch.variables;
        variables.insert(VARIABLE.into(), self.directory.display().to_string());
        let sealed = SealedSecrets {
            seal: self.seal.clone(),
            directory: self.directory.clone(),
            installation: plan.installation,
            place: plan.place(),
            secrets,
        };
        Ok(Launch { variables, secrets: Some(sealed), ..launch })
    }
}

impl GivenSecrets {
    /// By what the credential of a database is opened.
    ///
    /// # Errors
    /// `StartError` when it is not held, or cannot be read.
    pub fn credential(
        &self,
        plan: &Plan,
        database: &PlannedDatabase,
    ) -> Result<SealedCredential, StartError> {
        let name = &database.credential;
        let missing = || StartError::Secrets(format!("this agent has no version of secret `{name}`"));
        let held = self.held.get(name).ok_or_else(missing)?;
        let sealed = std::fs::read(self.sealed.file(&held.value));
        Ok(SealedCredential {
            seal: self.seal.clone(),
            installation: plan.installation,
            place: plan.place(),
            secret: name.clone(),
            number: held.number,
            value: held.value,
            key: held.key.clone(),
            sealed: Bytes(sealed.map_err(|error| StartError::Io("read a sealed secret", error))?),
        })
    }
}

/// Variable that names the directory of a process's secrets.
const VARIABLE: &str = "COUNTERSIGN_SECRETS";
