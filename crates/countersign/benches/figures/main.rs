//! Figures of the whole program, each with its floor from the same run: a bundle verified in process and as a
//! process, a gate decision, a commit's way to production, memory. `cargo x bench`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark"
)]

#[path = "../../tests/support/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod support;

mod advisories;
mod changes;
mod images;
mod isolation;
mod masking;
mod neighbours;
mod pages;
mod peers;
mod reads;
mod scans;
mod shipped;
mod streams;
mod watched;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use evidence::bundle::Bundle;
use judge::{Anchors, VerificationContext};
use lab::{Lab, assemble};
use serde_json::Value;
use support::{Home, Up};

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    println!("{:44} {:>12} {:>12}   floor of the same run", "figure", "median", "minimum");
    let lab = Lab::default();
    let (bundle, _) = assemble(&lab, &lab.honest());
    let figures: [(&str, &dyn Fn()); 20] = [
        ("appends", &peers::appends),
        ("gate", &peers::gate),
        ("policy", &shipped::policy),
        ("verify-in-process", &|| in_process(&lab, &bundle)),
        ("verify", &|| as_a_process(&lab, &bundle)),
        ("step", &isolation::start),
        ("masking", &masking::throughput),
        ("held-step", &masking::step),
        ("reads", &reads::reads),
        ("secrets", &scans::secrets),
        ("bill", &scans::bill),
        ("workflows", &scans::workflows),
        ("advisories", &advisories::components),
        ("images", &images::images),
        ("changes", &changes::changes),
        ("watched", &watched::watched),
        ("freeze", &neighbours::freeze),
        ("production", &commit_to_production),
        ("pages", &pages::pages),
        ("streams", &streams::streams),
    ];
    for (name, figure) in figures {
        if only.is_empty() || only.iter().any(|word| word == name) {
            figure();
        }
    }
}

/// One bundle, again and again: a policy that is compiled each time, as the command does, and the gate alone.
fn in_process(lab: &Lab, bundle: &Bundle) {
    let (bytes, anchors, seen) = (
        bundle.encode().unwrap(),
        lab.anchors(),
        VerificationContext { root: 1, ..VerificationContext::default() },
    );
    let message = vec![7; 300];
    let pair = &lab.bob.approve;
    let mut envelope = evidence::dsse::Envelope::new("application/octet-stream", message);
    pair.sign(&mut envelope, "countersign-request@v1");
    let signatures = signatures(bundle);
    let floor = spans(50, || {
        for _ in 0..signatures {
            evidence::ssh::signers(&envelope, "countersign-request@v1", &[&pair.key]).unwrap();
        }
    });
    let ours = spans(50, || judged(&bytes, &anchors, &seen));
    print("verify a bundle, in process", &ours, &floor, &format!("its {signatures} signatures alone"));

    let encode = spans(200, || drop(bundle.encode().unwrap()));
    let theirs = spans(200, || drop(serde_json_canonicalizer::to_vec(bundle).unwrap()));
    let what = format!("canonical JSON, a bundle of {} bytes", bytes.len());
    print(&what, &encode, &theirs, "serde_json_canonicalizer");

    let checked = judge::check(bundle, &anchors, &seen).unwrap();
    let input = String::from_utf8(judge::input(&checked).unwrap()).unwrap();
    let policy = policy::Bundle::new(bundle.policy.files.clone()).unwrap();
    let gate = policy::Gate::compile(&policy).unwrap();
    let parse = spans(200, || drop(serde_json::from_str::<Value>(&input).unwrap()));
    let ask = spans(200, || drop(gate.ask(&input)));
    print(&format!("gate decision, input of {} bytes", input.len()), &ask, &parse, "parsing the input alone");
    let compile = spans(50, || drop(policy::Gate::compile(&policy).unwrap()));
    print("gate compiled from its Rego", &compile, &parse, "parsing the input alone");
}

fn judged(bytes: &[u8], anchors: &Anchors, seen: &VerificationContext) {
    let bundle = Bundle::decode(bytes).unwrap();
    assert!(judge::judge(&bundle, anchors, seen).codes().is_empty());
}

/// Signatures in a bundle, of people, machines and logs.
fn signatures(bundle: &Bundle) -> usize {
    let lists = [
        &bundle.roots,
        &bundle.enrolments,
        &bundle.environments,
        &bundle.requests,
        &bundle.receipts,
        &bundle.reports,
        &bundle.approvals,
    ];
    let people: usize = lists.iter().flat_map(|list| list.iter()).map(|one| one.signatures().len()).sum();
    people + bundle.status.base.signatures().len() + bundle.checkpoint.matches('\u{2014}').count() + 2
}

/// The command from start to exit, against a process that does nothing.
fn as_a_process(lab: &Lab, bundle: &Bundle) {
    let home = Home::new();
    std::fs::write(home.dir.path().join("bundle.json"), bundle.encode().unwrap()).unwrap();
    let root = lab.signed_root(&lab.root(), &[0, 1]).encode().unwrap();
    std::fs::write(home.dir.path().join("root.json"), root).unwrap();
    let ours = spans(40, || {
        assert!(home.run(&["verify", "bundle.json", "--trust-root", "root.json"]).status.success());
    });
    let floor = spans(40, || {
        let mut nothing = Command::new("/bin/true");
        nothing.stdin(Stdio::null()).output().unwrap();
    });
    print("verify a bundle, whole process", &ours, &floor, "fork and exec of `true`");
    peers::cosign(&ours);
}

/// From the request to what runs in three environments, without the time that people take; then memory at rest.
fn commit_to_production() {
    let home = Home::new();
    let git = |arguments: &[&str]| {
        let mut command = home.program("git");
        assert!(command.args(arguments).current_dir(home.dir.path()).output().unwrap().status.success());
    };
    let key = home.dir.path().join(".ssh/id_ed25519");
    for (name, value) in [("user.name", "Ada"), ("user.email", "ada@example.com"), ("gpg.format", "ssh")] {
        git(&["config", "--global", name, value]);
    }
    git(&["config", "--global", "user.signingkey", key.to_str().unwrap()]);
    git(&["config", "--global", "commit.gpgsign", "true"]);
    git(&["init", "-q", "shop"]);
    let repository = home.dir.path().join("shop");
    std::fs::create_dir_all(repository.join(".countersign")).unwrap();
    std::fs::write(repository.join(".countersign/pipeline.yaml"), PIPELINE).unwrap();
    std::fs::write(repository.join(".countersign/release.yaml"), RELEASE).unwrap();
    git(&["-C", "shop", "add", "-A"]);
    git(&["-C", "shop", "commit", "-qm", "one"]);
    home.json_in(&repository, &["init", "--project", "shop"], 0);
    git(&["-C", "shop", "commit", "--allow-empty", "-qm", "two"]);
    let synced = synced(home.dir.path());
    let mut slopes = Vec::new();
    for history in [0, 10_000, 100_000] {
        if history > 0 {
            support::grow::grow(&home, history);
        }
        let up = home.up();
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for n in 0..8 {
            git(&["-C", "shop", "commit", "--allow-empty", "-qm", &format!("change {n}")]);
            home.json_in(&repository, &["run"], 0);
            home.json_in(&repository, &["approve", "--yes", "--reason", "measured"], 0);
            home.json_in(&repository, &["promote"], 0);
            let entries = last_entries(&up);
            ours.push(way(&entries));
            floor.push(synced * u32::try_from(appends(&entries)).unwrap());
        }
        ours.sort();
        floor.sort();
        let figure = match history {
            0 => "commit to production, three environments".to_owned(),
            _ => format!("the same after {history} entries"),
        };
        print(&figure, &ours, &floor, "a synced write of 4 KiB for each append on the way");
        for (role, pid) in &up.roles {
            println!("{:44} {:>9} KiB", format!("memory at rest, {role}"), pss(*pid));
        }
        slopes.push((history.max(100), ours));
        assert!(up.stop());
    }
    peers::slope("commit to production, over history", &slopes);
}

/// A durable write of 4 KiB, the median of some.
fn synced(dir: &std::path::Path) -> Duration {
    use std::io::Write as _;
    let mut file = std::fs::File::create(dir.join("synced")).unwrap();
    let spans = spans(50, || {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    });
    spans[spans.len() / 2]
}

/// The last entries as the API shows them: more than one commit's way.
fn last_entries(up: &Up) -> Vec<Value> {
    let shown: Value = serde_json::from_str(&up.get("/api/v1/installation").1).unwrap();
    let mut next = shown["entries"].as_u64().unwrap().saturating_sub(400);
    let mut entries: Vec<Value> = Vec::new();
    loop {
        let page: Vec<Value> =
            serde_json::from_str(&up.get(&format!("/api/v1/entries?from={next}")).1).unwrap();
        if page.is_empty() {
            return entries;
        }
        next += page.len() as u64;
        entries.extend(page);
    }
}

/// From the last commit that was taken to its last report, less the wait for people before a promotion.
fn way(entries: &[Value]) -> Duration {
    let begun = entries.iter().rposition(|entry| entry["kind"] == "source.taken").unwrap();
    let time = |entry: &Value| {
        let moment: evidence::Moment = entry["time"].as_str().unwrap().parse().unwrap();
        Duration::from_millis(moment.millis())
    };
    let of = |from: &str, to: &str| {
        let first = entries[begun..].iter().find(|entry| entry["kind"] == from).unwrap();
        let last = entries[begun..].iter().filter(|entry| entry["kind"] == to);
        (time(first), last.map(time).collect::<Vec<_>>())
    };
    let (taken, reports) = of("source.taken", "release.reported");
    let (promoted, _) = of("release.promoted", "release.reported");
    let production = *reports.last().unwrap();
    let staging = reports[reports.len() - 2];
    (staging - taken) + (production - promoted)
}

/// Different moments among the entries since the last commit: each is one append.
fn appends(entries: &[Value]) -> usize {
    let begun = entries.iter().rposition(|entry| entry["kind"] == "source.taken").unwrap();
    let mut moments: Vec<_> = entries[begun..].iter().map(|entry| entry["time"].to_string()).collect();
    moments.dedup();
    moments.len()
}

fn pss(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn spans(count: usize, mut work: impl FnMut()) -> Vec<Duration> {
    work();
    let mut spans: Vec<_> = (0..count)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    spans.sort();
    spans
}

fn print(figure: &str, ours: &[Duration], floor: &[Duration], what: &str) {
    let (median, floor_median) = (ours[ours.len() / 2], floor[floor.len() / 2]);
    let ratio = median.as_secs_f64() / floor_median.as_secs_f64();
    println!(
        "{figure:44} {:>12} {:>12}   {what}: {floor_median:.2?} / {:.2?}; {ratio:.1} times that",
        format!("{median:.2?}"),
        format!("{:.2?}", ours[0]),
        floor[0]
    );
}

const PIPELINE: &str = "version: 1
steps:
  build:
    run: mkdir -p out && printf '#!/bin/sh\\nexit 0\\n' > out/api && chmod +x out/api
    outputs: [out/api]
artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
";

const RELEASE: &str = "version: 1
services:
  api:
    artifact: api
    probe: { command: [bin/api], attempts: 2, interval-ms: 10 }
";
