//! Figures of the ledger, each compared with its floor in the same run: single appends, appends in batches, and the
//! verification of a whole directory. `cargo x bench`; the numbers go to `docs/performance.md`.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::path::Path;
use std::time::{Duration, Instant};

use evidence::Moment;
use evidence::entry::{Actor, Auth, Entry, Header, Payload};
use ledger::{Anchors, Ledger, verify};
use rusqlite::Connection;
use tlog::{NoteSigner, SignatureKind};

fn main() {
    println!("{:44} {:>12} {:>12}   floor of the same run", "figure", "median", "minimum");
    one_caller();
    let mut medians = Vec::new();
    for count in [10_000, 100_000, 1_000_000] {
        let (dir, ledger) = saturated(count);
        drop(ledger);
        medians.push(verification(dir.path(), count).as_secs_f64());
    }
    if let [first, _, last] = medians.as_slice() {
        println!("{:44} grows as n^{:.2}", "slope, verification", (last / first).ln() / 100_f64.ln());
    }
}

fn signer() -> NoteSigner {
    NoteSigner::from_seed("countersign/bench", SignatureKind::Ed25519, &[1; 32]).unwrap()
}

fn entry(n: u64) -> Entry {
    let facts =
        Payload::new("facts", &serde_json::json!({ "n": n, "text": "x".repeat(200) }), [7; 16]).unwrap();
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
        // Most real entries have one, because requests carry one.
        idempotency: Some(evidence::Digest::of(&n.to_be_bytes())),
        facts: facts.commitment(),
        particulars: None,
        blobs: Vec::new(),
    };
    Entry { header: header.encode().unwrap(), facts, particulars: None }
}

/// One entry for each append, compared with one row of the same size for each commit of a plain database.
fn one_caller() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(dir.path(), signer()).unwrap();
    let bare = Connection::open(dir.path().join("bare.db")).unwrap();
    bare.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)")
        .unwrap();
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for n in 0..500 {
        let entry = entry(n);
        let start = Instant::now();
        ledger.begin(n).unwrap().append(std::slice::from_ref(&entry)).unwrap();
        ours.push(start.elapsed());
        let row = [entry.header.as_slice(), &entry.facts.bytes].concat();
        let start = Instant::now();
        bare.execute("INSERT INTO t VALUES (?1, ?2)", rusqlite::params![n.cast_signed(), row]).unwrap();
        floor.push(start.elapsed());
    }
    let (ours, floor) = (summary(ours), summary(floor));
    print("append, one caller, signed and durable", ours, floor, "a bare commit of one row");
}

/// Appends of 1,000 entries.
fn saturated(count: u64) -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(dir.path(), signer()).unwrap();
    let entries: Vec<_> = (0..count).map(entry).collect();
    let hashing = Instant::now();
    for entry in &entries {
        std::hint::black_box(tlog::leaf_hash(&entry.header));
    }
    let floor = hashing.elapsed();
    let start = Instant::now();
    for (batch, from) in entries.chunks(1_000).zip((0..).step_by(1_000)) {
        ledger.begin(from).unwrap().append(batch).unwrap();
    }
    let took = start.elapsed();
    let rate =
        |span: Duration| format!("{:.0}/s", f64::from(u32::try_from(count).unwrap()) / span.as_secs_f64());
    println!(
        "{:44} {:>12} {:>12}   hashing the leaves alone: {}",
        format!("append, {count} in batches of 1,000"),
        rate(took),
        "-",
        rate(floor)
    );
    (dir, ledger)
}

/// Offline verification of every row and hash of a directory.
fn verification(dir: &Path, count: u64) -> Duration {
    let anchors =
        Anchors { ledger: signer().verifier().clone(), witnesses: Vec::new(), quorum: 0, seen: None };
    let mut spans = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        let report = verify(dir, &anchors).unwrap();
        spans.push(start.elapsed());
        assert_eq!((report.entries, report.breaches.len()), (count, 0));
    }
    let (median, minimum) = summary(spans);
    let begun = Instant::now();
    std::hint::black_box(evidence::Digest::of(&std::fs::read(dir.join("ledger.db")).unwrap()));
    println!(
        "{:44} {:>12} {:>12}   reading and hashing the database alone: {}",
        format!("verify {count} entries"),
        show(median),
        show(minimum),
        show(begun.elapsed())
    );
    median
}

fn summary(mut spans: Vec<Duration>) -> (Duration, Duration) {
    spans.sort();
    (*spans.get(spans.len() / 2).unwrap(), *spans.first().unwrap())
}

fn print(figure: &str, ours: (Duration, Duration), floor: (Duration, Duration), what: &str) {
    let ratio = floor.0.as_secs_f64() / ours.0.as_secs_f64();
    let floor = format!("{what}: {} / {}; {ratio:.2} of it", show(floor.0), show(floor.1));
    println!("{figure:44} {:>12} {:>12}   {floor}", show(ours.0), show(ours.1));
}

fn show(span: Duration) -> String {
    format!("{span:.2?}")
}
