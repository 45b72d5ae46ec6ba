//! Dry runs over a seeded ledger name exactly the decisions that brute force finds.
#![allow(clippy::unwrap_used, reason = "test code")]

use evidence::policy_files::PolicyFiles;
use sim::SeedOrder;

/// The policy of the seeded installation with a text replaced.
fn changed(old: &str, new: &str) -> PolicyFiles {
    let mut files = policy::Pack::DEFAULT.files();
    let found = files.values_mut().find(|text| text.contains(old)).unwrap();
    *found = found.replace(old, new);
    PolicyFiles::new(files)
}

#[test]
fn a_dry_run_names_exactly_the_releases_that_change() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let end = "2026-11-25T15:00:00.000Z".parse().unwrap();
    let _ = sim::seed(&SeedOrder { dir: &dir, releases: 60, entries: 0, seed: 3, end, progress: |_, _| () });
    let same = PolicyFiles::new(policy::Pack::DEFAULT.files());
    let found = sim::dry_run_of(&dir, &same, usize::MAX);
    assert!(found.differ.is_empty() && found.unknown.is_empty(), "{found:?}");
    assert!(found.decisions >= 60, "{} decisions", found.decisions);
    let rules = [
        ("approvals_needed := 1 if production else := 0", "approvals_needed := 2 if production else := 0"),
        (
            "import rego.v1\n",
            "import rego.v1\n\ndeny contains {\"code\": \"many\", \"what\": \"x\", \"remedy\": \"y\"} if input.release.number % 3 == 0\n",
        ),
        (
            "import rego.v1\n",
            "import rego.v1\n\nwarn contains {\"code\": \"many\", \"what\": \"x\", \"remedy\": \"y\"} if count(input.findings) > 1\n",
        ),
    ];
    for (old, new) in rules {
        let policy = changed(old, new);
        let found = sim::dry_run_of(&dir, &policy, usize::MAX);
        let expected = sim::by_brute_force(&dir, &policy);
        assert!(!expected.is_empty(), "nothing differs with `{new}`");
        assert_eq!(found.differ, expected, "{new}");
        assert!(found.unknown.is_empty(), "{:?}", found.unknown);
    }
}

#[test]
fn a_dry_run_takes_the_newest_decisions() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let end = "2026-11-25T15:00:00.000Z".parse().unwrap();
    let _ = sim::seed(&SeedOrder { dir: &dir, releases: 8, entries: 0, seed: 3, end, progress: |_, _| () });
    let policy = changed("approvals_needed := 1 if production else := 0", "approvals_needed := 9");
    let (all, few) = (sim::dry_run_of(&dir, &policy, usize::MAX), sim::dry_run_of(&dir, &policy, 5));
    assert_eq!((few.decisions, few.entries), (5, all.entries));
    let newest: Vec<_> = all.differ.keys().rev().collect();
    assert!(few.differ.keys().rev().eq(newest.into_iter().take(few.differ.len())), "{few:?}");
}
