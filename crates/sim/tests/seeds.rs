//! Fifty seeds of two hours each: no invariant is broken, and a seed always gives the same course.

fn seeds(from: u64) {
    let (mut faults, mut rollouts) = (0, 0);
    for seed in from..from + 10 {
        let report = sim::run(seed, 2);
        assert_eq!(report.breaches, Vec::<String>::new(), "cargo x sim --seed {seed} --hours 2");
        assert!(report.acknowledged > 0 && report.applied > 0 && report.decisions > 0, "{report:?}");
        faults += report.faults.values().sum::<u64>();
        rollouts += report.rollouts;
    }
    // Fifty seeds have about 200.
    assert!(rollouts > 25, "only {rollouts} rollouts in ten seeds");
    assert!(faults > 100, "only {faults} faults in ten seeds");
}

#[test]
fn seeds_0_to_9() {
    seeds(0);
}

#[test]
fn seeds_10_to_19() {
    seeds(10);
}

#[test]
fn seeds_20_to_29() {
    seeds(20);
}

#[test]
fn seeds_30_to_39() {
    seeds(30);
}

#[test]
fn seeds_40_to_49() {
    seeds(40);
}

#[test]
fn a_seed_is_a_course() {
    assert_eq!(sim::run(7, 1), sim::run(7, 1));
    assert_ne!(sim::run(7, 1).course, sim::run(8, 1).course);
}
