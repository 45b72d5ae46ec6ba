//! Leases of an agent: when one is renewed, and that all are revoked.

use mint::Target;

use super::*;

fn lease(until: Moment) -> Lease {
    let target =
        Target { host: "/run".into(), port: 5432, database: "shop".parse().unwrap(), authority: None };
    let terms = Terms { owner: "shop_owner".parse().unwrap(), until, connections: 1 };
    Lease { id: LeaseId::draw().unwrap(), credential: "{}".into(), target, terms }
}

#[test]
fn a_lease_of_a_service_is_renewed_long_before_its_end() {
    let now: Moment = "2026-11-29T12:00:00.000Z".parse().unwrap();
    let minutes = |minutes: u64| now.later_by(Duration::from_secs(60 * minutes));
    let until = |at: Moment| renewed(&lease(minutes(60)), at).map(|lease| lease.terms.until);
    assert_eq!(until(now), None);
    assert_eq!(until(minutes(20)), None);
    assert_eq!(until(minutes(21)), Some(minutes(81)));
    assert_eq!(until(minutes(600)), Some(minutes(660)), "after a sleep of the machine too");
    assert_eq!(renewed(&lease(minutes(600)), now), None, "a clock that was set back");
}

#[derive(Debug)]
struct Program;

impl Launcher for Program {
    fn command(&self) -> Command {
        // Like a process that revokes: it says which leases are gone.
        let mut command = Command::new("sh");
        let script = "sed 's/^/[/; s/$/]/' | grep -o '\"id\":\"[0-9a-f]*\"' | sed 's/\"id\"://' | paste -sd, | sed 's/.*/{\"gone\":[&],\"left\":[]}/'";
        command.args(["-c", script]);
        command
    }
}

/// More leases than one process takes: none waits for the next look.
#[test]
fn all_leases_are_revoked_in_batches() {
    let dir = tempfile::tempdir().unwrap();
    let until = "2026-11-29T12:00:00.000Z".parse().unwrap();
    let many: Vec<_> = (0..2_500).map(|_| lease(until)).collect();
    let file = serde_json::json!({ "v": 1, "leases": many });
    std::fs::write(dir.path().join("leases.json"), serde_json::to_vec(&file).unwrap()).unwrap();
    let mut leases = Leases::of(dir.path());
    let kept = many[7].id;
    leases.used.insert(kept, Use::Service);
    leases.clear(&Program);
    assert_eq!(leases.told, [].into());
    let left: Vec<_> = leases.journal().unwrap().leases().map(|lease| lease.id).collect();
    assert_eq!(left, [kept]);
    leases.close(&Program);
    assert_eq!(leases.journal().unwrap().leases().count(), 0);
}

/// Cannot reach the database.
#[derive(Debug)]
struct Away;

impl Launcher for Away {
    fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "cat > /dev/null; echo away >&2; exit 1"]);
        command
    }
}

#[test]
fn a_removal_waits_for_a_role_until_its_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let now: Moment = "2026-11-29T12:00:00.000Z".parse().unwrap();
    let later = now.later_by(Duration::from_secs(60));
    assert_eq!(Leases::of(dir.path()).remove(&Away, now).unwrap(), 0, "there was none");
    let file = serde_json::json!({ "v": 1, "leases": [lease(later), lease(now)] });
    std::fs::write(dir.path().join("leases.json"), serde_json::to_vec(&file).unwrap()).unwrap();
    assert_eq!(Leases::of(dir.path()).remove(&Away, now).unwrap(), 1);
    assert_eq!(Leases::of(dir.path()).remove(&Away, later).unwrap(), 0);
    let mut leases = Leases::of(dir.path());
    assert_eq!(leases.remove(&Program, now).unwrap(), 0);
    assert_eq!(leases.journal().unwrap().leases().count(), 0, "both are revoked");
}

#[test]
fn a_long_reason_is_cut_and_not_lost() {
    let long = format!("a{}", "é".repeat(WORDS_BYTES_MAX));
    let said = words(long.as_bytes());
    assert!(said.starts_with("aéé") && said.len() <= WORDS_BYTES_MAX + 2, "{} bytes", said.len());
    assert_eq!(words(b" no such role\xff\n"), "no such role\u{fffd}");
}
