//! Generated releases: both evaluators decide about each of them, and OPA as they do.
//!
//! OPA comes with `cargo x setup --peers`; without it that test says that it was skipped, and with `cargo x test --peers` a
//! missing one fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use policy::{PACKS, Pack, Verdict};
use serde_json::{Value, json};

use crate::support::{gate, good, is_regulation};

/// A release that differs from a good one in facts that a generator chose.
fn generated(random: &mut Random, good: &Value, changes: &[Change]) -> Value {
    let mut release = good.clone();
    for (how, pointer, value) in changes.iter().cloned() {
        // One change in seven, so that each rule is kept and broken often.
        if random.below(7) > 0 {
            continue;
        }
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        // An earlier change may have removed the parent.
        match (how, release.pointer_mut(parent)) {
            ("set", Some(Value::Object(fields))) => drop(fields.insert(name.to_owned(), value)),
            ("cut", Some(Value::Object(fields))) => drop(fields.remove(name)),
            ("add", Some(Value::Array(items))) => {
                let at = random.below(items.len() as u64 + 1);
                items.insert(usize::try_from(at).unwrap(), value);
            }
            _ => {}
        }
    }
    release
}

/// A source of numbers (xorshift64), so that each run asks about the same releases.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// What may be different: how, where, and the new value.
type Change = (&'static str, &'static str, Value);

/// All that may be different.
fn changes(good: &Value) -> Vec<Change> {
    let found = |changes: Value| {
        let mut finding = good["findings"][0].clone();
        finding.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        finding
    };
    let report = |format: &str, changes: Value| {
        let mut report = good["reports"][0].clone();
        report["format"] = json!(format);
        report.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        report
    };
    let step = |changes: Value| {
        let mut step = good["build"]["steps"][0].clone();
        step.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        step
    };
    let vote = |changes: Value| {
        let mut vote = good["approvals"][0].clone();
        vote.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        vote
    };
    let mut component = good["components"][0].clone();
    component["pinned"] = json!(false);
    let mut licensed = good["components"][0].clone();
    licensed["licence"] = json!("MIT AND SSPL-1.0");
    let without = |format: &str| {
        let reports = good["reports"].as_array().unwrap().clone();
        Value::Array(reports.into_iter().filter(|report| report["format"] != format).collect())
    };
    vec![
        ("set", "/mode", json!("solo")),
        ("set", "/mode", json!("rehearsal")),
        ("set", "/approvals", json!([])),
        ("add", "/approvals/-", vote(json!({"name": "erin", "subject": "erin", "reason": " "}))),
        (
            "add",
            "/approvals/-",
            vote(json!({"name": "fay", "subject": "fay", "hardware": false, "ticket": null})),
        ),
        (
            "set",
            "/approvals",
            json!([
                vote(json!({"ticket": null})),
                vote(json!({"name": "x", "subject": "x", "ticket": null}))
            ]),
        ),
        (
            "add",
            "/approvals/-",
            vote(json!({"name": "gus", "counts": false, "void": ["it names another artifact"]})),
        ),
        ("add", "/rejections/-", vote(json!({"name": "hal", "reason": "no"}))),
        ("set", "/people/promoter", json!("alice")),
        ("set", "/people/promoter", Value::Null),
        ("set", "/place/automatic", json!(true)),
        ("cut", "/place/region", Value::Null),
        ("set", "/place/region", json!("us-east-1")),
        ("set", "/service/data", json!(["public", "personal"])),
        ("cut", "/service", Value::Null),
        ("cut", "/place/owner", Value::Null),
        ("add", "/source/range/-", json!({"commit": "cc", "signer": null})),
        ("set", "/source/signer", Value::Null),
        ("cut", "/source/pipeline_files", Value::Null),
        (
            "set",
            "/source/pipeline_files",
            json!([{"path": "Makefile", "sort": "build", "change": "added"}, {"path": "a.lock", "sort": "lock", "change": "removed"}]),
        ),
        (
            "add",
            "/source/range/-",
            json!({"commit": "dd", "signer": "alice", "assisted": ["a tool"], "addresses": ["a@b"]}),
        ),
        ("set", "/build/pipeline", Value::Null),
        ("set", "/build/pool", json!("branch")),
        ("cut", "/build/pool", Value::Null),
        ("set", "/build/steps", json!([])),
        (
            "add",
            "/build/steps/-",
            step(json!({"name": "fetch", "network": ["files.example.com", "more.example.com"]})),
        ),
        ("add", "/build/steps/-", step(json!({"name": "pack", "equal_outputs": false}))),
        ("add", "/build/steps/-", step(json!({"name": "sign", "receipts": 0, "image": null}))),
        (
            "add",
            "/build/steps/-",
            json!({"name": "old", "kind": "run", "receipts": 2, "equal_outputs": true}),
        ),
        ("set", "/build/runners", json!([{"name": "runner-1", "host": "a"}])),
        (
            "set",
            "/build/runners",
            json!([{"name": "runner-1", "host": null}, {"name": "runner-2", "host": "a"}]),
        ),
        ("add", "/build/sandboxes/-", json!("watched")),
        (
            "set",
            "/secrets",
            json!([{"step": "s", "as": "a", "secret": "shop/a"}, {"step": "s", "as": "b", "secret": "shop/b", "env": "B"}]),
        ),
        ("set", "/ledger", json!({"witnesses": 0, "quorum": 0, "same_machine": false})),
        ("set", "/ledger", json!({"witnesses": 2, "quorum": 1, "same_machine": true})),
        ("cut", "/configuration", Value::Null),
        (
            "add",
            "/configuration/differences/-",
            json!({"name": "A", "code": "database-without-tls", "what": "it is plain"}),
        ),
        (
            "add",
            "/configuration/differences/-",
            json!({"name": "B", "code": "secret-in-clear", "what": "it is a password"}),
        ),
        (
            "add",
            "/configuration/differences/-",
            json!({"name": "C", "code": "limit-wider", "what": "it is wider"}),
        ),
        ("set", "/reports", without("secrets")),
        ("set", "/reports", without("dependencies")),
        ("set", "/reports", without("semgrep")),
        ("set", "/reports", without("components")),
        ("add", "/reports/-", report("grype", json!({"knowledge_days": 90}))),
        ("add", "/reports/-", report("trivy", json!({"undated": 1}))),
        ("add", "/findings/-", found(json!({"class": "secret", "severity": "high"}))),
        ("add", "/findings/-", found(json!({"class": "secret", "unconfirmed": true}))),
        ("add", "/findings/-", found(json!({"class": "code", "severity": "high", "at": "a.py:3"}))),
        ("add", "/findings/-", found(json!({"severity": "critical", "fixed": "2.0", "fix_days": 31}))),
        ("add", "/findings/-", found(json!({"severity": "high", "fixed": "2.0", "fix_days": 61}))),
        ("add", "/findings/-", found(json!({"severity": "high", "fixed": "2.0"}))),
        (
            "add",
            "/findings/-",
            found(json!({"undecided": true, "rule": "lockfile-missing", "class": "supply"})),
        ),
        (
            "add",
            "/findings/-",
            found(json!({"exploited": true, "direct": false, "fixed": "3.0", "fix_days": 1})),
        ),
        (
            "add",
            "/findings/-",
            found(
                json!({"class": "configuration", "rule": "terraform-volume-unencrypted", "severity": "medium"}),
            ),
        ),
        (
            "add",
            "/findings/-",
            found(json!({"class": "configuration", "rule": "github-unpinned-action", "severity": "high"})),
        ),
        (
            "add",
            "/findings/-",
            found(json!({"state": "waiver", "settled_by": "alice", "severity": "critical"})),
        ),
        ("add", "/findings/-", found(json!({"outgrown": "it is critical now", "severity": "critical"}))),
        ("add", "/components/-", component),
        ("add", "/components/-", licensed),
        ("set", "/tests/passed", json!(0)),
        ("set", "/tests/failing", json!(["adds", "rounds"])),
        ("set", "/tests/covers", json!([])),
        ("cut", "/tests", Value::Null),
        ("set", "/before/checks", json!([])),
        (
            "add",
            "/before/checks/-",
            json!({"name": "slow", "runners": 1, "passed": false, "exits": ["code 1"]}),
        ),
        ("add", "/before/findings/-", found(json!({"class": "web", "severity": "critical"}))),
        ("cut", "/before/findings", Value::Null),
        ("set", "/before", Value::Null),
        ("set", "/statements", json!([])),
        ("set", "/observations", json!([])),
        (
            "set",
            "/observations",
            json!([{"kind": "baseline", "agent": "a", "release": null, "seconds": null, "body": {"equal": false, "differences": 3}}]),
        ),
    ]
}

/// The releases that are asked about, and what our gate says of each.
fn decided(pack: &Pack, count: usize) -> Vec<(Value, Value)> {
    let gate = gate(pack.name);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let said = |input: Value| {
        let (checks, reasons, warnings) = match gate.ask(&input.to_string()) {
            Verdict::Pass { checks, warnings } => (checks, [].into(), warnings),
            Verdict::Fail { checks, reasons, warnings } => (checks, reasons, warnings),
            Verdict::Undecided { why } => unreachable!("{}: {why}: {input}", pack.name),
        };
        (input, json!({"checks": checks, "deny": reasons, "warn": warnings}))
    };
    let good = good();
    let changes = changes(&good);
    (0..count).map(|_| said(generated(&mut random, &good, &changes))).collect()
}

/// How often each code of the pack's own rules is among the reasons and warnings.
fn broken(pack: &Pack, decided: &[(Value, Value)]) -> BTreeMap<String, usize> {
    let of = |text: &str| {
        let controls = text.split("controls contains {").skip(1);
        controls
            .filter_map(|row| row.split("\"code\": \"").nth(1)?.split('"').next().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let files = pack.files();
    let codes =
        files.iter().filter(|(name, _)| name.starts_with("rules_under_")).flat_map(|(_, text)| of(text));
    let count = |code: &String| {
        let has = |said: &Value| {
            let all = [&said["deny"], &said["warn"]];
            all.iter().any(|set| set.as_array().unwrap().iter().any(|reason| reason["code"] == *code))
        };
        decided.iter().filter(|(_, said)| has(said)).count()
    };
    codes.map(|code| (code.clone(), count(&code))).collect()
}

#[test]
fn both_evaluators_agree_about_generated_releases() {
    for pack in PACKS.iter().filter(|pack| is_regulation(pack)) {
        let decided = decided(pack, 60);
        for (code, count) in broken(pack, &decided) {
            assert!((1..60).contains(&count), "{}: `{code}` is broken by {count} of 60", pack.name);
        }
    }
}

/// OPA decides as our gate does: the same sentences, reasons and warnings. Each rule is asked about 200 releases, at least 15 of which
/// break it and at least 15 of which keep it.
#[test]
fn opa_decides_about_generated_releases_as_both_evaluators_do() {
    let Some(opa) = peer() else { return };
    let mut asked = 0;
    for pack in PACKS.iter().filter(|pack| is_regulation(pack)) {
        let decided = decided(pack, RELEASES);
        for (code, count) in broken(pack, &decided) {
            let is_often = (15..=RELEASES - 15).contains(&count);
            assert!(is_often, "{}: `{code}` is broken by {count} of {RELEASES}", pack.name);
            asked += 1;
        }
        let dir = std::env::temp_dir().join(format!("countersign-opa-{}-{}", pack.name, std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut command = Command::new(&opa);
        command.arg(dir.join("gate.rego")).arg("data.countersign.gate").stdin(Stdio::null());
        std::fs::write(dir.join("gate.rego"), module(pack)).unwrap();
        for (n, (input, _)) in decided.iter().enumerate() {
            let file = dir.join(format!("{n}.json"));
            std::fs::write(&file, input.to_string()).unwrap();
            command.arg(file);
        }
        let output = command.output().unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(output.status.success(), "{}: {}", pack.name, String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let theirs: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(theirs.len(), decided.len());
        for ((input, ours), theirs) in decided.iter().zip(&theirs) {
            for set in ["checks", "deny", "warn"] {
                assert_eq!(sorted(&ours[set]), sorted(&theirs[set]), "{}: {set} of {input}", pack.name);
            }
        }
    }
    println!("OPA decides as we do about {RELEASES} releases by each of {asked} rules");
}

/// A set as sorted texts. A reason without a finding has the field `finding` here and there, as null.
fn sorted(set: &Value) -> Vec<String> {
    let plain = |item: &Value| {
        let mut item = item.clone();
        if let Some(fields) = item.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        item.to_string()
    };
    let mut all: Vec<String> = set.as_array().unwrap().iter().map(plain).collect();
    all.sort();
    all.dedup();
    all
}

/// The files of a pack as one module, because the program around OPA reads one.
fn module(pack: &Pack) -> String {
    let files = pack.files();
    let is_head = |line: &&str| line.starts_with("package ") || line.starts_with("import ");
    let body: Vec<_> = files.values().flat_map(|text| text.lines()).filter(|line| !is_head(line)).collect();
    format!("package countersign.gate\nimport rego.v1\n{}\n", body.join("\n"))
}

/// The program around OPA, if it was built.
fn peer() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin/opa");
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("COUNTERSIGN_PEERS").is_none(), "opa is missing: cargo x setup --peers");
    println!("skipped: opa is not here; `cargo x test --peers` fetches it");
    None
}

const RELEASES: usize = 200;
