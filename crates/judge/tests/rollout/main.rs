//! Properties of the evaluator of rollouts, a few hundred simulated rollouts, and kills between any two actions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code")]

mod kills;
mod properties;
mod simulated;

use simulated::{COMPARED, End, GUIDE, WORLDS, World, plan, run};

const ROLLOUTS: u64 = 100;

fn ends(rollout: &str, world: &World) -> Vec<End> {
    let rollout = plan(rollout);
    (0..ROLLOUTS).map(|seed| run(&rollout, world, seed)).collect()
}

fn back(ends: &[End]) -> usize {
    ends.iter().filter(|end| **end != End::Done).count()
}

/// The time by which so many percent had returned, in seconds.
fn delay(ends: &[End], percent: usize) -> u64 {
    let mut times: Vec<u64> = ends
        .iter()
        .filter_map(|end| match end {
            End::Back(millis) => Some(millis / 1_000),
            End::Done => None,
        })
        .collect();
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

#[test]
fn nothing_measured_never_ends_in_success() {
    for (world, _) in &WORLDS[..2] {
        let ends = ends(GUIDE, world);
        assert!(ends.iter().all(|end| *end == End::Back(3_600_000)), "{}: {ends:?}", world.name);
    }
}

#[test]
fn sound_releases_are_seldom_stopped() {
    for (world, _) in WORLDS.iter().filter(|(_, is_sound)| *is_sound) {
        let back = back(&ends(GUIDE, world));
        assert!(back <= 3, "{}: {back} of {ROLLOUTS}", world.name);
    }
}

#[test]
fn equal_failures_are_false_alarms_in_one_of_a_hundred_rollouts_at_most() {
    for failing in [0.001_f64, 0.02, 0.2] {
        let new: fn(u64) -> f64 = match failing {
            0.001 => |_| 0.001,
            0.02 => |_| 0.02,
            _ => |_| 0.2,
        };
        let world = World { name: "equal failures", rate: 20_000, old: failing, new, slow: 0.001 };
        let back = back(&ends(COMPARED, &world));
        assert!(back <= 3, "{failing}: {back} of {ROLLOUTS}");
    }
}

#[test]
fn unsound_releases_return_and_soon() {
    // Seconds by which half of them and 99 percent of them have returned.
    let bounds = [
        ("twice the limit, from the start", 1_800, 3_600),
        ("1 % of failures, from the start", 240, 1_500),
        ("everything fails", 4, 4),
        ("slow leak, 1 % more each minute", 180, 300),
        ("flapping, 10 s of 20 % in each minute", 60, 300),
    ];
    let mut wrong = Vec::new();
    for (name, half, most) in bounds {
        let world = &WORLDS.iter().find(|(world, _)| world.name == name).unwrap().0;
        let ends = ends(GUIDE, world);
        assert!(back(&ends) as u64 >= ROLLOUTS - 1, "{name}: only {} return", back(&ends));
        let shown = (delay(&ends, 50), delay(&ends, 99));
        if shown.0 > half || shown.1 > most {
            wrong.push(format!("{name}: {shown:?} s"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
