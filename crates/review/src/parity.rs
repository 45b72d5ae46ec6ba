//! Parity of two environments of a service: every value in which what runs in one differs from what runs in the other.
//!
//! Input: checked evidence of the release that runs in each, the statements in force, and what the agents observed. Output: a list
//! of differences by topic, each expected or not. Invariant: values come from verified bytes; a secret is a reference and never a
//! value; differences that the later environment expects are listed too. A side whose list of components is missing is no match.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Place;
use evidence::bundle::Bundle;
use evidence::configuration::Configuration;
use evidence::environment::Environment;
use evidence::parity::plan_values;
use evidence::parity_rules::ParityRules;
use evidence::plan::Plan;
use serde::Serialize;
use serde_json::Value;
use wire::{AgentBaselineView, AgentDriftView};

use crate::differences::component_versions;
use crate::ids::short;

/// Two environments of a service, compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parity {
    /// The earlier one.
    pub from: ParitySide,
    /// The later one, which says what may differ.
    pub to: ParitySide,
    /// Whether nothing differs but what is expected.
    pub equal: bool,
    /// Everything that differs, by topic and name.
    pub differences: Vec<ParityDifference>,
    /// Number of values that are the same.
    pub same: usize,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParitySide {
    /// The place.
    pub place: Place,
    /// Number of the release that runs there.
    pub release: u64,
    #[serde(skip)]
    values: BTreeMap<(Topic, String), String>,
    #[serde(skip)]
    expected: ParityRules,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParityDifference {
    /// Its topic.
    pub topic: Topic,
    /// Its name, which `ignore` can name.
    pub name: String,
    /// The value in the earlier environment; absent if only the later one has it.
    pub from: Option<String>,
    /// The value in the later environment; absent if only the earlier one has it.
    pub to: Option<String>,
    /// Whether the later environment expects that.
    pub expected: bool,
}

/// A topic of values, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// The artifact.
    Artifact,
    /// Its components.
    Dependencies,
    /// Variables.
    Variables,
    /// Secrets by reference.
    Secrets,
    /// Ports, sockets and databases.
    Network,
    /// Limits of processes, and their number.
    Limits,
    /// How it is probed.
    Probe,
    /// How releases begin.
    Strategy,
    /// The rest of the plan.
    Plan,
    /// The rest of the configuration, such as baselines.
    Configuration,
    /// Observations of agents.
    Host,
}

impl Topic {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Dependencies => "dependencies",
            Self::Variables => "variables",
            Self::Secrets => "secrets",
            Self::Network => "network",
            Self::Limits => "limits",
            Self::Probe => "probe",
            Self::Strategy => "strategy",
            Self::Plan => "plan",
            Self::Configuration => "configuration",
            Self::Host => "host",
        }
    }

    /// The topic of a value of a plan.
    fn of_plan(name: &str) -> Self {
        match (name, name.split(' ').next().unwrap_or_default()) {
            ("port" | "socket" | "role of a database", _) | (_, "database") => Self::Network,
            ("open files" | "memory" | "time to stop" | "instances", _) => Self::Limits,
            (_, "variable") => Self::Variables,
            (_, "secret") => Self::Secrets,
            (_, "probe") => Self::Probe,
            (_, "strategy") => Self::Strategy,
            _ => Self::Plan,
        }
    }
}

impl ParitySide {
    /// The release that runs at a place, with its number there: a rollback has the evidence of the release that it brought back.
    /// Statement and configuration are those in force, which may be newer than the release.
    #[must_use]
    pub fn of(bundle: &Bundle, release: u64, statement: &Environment, configuration: &Configuration) -> Self {
        let mut values = of_plan(&bundle.plan);
        values.insert(
            (Topic::Artifact, "artifact digest".to_owned()),
            short(&bundle.artifact().hex()).to_owned(),
        );
        values.extend(components(bundle));
        values.extend(of_configuration(configuration));
        let windows = statement.windows.as_ref().map(|digest| short(&digest.hex()).to_owned());
        values.extend(windows.map(|windows| ((Topic::Configuration, "windows".to_owned()), windows)));
        Self {
            place: statement.place(),
            release,
            values,
            expected: configuration.parity.clone().unwrap_or_default(),
        }
    }

    /// Adds what the agents of the place observed last: whether it drifts, and whether its hosts are as the baseline says.
    #[must_use]
    pub fn observed(mut self, drift: &[AgentDriftView], baseline: &[AgentBaselineView]) -> Self {
        let mut add =
            |name: &str, value: String| drop(self.values.insert((Topic::Host, name.to_owned()), value));
        if !drift.is_empty() {
            let found = drift.iter().flat_map(|seen| &seen.findings);
            let found: BTreeSet<_> = found.map(|one| format!("{} {}", one.what.as_str(), one.name)).collect();
            add("drift", listed(found));
        }
        if !baseline.is_empty() {
            let found = baseline.iter().flat_map(|seen| &seen.differences);
            let found: BTreeSet<_> = found.map(|one| format!("{} {}", one.what.as_str(), one.name)).collect();
            let equal = baseline.iter().all(|seen| seen.equal);
            add("measured baseline", if equal { "equal".to_owned() } else { listed(found) });
        }
        self
    }
}

/// Names in one line.
fn listed(names: BTreeSet<String>) -> String {
    if names.is_empty() { "none".to_owned() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
}

fn of_plan(plan: &Plan) -> BTreeMap<(Topic, String), String> {
    plan_values(plan).into_iter().map(|(name, value)| ((Topic::of_plan(&name), name), value)).collect()
}

/// The components with their versions. A bundle without a list has one value that says so.
fn components(bundle: &Bundle) -> BTreeMap<(Topic, String), String> {
    let of = |name: &str, versions: &BTreeSet<String>| {
        let joined = versions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        ((Topic::Dependencies, format!("dependency {name}")), joined)
    };
    match component_versions(bundle) {
        Some(versions) => versions.iter().map(|(name, versions)| of(name, versions)).collect(),
        None => [((Topic::Dependencies, "list of components".to_owned()), "none".to_owned())].into(),
    }
}

/// Fields of a configuration that are no part of the plan.
fn of_configuration(configuration: &Configuration) -> BTreeMap<(Topic, String), String> {
    let mut values = BTreeMap::new();
    let Ok(Value::Object(fields)) = serde_json::to_value(configuration) else { return values };
    let in_plan = ["v", "port", "variables", "parity"];
    for (name, value) in fields.iter().filter(|(name, _)| !in_plan.contains(&name.as_str())) {
        flatten(name.clone(), value, 3, &mut values);
    }
    values
}

/// The values of an object by their paths.
fn flatten(path: String, value: &Value, depth: usize, into: &mut BTreeMap<(Topic, String), String>) {
    match value {
        Value::Object(fields) if depth > 0 => {
            for (name, value) in fields {
                flatten(format!("{path} {name}"), value, depth - 1, into);
            }
        }
        Value::String(text) => drop(into.insert((Topic::Configuration, path), text.clone())),
        other => drop(into.insert((Topic::Configuration, path), other.to_string())),
    }
}

impl Parity {
    /// Compares two environments.
    #[must_use]
    pub fn of(from: ParitySide, to: ParitySide) -> Self {
        let names: BTreeSet<_> = from.values.keys().chain(to.values.keys()).cloned().collect();
        let all = names.len();
        let said = |side: &ParitySide, key: &(Topic, String)| {
            side.values.get(key).map(|value| shown::brief(value, VALUE_CHARS))
        };
        let difference = |key: (Topic, String)| {
            let is_same = from.values.get(&key) == to.values.get(&key);
            let (one, other) = (said(&from, &key), said(&to, &key));
            let (topic, name) = key;
            let expected = to.expected.expects(&name);
            (!is_same).then(|| ParityDifference {
                topic,
                name: shown::line(&name),
                from: one,
                to: other,
                expected,
            })
        };
        let differences: Vec<_> = names.into_iter().filter_map(difference).collect();
        let equal = differences.iter().all(|one| one.expected);
        let same = all - differences.len();
        Self { from, to, equal, differences, same }
    }

    /// Differences that nobody expects.
    pub fn unexpected(&self) -> impl Iterator<Item = &ParityDifference> {
        self.differences.iter().filter(|one| !one.expected)
    }

    /// How both stand to each other, in a sentence.
    #[must_use]
    pub fn headline(&self) -> String {
        let (from, to) = (&self.from.place.environment, &self.to.place.environment);
        let (count, expected) =
            (self.unexpected().count(), self.differences.len() - self.unexpected().count());
        let meant = match expected {
            0 => String::new(),
            count => format!("; {} expected", shown::counted(count, "difference is", "differences are")),
        };
        match count {
            0 => format!("{from} is like {to}{meant}"),
            count => format!("{from} differs from {to} in {}{meant}", shown::many(count, "value")),
        }
    }

    /// Both, and everything that differs, as lines.
    #[must_use]
    pub fn text(&self) -> String {
        let side = |side: &ParitySide| format!("{} {}", side.place, side.release);
        let mut text = format!(
            "{}\n{} and {}; {} the same",
            self.headline(),
            side(&self.from),
            side(&self.to),
            shown::counted(self.same, "value is", "values are")
        );
        let mut last = None;
        for one in &self.differences {
            if last != Some(one.topic) {
                text.push_str(&format!("\n{}", one.topic.as_str()));
                last = Some(one.topic);
            }
            text.push_str(&format!("\n  {}", one.line()));
        }
        text
    }
}

impl ParityDifference {
    /// It in a line: `~ port: 8081 to 8080 (expected)`.
    #[must_use]
    pub fn line(&self) -> String {
        let name = &self.name;
        let expected = if self.expected { " (expected)" } else { "" };
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!("~ {name}: {from} to {to}{expected}"),
            (Some(from), None) => format!("- {name}: {from}{expected}"),
            (None, to) => format!("+ {name}: {}{expected}", to.as_deref().unwrap_or_default()),
        }
    }
}

const VALUE_CHARS: usize = 80;

#[cfg(test)]
mod tests;
