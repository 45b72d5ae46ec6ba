//! Laws of the graph of crates: the imports that each crate may have.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Edges of the crate graph that the architecture does not allow.
pub fn edges(metadata: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let packages = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    for package in &packages {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            found.push(format!("crate `{name}` has no row in the table of edges in xtask/src/tidy/graph.rs"));
            continue;
        };
        for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let text = |field| dependency.get(field).and_then(Value::as_str);
            let (to, ours) = (text("name").unwrap_or_default(), text("path").is_some());
            if ours && text("kind").is_none() && !allowed.contains(&to) {
                found.push(format!("crate `{name}` may not import `{to}`"));
            }
        }
    }
    found
}

pub fn metadata(root: &Path) -> Result<Value, String> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root);
    let output = command.output().map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// The crates of this tree that each crate may import (test dependencies are not counted).
const EDGES: &[(&str, &[&str])] = &[
    ("shown", &[]),
    ("journal", &["shown"]),
    ("archive", &[]),
    ("disk", &[]),
    ("tlog", &[]),
    ("evidence", &["tlog"]),
    ("policy", &["evidence"]),
    ("calendar", &["evidence"]),
    ("scan", &["archive", "evidence"]),
    ("domain", &["evidence"]),
    ("judge", &["tlog", "evidence", "policy", "domain"]),
    ("tls", &["tlog", "evidence"]),
    ("wire", &["tlog", "evidence", "domain", "tls"]),
    ("ledger", &["disk", "tlog", "evidence"]),
    ("image", &["archive", "disk", "evidence"]),
    ("openbao", &[]),
    ("stores", &["disk", "tlog", "evidence", "openbao"]),
    ("vault", &["evidence"]),
    ("mint", &["disk", "evidence"]),
    ("listen", &["tls"]),
    ("mask", &[]),
    ("splitter", &[]),
    // Pages are words and numbers: what they mean is decided in `review` and `server`.
    ("web", &["shown"]),
    ("review", &["shown", "evidence", "policy", "domain", "judge", "wire"]),
    ("witness", &["disk", "tlog", "evidence", "listen", "tls"]),
    ("sandbox", &[]),
    (
        "server",
        &[
            "shown", "disk", "tlog", "evidence", "policy", "domain", "judge", "wire", "ledger", "listen",
            "review", "web", "tls", "vault",
        ],
    ),
    (
        "runner",
        &[
            "shown", "disk", "tlog", "evidence", "scan", "domain", "judge", "wire", "sandbox", "image",
            "mask", "mint", "vault", "stores",
        ],
    ),
    // The agent uses `sandbox` only for enclosures: decision 0032.
    (
        "agent",
        &[
            "disk", "tlog", "evidence", "mint", "policy", "domain", "judge", "wire", "sandbox", "vault",
            "mask", "stores", "splitter",
        ],
    ),
    (
        "client",
        &[
            "shown", "disk", "tlog", "evidence", "calendar", "policy", "scan", "domain", "judge", "wire",
            "runner", "review", "tls", "vault", "mask",
        ],
    ),
    (
        "countersign",
        &[
            "client", "shown", "journal", "disk", "tlog", "evidence", "calendar", "policy", "scan", "domain",
            "judge", "review", "wire", "ledger", "listen", "sandbox", "server", "runner", "agent", "witness",
            "tls", "image", "vault", "mint", "stores", "splitter",
        ],
    ),
    (
        "sim",
        &[
            "disk", "tlog", "evidence", "policy", "domain", "judge", "wire", "ledger", "sandbox", "server",
            "runner", "agent", "witness", "lab",
        ],
    ),
    // Only for tests, benches and the simulator: no other row names it.
    ("lab", &["tlog", "evidence", "calendar", "policy", "scan", "domain", "judge", "wire", "vault", "agent"]),
    // Only tests, which see what a person at a browser sees.
    ("browser", &[]),
    ("xtask", &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_and_unknown_edges_are_named() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "domain", "dependencies": [
                { "name": "ledger", "path": "/x", "kind": null },
                { "name": "evidence", "path": "/x", "kind": null },
                { "name": "ledger", "path": "/x", "kind": "dev" },
                { "name": "serde", "kind": null },
            ] },
            { "name": "surprise", "dependencies": [] },
        ] });
        let found = edges(&metadata);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], "crate `domain` may not import `ledger`");
        assert!(found[1].contains("`surprise` has no row"));
    }
}
