//! Compares a plan with the bounds that the policy signers set for its place in the configuration.
//!
//! Input: a plan, and the configuration that it was derived with. Output: differences, which the policy judges.
//! Invariant: no difference quotes the value of a variable, because it may be a secret.

use std::collections::BTreeSet;

use evidence::configuration::{Bounds, Configuration};
use evidence::plan::{Plan, Target};
use serde::Serialize;

use crate::settings::{self, DifferenceCode};

/// A difference between a plan and the bounds of its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// Name of the variable or limit.
    pub name: String,
    /// Sort of the difference.
    pub code: DifferenceCode,
    /// A sentence about it.
    pub what: String,
}

/// Differences between a plan and the bounds of the configuration, sorted. Empty without bounds.
#[must_use]
pub fn differences(plan: &Plan, configuration: &Configuration) -> BTreeSet<Difference> {
    let Some(bounds) = &configuration.bounds else { return BTreeSet::new() };
    let mut found: BTreeSet<_> = limits(plan, bounds).into_iter().flatten().collect();
    for (name, value) in &plan.variables {
        // A value that the policy signers signed themselves is within the bounds; whether it is sound is another matter.
        if !configuration.variables.contains_key(name) {
            found.extend(of_variable(name, value, bounds));
        }
        found.extend(settings::faults(name, value).into_iter().map(|(code, what)| Difference {
            name: name.clone(),
            code,
            what: what.to_owned(),
        }));
    }
    found
}

fn of_variable(name: &str, value: &str, bounds: &Bounds) -> Option<Difference> {
    let known = bounds.variables.as_ref()?;
    let (code, what) = match known.get(name) {
        None => (
            DifferenceCode::VariableUnknown,
            "the release file sets it, and the bounds do not name it".to_owned(),
        ),
        Some(values) if values.is_empty() || values.contains(value) => return None,
        Some(values) => {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            let what = format!("the bounds name other values: {}", values.join(", "));
            (DifferenceCode::VariableDiffers, what)
        }
    };
    Some(Difference { name: name.to_owned(), code, what })
}

fn limits(plan: &Plan, bounds: &Bounds) -> [Option<Difference>; 3] {
    let stop_ms = match &plan.target {
        Target::Process { stop_ms, .. } => *stop_ms,
        Target::Files {} => 0,
    };
    let wider = |name: &str, most: Option<u64>, unit: u64, value: u64| {
        let most = most?;
        (value > most.saturating_mul(unit)).then(|| Difference {
            name: name.to_owned(),
            code: DifferenceCode::LimitWider,
            what: format!("the plan says {}, the bounds {most}", value.div_ceil(unit)),
        })
    };
    [
        wider("memory-mib", bounds.memory_mib, 1 << 20, plan.memory_bytes),
        wider("open-files", bounds.open_files, 1, plan.open_files),
        wider("stop-seconds", bounds.stop_seconds, 1_000, stop_ms),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use evidence::plan::Destination;
    use evidence::release_file::ReleaseFile;
    use evidence::{Id, Name};

    use super::*;

    const RELEASE: &str = "
version: 1
services:
  api:
    artifact: api
    process: { command: [bin/api], port: 8080, stop-seconds: 20 }
    env: { MODE: strict, REGION: north, DEBUG: '1' }
    probe: { http: /health }
    limits: { memory-mib: 512, open-files: 100 }
";

    fn found(bounds: Option<&str>) -> Vec<(String, DifferenceCode)> {
        let configuration = Configuration {
            variables: [("TOKEN".to_owned(), "abc".to_owned())].into(),
            bounds: bounds.map(|text| Bounds::parse(text).unwrap()),
            ..Configuration::default()
        };
        let (project, service, environment): (Name, Name, Name) =
            ("shop".parse().unwrap(), "api".parse().unwrap(), "production".parse().unwrap());
        let to = Destination {
            installation: Id::from_random([1; 16]),
            project: &project,
            service: &service,
            environment: &environment,
            commit: &"a".repeat(40).parse().unwrap(),
        };
        let file = ReleaseFile::parse(RELEASE.as_bytes()).unwrap();
        let plan = Plan::derive(&to, &file, &configuration).unwrap();
        let found = differences(&plan, &configuration);
        assert!(found.iter().all(|difference| !difference.what.contains("abc")), "no value is quoted");
        found.into_iter().map(|difference| (difference.name, difference.code)).collect()
    }

    #[test]
    fn a_plan_is_compared_with_the_bounds() {
        use DifferenceCode::{DebugOn, LimitWider, SecretInClear, VariableDiffers, VariableUnknown};
        let row = |name: &str, code| (name.to_owned(), code);
        assert_eq!(found(None), [], "without bounds nothing is compared");
        let unsound = [row("DEBUG", DebugOn), row("TOKEN", SecretInClear)];
        assert_eq!(found(Some("{}")), unsound, "empty bounds look for unsound settings");
        let all = "{ memory-mib: 512, open-files: 100, stop-seconds: 20, variables: { MODE: [], REGION: [north], DEBUG: ['1'] } }";
        assert_eq!(
            found(Some(all)),
            unsound,
            "equal is not wider; the configuration's own variables need no row"
        );
        let narrow =
            "{ memory-mib: 511, open-files: 99, stop-seconds: 19, variables: { MODE: [lax], DEBUG: [] } }";
        assert_eq!(
            found(Some(narrow)),
            [
                row("DEBUG", DebugOn),
                row("MODE", VariableDiffers),
                row("REGION", VariableUnknown),
                row("TOKEN", SecretInClear),
                row("memory-mib", LimitWider),
                row("open-files", LimitWider),
                row("stop-seconds", LimitWider),
            ]
        );
    }
}
