//! Properties of a verdict.

use evidence::rollout::Rollout;
use evidence::rollout_counts::{Counts, GroupCounts};
use judge::rollout::{Probes, StepEvidence, Verdict, verdict};
use proptest::prelude::*;

use crate::simulated::{GUIDE, plan};

/// Counts of a group: requests, and a share of errors, errors of clients and slow answers in parts of 255.
type Shares = (u32, u8, u8, u8);

fn counts((requests, errors, clients, slow): Shares) -> Counts {
    let requests = u64::from(requests % 20_000);
    let part = |share: u8| requests * u64::from(share) / 255;
    let (errors, slow) = (part(errors), part(slow));
    let client_errors = part(clients).min(requests - errors);
    let mut counts = Counts { requests, errors, client_errors, ..Counts::default() };
    counts.latency.add(evidence::rollout_counts::bucket(500_000), slow);
    counts.latency.add(evidence::rollout_counts::bucket(40_000), requests - slow);
    counts
}

fn evidence(rollout: &Rollout, in_step_ms: u64, canary: &Counts, baseline: &Counts) -> StepEvidence {
    let step = GroupCounts { stable: Counts::default(), baseline: baseline.clone(), canary: canary.clone() };
    let windows = rollout.windows().into_iter().map(|window| (window, step.clone())).collect();
    StepEvidence { in_step_ms, probes: Probes::Pass, step, windows, answers: [].into() }
}

fn is_stop(found: &Verdict) -> bool {
    matches!(found, Verdict::Stop { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn more_errors_never_turn_a_stop_into_anything_else(
        canary: Shares, baseline: Shares, more: u16, time in 0_u64..4_000_000, step in 0_usize..4
    ) {
        let rollout = plan(GUIDE);
        let (mut canary, baseline) = (counts(canary), counts(baseline));
        let before = verdict(&rollout, step, &evidence(&rollout, time, &canary, &baseline));
        canary.errors += u64::from(more).min(canary.requests - canary.errors - canary.client_errors);
        let after = verdict(&rollout, step, &evidence(&rollout, time, &canary, &baseline));
        prop_assert!(!is_stop(&before) || is_stop(&after), "{before:?} became {after:?}");
        prop_assert!(before == Verdict::Go || after != Verdict::Go, "{before:?} became {after:?}");
    }

    #[test]
    fn a_step_passes_only_with_its_pause_its_probes_and_its_samples(
        canary: Shares, baseline: Shares, time in 0_u64..4_000_000, step in 0_usize..4
    ) {
        let rollout = plan(GUIDE);
        let (canary, baseline) = (counts(canary), counts(baseline));
        let mut shown = evidence(&rollout, time, &canary, &baseline);
        if verdict(&rollout, step, &shown) == Verdict::Go {
            prop_assert!(time >= 300_000 && canary.requests >= 100);
            prop_assert!(canary.errors * 1_000 <= canary.requests);
            prop_assert!(step == 3 || baseline.requests >= 50);
        }
        for probes in [Probes::Fail, Probes::Unknown] {
            shown.probes = probes;
            prop_assert_ne!(verdict(&rollout, step, &shown), Verdict::Go);
        }
        shown.windows.clear();
        shown.probes = Probes::Pass;
        prop_assert_ne!(verdict(&rollout, step, &shown), Verdict::Go);
    }

    #[test]
    fn no_counts_overflow(requests: u64, errors: u64, clients: u64, slow: u64, fast: u64) {
        let rollout = plan(GUIDE);
        let mut counts = Counts { requests, errors, client_errors: clients, ..Counts::default() };
        counts.latency.add(368, slow);
        counts.latency.add(1, fast);
        for step in 0..4 {
            let _ = verdict(&rollout, step, &evidence(&rollout, u64::MAX, &counts, &Counts::default()));
            let _ = verdict(&rollout, step, &evidence(&rollout, u64::MAX, &counts, &counts));
        }
    }
}
