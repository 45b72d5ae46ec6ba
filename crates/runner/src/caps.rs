//! Limits that the runner's operator sets for steps: for each step, and for all steps that run at the same time.
//!
//! Invariant: a step that asks for more than its runner allows is refused by the limit's name before it runs, because it
//! would be stopped later without a clear reason. A limit that the step does not name is fitted to the machine. Steps
//! whose limits exceed the total wait for each other; a step that fits does not wait for a larger one that does not.

use std::fs;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evidence::pipeline::StepLimits;
use sandbox::Limits;

/// The limits of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Memory of one step, in MiB.
    pub memory_mib: u64,
    /// Workspace of one step, in MiB.
    pub workspace_mib: u64,
    /// Wall-clock time of one step, in seconds.
    pub time_seconds: u64,
    /// Processes and threads of one step.
    pub processes: u64,
    /// Memory, workspaces and `/tmp` of all steps that run at the same time, in MiB.
    pub total_mib: u64,
}

/// A step asks for more than a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its limit `{limit}` is {asked}, this runner gives at most {most}; ask for less, or have the operator raise `{option}`"
)]
pub struct CapError {
    limit: &'static str,
    asked: u64,
    most: u64,
    option: &'static str,
}

impl Default for Caps {
    /// The limits of a machine with 64 GiB.
    fn default() -> Self {
        Self::of_memory(64 << 10)
    }
}

impl Caps {
    /// The limits of this machine: all of its memory, or the limit of this process's own control group.
    #[must_use]
    pub fn of_host() -> Self {
        let bytes = memory_total().into_iter().chain(sandbox::group_memory_max()).min();
        Self::of_memory(bytes.map_or(16 << 10, |bytes| bytes >> 20))
    }

    const fn of_memory(total_mib: u64) -> Self {
        let (time_seconds, processes) = (TIME_SECONDS_MAX, PROCESSES_MAX);
        Self { memory_mib: total_mib, workspace_mib: total_mib, time_seconds, processes, total_mib }
    }

    /// The limits of a step: those that it asks for, or defaults.
    ///
    /// # Errors
    /// `CapError` if it asks for more than these limits.
    pub fn limits(&self, asked: &StepLimits) -> Result<Limits, CapError> {
        let capped = |limit, asked: Option<u64>, usual: u64, most: u64, option| match asked {
            Some(asked) if asked > most => Err(CapError { limit, asked, most, option }),
            asked => Ok(asked.unwrap_or(usual).min(most)),
        };
        let part = (self.total_mib.saturating_sub(OWN_MIB) / 4).max(1);
        let memory_mib =
            capped("memory-mib", asked.memory_mib, part.min(4096), self.memory_mib, "--step-memory-max")?;
        let workspace_mib = capped(
            "workspace-mib",
            asked.workspace_mib,
            part.min(4096),
            self.workspace_mib,
            "--step-workspace-max",
        )?;
        let time_seconds =
            capped("time-seconds", asked.time_seconds, 1800, self.time_seconds, "--step-time-max")?;
        let processes = capped("processes", asked.processes, 512, self.processes, "--step-processes-max")?;
        let limits = Limits {
            workspace_bytes: workspace_mib << 20,
            tmp_bytes: (part / 4).clamp(1, 1024) << 20,
            memory_bytes: memory_mib << 20,
            processes,
            open_files: 4096,
            wall_ms: time_seconds * 1000,
            log_bytes: 16 << 20,
        };
        let (asked, most) = (limits.filled_bytes() >> 20, self.total_mib);
        let (limit, option) = ("memory-mib and workspace-mib, with /tmp", "--steps-memory-max");
        if asked > most { Err(CapError { limit, asked, most, option }) } else { Ok(limits) }
    }
}

/// The memory for all steps that run at the same time.
#[derive(Debug)]
pub struct Room {
    bytes: u64,
    taken: Mutex<u64>,
    given_back: Condvar,
}

/// A reservation, released when this is dropped.
#[derive(Debug)]
pub struct Part<'a> {
    room: &'a Room,
    bytes: u64,
}

impl Room {
    /// Memory of this many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self { bytes, taken: Mutex::default(), given_back: Condvar::new() }
    }

    /// Reserves memory as soon as it is free; `None` if the step is not wanted any more. `waits` is called once if the memory
    /// is not free at once. There is no queue: in a queue, a large step that waits for another large one would delay all
    /// small ones behind it.
    pub fn take(&self, bytes: u64, wanted: &dyn Fn() -> bool, waits: &dyn Fn()) -> Option<Part<'_>> {
        let mut taken = self.taken();
        let mut said = false;
        loop {
            // A step that is larger than the total gets all of it, and runs alone.
            if *taken == 0 || taken.saturating_add(bytes) <= self.bytes {
                *taken = taken.saturating_add(bytes);
                return Some(Part { room: self, bytes });
            }
            if !wanted() {
                return None;
            }
            if !std::mem::replace(&mut said, true) {
                waits();
            }
            let woken = self.given_back.wait_timeout(taken, LOOK_EVERY);
            taken = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        *taken = taken.saturating_sub(self.bytes);
        self.room.given_back.notify_all();
    }
}

/// `MemTotal` of proc(5), in bytes.
fn memory_total() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// Memory that every sandbox uses in addition to its step's limit, with a margin.
const OWN_MIB: u64 = 140;
/// Six hours.
const TIME_SECONDS_MAX: u64 = 6 * 3600;
const PROCESSES_MAX: u64 = 4096;
/// Interval at which a waiting step checks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// A step that asks for more than its runner's limits is refused with the limit's name and the operator's option.
    #[test]
    fn attack_limits_above_the_runners_are_refused_by_name() {
        let caps =
            Caps { memory_mib: 1024, workspace_mib: 512, time_seconds: 60, processes: 100, total_mib: 1700 };
        let none = StepLimits::default();
        for (asked, named, option) in [
            (StepLimits { memory_mib: Some(1025), ..none }, "`memory-mib` is 1025", "--step-memory-max"),
            (
                StepLimits { memory_mib: Some(1 << 20), ..none },
                "`memory-mib` is 1048576",
                "--step-memory-max",
            ),
            (
                StepLimits { workspace_mib: Some(513), ..none },
                "`workspace-mib` is 513",
                "--step-workspace-max",
            ),
            (StepLimits { time_seconds: Some(61), ..none }, "`time-seconds` is 61", "--step-time-max"),
            (StepLimits { processes: Some(101), ..none }, "`processes` is 101", "--step-processes-max"),
            (
                StepLimits { memory_mib: Some(1024), workspace_mib: Some(512), ..none },
                "`memory-mib and workspace-mib, with /tmp` is",
                "--steps-memory-max",
            ),
        ] {
            let refused = caps.limits(&asked).unwrap_err().to_string();
            assert!(refused.contains(named) && refused.contains(option), "{refused}");
        }
        let modest = StepLimits { memory_mib: Some(700), processes: Some(100), ..none };
        let limits = caps.limits(&modest).unwrap();
        assert_eq!((limits.memory_bytes, limits.processes), (700 << 20, 100));
    }

    #[test]
    fn what_is_not_asked_for_fits_the_machine() {
        for total in [256, 1024, 8 << 10, 64 << 10] {
            let limits = Caps::of_memory(total).limits(&StepLimits::default()).unwrap();
            assert!(limits.memory_bytes <= (total / 4).min(4096) << 20, "{total}: {limits:?}");
            assert!(limits.wall_ms == 1_800_000 && limits.processes == 512);
        }
        let large = Caps::default().limits(&StepLimits::default()).unwrap();
        assert_eq!((large.memory_bytes, large.workspace_bytes, large.tmp_bytes), (4 << 30, 4 << 30, 1 << 30));
        let strict = Caps { time_seconds: 60, processes: 50, ..Caps::default() };
        let limits = strict.limits(&StepLimits::default()).unwrap();
        assert_eq!((limits.wall_ms, limits.processes), (60_000, 50));
        assert!(Caps::of_host().total_mib > 0);
    }

    #[test]
    fn attack_steps_together_stay_within_the_total() {
        let room = Room::new(100);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let part = room.take(40, &|| true, &|| {}).unwrap();
                    let inside = now.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(inside, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(1, Ordering::SeqCst);
                    drop(part);
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2, "three times 40 are more than 100");
        assert_eq!(*room.taken(), 0);
        assert!(
            room.take(1 << 40, &|| true, &|| {}).is_some(),
            "a step that is larger than the total runs alone"
        );
    }

    #[test]
    fn a_step_that_is_not_wanted_any_more_stops_waiting() {
        let room = Room::new(100);
        let all = room.take(100, &|| true, &|| {}).unwrap();
        let (wanted, waits) = (AtomicBool::new(true), AtomicUsize::new(0));
        let refused = room.take(1, &|| wanted.swap(false, Ordering::SeqCst), &|| {
            waits.fetch_add(1, Ordering::SeqCst);
        });
        assert!(refused.is_none() && waits.load(Ordering::SeqCst) == 1, "said once, then given up");
        drop(all);
        assert!(room.take(100, &|| true, &|| {}).is_some());
    }
}
