//! Replay of many decisions, offline, with its floor from the same run. `cargo x bench`.
#![expect(clippy::indexing_slicing, reason = "a benchmark")]

use std::time::{Duration, Instant};

fn main() {
    println!("{:44} {:>12} {:>12}   floor of the same run", "figure", "median", "minimum");
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
