//! The policy of new installations over 300 components and 50 findings: its time, its instructions, and OPA on the same files.

use serde_json::{Value, json};

use crate::peers::against_opa;
use crate::{print, spans};

/// Measures one decision; the floor is the parsing of its input.
pub fn policy() {
    let files = policy::Pack::DEFAULT.files();
    let gate = policy::Gate::compile(&policy::Bundle::new(files.clone()).unwrap()).unwrap();
    let input = input().to_string();
    let ours = spans(50, || {
        let verdict = gate.ask(&input);
        assert!(matches!(verdict, policy::Verdict::Pass { .. }), "{verdict:?}");
    });
    let parse = spans(50, || drop(serde_json::from_str::<Value>(&input).unwrap()));
    let instructions = gate.instructions(&input).unwrap();
    let figure = "shipped policy, 300 components, 50 findings";
    print(figure, &ours, &parse, &format!("{instructions} instructions; parsing the input alone"));
    // The files are one package, and the program around OPA reads one module.
    let is_head = |line: &&str| line.starts_with("package ") || line.starts_with("import ");
    let body: Vec<_> = files.values().flat_map(|text| text.lines()).filter(|line| !is_head(line)).collect();
    let module = format!("package countersign.gate\nimport rego.v1\n{}\n", body.join("\n"));
    against_opa(figure, &module, &input, &ours);
}

fn input() -> Value {
    let component = |n: usize| {
        json!({
            "purl": format!("pkg:cargo/p{n}@1.0.{n}"), "name": format!("p{n}"), "version": format!("1.0.{n}"),
            "scope": "runtime", "direct": n.is_multiple_of(5), "pinned": true, "licence": "MIT OR Apache-2.0",
        })
    };
    let finding = |n: usize| {
        json!({
            "id": format!("sha256:{n:0>64}"), "class": "dependency", "rule": format!("CVE-2026-{n}"), "aliases": [],
            "severity": "medium", "score": 50, "epss": null, "exploited": false, "unconfirmed": false,
            "message": "a hole in it", "at": format!("pkg:cargo/p{n}@1.0.{n}"), "path": null, "line": null,
            "component": format!("pkg:cargo/p{n}@1.0.{n}"), "fixed": "2.0", "published_days": 20, "fix_days": 10,
            "licence": "MIT OR Apache-2.0", "scope": "runtime", "direct": false,
        })
    };
    let report =
        |kind: &str| json!({ "kind": kind, "step": "scan", "path": kind, "days": 1, "knowledge_days": 2 });
    json!({
        "mode": "solo",
        "place": { "project": "shop", "service": "api", "environment": "staging", "automatic": true },
        "build": {
            "pipeline": "sha256:01", "runners": [{ "name": "runner-1" }], "steps": [{ "name": "test", "kind": "run" }],
        },
        "people": { "requester": "alice", "promoter": null, "behind": ["alice"] },
        "source": { "range": [{ "commit": "aa", "signer": "alice" }] },
        "approvals": [],
        "rejections": [],
        "reports": [report("findings"), report("components"), report("tests")],
        "tests": { "passed": 3, "flaky": 0, "skipped": 0, "failing": [] },
        "findings": (0..50).map(finding).collect::<Vec<_>>(),
        "components": (0..300).map(component).collect::<Vec<_>>(),
    })
}
