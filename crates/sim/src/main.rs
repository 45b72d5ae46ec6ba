//! `sim [--seed N] [--hours H] [--count C] [--tell | --watch]`: simulates seeds N to N + C - 1, on every processor, and
//! prints the results. With `--tell` every event is printed as it happens; with `--watch` there are no faults, and the
//! required content of the disks is printed too (`tests/power`).

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sim::Report;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(asked) = Options::of(&words) else {
        eprintln!("usage: sim [--seed N] [--hours H] [--count C] [--tell | --watch]");
        return ExitCode::from(2);
    };
    if asked.watches {
        sim::watched(asked.seed, asked.hours);
        return ExitCode::SUCCESS;
    }
    let since = Instant::now();
    let (all, broken) = asked.simulate();
    for (what, times) in &all.faults {
        println!("{times:>9}  {what}");
    }
    for (what, times) in &all.answers {
        println!("{times:>9}  answered: {what}");
    }
    for (what, times) in &all.disbelief {
        println!("{times:>9}  not approved: {what}");
    }
    let total: u64 = all.faults.values().sum();
    println!(
        "{} seeds of {} hours in {} s: {} events, {} entries, {} acknowledged, {} decisions agree, {} \
         releases applied; {total} faults, {} an hour; {broken} seeds broke an invariant",
        asked.count,
        asked.hours,
        since.elapsed().as_secs(),
        all.events,
        all.entries,
        all.acknowledged,
        all.decisions,
        all.applied,
        total / (asked.count * asked.hours).max(1)
    );
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The options.
struct Options {
    seed: u64,
    hours: u64,
    count: u64,
    tells: bool,
    watches: bool,
}

impl Options {
    fn of(words: &[String]) -> Option<Self> {
        let mut asked = Self { seed: 1, hours: 10, count: 1, tells: false, watches: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || words.next()?.parse().ok();
            match word.as_str() {
                "--seed" => asked.seed = number()?,
                "--hours" => asked.hours = number()?,
                "--count" => asked.count = number()?,
                "--tell" => asked.tells = true,
                "--watch" => asked.watches = true,
                _ => return None,
            }
        }
        Some(asked)
    }

    /// Simulates all seeds, as many at once as there are processors; returns the sum of their reports, and the number that broke.
    fn simulate(&self) -> (Report, u64) {
        let (next, broken) = (AtomicU64::new(0), AtomicU64::new(0));
        let all = Mutex::new(Report::default());
        let work = || {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= self.count {
                    return;
                }
                let seed = self.seed.saturating_add(n);
                let report = sim::told(seed, self.hours, self.tells);
                for what in report.breaches.iter().take(BREACHES_SHOWN) {
                    eprintln!("seed {seed}: {what}");
                }
                if !report.breaches.is_empty() {
                    broken.fetch_add(1, Ordering::Relaxed);
                    eprintln!("seed {seed}: again with `cargo x sim --seed {seed} --hours {}`", self.hours);
                }
                if (n + 1) % 50 == 0 {
                    eprintln!("{} of {} seeds", n + 1, self.count);
                }
                all.lock().unwrap_or_else(PoisonError::into_inner).add(report);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        (all, broken.into_inner())
    }
}

const BREACHES_SHOWN: usize = 8;
