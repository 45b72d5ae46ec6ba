//! Arrangements of every strategy, and the law of all of them: somebody serves.

use evidence::rollout::{Comparison, RolloutStep};

use super::*;
use crate::plans::plan;

fn rollout(percents: &[u8], is_compared: bool) -> Rollout {
    let step = |percent: &u8| RolloutStep { percent: *percent, pause_ms: 0, automatic: true };
    let comparison = Comparison { false_alarms: 10_000, ratio: 2_000, samples_min: 10, slow_us: None };
    Rollout {
        steps: percents.iter().map(step).collect(),
        thresholds: Vec::new(),
        sticky: None,
        drain_ms: None,
        comparison: is_compared.then_some(comparison),
        budget: None,
        limit_ms: None,
        protocol: evidence::rollout::Protocol::Http,
        prometheus: Vec::new(),
        sources: evidence::rollout::Sources::new(),
    }
}

fn of(strategy: Strategy, instances: u32) -> Plan {
    let instances = (instances > 1).then_some(instances);
    Plan { strategy, instances, ..plan() }
}

/// Each group as `name: processes of which release, share`.
fn shown(strategy: Strategy, (before, after): (u32, u32), rollout: &Rollout) -> Vec<String> {
    let (old, new) = (of(strategy, before), of(strategy, after));
    let step = |step| {
        let groups = at_step(&new, rollout, &old, step);
        let one = |one: &Wanted| format!("{} {}x{}", one.group.name(), one.instances, one.weight);
        groups.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    (0..rollout.steps.len()).map(step).collect()
}

#[test]
fn a_canary_grows_beside_the_old_one_and_a_baseline_of_its_size() {
    let compared = shown(Strategy::Canary, (4, 4), &rollout(&[5, 50, 75, 100], true));
    assert_eq!(
        compared,
        [
            "stable 4x90, baseline 1x5, canary 1x5",
            "stable 4x0, baseline 2x50, canary 2x50",
            "stable 4x0, baseline 1x25, canary 3x75",
            "stable 4x0, canary 4x100",
        ]
    );
    let alone = shown(Strategy::Canary, (1, 1), &rollout(&[10, 100], false));
    assert_eq!(alone, ["stable 1x90, canary 1x10", "stable 1x0, canary 1x100"]);
}

#[test]
fn blue_and_green_are_both_whole() {
    let shown = shown(Strategy::BlueGreen, (2, 3), &rollout(&[0, 100], false));
    assert_eq!(shown, ["stable 2x100, canary 3x0", "stable 2x0, canary 3x100"]);
}

#[test]
fn rolling_replaces_one_after_another_and_keeps_one_to_return_to() {
    let steps = shown(Strategy::Rolling, (3, 3), &rollout(&[33, 66, 100], false));
    assert_eq!(steps, ["stable 2x67, canary 1x33", "stable 1x34, canary 2x66", "stable 1x0, canary 3x100"]);
    let one = shown(Strategy::Rolling, (1, 1), &rollout(&[100], false));
    assert_eq!(one, ["stable 1x0, canary 1x100"]);
}

/// For each strategy, each percentage and many numbers of processes.
#[test]
fn at_each_step_groups_with_processes_have_all_requests() {
    for strategy in [Strategy::Canary, Strategy::Rolling, Strategy::BlueGreen] {
        for (percent, is_compared) in (0..=100).flat_map(|percent| [(percent, false), (percent, true)]) {
            for (before, after) in [(1, 1), (2, 3), (3, 2), (32, 1), (1, 32), (32, 32)] {
                let rollout = rollout(&[percent], is_compared);
                let wanted = at_step(&of(strategy, after), &rollout, &of(strategy, before), 0);
                let whole: u32 = wanted.iter().map(|one| one.weight).sum();
                let text = format!("{strategy} {percent} {is_compared} {before} {after}: {wanted:?}");
                assert_eq!(whole, 100, "{text}");
                assert!(wanted.iter().all(|one| (1..=32).contains(&one.instances)), "{text}");
                let new: u32 =
                    wanted.iter().filter(|one| one.version == Version::New).map(|one| one.weight).sum();
                assert_eq!(new, u32::from(percent), "{text}");
                let old = wanted.iter().any(|one| one.group == Group::Stable && one.version == Version::Old);
                assert!(old, "{text}: there is nothing to return to");
            }
        }
    }
}
