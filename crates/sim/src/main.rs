//! `sim seed DIR RELEASES [--entries N] [--seed N] [--end MOMENT]`: makes an installation of that size in DIR (`sim::seed`).
//!
//! `sim [--seed N] [--hours H] [--count C] [--tell | --watch]`: simulates seeds N to N + C - 1, on every processor, and
//! prints the results. With `--tell` every event is printed as it happens; with `--watch` there are no faults, and the
//! required content of the disks is printed too (`tests/power`).

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use evidence::Moment;
use sim::{Report, SeedOrder};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("seed", rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return seed(rest);
    }
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
         releases applied, {} rolled out; {total} faults, {} an hour; {broken} seeds broke an invariant",
        asked.count,
        asked.hours,
        since.elapsed().as_secs(),
        all.events,
        all.entries,
        all.acknowledged,
        all.decisions,
        all.applied,
        all.rollouts,
        total / (asked.count * asked.hours).max(1)
    );
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes an installation. It ends now, or at the moment that is given: only then is it the same each time.
fn seed(words: &[String]) -> ExitCode {
    let Some(order) = seed_order(words) else {
        eprintln!("usage: sim seed DIR RELEASES [--entries N] [--seed N] [--end MOMENT]");
        return ExitCode::from(2);
    };
    if order.dir.exists() {
        eprintln!("error: `{}` exists already; nothing was changed", order.dir.display());
        return ExitCode::FAILURE;
    }
    let since = Instant::now();
    // Syncing takes most of the time, and a lost installation can be made again.
    disk::forgo_durability();
    let seeded = sim::seed(&order);
    for (what, times) in &seeded.happened {
        println!("{times:>9}  {what}");
    }
    let seconds = since.elapsed().as_secs_f64();
    let each = seconds * 1000.0 / f64::from(u32::try_from(seeded.releases).unwrap_or(u32::MAX));
    println!(
        "{} releases, {} entries in {seconds:.0} s: {each:.0} ms a release; `countersign server --data {}` opens it",
        seeded.releases,
        seeded.entries,
        order.dir.display()
    );
    ExitCode::SUCCESS
}

fn progress(releases: u64, entries: u64) {
    eprintln!("{releases} releases, {entries} entries");
}

fn seed_order(words: &[String]) -> Option<SeedOrder<'_>> {
    let [dir, releases, rest @ ..] = words else { return None };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let end = Moment::default().later_by(since);
    let mut order = SeedOrder {
        dir: Path::new(dir),
        releases: releases.parse().ok()?,
        entries: 0,
        seed: 1,
        end,
        progress,
    };
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let value = rest.next()?;
        match word.as_str() {
            "--entries" => order.entries = value.parse().ok()?,
            "--seed" => order.seed = value.parse().ok()?,
            "--end" => order.end = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(order)
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
