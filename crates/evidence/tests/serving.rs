//! Which runners of a pool serve a run: laws that hold for every root, nonce and number.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::collections::BTreeSet;

use evidence::machine::MachineSigner;
use evidence::pool::Pool;
use evidence::serving::{RunChoice, TooFewHosts, checkers, serving};
use evidence::trust_root::{Machine, Mode, Site, TrustRoot};
use evidence::{Id, Name};
use proptest::prelude::*;

/// A root with runners on these hosts, in these pools; 4 is no pool.
fn root(runners: &[(u8, u8)]) -> TrustRoot {
    let person = support::Person::new("alice", 1);
    let machine = |(number, (host, pool)): (usize, &(u8, u8))| {
        let number = u8::try_from(number).unwrap();
        let key = *MachineSigner::from_seed([100 + number; 32]).unwrap().public();
        let place = Site { host: format!("build-{host}"), operator: "platform team".into() };
        let mut machine = Machine::new(support::name(&format!("runner-{number}")), key, place);
        machine.pool = Pool::ALL.get(usize::from(*pool)).copied();
        machine
    };
    TrustRoot {
        runners: runners.iter().enumerate().map(machine).collect(),
        ..support::root(Mode::Solo, &[&person], 1)
    }
}

fn names(chosen: &[&Machine]) -> Vec<Name> {
    chosen.iter().map(|runner| runner.name.clone()).collect()
}

fn pool() -> impl Strategy<Value = Pool> {
    prop::sample::select(Pool::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_choice_is_of_the_pool_and_on_distinct_hosts(
        runners in prop::collection::vec((0_u8..5, 0_u8..5), 1..12),
        pool in pool(),
        nonce: [u8; 16],
        count in 1_usize..5,
    ) {
        let mut root = root(&runners);
        let nonce = Id::from_random(nonce);
        let nobody = BTreeSet::new();
        let may = |runner: &&Machine| runner.pool.is_none_or(|own| own == pool);
        let hosts: BTreeSet<_> = root.runners.iter().filter(may).map(|runner| runner.place.host.clone()).collect();
        let Ok(chosen) = serving(&root, pool, nonce, count, &nobody) else {
            let failed = serving(&root, pool, nonce, count, &nobody).unwrap_err();
            prop_assert_eq!(failed, TooFewHosts { pool, found: hosts.len(), needed: count });
            prop_assert!(hosts.len() < count);
            return Ok(());
        };
        let own: BTreeSet<_> = chosen.iter().map(|runner| &runner.place.host).collect();
        prop_assert_eq!((chosen.len(), own.len()), (count, count));
        prop_assert!(chosen.iter().all(may));
        let first = names(&chosen);
        // Neither the order of the list nor runners that are not chosen matter.
        root.runners.reverse();
        prop_assert_eq!(&names(&serving(&root, pool, nonce, count, &nobody).unwrap()), &first);
        root.runners.retain(|runner| first.contains(&runner.name));
        prop_assert_eq!(&names(&serving(&root, pool, nonce, count, &nobody).unwrap()), &first);
    }

    #[test]
    fn leaving_one_out_keeps_the_others(
        runners in prop::collection::vec((0_u8..6, 0_u8..5), 2..12),
        pool in pool(),
        nonce: [u8; 16],
        count in 1_usize..4,
        which: prop::sample::Index,
    ) {
        let (root, nonce) = (root(&runners), Id::from_random(nonce));
        let Ok(chosen) = serving(&root, pool, nonce, count, &BTreeSet::new()) else { return Ok(()) };
        let left = names(&chosen).swap_remove(which.index(count));
        let without = BTreeSet::from([left.clone()]);
        if let Ok(other) = serving(&root, pool, nonce, count, &without) {
            let other = names(&other);
            prop_assert!(!other.contains(&left));
            prop_assert!(names(&chosen).iter().all(|name| *name == left || other.contains(name)));
        }
    }
}

/// The digests are part of the format: another program has to choose the same.
#[test]
fn the_choice_of_an_example() {
    let root = root(&[(1, 0), (1, 1), (2, 1), (3, 4), (4, 1)]);
    let chosen =
        |nonce| names(&serving(&root, Pool::Branch, support::id(nonce), 2, &BTreeSet::new()).unwrap());
    let shown: Vec<_> = (1..=4)
        .map(|nonce| chosen(nonce).iter().map(Name::to_string).collect::<Vec<_>>().join(" "))
        .collect();
    let expected = ["runner-4 runner-3", "runner-3 runner-1", "runner-1 runner-2", "runner-3 runner-2"];
    assert_eq!(shown, expected);
}

/// Over many runs each host serves about as often: no nonce favours a runner.
#[test]
fn runs_are_spread() {
    let root = root(&[(1, 2), (2, 2), (3, 2), (4, 2)]);
    let mut served = [0_u32; 4];
    for number in 0..1_000_u16 {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        for runner in serving(&root, Pool::Protected, Id::from_random(bytes), 2, &BTreeSet::new()).unwrap() {
            let at = root.runners.iter().position(|own| own.name == runner.name).unwrap();
            served[at] += 1;
        }
    }
    assert!(served.iter().all(|times| (400..600).contains(times)), "{served:?}");
}

/// A server that wants another runner has to show another nonce, which a person signed, or another root.
#[test]
fn attack_a_server_cannot_draw_other_runners() {
    let root = root(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
    let nonce = support::id(7);
    let honest = names(&serving(&root, Pool::Branch, nonce, 2, &BTreeSet::new()).unwrap());
    // Renaming a runner moves nothing: its key is what counts.
    let mut renamed = root.clone();
    for runner in &mut renamed.runners {
        runner.name = support::name(&format!("other-{}", runner.name));
    }
    let other = names(&serving(&renamed, Pool::Branch, nonce, 2, &BTreeSet::new()).unwrap());
    let expected: Vec<_> = honest.iter().map(|name| support::name(&format!("other-{name}"))).collect();
    assert_eq!(other, expected);
    // A second runner on a chosen host adds no second vote.
    let mut doubled = root;
    let twin = doubled.runners.iter().find(|runner| runner.name == honest[0]).unwrap().place.clone();
    let key = *MachineSigner::from_seed([200; 32]).unwrap().public();
    doubled
        .runners
        .push(Machine { pool: Some(Pool::Branch), ..Machine::new(support::name("twin"), key, twin) });
    let chosen = serving(&doubled, Pool::Branch, nonce, 4, &BTreeSet::new()).unwrap();
    let hosts: BTreeSet<_> = chosen.iter().map(|runner| &runner.place.host).collect();
    assert_eq!(hosts.len(), 4);
    assert!(serving(&doubled, Pool::Branch, nonce, 5, &BTreeSet::new()).is_err());
}

#[test]
fn the_pool_follows_from_the_ref() {
    let choice = |name: Option<&str>| RunChoice {
        nonce: support::id(1),
        at_ref: name.map(|name| name.parse().unwrap()),
        without: BTreeSet::new(),
    };
    let mut pooled = root(&[(1, 0), (2, 1)]);
    pooled.protected = vec!["refs/heads/main".parse().unwrap(), "refs/heads/release-*".parse().unwrap()];
    for (name, expected) in [
        (None, Pool::Fork),
        (Some("refs/heads/main"), Pool::Protected),
        (Some("refs/heads/release-1"), Pool::Protected),
        (Some("refs/heads/mainly"), Pool::Branch),
        (Some("refs/tags/main"), Pool::Branch),
    ] {
        assert_eq!(choice(name).pool(&pooled), Some(expected), "{name:?}");
    }
    assert_eq!(choice(None).pool(&root(&[(1, 4), (2, 4)])), None, "no runner has a pool");
}

#[test]
fn the_first_ones_have_to_serve() {
    let root = root(&[(1, 0), (2, 0), (3, 0), (4, 1)]);
    let choice = RunChoice { nonce: support::id(1), at_ref: None, without: BTreeSet::new() };
    let first = names(&serving(&root, Pool::Fork, choice.nonce, 3, &BTreeSet::new()).unwrap());
    let said = |names: &[Name]| {
        choice.check(&root, &names.iter().cloned().collect()).map_err(|error| error.to_string())
    };
    assert_eq!((said(&first), said(&first[..2]), said(&first[..1])), (Ok(()), Ok(()), Ok(())));
    assert_eq!(
        said(&first[1..2]).unwrap_err(),
        format!("{} ran it, but the request and the trust root choose {}", first[1], first[0])
    );
    assert!(said(&[first[0].clone(), support::name("runner-3")]).is_err(), "of another pool");
    assert!(choice.may_serve(&root, &first[2]) && !choice.may_serve(&root, &support::name("runner-3")));
}

#[test]
fn releases_are_checked_by_the_pool_for_it() {
    let checked_by = |runners, without: &[&str]| {
        let (root, without) = (root(runners), without.iter().map(|name| support::name(name)).collect());
        let found = checkers(&root, &without).map(|runner| runner.name.to_string()).collect::<Vec<_>>();
        found.join(" ")
    };
    assert_eq!(checked_by(&[(1, 4), (2, 4)], &[]), "runner-0 runner-1", "no runner has a pool");
    assert_eq!(checked_by(&[(1, 0), (2, 3), (3, 4)], &[]), "runner-1 runner-2");
    assert_eq!(checked_by(&[(1, 0), (2, 3), (3, 4)], &["runner-1"]), "runner-2");
}
