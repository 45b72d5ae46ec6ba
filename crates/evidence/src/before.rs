//! Steps before a release: programs of its artifact that the agent runs before it replaces the running release, such as
//! migrations. Declared in `release.yaml`.
//!
//! Invariant: a step is part of the plan, so of what people approve. It has an end in time.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::databases::Database;
use crate::ssh_access::{self, SshAccess};
use crate::tree_list::is_tree_path;

/// Variable with the number of the release, for steps before it.
pub const RELEASE_VARIABLE: &str = "COUNTERSIGN_RELEASE";

/// Highest number of steps before a release.
pub const BEFORE_MAX: usize = 16;
/// Most words of a command.
pub const WORDS_MAX: usize = 256;
/// Longest word of a command in bytes.
pub const WORD_BYTES_MAX: usize = 4_096;
/// Longest time of a step: an hour.
pub const STOP_MS_MAX: u64 = 3_600_000;

/// One step before a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Before {
    /// Name of the step.
    #[schemars(with = "String")]
    pub name: Name,
    /// Environments before whose releases it runs. Omit it for all environments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(with = "BTreeSet<String>")]
    pub environments: BTreeSet<Name>,
    /// Program, as a path in the artifact, and its arguments; it exits with code 0 when it is done. It can run more than once
    /// for a release, whose number is in the variable `COUNTERSIGN_RELEASE`.
    pub command: Vec<String>,
    /// The database of the service in which a role is made for the step. The variables `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER`
    /// and `PGPASSWORD` name it to the step, and it is gone afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub database: Option<Name>,
    /// SSH certificates that are made for the step, by name: the key is the file `NAME` in the directory `COUNTERSIGN_SECRETS`, and
    /// its certificate `NAME-cert.pub`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, SshAccess>")]
    pub ssh: BTreeMap<Name, SshAccess>,
    /// Seconds that it has; 600 by default, 3,600 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_seconds: Option<u64>,
}

impl Before {
    /// Whether it runs before releases to this environment.
    #[must_use]
    pub fn is_for(&self, environment: &Name) -> bool {
        self.environments.is_empty() || self.environments.contains(environment)
    }

    /// Its time in milliseconds.
    #[must_use]
    pub fn stop_ms(&self) -> u64 {
        self.time_seconds.unwrap_or(TIME_SECONDS).saturating_mul(1_000)
    }

    fn fault(&self) -> Option<&'static str> {
        let is_long =
            self.command.len() > WORDS_MAX || self.command.iter().any(|word| word.len() > WORD_BYTES_MAX);
        if self.command.first().is_none_or(|word| !is_tree_path(word)) {
            return Some("`command` must start with a path in the artifact");
        }
        if is_long {
            return Some("`command` has more than 256 words, or one of more than 4,096 bytes");
        }
        let time = self.time_seconds.is_none_or(|seconds| (1..=STOP_MS_MAX / 1_000).contains(&seconds));
        (!time).then_some("`time-seconds` must lie between 1 and 3600")
    }
}

/// The broken rule of the steps of a service, if there is one.
pub(crate) fn fault(
    steps: &[Before],
    databases: &BTreeMap<Name, Database>,
    is_secret: impl Fn(&Name) -> bool,
) -> Option<String> {
    if steps.len() > BEFORE_MAX {
        return Some(format!("are more than {BEFORE_MAX}; let one step do several things"));
    }
    let mut names = BTreeSet::new();
    let broken =
        |step: &Before| step.fault().or_else(|| ssh_access::fault(&step.ssh, step.stop_ms(), &is_secret));
    steps.iter().find_map(|step| match broken(step) {
        None if step.database.as_ref().is_some_and(|name| !databases.contains_key(name)) => {
            Some(format!("`{}`: `databases` of the service has no such `database`", step.name))
        }
        Some(fault) => Some(format!("`{}`: {fault}", step.name)),
        None => {
            (!names.insert(&step.name)).then(|| format!("`{}` stands twice; name each step once", step.name))
        }
    })
}

const TIME_SECONDS: u64 = 600;
