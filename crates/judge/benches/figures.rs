//! Ends of 10,000 simulated rollouts for each kind of service: how many return, and how soon. `cargo x bench rollout-judgement`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a benchmark")]

#[path = "../tests/rollout/simulated.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod simulated;

use std::time::Instant;

use simulated::{COMPARED, End, GUIDE, WORLDS, World, plan, run};

fn main() {
    let names: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if !names.is_empty() && !names.iter().any(|name| name == "rollout-judgement") {
        return;
    }
    // Other sizes for a look: `cargo x bench rollout-judgement 500`.
    let count = names.iter().find_map(|name| name.parse().ok()).unwrap_or(10_000);
    println!(
        "{:44} {:>12} {:>12}   time to the return, median and 99 % of them",
        "rollouts, canary of the guide", "return", "done"
    );
    for (world, is_sound) in &WORLDS {
        let share = figure(GUIDE, world, count);
        assert!(!is_sound || share <= 0.01, "a sound release returns in more than 1 % of its rollouts");
        assert!(*is_sound || share >= 0.99, "an unsound release is done in more than 1 % of its rollouts");
    }
    println!("{:44} {:>12} {:>12}   at most 1 % by its plan", "rollouts, comparison alone", "return", "done");
    for (name, old, new) in EQUAL {
        let share = figure(COMPARED, &World { name, rate: 20_000, old, new, slow: 0.001 }, count);
        assert!(share <= 0.01, "more than 1 % of the rollouts are false alarms");
    }
}

/// An old release and a new one that is as good.
type Equal = (&'static str, f64, fn(u64) -> f64);
const EQUAL: [Equal; 3] = [
    ("equal failures, 0.1 %", 0.001, |_| 0.001),
    ("equal failures, 2 %", 0.02, |_| 0.02),
    ("equal failures, 20 %", 0.2, |_| 0.2),
];

/// Prints a row, and answers with the share of rollouts that return.
#[expect(clippy::cast_precision_loss, reason = "counts of rollouts")]
fn figure(rollout: &str, world: &World, count: u64) -> f64 {
    let (rollout, start) = (plan(rollout), Instant::now());
    let mut times: Vec<u64> = (0..count)
        .filter_map(|seed| match run(&rollout, world, seed) {
            End::Done => None,
            End::Back(millis) => Some(millis / 1_000),
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    let delay = at(50).zip(at(99)).map_or("-".to_owned(), |(half, most)| format!("{half} s, {most} s"));
    println!(
        "{:44} {:>12} {:>12}   {delay} ({:.0?})",
        world.name,
        times.len(),
        count - times.len() as u64,
        start.elapsed()
    );
    times.len() as f64 / count as f64
}
