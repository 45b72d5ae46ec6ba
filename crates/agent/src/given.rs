//! The secrets that a process is given: where they lie sealed, and where it finds them.
//!
//! Invariant: nothing here opens a value. A secret of a plan without a version that is held stops the start.

use std::path::{Path, PathBuf};

use evidence::databases::PlannedDatabase;
use evidence::machine::MachineSigner;
use evidence::plan::{Plan, StepBefore};
use evidence::statements::StoreSource;
use evidence::{Bytes, Moment, Name};
use stores::{Access, Bearer, Stores};

use crate::held::StartError;
use crate::keeper::Launch;
use crate::minting::SealedCredential;
use crate::opened::{AUTHORITY_FILE, MintedRole, SealedAuthority, SealedSecret, SealedSecrets, StoredSecret};
use crate::sealed_values::SealedValues;
use crate::secrets::{HeldSecrets, SEAL_FILE};

/// The secrets with which processes are started.
#[derive(Debug)]
pub struct GivenSecrets {
    seal: PathBuf,
    sealed: SealedValues,
    directory: PathBuf,
    held: HeldSecrets,
    stores: Stores,
    bearer: Option<StoreBearer>,
}

/// The agent as stores see it.
#[derive(Debug)]
struct StoreBearer {
    agent: Name,
    signer: MachineSigner,
    now: fn() -> Moment,
}

impl GivenSecrets {
    /// Secrets that lie in an agent's directory, for services with their releases in another one.
    pub fn of(agent: &Path, home: &Path) -> Self {
        Self {
            seal: agent.join(SEAL_FILE),
            sealed: SealedValues::of(agent),
            directory: home.join("secrets"),
            held: HeldSecrets::new(),
            stores: Stores::of(agent),
            bearer: None,
        }
    }

    /// The same, with name, key and clock of the agent.
    pub fn logging_in(self, agent: Name, signer: MachineSigner, now: fn() -> Moment) -> Self {
        Self { bearer: Some(StoreBearer { agent, signer, now }), ..self }
    }

    /// Takes the key by which the agent logs in from now on.
    pub fn sign_with(&mut self, signer: &MachineSigner) {
        if let Some(bearer) = &mut self.bearer {
            bearer.signer = signer.clone();
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
        self.with(plan, Vec::new(), launch)
    }

    /// The launch of a step, with the certificates that it gets from now on.
    ///
    /// # Errors
    /// `StartError` when a secret or the key of an authority is not held, or nobody tells the time.
    pub fn to_step(
        &self,
        plan: &Plan,
        step: &StepBefore,
        launch: Launch,
        clock: Option<fn() -> Moment>,
    ) -> Result<Launch, StartError> {
        let mut authorities = Vec::new();
        for (name, terms) in &step.ssh {
            let now = clock.ok_or_else(|| StartError::Secrets("the agent has no clock".into()))?;
            let key = self.sealed(name, &terms.authority)?;
            authorities.push(SealedAuthority { key, terms: terms.clone(), from: now() });
        }
        self.with(plan, authorities, launch)
    }

    fn with(
        &self,
        plan: &Plan,
        authorities: Vec<SealedAuthority>,
        launch: Launch,
    ) -> Result<Launch, StartError> {
        if plan.secrets.is_empty() && authorities.is_empty() {
            return Ok(launch);
        }
        let (mut secrets, mut stored) = (Vec::new(), Vec::new());
        for (name, reference) in &plan.secrets {
            let (variable, secret) = (reference.variable.clone(), reference.secret.clone());
            if let Some(from) = self.held.get(&secret).and_then(|held| held.from.clone()) {
                let access = self.access(plan, &from)?;
                stored.push(StoredSecret { name: name.clone(), variable, secret, from, access });
                continue;
            }
            secrets.push(SealedSecret { variable, ..self.sealed(name, &secret)? });
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
            authorities,
            stored,
        };
        Ok(Launch { variables, secrets: Some(sealed), ..launch })
    }

    /// The version of a secret that is held, for a file with this name.
    fn sealed(&self, name: &Name, secret: &Name) -> Result<SealedSecret, StartError> {
        let missing = || StartError::Secrets(format!("this agent has no version of secret `{secret}`"));
        let held = self.held.get(secret).ok_or_else(missing)?;
        Ok(SealedSecret {
            name: name.clone(),
            variable: None,
            secret: secret.clone(),
            number: held.number,
            value: held.value,
            key: held.key.clone().ok_or_else(missing)?,
            file: self.sealed.file(&held.value),
        })
    }

    /// The launch of a program that has a role of this database.
    ///
    /// # Errors
    /// `StartError` when there is no place for the certificates of its authority.
    pub fn with_role(&self, database: &PlannedDatabase, launch: Launch) -> Result<Launch, StartError> {
        let Launch { mut variables, .. } = launch.clone();
        let authority = database.authority.clone().map(|pem| (self.directory.clone(), pem));
        if authority.is_some() {
            disk::make_dir(&self.directory)?;
            let file = self.directory.join(AUTHORITY_FILE).display().to_string();
            variables.extend([("PGSSLMODE".into(), "verify-full".into()), ("PGSSLROOTCERT".into(), file)]);
        }
        Ok(Launch { variables, minted: Some(MintedRole { authority }), ..launch })
    }

    /// A login by which a place may be read for the service of a plan. A token ends within minutes, so it is made for each start.
    fn access(&self, plan: &Plan, from: &StoreSource) -> Result<Access, StartError> {
        let failed = |what: String| StartError::Secrets(what);
        let bearer = self.bearer.as_ref().ok_or_else(|| failed(format!("nobody logs in to read {from}")))?;
        let StoreBearer { agent, signer, now } = bearer;
        let (place, now) = (plan.place(), now());
        let about = [
            ("project", place.project.as_str()),
            ("service", place.service.as_str()),
            ("environment", place.environment.as_str()),
        ];
        let bearer = Bearer {
            installation: plan.installation,
            role: "agent",
            machine: agent,
            key: signer.key(),
            now,
            id: format!("{agent}-{}", now.millis()),
            about: about.into(),
        };
        self.stores.access(from, &place.project, &bearer).map_err(|error| failed(error.to_string()))
    }

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
            key: held.key.clone().ok_or_else(missing)?,
            sealed: Bytes(sealed.map_err(|error| StartError::Io("read a sealed secret", error))?),
        })
    }
}

/// Variable that names the directory of a process's secrets.
const VARIABLE: &str = "COUNTERSIGN_SECRETS";
