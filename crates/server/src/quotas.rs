//! The operator's quotas: `quotas.json` in the data directory, read when the server starts.
//!
//! Invariant: no request changes them. An invalid file stops the server, because a typing error must not lift a limit.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::quota::{self, Owner};
use domain::{PersonId, Reason};
use evidence::Name;
use serde::Deserialize;
use wire::UPLOAD_BYTES_MAX;

/// The operator's limits; each has a default if omitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Limits {
    /// Runs of one project that may be in progress at once.
    pub runs_per_project: u32,
    /// Runs that one person asked for and that may be in progress at once.
    pub runs_per_person: u32,
    /// Size of the blobs that the ledger stores for one project.
    pub stored_mib_per_project: u64,
    /// Size of the blobs that the ledger stores for the runs that one person asked for.
    pub stored_mib_per_person: u64,
    /// Statements of one person that may be in force at once.
    pub statements_per_person: u32,
    /// Statements that may be in force at once for one place.
    pub statements_per_place: u32,
    /// Refusals of one person in a minute that are recorded one by one; one entry counts the rest.
    pub refusals_per_minute: u32,
    /// Size of the live logs of one run.
    pub live_log_mib_per_run: u64,
    /// Size of the live logs of one project.
    pub live_log_mib_per_project: u64,
    /// Size of the pack of one commit that a person uploads.
    pub upload_mib: u64,
    /// Size of all uploads of one project whose runs are not over.
    pub uploads_mib_per_project: u64,
    /// Time without contact after which a runner is gone and the runs that wait for it are lost.
    pub runner_gone_minutes: u64,
}

/// Why the quotas are invalid.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// The file cannot be read.
    #[error("cannot read `{0}`: {1}")]
    Io(PathBuf, io::Error),
    /// The content of the file is invalid.
    #[error("`{0}`: {1}; correct the file, or remove it for the defaults")]
    Unsound(PathBuf, String),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            runs_per_project: 32,
            runs_per_person: 16,
            stored_mib_per_project: 64 << 10,
            stored_mib_per_person: 64 << 10,
            statements_per_person: 256,
            statements_per_place: 512,
            refusals_per_minute: 30,
            live_log_mib_per_run: 128,
            live_log_mib_per_project: 512,
            upload_mib: 256,
            uploads_mib_per_project: 4096,
            runner_gone_minutes: 60,
        }
    }
}

impl Limits {
    /// The limits of a data directory.
    ///
    /// # Errors
    /// `QuotaError` if the file exists and is invalid, or has a limit of 0.
    pub fn read(data: &Path) -> Result<Self, QuotaError> {
        let path = data.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(QuotaError::Io(path, error)),
        };
        let limits: Self = match serde_json::from_str(&text) {
            Ok(limits) => limits,
            Err(error) => return Err(QuotaError::Unsound(path, error.to_string())),
        };
        let least = [
            u64::from(limits.runs_per_project),
            u64::from(limits.runs_per_person),
            limits.stored_mib_per_project,
            limits.stored_mib_per_person,
            u64::from(limits.statements_per_person),
            u64::from(limits.statements_per_place),
            u64::from(limits.refusals_per_minute),
            limits.upload_mib,
            limits.uploads_mib_per_project,
            limits.runner_gone_minutes,
        ];
        if least.contains(&0) {
            return Err(QuotaError::Unsound(path, "a quota of 0 would refuse everything".into()));
        }
        Ok(limits)
    }

    /// The limits for runs in progress and for statements in force.
    #[must_use]
    pub fn counted(&self) -> (quota::Runs, quota::Statements) {
        let most = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let (per_project, per_person) = (most(self.runs_per_project), most(self.runs_per_person));
        let runs = quota::Runs { per_project, per_person };
        let (per_person, per_place) = (most(self.statements_per_person), most(self.statements_per_place));
        (runs, quota::Statements { per_person, per_place })
    }

    /// Most bytes of one upload, and of all uploads of a project.
    #[must_use]
    pub fn uploads(&self) -> (u64, u64) {
        let bytes = |mib: u64| mib.saturating_mul(1 << 20);
        (bytes(self.upload_mib).min(UPLOAD_BYTES_MAX as u64), bytes(self.uploads_mib_per_project))
    }

    /// Time without contact after which a runner is gone.
    #[must_use]
    pub const fn runner_gone(&self) -> Duration {
        Duration::from_secs(self.runner_gone_minutes.saturating_mul(60))
    }
}

/// Bytes of the ledger's blobs, by their owner, as far as they were counted.
#[derive(Debug, Default)]
pub struct Usage(Mutex<StoredBytes>);

/// Bytes by project and by person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredBytes {
    /// By project.
    pub projects: BTreeMap<Name, u64>,
    /// By the person who asked for the run.
    pub people: BTreeMap<PersonId, u64>,
}

impl Usage {
    /// The stored bytes of all projects.
    pub fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).projects.values().sum()
    }

    /// Replaces the count.
    pub fn set(&self, counted: StoredBytes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counted;
    }

    /// The reasons against storing more for a project and a person.
    pub fn over(&self, project: Option<&Name>, person: PersonId, limits: &Limits) -> Vec<Reason> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reasons = Vec::new();
        let mut look = |owner: Owner, who: String, bytes: u64, mib: u64| {
            let quota = mib.saturating_mul(1 << 20);
            if bytes >= quota {
                reasons.push(quota::stored(owner, &who, bytes, quota));
            }
        };
        if let Some(project) = project {
            let bytes = counted.projects.get(project).copied().unwrap_or_default();
            look(Owner::Project, format!("project `{project}`"), bytes, limits.stored_mib_per_project);
        }
        let bytes = counted.people.get(&person).copied().unwrap_or_default();
        look(Owner::Person, format!("person {person}"), bytes, limits.stored_mib_per_person);
        reasons
    }
}

/// Name of the file in the data directory.
pub const FILE: &str = "quotas.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_omitted_has_its_default_and_what_is_mistyped_stops_the_server() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Limits::read(dir.path()).unwrap(), Limits::default());
        let read = |text: &str| {
            disk::write(&dir.path().join(FILE), text.as_bytes(), 0o644).unwrap();
            Limits::read(dir.path())
        };
        let set = read(r#"{ "runs-per-person": 2 }"#).unwrap();
        assert_eq!(set, Limits { runs_per_person: 2, ..Limits::default() });
        for (text, said) in [
            (r#"{ "runs-per-persons": 2 }"#, "unknown field `runs-per-persons`"),
            (r#"{ "runs-per-person": -1 }"#, "invalid value"),
            (r#"{ "runs-per-person": 0 }"#, "would refuse everything"),
            ("", "EOF"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains(FILE), "{error}");
        }
    }

    #[test]
    fn attack_who_has_stored_enough_stores_no_more() {
        let usage = Usage::default();
        let limits = Limits { stored_mib_per_project: 1, stored_mib_per_person: 2, ..Limits::default() };
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let person = |n| PersonId::from(evidence::Id::from_random([n; 16]));
        usage.set(StoredBytes {
            projects: [(name("hog"), 1 << 20)].into(),
            people: [(person(1), 3 << 20)].into(),
        });
        let codes = |project: &str, n| -> Vec<String> {
            let over = usage.over(Some(&name(project)), person(n), &limits);
            over.into_iter().map(|reason| reason.code).collect()
        };
        assert_eq!(codes("hog", 2), ["quota-bytes-of-project"]);
        assert_eq!(codes("shop", 1), ["quota-bytes-of-person"]);
        assert_eq!(codes("shop", 2), Vec::<String>::new());
    }
}
