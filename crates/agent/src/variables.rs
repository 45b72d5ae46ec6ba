//! Variables of a process: those of its release, and those that only the agent sets.
//!
//! Invariant: no plan sets a variable that the agent sets, so a process can rely on them.

use std::collections::BTreeMap;
use std::path::Path;

use evidence::plan::{Plan, Target};
use evidence::release_file::{Listen, PORT_VARIABLE};

/// The port of a plan's process, and how the process gets it.
pub const fn listening(plan: &Plan) -> Option<(u16, Listen)> {
    match &plan.target {
        Target::Process { port: Some(port), listen, .. } => Some((*port, *listen)),
        _ => None,
    }
}

/// All environment variables of a process. The release's variables replace defaults; names that the agent sets are
/// refused before (`reserved`).
pub fn variables(plan: &Plan, state: &Path, own_port: Option<u16>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]);
    variables.extend(plan.variables.clone());
    variables.insert("STATE_DIRECTORY".into(), state.display().to_string());
    variables.insert("COUNTERSIGN_COMMIT".into(), plan.commit.to_string());
    variables.insert("COUNTERSIGN_ENVIRONMENT".into(), plan.environment.to_string());
    if let Some((port, Listen::Variable)) = listening(plan) {
        variables.insert(PORT_VARIABLE.into(), own_port.unwrap_or(port).to_string());
    }
    if let Some(port) = own_port {
        variables.insert(OWN_PORT_VARIABLE.into(), port.to_string());
    }
    variables
}

/// A variable in a plan that only the agent may set.
pub fn reserved(plan: &Plan) -> Option<&str> {
    let by_itself = matches!(listening(plan), Some((_, Listen::Variable)));
    let is_allowed_when_disk_full = |name: &str| {
        name.starts_with("LISTEN_")
            || name.starts_with("COUNTERSIGN_")
            || name == "STATE_DIRECTORY"
            || by_itself && name == PORT_VARIABLE
    };
    plan.variables.keys().map(String::as_str).find(|name| is_allowed_when_disk_full(name))
}

/// Variable with the port of one process among several.
const OWN_PORT_VARIABLE: &str = "COUNTERSIGN_PORT";
