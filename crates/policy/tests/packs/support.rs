//! Gates of the packs and inputs for them.

use std::collections::BTreeSet;

use policy::{Bundle, Gate, Pack, Verdict};
use regorus::Engine;
use serde_json::{Value, json};

/// The gate of a pack.
pub fn gate(pack: &str) -> Gate {
    Gate::compile(&Bundle::new(Pack::named(pack).unwrap().files()).unwrap()).unwrap()
}

/// Whether a pack is about the controls of a regulation.
pub fn is_regulation(pack: &Pack) -> bool {
    pack.files().keys().any(|name| name.starts_with("rules_under_"))
}

/// The release of the packs' fixtures that keeps every control.
pub fn good() -> Value {
    let mut engine = Engine::new();
    let files = Pack::named("soc2").unwrap();
    for (name, text) in files.files().into_iter().chain(files.tests()) {
        engine.add_policy(name, text).unwrap();
    }
    let good = engine.eval_rule("data.countersign.controls_test.good".to_owned()).unwrap();
    serde_json::from_str(&good.to_json_str().unwrap()).unwrap()
}

/// A release to production with these findings and components.
pub fn input(findings: &[Value], components: &[Value]) -> Value {
    let vote = |name: &str| {
        json!({"subject": name, "name": name, "roles": ["release-manager"], "hardware": false, "reason": "fine",
            "ticket": "CHG-1", "via": "command-line", "rebuilt": false, "counts": true, "void": []})
    };
    let report = |kind: &str| json!({"kind": kind, "step": "scan", "path": kind, "format": kind, "days": 1, "knowledge_days": 2});
    let mut secrets = report("findings");
    secrets["format"] = json!("secrets");
    secrets["producer"] = json!("runner");
    json!({
        "mode": "team",
        "place": {"project": "shop", "service": "api", "environment": "production", "automatic": false},
        "build": {
            "pipeline": "sha256:01",
            "runners": [{"name": "runner-1"}, {"name": "runner-2"}],
            "steps": [{"name": "test", "kind": "run"}],
        },
        "people": {"requester": "alice", "promoter": "dan", "behind": ["alice"]},
        "source": {"range": [{"commit": "aa", "signer": "alice"}], "pipeline_files": []},
        "approvals": [vote("bob"), vote("carol")],
        "rejections": [],
        "before": null,
        "configuration": {"differences": []},
        "reports": [report("findings"), report("components"), report("tests"), secrets],
        "tests": {"passed": 3, "flaky": 0, "skipped": 0, "failing": []},
        "findings": findings,
        "components": components,
    })
}

/// A finding of medium severity, with changes.
pub fn finding(n: usize, changes: &Value) -> Value {
    let mut finding = json!({
        "id": format!("sha256:{n:0>64}"), "class": "dependency", "rule": format!("CVE-2026-{n}"), "aliases": [],
        "severity": "medium", "score": 50, "epss": null, "exploited": false, "unconfirmed": false,
        "message": "a hole in it", "at": format!("pkg:cargo/p{n}@1.0.{n}"), "path": null, "line": null,
        "component": format!("pkg:cargo/p{n}@1.0.{n}"), "fixed": "2.0", "published_days": 20, "fix_days": 10,
        "licence": "MIT OR Apache-2.0", "scope": "runtime", "direct": false,
    });
    finding.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    finding
}

/// A sound component, with changes.
pub fn component(n: usize, changes: &Value) -> Value {
    let mut component = json!({
        "purl": format!("pkg:cargo/p{n}@1.0.{n}"), "name": format!("p{n}"), "version": format!("1.0.{n}"),
        "scope": "runtime", "direct": false, "pinned": true, "licence": "MIT OR Apache-2.0",
    });
    component.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    component
}

/// Codes of reasons and of warnings. A verdict that is none panics with its reason: both evaluators are asked.
pub fn codes(gate: &Gate, input: &Value) -> (Vec<String>, Vec<String>) {
    let (reasons, warnings) = match gate.ask(&input.to_string()) {
        Verdict::Pass { warnings, .. } => ([].into(), warnings),
        Verdict::Fail { reasons, warnings, .. } => (reasons, warnings),
        Verdict::Undecided { why } => unreachable!("{why}"),
    };
    let codes = |all: BTreeSet<policy::Reason>| {
        let mut codes: Vec<_> = all.into_iter().map(|one| one.code).collect();
        codes.dedup();
        codes
    };
    (codes(reasons), codes(warnings))
}
