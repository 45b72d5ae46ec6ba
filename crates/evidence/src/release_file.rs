//! The release file, `.countersign/release.yaml`: the services of a project and how each one runs. Schema:
//! `docs/schema/release.schema.json`, generated from these types and their comments.
//!
//! Invariant: the file only describes services. Environment statements decide where they run, and with which
//! configuration.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::before::{self, Before};
use crate::check::{CHECKS_MAX, Check};
use crate::configuration::{OWN_VARIABLES, variable_fault};
use crate::databases::{DATABASES_MAX, Database};
use crate::pipeline::yaml_words;
use crate::rollout::INSTANCES_MAX;
use crate::rollout_file::ServiceRollout;
use crate::tree_list::is_tree_path;

/// Path of the file in a repository.
pub const PATH: &str = ".countersign/release.yaml";
/// Largest file in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// Environment variable that names the port to a process that opens its socket itself.
pub const PORT_VARIABLE: &str = "PORT";
/// Longest owner of a service in bytes.
pub const OWNER_BYTES_MAX: usize = 200;
/// Highest number of classes of data of a service.
pub const DATA_MAX: usize = 16;
/// Highest number of secrets of a service.
pub const SECRETS_MAX: usize = 64;
/// Highest number of services.
pub const SERVICES_MAX: usize = 64;

/// The services of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseFile {
    /// Version of this format; 1.
    pub version: u8,
    /// Services by name.
    #[schemars(with = "BTreeMap<String, Service>")]
    pub services: BTreeMap<Name, Service>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Service {
    /// Name of the service's artifact in the pipeline.
    #[schemars(with = "String")]
    pub artifact: Name,
    /// The people or the team who answer for the service and mend what is found in it. Without it, `CODEOWNERS` names the owner
    /// of each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Classes of the data that the service keeps or processes, in the words of the policy, such as `personal`; 16 at most. The
    /// policy says in which regions each class may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub data: Vec<Name>,
    /// A process that the agent supervises. Omit it if files are only installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// Number of processes; 1 by default, 32 at most. With more than one the agent splits the requests between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// How a new release takes the place of the one before. Without it, the old one is stopped and the new one started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<ServiceRollout>,
    /// Environment variables of the process and of the probe.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The check whether the new version works.
    pub probe: Probe,
    /// Limits, if the defaults do not fit.
    #[serde(default)]
    pub limits: ServiceLimits,
    /// Databases in which the agent makes roles for steps before a release and for the process, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, Database>")]
    pub databases: BTreeMap<Name, Database>,
    /// The database of `databases` in which the process itself has a role, for as long as it runs. The variables `PGHOST`, `PGPORT`,
    /// `PGDATABASE`, `PGUSER` and `PGPASSWORD` name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub database: Option<Name>,
    /// Steps that the agent runs, in this order, before a new release replaces the running one, such as migrations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Before>,
    /// Checks of each new release, by name. Runners do them once the agent has reported that the release runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, Check>")]
    pub checks: BTreeMap<Name, Check>,
    /// Secrets of the place that the process gets, by the names of their files in the directory `COUNTERSIGN_SECRETS`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, ServiceSecret>")]
    pub secrets: BTreeMap<Name, ServiceSecret>,
}

/// A secret that a process gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSecret {
    /// Name of the secret at each place.
    #[schemars(with = "String")]
    pub secret: Name,
    /// Lowest number of its version; 1 by default. A release waits until there is such a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<u64>,
    /// Variable that has the value too. Omit it if the process can read the file: everything that the process starts inherits variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Process {
    /// Program, as a path in the artifact, and its arguments.
    pub command: Vec<String>,
    /// Loopback port of the listening socket. The configuration of an environment may set another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the process gets its listening socket: `socket` (the default) or `variable`.
    #[serde(default, skip_serializing_if = "Listen::is_socket")]
    pub listen: Listen,
    /// Seconds that the process has to end after a request to stop; 10 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_seconds: Option<u64>,
}

/// How a process gets its listening socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Listen {
    /// The agent listens and passes the socket as file descriptor 3 (`sd_listen_fds`); the port stays open between
    /// releases.
    #[default]
    Socket,
    /// The process listens on the port in the variable `PORT`; between releases the port is closed.
    Variable,
}

/// The check whether the new version works: exactly one of `http` and `command`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Probe {
    /// Path that answers status 200 over HTTP when the service works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Program, as a path in the artifact, and its arguments; it exits with code 0 when the service works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Highest number of tries; 30 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Milliseconds between tries; 200 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

/// Resource limits of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceLimits {
    /// Highest number of open files; 1,024 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Memory of each process in MiB; 4,096 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
}

/// Errors of reading a release file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReleaseFileError {
    /// The file is larger than allowed.
    #[error("{PATH}: more than {BYTES_MAX} bytes")]
    Long,
    /// The file is not YAML of this format; the text names line and column.
    #[error("{PATH}: {0}")]
    Yaml(String),
    /// The file breaks a rule.
    #[error("{PATH}: services.{service}.{place}: {what}")]
    Rule {
        /// The service.
        service: Name,
        /// Place in the service.
        place: &'static str,
        /// Description of the fault and its remedy.
        what: String,
    },
    /// The number of services or the version is wrong.
    #[error("{PATH}: `version` must be 1 and between 1 and {SERVICES_MAX} services are needed")]
    Count,
}

impl ReleaseFile {
    /// Parses and checks a release file.
    ///
    /// # Errors
    /// `ReleaseFileError` names the place and the remedy.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseFileError> {
        if bytes.len() > BYTES_MAX {
            return Err(ReleaseFileError::Long);
        }
        let yaml =
            |error: &dyn std::fmt::Display| ReleaseFileError::Yaml(yaml_words(PATH, &error.to_string()));
        let text = std::str::from_utf8(bytes).map_err(|error| yaml(&error))?;
        let file: Self = serde_saphyr::from_str(text).map_err(|error| yaml(&error))?;
        match file.faults().into_iter().next() {
            None => Ok(file),
            Some(fault) => Err(fault),
        }
    }

    /// Broken rules: at most one of the whole file and one of each service.
    pub(crate) fn faults(&self) -> Vec<ReleaseFileError> {
        let is_counted = self.version == 1 && (1..=SERVICES_MAX).contains(&self.services.len());
        let count = (!is_counted).then_some(ReleaseFileError::Count);
        let services = self.services.iter().filter_map(|(name, service)| service.check(name).err());
        count.into_iter().chain(services).collect()
    }
}

/// Variables of a role that nothing else may set.
pub const ROLE_VARIABLES: [&str; 4] = ["PGUSER", "PGPASSWORD", "PGSSLMODE", "PGSSLROOTCERT"];

impl Listen {
    /// Whether this is the default, which formats omit.
    #[must_use]
    pub const fn is_socket(&self) -> bool {
        matches!(self, Self::Socket)
    }
}

impl Service {
    /// The fault of the classes of data.
    fn data_fault(&self) -> Option<String> {
        if self.data.len() > DATA_MAX {
            return Some(format!("are more than {DATA_MAX}"));
        }
        let mut met = BTreeSet::new();
        let twice = self.data.iter().find(|class| !met.insert(*class));
        twice.map(|class| format!("`{class}` stands twice"))
    }

    /// The fault of a secret.
    fn secret_fault(&self) -> Option<String> {
        if self.secrets.len() > SECRETS_MAX {
            return Some(format!("are more than {SECRETS_MAX}"));
        }
        if self.process.is_none() && !self.secrets.is_empty() {
            return Some(
                "need a `process`, because files that are installed are no place for secrets".into(),
            );
        }
        let mut variables: BTreeSet<&str> = self.env.keys().map(String::as_str).collect();
        self.secrets.iter().find_map(|(name, secret)| {
            if secret.least == Some(0) {
                return Some(format!("`{name}`: `least` starts at 1"));
            }
            let variable = secret.env.as_deref()?;
            let fault = variable_fault(variable, &OWN_VARIABLES);
            let twice = || format!("`{variable}` is set twice");
            let is_port = variable == PORT_VARIABLE;
            let fault = fault.or_else(|| (is_port || !variables.insert(variable)).then(twice));
            fault.map(|why| format!("`{name}`: {why}"))
        })
    }

    /// The fault of the database in which the process has a role.
    fn database_fault(&self) -> Option<String> {
        let name = self.database.as_ref()?;
        if self.process.is_none() {
            return Some("needs a `process`, which would have the role".into());
        }
        if !self.databases.contains_key(name) {
            return Some(format!("`databases` of the service has no `{name}`"));
        }
        let named = self.secrets.values().filter_map(|secret| secret.env.as_ref());
        let taken = self.env.keys().chain(named).find(|name| ROLE_VARIABLES.contains(&name.as_str()))?;
        Some(format!("sets the variable `{taken}`, which `env` or a secret sets too"))
    }

    /// The fault of instances and rollout, with its place.
    fn split_fault(&self) -> Option<(&'static str, String)> {
        let instances = self.instances.unwrap_or(1);
        if !(1..=INSTANCES_MAX).contains(&instances) {
            return Some(("instances", format!("must lie between 1 and {INSTANCES_MAX}")));
        }
        if self.process.is_none() && (instances > 1 || self.rollout.is_some()) {
            let place = if self.rollout.is_some() { "rollout" } else { "instances" };
            return Some((place, "needs a `process` with a port; files are replaced at once".into()));
        }
        self.rollout.as_ref().and_then(|rollout| rollout.fault(instances)).map(|why| ("rollout", why))
    }

    fn check_probe(&self, name: &Name) -> Result<(), ReleaseFileError> {
        let fail = |place, what: String| Err(ReleaseFileError::Rule { service: name.clone(), place, what });
        match (&self.probe.http, &self.probe.command) {
            (Some(path), None) if self.process.is_none() => {
                return fail("probe.http", format!("`{path}`: only a process answers over HTTP"));
            }
            (Some(path), None) if !path.starts_with('/') || path.contains(char::is_whitespace) => {
                return fail("probe.http", format!("`{path}` is not a path such as `/health`"));
            }
            (None, Some(words)) if !is_program(words) => {
                return fail("probe.command", "must start with a path in the artifact".into());
            }
            (Some(_), Some(_)) | (None, None) => {
                return fail("probe", "needs exactly one of `http` and `command`".into());
            }
            _ => {}
        }
        if self.probe.attempts.is_some_and(|n| n == 0 || n > 10_000)
            || self.probe.interval_ms.is_some_and(|ms| ms == 0 || ms > 60_000)
        {
            return fail("probe", "`attempts` is 1 to 10,000 and `interval-ms` 1 to 60,000".into());
        }
        Ok(())
    }

    fn check(&self, name: &Name) -> Result<(), ReleaseFileError> {
        let fail = |place, what: String| Err(ReleaseFileError::Rule { service: name.clone(), place, what });
        if self.owner.as_ref().is_some_and(|owner| {
            !(1..=OWNER_BYTES_MAX).contains(&owner.len()) || owner.contains(char::is_control)
        }) {
            return fail("owner", format!("must have 1 to {OWNER_BYTES_MAX} bytes in one line"));
        }
        if let Some(why) = self.data_fault() {
            return fail("data", why);
        }
        if let Some(process) = &self.process {
            if !is_program(&process.command) {
                return fail("process.command", "must start with a path in the artifact".into());
            }
            if process.stop_seconds.is_some_and(|seconds| seconds == 0 || seconds > 600) {
                return fail("process.stop-seconds", "must lie between 1 and 600".into());
            }
            if process.listen == Listen::Variable && self.env.contains_key(PORT_VARIABLE) {
                return fail("env", "`PORT` is set from `process.port` with `listen: variable`".into());
            }
        }
        self.check_probe(name)?;
        if let Some((place, why)) = self.split_fault() {
            return fail(place, why);
        }
        if self.checks.len() > CHECKS_MAX {
            return fail(
                "checks",
                format!("are more than {CHECKS_MAX}; let one check write several reports"),
            );
        }
        let check = self.checks.iter().find_map(|(name, check)| Some((name, check.fault()?)));
        if let Some((name, why)) = check {
            return fail("checks", format!("`{name}`: {why}"));
        }
        if let Some(why) = self.secret_fault() {
            return fail("secrets", why);
        }
        let database = self.databases.iter().find_map(|(name, database)| Some((name, database.fault()?)));
        if let Some((name, why)) = database {
            return fail("databases", format!("`{name}`: {why}"));
        }
        if self.databases.len() > DATABASES_MAX {
            return fail("databases", format!("are more than {DATABASES_MAX}"));
        }
        if let Some(why) = self.database_fault() {
            return fail("database", why);
        }
        if let Some(why) =
            before::fault(&self.before, &self.databases, |name| self.secrets.contains_key(name))
        {
            return fail("before", why);
        }
        match self.env.keys().find_map(|name| variable_fault(name, &OWN_VARIABLES)) {
            Some(why) => fail("env", why),
            None => Ok(()),
        }
    }
}

/// Whether the words begin with a path in the artifact.
fn is_program(words: &[String]) -> bool {
    words.first().is_some_and(|word| is_tree_path(word))
}
