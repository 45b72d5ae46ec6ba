//! The key of a machine that was renewed: which signatures count, and which former keys a root or statement may name.

use evidence::trust_root::FormerKey;

use super::*;

fn key(seed: u8) -> MachineSigner {
    MachineSigner::from_seed([seed; 32]).unwrap()
}

/// A root whose first runner was renewed; its former key counts until then.
fn renewed(until: &str) -> TrustRoot {
    let mut root = team();
    let runner = root.runners.first_mut().unwrap();
    runner.former = Some(FormerKey { key: runner.key, until: until.parse().unwrap() });
    runner.key = *key(99).public();
    root
}

#[test]
fn both_keys_of_a_machine_sign_and_no_other() {
    let root = renewed("2026-11-28T02:41:44.000Z");
    check("trust-root", RENEWED, &canonical::encode("machine", &root.runners[0]).unwrap());
    let bytes = root.envelope().unwrap();
    assert_eq!(TrustRoot::read(&bytes).unwrap(), root);
    let receipt = Receipt { runner: root.runners[0].name.clone(), ..support::receipt() };
    for (seed, opens) in [(24, true), (99, true), (25, false), (98, false)] {
        let signed = receipt.sign(&key(seed)).unwrap();
        assert_eq!(Receipt::open(&signed, &root).is_ok(), opens, "{seed}");
    }
    let counts = |now: &str| root.runners[0].keys_at(now.parse().unwrap()).count();
    assert_eq!([counts("2026-11-28T02:41:43.999Z"), counts("2026-11-28T02:41:44.000Z")], [2, 1]);
}

#[test]
fn attack_a_former_key_of_too_long_a_time_or_of_another_machine_is_refused() {
    renewed("2027-02-19T02:41:44.000Z").envelope().unwrap();
    assert!(renewed("2027-02-19T02:41:44.001Z").envelope().is_err());
    let until = NOW.parse().unwrap();
    for seed in [23, 25, 99] {
        let mut root = renewed(NOW);
        root.runners[0].former = Some(FormerKey { key: *key(seed).public(), until });
        assert!(root.envelope().is_err(), "{seed}");
    }
    let mut statement = support::environment();
    let agent = &mut statement.agents[0];
    agent.former = Some(FormerKey { key: *key(98).public(), until });
    statement.envelope().unwrap();
    statement.agents[0].former = Some(FormerKey { key: statement.agents[0].key, until });
    assert!(statement.envelope().is_err());
    statement.agents[0].former =
        Some(FormerKey { key: *key(98).public(), until: "2028-01-01T00:00:00.000Z".parse().unwrap() });
    assert!(statement.envelope().is_err());
}

/// Number of the block on the page.
const RENEWED: usize = 3;
