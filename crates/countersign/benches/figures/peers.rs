//! Figures against other people's programs, run in the same minute on the same machine (`cargo x setup --peers`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use evidence::Moment;
use evidence::entry::{Actor, Auth, Entry, Header, Payload};
use ledger::{Ledger, Tiles};
use serde_json::json;
use tlog::{NoteSigner, SignatureKind, inclusion_proof, leaf_hash, verify_inclusion};

use crate::{print, spans};

/// A peer's program, where it was fetched.
pub fn peer(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("{:44} peer not here; `cargo x setup --peers` fetches it", format!("({name})"));
    None
}

/// Lines `name value` that a peer prints.
fn told(command: &mut Command) -> BTreeMap<String, f64> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter_map(|line| line.split_once(' ').map(|(k, v)| (k.to_owned(), v.parse().unwrap())))
        .collect()
}

fn entry(n: u64) -> Entry {
    let facts = Payload::new("facts", &json!({ "n": n, "text": "x".repeat(200) }), [7; 16]).unwrap();
    let header = Header {
        v: 1,
        kind: "bench.happened".into(),
        rules: 1,
        time: Moment::from_millis(1_000 + n).unwrap(),
        project: None,
        subject: None,
        actor: Actor::System,
        auth: Auth::None,
        cause: None,
        // As with most real entries, since requests carry one.
        idempotency: Some(evidence::Digest::of(&n.to_be_bytes())),
        facts: facts.commitment(),
        particulars: None,
        blobs: Vec::new(),
    };
    Entry { header: header.encode().unwrap(), facts, particulars: None }
}

/// From an entry to its proof under a signed checkpoint, verified; and how many a second when many come at once.
pub fn appends() {
    let dir = tempfile::tempdir().unwrap();
    let signer = NoteSigner::from_seed("countersign/bench", SignatureKind::Ed25519, &[1; 32]).unwrap();
    let mut ledger = Ledger::create(dir.path(), signer).unwrap();
    let mut size = 0;
    let mut slopes = Vec::new();
    for history in [1_000, 10_000, 100_000] {
        while size < history {
            let batch: Vec<_> = (size..size + 1_000).map(entry).collect();
            ledger.begin(size).unwrap().append(&batch).unwrap();
            size += 1_000;
        }
        let reader = ledger::Reader::open(dir.path()).unwrap();
        Tiles::new(dir.path(), &reader).derive().unwrap();
        let ours = spans(200, || {
            let new = entry(size);
            let head = ledger.begin(size).unwrap().append(std::slice::from_ref(&new)).unwrap();
            let tiles = Tiles::new(dir.path(), &reader);
            let proof = inclusion_proof(&tiles, size, size + 1).unwrap();
            verify_inclusion(&leaf_hash(&new.header), size, size + 1, &proof, &head.frontier.root()).unwrap();
            size += 1;
        });
        slopes.push((history, ours));
    }
    let (_, last) = slopes.last().unwrap();
    if let Some(tessera) = peer("tessera") {
        let log = tempfile::tempdir().unwrap();
        let one = told(Command::new(&tessera).arg(log.path().join("one")).args(["1", "2000"]));
        let many = told(Command::new(&tessera).arg(log.path().join("many")).args(["4096", "5000"]));
        let micros = |name: &str| Duration::from_micros(one[name] as u64);
        let theirs = [micros("proof_median_us"), micros("proof_max_us")];
        print("entry to proof in hand, 100,000 entries before", last, &theirs[..1], "Tessera 1.0.4, POSIX");
        println!(
            "{:44} p99 {:>8.2?}   Tessera: longest of 20 {:.2?}",
            "",
            last[last.len() * 99 / 100],
            theirs[1]
        );
        let rate = saturated(&mut ledger, &mut size);
        let (theirs, single) = (many["entries_per_second"], one["entries_per_second"]);
        println!(
            "{:44} {:>10.0}/s {:>12}   Tessera with 4,096 callers: {theirs:.0}/s, with one {single:.0}/s; {:.1} times",
            "append, saturated",
            rate,
            "",
            rate / theirs
        );
    }
    slope("entry to proof in hand", &slopes);
}

/// Commands that wait are appended together, as the writer drains its queue.
fn saturated(ledger: &mut Ledger, size: &mut u64) -> f64 {
    let entries: Vec<_> = (*size..*size + 100_000).map(entry).collect();
    let start = Instant::now();
    for batch in entries.chunks(4_096) {
        ledger.begin(*size).unwrap().append(batch).unwrap();
        *size += batch.len() as u64;
    }
    100_000.0 / start.elapsed().as_secs_f64()
}

/// How cost grows with what was there before: the exponent between the least and the most.
pub fn slope(figure: &str, measured: &[(u64, Vec<Duration>)]) {
    let medians: Vec<_> = measured.iter().map(|(n, spans)| (*n, spans[spans.len() / 2])).collect();
    let (first, last) = (medians[0], medians[medians.len() - 1]);
    let exponent =
        (last.1.as_secs_f64() / first.1.as_secs_f64()).ln() / (last.0 as f64 / first.0 as f64).ln();
    let shown: Vec<_> = medians.iter().map(|(n, span)| format!("{n}: {span:.2?}")).collect();
    println!("{:44} grows as n^{exponent:.2}   {}", format!("slope, {figure}"), shown.join(", "));
}

/// A gate of eight rules over components and findings, compiled once; OPA reads the same files.
pub fn gate() {
    let policy = policy::Bundle::new([("gate.rego".to_owned(), RULES.to_owned())].into()).unwrap();
    let gate = policy::Gate::compile(&policy).unwrap();
    let mut slopes = Vec::new();
    for (components, findings) in [(3, 1), (30, 5), (300, 50)] {
        let input = input(components, findings);
        let ours = spans(200, || {
            let verdict = gate.ask(&input);
            assert!(matches!(verdict, policy::Verdict::Pass { .. }), "{verdict:?}");
        });
        if components == 300 {
            against_opa("gate, 300 components, 50 findings, 8 rules", RULES, &input, &ours);
        }
        slopes.push((components, ours));
    }
    slope("gate over its input", &slopes);
}

/// One policy and one input in OPA, against our own time for it.
pub fn against_opa(figure: &str, module: &str, input: &str, ours: &[Duration]) {
    let Some(opa) = peer("opa") else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("gate.rego"), module).unwrap();
    std::fs::write(dir.path().join("input.json"), input).unwrap();
    let mut ask = Command::new(opa);
    ask.arg(dir.path().join("gate.rego")).arg("data.countersign.gate").arg(dir.path().join("input.json"));
    let told = told(&mut ask);
    let nanos = |name: &str| Duration::from_nanos(told[name] as u64);
    let theirs = |how: &str| ["min", "median"].map(|which| nanos(&format!("{how}_{which}_ns")));
    print(figure, ours, &theirs("decision"), "OPA 1.4.2 in process");
    print(figure, ours, &theirs("server"), "OPA 1.4.2, its server over loopback");
}

fn input(components: u64, findings: u64) -> String {
    let component = |n: u64| json!({ "name": format!("component-{n}"), "version": format!("1.{n}.0"), "licence": if n.is_multiple_of(7) { "MPL-2.0" } else { "MIT" }, "direct": n.is_multiple_of(5) });
    let finding = |n: u64| json!({ "id": format!("F-{n}"), "component": format!("component-{}", n * 6), "severity": n % 10, "fixed": n.is_multiple_of(2), "exploited": false });
    json!({
        "v": 1,
        "components": (0..components).map(component).collect::<Vec<_>>(),
        "findings": (0..findings).map(finding).collect::<Vec<_>>(),
        "accepted": (0..findings / 2).map(|n| format!("F-{}", n * 2)).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Two of cosign's calls, for a provenance and an approval, against one of ours that also checks the log.
pub fn cosign(ours: &[Duration]) {
    let Some(cosign) = peer("cosign") else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("blob"), "an artifact").unwrap();
    std::fs::write(dir.path().join("predicate.json"), "{\"buildType\":\"bench\"}").unwrap();
    let call = |words: &[&str]| {
        let mut command = Command::new(&cosign);
        command.args(words).current_dir(dir.path()).env("COSIGN_PASSWORD", "").env("HOME", dir.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    call(&["generate-key-pair"]);
    call(&["signing-config", "create", "--out", "config.json"]);
    let (key, kind) = (["--key", "cosign.key"], ["--type", "slsaprovenance"]);
    let config = ["--signing-config", "config.json", "--bundle", "bundle.json", "--yes", "blob"];
    call(&[&["attest-blob", "--predicate", "predicate.json"], &key[..], &kind[..], &config[..]].concat());
    let verify = ["verify-blob-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog"];
    let theirs = spans(20, || {
        for _ in 0..2 {
            call(&[&verify[..], &kind[..], &["--bundle", "bundle.json", "blob"]].concat());
        }
    });
    print("verify a bundle, whole process", ours, &theirs, "two calls of cosign 3.1.1, without its log");
}

const RULES: &str = r#"package countersign.gate
import rego.v1

checks contains "components and findings"

accepted contains id if some id in input.accepted

open contains finding if {
	some finding in input.findings
	not finding.id in accepted
}

deny contains {"code": "exploited", "what": finding.id, "remedy": "update"} if {
	some finding in open
	finding.exploited
}

deny contains {"code": "severe", "what": finding.id, "remedy": "update"} if {
	some finding in open
	finding.severity >= 20
}

deny contains {"code": "fixable", "what": finding.id, "remedy": "update"} if {
	some finding in open
	finding.fixed
	finding.severity > 12
}

deny contains {"code": "licence", "what": component.name, "remedy": "replace it"} if {
	some component in input.components
	component.licence in {"AGPL-3.0", "SSPL-1.0"}
}

deny contains {"code": "unversioned", "what": component.name, "remedy": "pin it"} if {
	some component in input.components
	component.version == ""
}

deny contains {"code": "unknown-component", "what": finding.id, "remedy": "scan again"} if {
	some finding in open
	count([1 | some component in input.components; component.name == finding.component]) == 0
}

deny contains {"code": "too-many", "what": "findings", "remedy": "mend some"} if count(open) > 100

deny contains {"code": "direct-copyleft", "what": component.name, "remedy": "replace it"} if {
	some component in input.components
	component.direct
	component.licence == "GPL-3.0"
}
"#;
