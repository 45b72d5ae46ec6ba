//! The values of a plan by name, by which two environments are compared.
//!
//! Invariant: every field of a plan that says how a release runs has a value; those that name the place have none. The file
//! judges nothing: `parity_rules` has the differences that are meant.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::plan::{Plan, ProbeTarget, Target};

/// The values of a plan by the names that people use. Values of variables are as they are: a plan holds no secret.
#[must_use]
pub fn plan_values(plan: &Plan) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut add = |name: &str, value: String| drop(values.insert(name.to_owned(), value));
    match &plan.target {
        Target::Process { command, port, listen, stop_ms } => {
            add("command", command.join(" "));
            add("time to stop", format!("{stop_ms} ms"));
            add("socket", text(listen));
            if let Some(port) = port {
                add("port", port.to_string());
            }
        }
        Target::Files {} => add("target", "files".to_owned()),
    }
    let probe = match &plan.probe.ask {
        ProbeTarget::Http(path) => format!("GET {path}"),
        ProbeTarget::Command(command) => command.join(" "),
    };
    add("artifact", plan.artifact.to_string());
    add("user", plan.user.clone());
    add("probe", probe);
    add("probe tries", plan.probe.attempts.to_string());
    add("probe pause", format!("{} ms", plan.probe.interval_ms));
    add("open files", plan.open_files.to_string());
    add("memory", format!("{} bytes", plan.memory_bytes));
    add("instances", plan.instances.unwrap_or(1).to_string());
    add("strategy", plan.strategy.to_string());
    add("after a failed probe", plan.on_failure.clone());
    if let Some(database) = &plan.database {
        add("role of a database", database.to_string());
    }
    let rollout = plan.rollout.iter().flat_map(|rollout| fields(serde_json::to_value(rollout).ok()));
    values.extend(rollout.map(|(name, value)| (format!("strategy {name}"), value)));
    values.extend(plan.variables.iter().map(|(name, value)| (format!("variable {name}"), value.clone())));
    values.extend(plan.secrets.iter().map(|(name, secret)| (format!("secret {name}"), text(secret))));
    values.extend(plan.databases.iter().map(|(name, one)| (format!("database {name}"), text(one))));
    let steps = (1..).zip(&plan.before);
    values.extend(steps.map(|(nth, step)| (format!("before {nth} {}", step.name), text(step))));
    values
}

/// The fields of an object as texts.
fn fields(value: Option<Value>) -> Vec<(String, String)> {
    let Some(Value::Object(fields)) = value else { return Vec::new() };
    fields.into_iter().map(|(name, value)| (name, text(&value))).collect()
}

/// A value as a text: words as they are, everything else as JSON.
fn text(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_plan_has_a_value_or_names_the_place() {
        let target = Target::Process {
            command: vec!["bin/api".to_owned(), "serve".to_owned()],
            port: Some(8_080),
            listen: crate::release_file::Listen::Variable,
            stop_ms: 5_000,
        };
        let plan = Plan {
            v: 1,
            installation: crate::Id::from_random([1; 16]),
            project: "shop".parse().unwrap(),
            service: "api".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            commit: "0000000000000000000000000000000000000001".parse().unwrap(),
            artifact: "api".parse().unwrap(),
            target,
            user: "agent".to_owned(),
            variables: [("MODE".to_owned(), "strict".to_owned())].into(),
            probe: crate::plan::Probe {
                ask: ProbeTarget::Http("/health".to_owned()),
                attempts: 3,
                interval_ms: 50,
            },
            open_files: 1_024,
            memory_bytes: 1 << 29,
            strategy: crate::rollout::Strategy::Replace,
            instances: None,
            on_failure: "return".to_owned(),
            rollout: None,
            secrets: BTreeMap::new(),
            databases: BTreeMap::new(),
            database: None,
            before: Vec::new(),
        };
        let values = plan_values(&plan);
        assert_eq!((values["port"].as_str(), values["socket"].as_str()), ("8080", "variable"));
        assert_eq!(
            (values["variable MODE"].as_str(), values["command"].as_str()),
            ("strict", "bin/api serve")
        );
        let named = serde_json::to_value(&plan).unwrap();
        let of_place = ["v", "installation", "project", "service", "environment", "commit"];
        let fields = named.as_object().unwrap().keys().filter(|name| !of_place.contains(&name.as_str()));
        // A change of each of the others changes a value.
        for field in fields {
            let changed: Plan = match serde_json::from_value(changed(&named, field)) {
                Ok(changed) => changed,
                Err(error) => panic!("{field}: {error}"),
            };
            assert_ne!(plan_values(&changed), values, "{field}");
        }
    }

    /// A plan with another value of one field.
    fn changed(plan: &Value, field: &str) -> Value {
        let mut plan = plan.clone();
        plan[field] = match field {
            "target" => serde_json::json!({"files": {}}),
            "variables" => serde_json::json!({}),
            "probe" => serde_json::json!({"ask": {"http": "/"}, "attempts": 3, "interval_ms": 50}),
            "strategy" => serde_json::json!("canary"),
            "open_files" | "memory_bytes" => serde_json::json!(7),
            _ => serde_json::json!("other"),
        };
        plan
    }
}
