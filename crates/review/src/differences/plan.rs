//! Differences of two deployment plans, as values with names.

use std::collections::{BTreeMap, BTreeSet};

use evidence::databases::PlannedDatabase;
use evidence::plan::{Plan, ProbeTarget, SecretReference, Target};
use evidence::ssh_access::PlannedSsh;

use super::difference::Difference;
use super::lines;
use super::rollout::rollout_words;

/// The difference of two plans.
pub(super) fn difference(new: &Plan, old: &Plan) -> Option<Difference> {
    let lines = lines::of_values(&values(old), &values(new));
    Difference::of(false, "The deployment plan changed".to_owned(), String::new(), lines)
}

/// The values of a plan by the names that people use.
fn values(plan: &Plan) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut add = |name: &str, value: String| values.insert(name.to_owned(), value);
    match &plan.target {
        Target::Process { command, port, listen, stop_ms } => {
            add("command", command.join(" "));
            add("time to stop", format!("{stop_ms} ms"));
            if let Some(port) = port {
                add("port", port.to_string());
            }
            if let Ok(serde_json::Value::String(listen)) = serde_json::to_value(listen) {
                add("socket", listen);
            }
        }
        Target::Files {} => drop(add("target", "files".to_owned())),
    }
    add("artifact", plan.artifact.to_string());
    add("user", plan.user.clone());
    add(
        "probe",
        match &plan.probe.ask {
            ProbeTarget::Http(path) => format!("GET {path}"),
            ProbeTarget::Command(command) => command.join(" "),
        },
    );
    add("probe, tries", plan.probe.attempts.to_string());
    add("probe, pause", format!("{} ms", plan.probe.interval_ms));
    add("open files", plan.open_files.to_string());
    add("memory", format!("{} MiB", plan.memory_bytes / (1024 * 1024)));
    add("replaces by", plan.strategy.to_string());
    add("after a failed probe", plan.on_failure.clone());
    values.extend(rollout_words(plan));
    let databases = plan.databases.iter();
    values.extend(databases.map(|(name, database)| (format!("database {name}"), database_words(database))));
    values.extend(plan.database.iter().map(|name| ("role of a database".to_owned(), name.to_string())));
    for (at, step) in plan.before.iter().enumerate() {
        let what = format!("{} (at most {} ms)", step.command.join(" "), step.stop_ms);
        let named = format!("before the release, {}: {}", at + 1, step.name);
        let certificates = step.ssh.iter();
        values.extend(certificates.map(|(name, ssh)| (format!("{named}, SSH {name}"), ssh_words(ssh))));
        values.insert(named, what);
    }
    values.extend(plan.variables.iter().map(|(name, value)| (format!("variable {name}"), value.clone())));
    values.extend(plan.secrets.iter().map(|(name, secret)| (format!("secret {name}"), secret_words(secret))));
    values
}

/// A database as people read it: where a role is made, and whose rights it has.
pub fn database_words(database: &PlannedDatabase) -> String {
    let PlannedDatabase { credential, least, host, port, database, owner, .. } = database;
    let line = format!(
        "`{database}` at {host}:{port}: a role that acts as `{owner}`, made with secret {credential}, version {least} or newer"
    );
    shown::line(&line)
}

/// An SSH certificate as people read it: all that it permits.
pub fn ssh_words(ssh: &PlannedSsh) -> String {
    let PlannedSsh { authority, least, principals, seconds, command, sources } = ssh;
    let list = |all: &BTreeSet<String>| all.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let command =
        command.as_ref().map_or_else(|| "any command".into(), |command| format!("only `{command}`"));
    let from = if sources.is_empty() { "anywhere".into() } else { list(sources) };
    let line = format!(
        "as {} for {seconds} s, {command}, from {from}, by secret {authority}, version {least} or newer",
        list(principals)
    );
    shown::line(&line)
}

/// A secret as people read it: never a value.
pub fn secret_words(reference: &SecretReference) -> String {
    let variable = reference.variable.as_ref();
    let variable = variable.map_or(String::new(), |name| format!(", also in the variable {name}"));
    format!("{}, version {} or newer{variable}", reference.secret, reference.least)
}
