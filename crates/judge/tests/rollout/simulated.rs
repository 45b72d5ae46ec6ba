//! Rollouts of an invented service in virtual time: requests, failures and slow answers by a seeded generator, judged second by
//! second by the evaluator and the state machine of the product.
//!
//! Invariant: a seed gives the same rollout on each machine. The bench takes this file, too.

use std::collections::{BTreeMap, VecDeque};

use evidence::Moment;
use evidence::release_file::ReleaseFile;
use evidence::rollout::Rollout;
use evidence::rollout_counts::{Counts, GroupCounts, bucket};
use judge::rollout::{Action, Event, Probes, Progress, StepEvidence, next};

/// Time between two looks at the counts.
const TICK_MS: u64 = 1_000;
/// A rollout that has not ended by then never does.
const END_MS: u64 = 6 * 3_600_000;

/// A service and what its new release does wrong.
#[derive(Clone, Copy)]
pub struct World {
    /// What it is, for people.
    pub name: &'static str,
    /// Requests in 1,000 seconds.
    pub rate: u64,
    /// Share of requests that the old release fails.
    pub old: f64,
    /// Share of requests that the new release fails, by seconds since it began.
    pub new: fn(u64) -> f64,
    /// Share of requests that the new release answers slowly; the old one answers one of a thousand slowly.
    pub slow: f64,
}

/// The end of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The new release has everything.
    Done,
    /// The old one has everything again, after so many milliseconds.
    Back(u64),
}

/// A plan from the five lines of the guide, with a change.
pub fn plan(rollout: &str) -> Rollout {
    let text = format!(
        "version: 1\nservices:\n  api:\n    artifact: api\n    process: {{ command: [bin/api], port: 8080 }}\n    \
         probe: {{ http: /health }}\n    rollout: {{ {rollout} }}\n"
    );
    let file = ReleaseFile::parse(text.as_bytes()).unwrap();
    file.services.values().next().unwrap().rollout.as_ref().unwrap().planned(1).unwrap()
}

/// The rollout of the guide.
pub const GUIDE: &str =
    "strategy: canary, steps: [5, 25, 50], pause: 5m, budget: {errors: 0.1%, latency-p99: 300ms}";
/// The comparison alone.
pub const COMPARED: &str = "strategy: canary, steps: [5, 25, 50], pause: 5m";

/// A rollout from begin to end.
pub fn run(rollout: &Rollout, world: &World, seed: u64) -> End {
    let mut requests = Requests::new(world, seed);
    let mut counted = Counted::new(rollout);
    let mut progress = Progress::begun(at(0));
    for now in (TICK_MS..=END_MS).step_by(usize::try_from(TICK_MS).unwrap()) {
        requests.second(rollout, progress.step, now / 1_000, &mut counted.total);
        let evidence = counted.evidence(&progress, now);
        let (after, action) = next(rollout, &progress, Event::Tick(&evidence), at(now));
        match action {
            Action::Widen(_) => counted.began = counted.total.clone(),
            Action::Hold(_) => {}
            Action::Done => return End::Done,
            Action::Back(_) => return End::Back(now),
        }
        progress = after;
    }
    panic!("seed {seed}: the rollout of {} never ends", world.name)
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(1_700_000_000_000 + millis).unwrap()
}

/// Cumulative counts and what they were before.
struct Counted {
    total: GroupCounts,
    began: GroupCounts,
    earlier: VecDeque<GroupCounts>,
    windows: Vec<u64>,
}

impl Counted {
    fn new(rollout: &Rollout) -> Self {
        Self {
            total: GroupCounts::default(),
            began: GroupCounts::default(),
            earlier: VecDeque::new(),
            windows: rollout.windows(),
        }
    }

    fn evidence(&mut self, progress: &Progress, now: u64) -> StepEvidence {
        let longest = usize::try_from(self.windows.last().copied().unwrap_or(0) / TICK_MS).unwrap();
        self.earlier.push_back(self.total.clone());
        if self.earlier.len() > longest + 1 {
            self.earlier.pop_front();
        }
        let over = |window: u64| {
            let ticks = usize::try_from(window / TICK_MS).unwrap();
            match (self.earlier.len() - 1).checked_sub(ticks) {
                Some(then) => self.total.since(&self.earlier[then]),
                None => self.total.clone(),
            }
        };
        let windows: BTreeMap<_, _> = self.windows.iter().map(|window| (*window, over(*window))).collect();
        StepEvidence {
            in_step_ms: at(now).millis().saturating_sub(progress.since.millis()),
            probes: Probes::Pass,
            step: self.total.since(&self.began),
            windows,
            answers: BTreeMap::new(),
        }
    }
}

/// The requests of a service.
struct Requests<'a> {
    world: &'a World,
    random: Random,
    /// Requests that are due, in thousandths, and those that each group is owed, in hundredths.
    due: u64,
    owed: [u64; 3],
}

impl<'a> Requests<'a> {
    fn new(world: &'a World, seed: u64) -> Self {
        Self { world, random: Random(seed), due: 0, owed: [0; 3] }
    }

    /// A second of requests, shared smoothly.
    fn second(&mut self, rollout: &Rollout, step: usize, second: u64, total: &mut GroupCounts) {
        self.due += self.world.rate;
        let requests = self.due / 1_000;
        self.due %= 1_000;
        let shares = rollout.shares(step);
        for (at, share) in [shares.stable, shares.baseline, shares.canary].into_iter().enumerate() {
            self.owed[at] += requests * u64::from(share);
            let count = self.owed[at] / 100;
            self.owed[at] %= 100;
            let (group, failing, slow) = match at {
                0 => (&mut total.stable, self.world.old, 0.001),
                1 => (&mut total.baseline, self.world.old, 0.001),
                _ => (&mut total.canary, (self.world.new)(second), self.world.slow),
            };
            // Nobody judges by the processes that ran before.
            if at > 0 {
                self.random.requests(group, count, failing, slow);
            }
        }
    }
}

/// `SplitMix64`.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn share(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How many of so many happen.
    fn some(&mut self, count: u64, share: f64) -> u64 {
        (0..count).filter(|_| self.share() < share).count() as u64
    }

    fn requests(&mut self, group: &mut Counts, count: u64, failing: f64, slow: f64) {
        let (failed, late) = (self.some(count, failing), self.some(count, slow));
        group.requests += count;
        group.errors += failed;
        group.latency.add(bucket(500_000), late);
        group.latency.add(bucket(40_000), count - late);
    }
}

/// Services of the figures, and whether their new release is sound.
pub const WORLDS: [(World, bool); 9] = [
    (World { name: "no requests", rate: 0, old: 0.0, new: |_| 0.0, slow: 0.001 }, false),
    (World { name: "one request", rate: 1, old: 0.0, new: |_| 0.0, slow: 0.001 }, false),
    (World { name: "sound, no failures", rate: 50_000, old: 0.0, new: |_| 0.0, slow: 0.001 }, true),
    (
        World {
            name: "equal failures, half the limit",
            rate: 50_000,
            old: 0.000_5,
            new: |_| 0.000_5,
            slow: 0.001,
        },
        true,
    ),
    (
        World {
            name: "twice the limit, from the start",
            rate: 50_000,
            old: 0.000_1,
            new: |_| 0.002,
            slow: 0.001,
        },
        false,
    ),
    (
        World {
            name: "1 % of failures, from the start",
            rate: 50_000,
            old: 0.000_1,
            new: |_| 0.01,
            slow: 0.001,
        },
        false,
    ),
    (World { name: "everything fails", rate: 50_000, old: 0.000_1, new: |_| 1.0, slow: 0.001 }, false),
    (
        World { name: "slow leak, 1 % more each minute", rate: 50_000, old: 0.000_1, new: leak, slow: 0.001 },
        false,
    ),
    (
        World {
            name: "flapping, 10 s of 20 % in each minute",
            rate: 50_000,
            old: 0.000_1,
            new: flap,
            slow: 0.001,
        },
        false,
    ),
];

#[expect(clippy::cast_precision_loss, reason = "seconds of an hour")]
fn leak(second: u64) -> f64 {
    (second as f64 / 6_000.0).min(1.0)
}

fn flap(second: u64) -> f64 {
    if second % 60 >= 50 { 0.2 } else { 0.0 }
}
