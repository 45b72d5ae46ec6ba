//! Deployment plans: everything that an agent will do for a release, and nothing else. Format: `docs/formats/plan.md`.
//!
//! Invariant: a plan is a pure function of the release file of a commit and the configuration that an environment
//! statement names. So everybody who has the two can derive the plan again and compare. A plan contains its failure
//! branch: if the probe fails, the release that ran before comes back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::before::{BEFORE_MAX, Before, STOP_MS_MAX, WORD_BYTES_MAX, WORDS_MAX};
use crate::canonical::{self, CanonicalError};
use crate::configuration::Configuration;
use crate::databases::{DATABASES_MAX, PlannedDatabase};
use crate::release_file::{
    Listen, PORT_VARIABLE, ROLE_VARIABLES, ReleaseFile, SECRETS_MAX, Service, ServiceSecret,
};
use crate::rollout::{INSTANCES_MAX, Rollout, Strategy};
use crate::rollout_query;
use crate::ssh_access::{self, PlannedSsh};
use crate::{CommitId, Digest, Id, Name};

/// Largest plan in bytes.
pub const BYTES_MAX: usize = 256 * 1024;

/// A deployment plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// The commit whose release file the plan was derived from.
    pub commit: CommitId,
    /// Name of the artifact in the pipeline.
    pub artifact: Name,
    /// The process to run or the files to install.
    pub target: Target,
    /// User that everything runs as. Always `agent`, the user of the agent.
    pub user: String,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The check whether the release works.
    pub probe: Probe,
    /// Highest number of open files of a process.
    pub open_files: u64,
    /// Highest memory of a process in bytes.
    pub memory_bytes: u64,
    /// How a release takes the place of the previous one.
    pub strategy: Strategy,
    /// Number of processes; absent if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// Reaction to a failed probe. Always `return`: the previous release is started again.
    pub on_failure: String,
    /// Steps in which the release gets its requests; absent exactly if the strategy is `replace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Secrets that the release gets, by the names under which it gets them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<Name, SecretReference>,
    /// Databases in which the agent makes roles, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<Name, PlannedDatabase>,
    /// The database in which the process has a role for as long as it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Name>,
    /// Steps that the agent runs before the release begins, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<StepBefore>,
}

/// A secret by reference. A rotation raises its number and leaves the plan as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretReference {
    /// Name of the secret at the place.
    pub secret: Name,
    /// Lowest number of its version.
    pub least: u64,
    /// Variable that has its value too; absent if the value is in a file alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

/// A step that the agent runs before a release begins, such as a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepBefore {
    /// Name of the step.
    pub name: Name,
    /// Program in the artifact, and its arguments.
    pub command: Vec<String>,
    /// Time after which it is ended, in milliseconds.
    pub stop_ms: u64,
    /// The database in which it gets a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Name>,
    /// SSH certificates that it gets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ssh: BTreeMap<Name, PlannedSsh>,
}

/// The process to run or the files to install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A supervised process.
    Process {
        /// Program in the artifact, and its arguments.
        command: Vec<String>,
        /// Loopback port of the listening socket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// How the process gets that socket; absent if the agent passes it on. Agents that do not know this field
        /// refuse the plan, because they would encode it differently.
        #[serde(default, skip_serializing_if = "Listen::is_socket")]
        listen: Listen,
        /// Time to end after a request to stop, in milliseconds.
        stop_ms: u64,
    },
    /// Files in a separate directory, and a link to it that is switched atomically.
    Files {},
}

/// The check whether a release works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The HTTP request or the program to try.
    pub ask: ProbeTarget,
    /// Highest number of tries.
    pub attempts: u32,
    /// Milliseconds between tries. A single HTTP try may take ten times as long, and a program at least 10 seconds.
    pub interval_ms: u64,
}

/// The target of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeTarget {
    /// The probe sends `GET` for this path to the process's port and expects status 200.
    Http(String),
    /// The probe runs this program in the artifact with its arguments and expects exit code 0.
    Command(Vec<String>),
}

/// Reasons why no plan can be derived.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The bytes are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The release file has no such service.
    #[error("the release file describes no service `{0}`")]
    Service(Name),
    /// The configuration has no such server of Prometheus.
    #[error(
        "a query asks the server of Prometheus `{0}`, which the configuration of the place does not have; `countersign trust \
         environment PLACE --prometheus {0}=URL` names it"
    )]
    Source(Name),
    /// The plan breaks a rule.
    #[error("plan: {0}")]
    Rule(&'static str),
}

/// Target of a release, with the commit.
#[derive(Clone, Debug)]
pub struct Destination<'a> {
    /// The installation.
    pub installation: Id,
    /// The project.
    pub project: &'a Name,
    /// The service.
    pub service: &'a Name,
    /// The environment.
    pub environment: &'a Name,
    /// The commit.
    pub commit: &'a CommitId,
}

impl SecretReference {
    fn of(secret: &ServiceSecret) -> Self {
        Self { secret: secret.secret.clone(), least: secret.least.unwrap_or(1), variable: secret.env.clone() }
    }
}

impl Target {
    /// The port of the process; absent if it has none, and for files.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Process { port, .. } => *port,
            Self::Files {} => None,
        }
    }

    /// The target of a service with a place's configuration.
    fn of(service: &Service, configuration: &Configuration) -> Self {
        let Some(process) = &service.process else { return Self::Files {} };
        Self::Process {
            command: process.command.clone(),
            port: configuration.port.or(process.port),
            listen: process.listen,
            stop_ms: process.stop_seconds.unwrap_or(10) * 1000,
        }
    }
}

impl Probe {
    /// The probe of a service.
    fn of(service: &Service, target: &Target) -> Result<Self, PlanError> {
        let ask = match (&service.probe.http, &service.probe.command) {
            (Some(_), _) if matches!(target, Target::Process { port: None, .. }) => {
                return Err(PlanError::Rule(
                    "a probe over HTTP needs a port in release file or configuration",
                ));
            }
            (Some(path), _) => ProbeTarget::Http(path.clone()),
            (None, Some(words)) => ProbeTarget::Command(words.clone()),
            (None, None) => return Err(PlanError::Rule("the service has no probe")),
        };
        let (attempts, interval_ms) = (service.probe.attempts, service.probe.interval_ms);
        Ok(Self { ask, attempts: attempts.unwrap_or(30), interval_ms: interval_ms.unwrap_or(200) })
    }
}

impl StepBefore {
    /// The step that a release file declares.
    fn of(step: &Before) -> Self {
        let (Before { name, command, database, .. }, stop_ms) = (step.clone(), step.stop_ms());
        let ssh = step.ssh.iter().map(|(name, one)| (name.clone(), one.planned(stop_ms))).collect();
        Self { name, command, stop_ms, database, ssh }
    }
}

/// A rollout with the servers of Prometheus that its queries ask.
fn asking(rollout: Rollout, configuration: &Configuration) -> Result<Rollout, PlanError> {
    let sources = rollout_query::asked(&rollout.prometheus, &configuration.prometheus);
    let sources = sources.map_err(|name| PlanError::Source(name.clone()))?;
    Ok(Rollout { sources, ..rollout })
}

impl Plan {
    /// Derives the plan of one service for one environment.
    ///
    /// # Errors
    /// `PlanError` when the files do not describe a plan.
    pub fn derive(
        to: &Destination<'_>,
        file: &ReleaseFile,
        configuration: &Configuration,
    ) -> Result<Self, PlanError> {
        let service = file.services.get(to.service).ok_or_else(|| PlanError::Service(to.service.clone()))?;
        let target = Target::of(service, configuration);
        let probe = Probe::of(service, &target)?;
        let memory_bytes = service.limits.memory_mib.unwrap_or(4096).checked_mul(1 << 20);
        let memory_bytes = memory_bytes.ok_or(PlanError::Rule("`memory-mib` is too large"))?;
        let mut variables = service.env.clone();
        variables.extend(configuration.variables.clone());
        if let Target::Process { port, listen: Listen::Variable, .. } = &target {
            if port.is_none() {
                return Err(PlanError::Rule(
                    "`listen: variable` needs a port in release file or configuration",
                ));
            }
            if variables.contains_key(PORT_VARIABLE) {
                return Err(PlanError::Rule(
                    "`PORT` is set from the port; the configuration must not set it",
                ));
            }
        }
        let secrets: BTreeMap<_, _> = service
            .secrets
            .iter()
            .map(|(name, secret)| (name.clone(), SecretReference::of(secret)))
            .collect();
        if secrets.values().filter_map(|one| one.variable.as_ref()).any(|name| variables.contains_key(name)) {
            return Err(PlanError::Rule("the configuration sets a variable that has the value of a secret"));
        }
        let instances = service.instances.unwrap_or(1);
        let declared = service.rollout.as_ref().filter(|rollout| rollout.is_for(to.environment));
        let rollout = declared.and_then(|rollout| rollout.planned(instances));
        let rollout = rollout.map(|rollout| asking(rollout, configuration)).transpose()?;
        if (instances > 1 || rollout.is_some()) && target.port().is_none() {
            return Err(PlanError::Rule(
                "instances and a rollout need a port in release file or configuration",
            ));
        }
        let steps = service.before.iter().filter(|step| step.is_for(to.environment));
        let before: Vec<_> = steps.map(StepBefore::of).collect();
        let databases = planned_databases(service, &before, &variables)?;
        if service.database.is_some() && variables.keys().any(|name| ROLE_VARIABLES.contains(&name.as_str()))
        {
            return Err(PlanError::Rule("the configuration sets a variable of the role of the process"));
        }
        Ok(Self {
            v: 1,
            installation: to.installation,
            project: to.project.clone(),
            service: to.service.clone(),
            environment: to.environment.clone(),
            commit: to.commit.clone(),
            artifact: service.artifact.clone(),
            target,
            user: "agent".into(),
            variables,
            probe,
            open_files: service.limits.open_files.unwrap_or(1024),
            memory_bytes,
            strategy: declared.map_or(Strategy::Replace, |rollout| rollout.strategy),
            instances: (instances > 1).then_some(instances),
            on_failure: "return".into(),
            rollout,
            secrets,
            databases,
            database: service.database.clone(),
            before,
        })
    }

    /// Every secret that a release needs by its name at the place, with the lowest number that one of its references needs. The
    /// release gets those of `secrets`; nobody but the agent gets the credential of a database or the key of an SSH authority.
    #[must_use]
    pub fn needs(&self) -> BTreeMap<&Name, u64> {
        let given = self.secrets.values().map(|reference| (&reference.secret, reference.least));
        let kept = self.databases.values().map(|database| (&database.credential, database.least));
        let certifying = self.before.iter().flat_map(|step| step.ssh.values());
        let certifying = certifying.map(|one| (&one.authority, one.least));
        let mut needs = BTreeMap::new();
        for (name, least) in given.chain(kept).chain(certifying) {
            let highest: &mut u64 = needs.entry(name).or_default();
            *highest = least.max(*highest);
        }
        needs
    }

    /// Parses a plan.
    ///
    /// # Errors
    /// `PlanError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlanError> {
        let plan: Self = canonical::decode("plan", bytes, BYTES_MAX)?;
        plan.fault().map_or(Ok(plan), |fault| Err(PlanError::Rule(fault)))
    }

    /// Fields that restrict what may happen and that this program does not apply. A judge that meets one decides nothing.
    #[must_use]
    pub fn unapplied(&self) -> Vec<&'static str> {
        self.rollout.iter().flat_map(Rollout::unapplied).collect()
    }

    fn fault(&self) -> Option<&'static str> {
        let is_step = |step: &StepBefore| {
            let words = step.command.iter().map(String::len);
            (1..=WORDS_MAX).contains(&step.command.len())
                && words.into_iter().all(|length| length <= WORD_BYTES_MAX)
                && (1..=STOP_MS_MAX).contains(&step.stop_ms)
        };
        let names: BTreeSet<_> = self.before.iter().map(|step| &step.name).collect();
        let faults = [
            (self.v == 1, "`v` is not 1"),
            (
                self.rollout.is_some() == (self.strategy != Strategy::Replace),
                "a rollout has a strategy other than `replace`, and each other strategy has one",
            ),
            (
                self.instances.is_none_or(|count| (2..=INSTANCES_MAX).contains(&count)),
                "a plan with more than one instance has 2 to 32",
            ),
            (
                (self.rollout.is_none() && self.instances.is_none()) || self.target.port().is_some(),
                "only a process with a port has instances or a rollout",
            ),
            (self.secrets.len() <= SECRETS_MAX, "a plan has more than 64 secrets"),
            (self.secrets.values().all(|one| one.least >= 1), "a secret's lowest number starts at 1"),
            (self.before.len() <= BEFORE_MAX, "a plan has more than 16 steps before the release"),
            (names.len() == self.before.len(), "a step before the release stands twice"),
            (self.databases.len() <= DATABASES_MAX, "a plan has more than 16 databases"),
            (
                self.before
                    .iter()
                    .flat_map(|step| &step.database)
                    .all(|name| self.databases.contains_key(name)),
                "a step before the release names a database that the plan does not have",
            ),
            (
                self.database.as_ref().is_none_or(|name| self.databases.contains_key(name)),
                "the process has a role of a database that the plan does not have",
            ),
            (
                self.database.is_none() || matches!(self.target, Target::Process { .. }),
                "files that are installed have a role of a database",
            ),
            (
                self.before.iter().all(is_step),
                "a step before the release has no command or time, or too long ones",
            ),
        ];
        let fault = faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault);
        let fault = fault.or_else(|| self.databases.values().find_map(PlannedDatabase::fault));
        let fault =
            fault.or_else(|| self.before.iter().find_map(|step| ssh_access::planned_fault(&step.ssh)));
        let is_twice = |name: &Name| self.secrets.contains_key(name);
        let fault = fault.or_else(|| {
            let is_taken = self.before.iter().any(|step| step.ssh.keys().any(is_twice));
            is_taken.then_some("an SSH certificate has the name of a secret of the plan")
        });
        let fault = fault.or_else(|| self.rollout.as_ref().and_then(Rollout::fault));
        let mut queries = self.rollout.iter().flat_map(|rollout| {
            rollout.prometheus.iter().map(|query| rollout.sources.contains_key(&query.source))
        });
        fault.or_else(|| {
            (!queries.all(|is_known| is_known))
                .then_some("a query names a server of Prometheus that the plan does not have")
        })
    }

    /// Encodes the plan into its canonical bytes.
    ///
    /// # Errors
    /// `PlanError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, PlanError> {
        Ok(canonical::encode("plan", self)?)
    }

    /// Digest that names the plan. It is the second subject of an approval.
    ///
    /// # Errors
    /// `PlanError` when it cannot be encoded.
    pub fn digest(&self) -> Result<Digest, PlanError> {
        Ok(Digest::of(&self.encode()?))
    }
}

/// The databases of a service in which it or these steps get roles.
fn planned_databases(
    service: &Service,
    steps: &[StepBefore],
    variables: &BTreeMap<String, String>,
) -> Result<BTreeMap<Name, PlannedDatabase>, PlanError> {
    let used: BTreeSet<&Name> =
        steps.iter().filter_map(|step| step.database.as_ref()).chain(&service.database).collect();
    let databases = service.databases.iter().filter(|(name, _)| used.contains(name));
    databases
        .map(|(name, database)| {
            let planned = database.planned(variables).map_err(|fault| PlanError::Rule(fault.0))?;
            Ok((name.clone(), planned))
        })
        .collect()
}
