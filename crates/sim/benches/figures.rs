//! Replay of many decisions, offline, with its floor from the same run. `cargo x bench`.
#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a benchmark")]

use std::time::{Duration, Instant};

use evidence::policy_files::PolicyFiles;

fn main() {
    println!("{:44} {:>12} {:>12}   floor of the same run", "figure", "median", "minimum");
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if words == ["dry-run"] {
        return dry_run();
    }
    let mut medians = Vec::new();
    // Other sizes for a profile: `cargo x bench 3000`.
    let named: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = if named.is_empty() { vec![1_000, 10_000, 100_000] } else { named };
    for decisions in sizes {
        let measured = sim::replay_of(decisions);
        assert!(measured.agree >= decisions, "all agree");
        let ratio = measured.replay.as_secs_f64() / measured.signatures.as_secs_f64();
        println!(
            "{:44} {:>12} {:>12}   its signatures alone: {:.2?}; {ratio:.1} times that",
            format!("replay of {decisions} signed decisions"),
            format!("{:.2?}", measured.replay),
            "-",
            measured.signatures
        );
        medians.push((decisions, measured.replay));
    }
    let begun = Instant::now();
    let report = sim::run(1, 10);
    println!(
        "{:44} {:>12} {:>12}   {} events, {} decisions replayed in it",
        "ten simulated hours",
        format!("{:.2?}", begun.elapsed()),
        "-",
        report.events,
        report.decisions
    );
    many_projects();
    if words.is_empty() {
        dry_run();
    }
    if let (Some((n, first)), Some((m, last))) = (medians.first(), medians.last()) {
        let times = f64::from(u32::try_from(m / n).unwrap_or(1));
        let exponent = (last.as_secs_f64() / first.as_secs_f64()).ln() / times.ln();
        println!("{:44} grows as n^{exponent:.2}", "slope, replay");
    }
}

/// Times of one request with few projects and with many.
fn many_projects() {
    let mut medians = Vec::new();
    for count in [10_u64, 100, 1_000] {
        let sim::Projects { mut decided, mut looked, start, state_bytes } = sim::projects_of(count);
        let median = |spans: &mut Vec<Duration>| {
            spans.sort();
            (spans[spans.len() / 2], spans[0])
        };
        let ((middle, least), (look, _)) = (median(&mut decided), median(&mut looked));
        println!(
            "{:44} {:>12} {:>12}   what is due: {look:.2?}; start: {start:.2?}; state: {} KB",
            format!("a request with {count} projects"),
            format!("{middle:.2?}"),
            format!("{least:.2?}"),
            state_bytes / 1_000
        );
        medians.push(least);
    }
    let exponent = (medians[2].as_secs_f64() / medians[0].as_secs_f64()).ln() / 100_f64.ln();
    println!("{:44} grows as n^{exponent:.2} in projects", "slope, a request");
}

/// Dry runs of 5,000 decisions: by a policy that reads the same, compared with brute force, and by one that reads otherwise.
fn dry_run() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("data");
    disk::forgo_durability();
    let end = "2026-11-25T15:00:00.000Z".parse().expect("a moment");
    let order = sim::SeedOrder { dir: &dir, releases: SEEDED, entries: 0, seed: 1, end, progress: |_, _| () };
    let seeded = sim::seed(&order);
    let mut files = policy::Pack::DEFAULT.files();
    let gate = files.get_mut("gate.rego").expect("the gate's file");
    *gate = gate.replace("approvals_needed := 1 if production", "approvals_needed := 2 if production");
    let same = PolicyFiles::new(files);
    let other = policy::Pack::named("pci-dss").expect("the pack").files();
    for (name, policy) in [("as before", &same), ("otherwise", &PolicyFiles::new(other))] {
        let mut all: Vec<_> = (0..3).map(|_| sim::dry_run_of(&dir, policy, DECISIONS)).collect();
        all.sort_by_key(|times| times.took);
        let (least, median) = (&all[0], &all[1]);
        assert_eq!(median.decisions, DECISIONS, "the ledger of {} releases is too short", seeded.releases);
        println!(
            "{:44} {:>12} {:>12}   reading and decoding its {} entries: {:.2?}; {} differ, {} unknown",
            format!("dry run of {DECISIONS} decisions, reads {name}"),
            format!("{:.2?}", median.took),
            format!("{:.2?}", least.took),
            median.entries,
            median.floor,
            median.differ.len(),
            median.unknown.len()
        );
    }
    let begun = Instant::now();
    let expected = sim::by_brute_force(&dir, &same);
    let found = sim::dry_run_of(&dir, &same, usize::MAX);
    assert!(!expected.is_empty() && found.unknown.is_empty(), "nothing differs, or something is unknown");
    assert_eq!(found.differ, expected, "brute force finds others");
    println!(
        "{:44} {:>12} {:>12}   {} of {} decisions differ, in both",
        "the same by brute force",
        format!("{:.2?}", begun.elapsed()),
        "-",
        expected.len(),
        found.decisions
    );
}

const DECISIONS: usize = 5_000;
/// Releases that give more decisions than that.
const SEEDED: u64 = 5_200;
