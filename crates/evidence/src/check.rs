//! Checks after deployment: steps that a runner does against a service that an agent has brought up. Declared in
//! `release.yaml`.
//!
//! Invariant: a check is bound to one release of one place and to its artifact. Its command is that of the verified
//! commit, and it reaches the service and nothing else.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::pipeline::check::{limits_fault, reports_fault};
use crate::pipeline::{Run, Step, StepLimits, StepReport};
use crate::{Digest, Name};

/// Highest number of checks of one service.
pub const CHECKS_MAX: usize = 16;
/// Variable with the URL at which a check reaches the service.
pub const URL_VARIABLE: &str = "SERVICE_URL";
/// Variable with the name of the environment.
pub const ENVIRONMENT_VARIABLE: &str = "SERVICE_ENVIRONMENT";
/// Variable with the number of the release.
pub const RELEASE_VARIABLE: &str = "SERVICE_RELEASE";

/// One check of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Check {
    /// Environments whose releases are checked. Omit it for all environments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(with = "BTreeSet<String>")]
    pub environments: BTreeSet<Name>,
    /// The command: a script for `/bin/sh -eu`, or a program with its arguments. It reaches the service at the URL in the
    /// variable `SERVICE_URL`.
    pub run: Run,
    /// Reports that the runner reads once the command has ended; at least one.
    pub reports: Vec<StepReport>,
    /// Exit codes, beside 0, with which the check passes if all its reports can be read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub report_exits: BTreeSet<u8>,
    /// Limits, if the defaults do not fit.
    #[serde(default, skip_serializing_if = "StepLimits::is_default")]
    pub limits: StepLimits,
}

/// The work that makes a check's reports.
#[derive(Serialize)]
struct Producing<'a> {
    v: u8,
    service: &'a Name,
    check: &'a Name,
    step: &'a Check,
}

impl Check {
    /// Whether releases to this environment are checked.
    #[must_use]
    pub fn is_for(&self, environment: &Name) -> bool {
        self.environments.is_empty() || self.environments.contains(environment)
    }

    /// The check as a step of a pipeline.
    #[must_use]
    pub fn step(&self) -> Step {
        Step {
            run: Some(self.run.clone()),
            reports: self.reports.clone(),
            report_exits: self.report_exits.clone(),
            limits: self.limits,
            ..Step::default()
        }
    }

    /// Digest of the check. A policy lists it to trust the reports of exactly this check.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn producer(&self, service: &Name, name: &Name) -> Result<Digest, CanonicalError> {
        let producing = Producing { v: 1, service, check: name, step: self };
        Ok(Digest::of(&canonical::encode("check", &producing)?))
    }

    /// The broken rule, if there is one.
    pub(crate) fn fault(&self) -> Option<String> {
        match &self.run {
            Run::Script(text) if text.trim().is_empty() => return Some("`run` is empty".into()),
            Run::Program(words) if words.first().is_none_or(String::is_empty) => {
                return Some("`run` names no program".into());
            }
            _ => {}
        }
        if self.reports.is_empty() {
            return Some("`reports` is missing; a check without a report shows nothing".into());
        }
        let reports = reports_fault(&self.step()).map(|why| format!("`reports` {why}"));
        reports.or_else(|| limits_fault(self.limits).map(|why| format!("`limits`: {why}")))
    }
}
