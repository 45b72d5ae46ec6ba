//! Accounts that are refused, and directories that are.

use super::*;

const FILE: &str = "root:x:0:0:root:/root:/bin/sh\nservice:x:990:991::/:/bin/false\nwheel:x:992:0::/:/bin/false\n\
                    other:x:7:993::/:/bin/false\nnear:x:994:8::/:/bin/false\nbroken:x:nine:9::/:/bin/false\n";

#[test]
fn root_and_the_agents_own_account_are_refused() {
    let among = |name: &str| ServiceUser::among(FILE, name, (7, 8)).map_err(|error| error.to_string());
    assert_eq!(among("service"), Ok(ServiceUser { uid: 990, gid: 991 }));
    for (name, what) in [
        ("root", "reads everything"),
        ("wheel", "reads everything"),
        ("other", "reads its key"),
        ("near", "reads its key"),
        ("broken", "/etc/passwd has no account `broken`"),
        ("serv", "make it, or name another one with --service-user"),
        ("", "has no account"),
    ] {
        assert!(among(name).unwrap_err().contains(what), "{name}");
    }
}

#[test]
fn an_agent_without_rights_is_told_which_are_missing() {
    if geteuid().is_root() {
        return;
    }
    let refused = ServiceUser::find("nobody").unwrap_err().to_string();
    assert!(refused.contains("has to be root or to have CAP_SETUID, CAP_SETGID"), "{refused}");
}

/// The ids are those of the test itself, so that it needs no rights.
fn own() -> ServiceUser {
    ServiceUser { uid: geteuid().as_raw(), gid: getegid().as_raw() }
}

#[test]
fn what_services_need_lies_beside_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let agent = dir.path().join("agent");
    fs::create_dir(&agent).unwrap();
    allow(&agent, 0o755).unwrap();
    assert_eq!(home(None, &agent).unwrap(), agent);
    let beside = home(Some(own()), &agent).unwrap();
    assert_eq!(beside, dir.path().join("agent.service"));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&agent), mode(&beside), mode(&beside.join("state"))), (0o700, 0o711, 0o700));
    assert_eq!(mode(&beside.join("releases")), 0o711);
    assert_eq!(home(Some(own()), &agent).unwrap(), beside, "a second start changes nothing");
    let refused = home(None, &agent).unwrap_err().to_string();
    assert!(refused.contains("is from a time with --service-user; name the account again"), "{refused}");
}

#[test]
fn releases_and_state_from_before_are_not_left_behind() {
    for name in ["releases", "state"] {
        let dir = tempfile::tempdir().unwrap();
        let agent = dir.path().join("agent");
        fs::create_dir_all(agent.join(name)).unwrap();
        let refused = home(Some(own()), &agent).unwrap_err().to_string();
        assert!(refused.contains("is from a time without --service-user; stop the agent"), "{refused}");
        assert!(!beside(&agent).exists(), "nothing was made");
    }
}

#[test]
fn state_of_a_third_account_is_not_taken() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root gives a directory away");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    allow(dir.path(), 0o755).unwrap();
    let agent = dir.path().join("agent");
    fs::create_dir(&agent).unwrap();
    let [first, second] = [65_530, 65_529].map(|id| ServiceUser { uid: id, gid: id });
    let beside = first.home(&agent).unwrap();
    allow(&beside.join("state"), 0o750).unwrap();
    first.home(&agent).unwrap();
    assert_eq!(fs::metadata(beside.join("state")).unwrap().mode() & 0o777, 0o750, "the account decides");
    let refused = second.home(&agent).unwrap_err().to_string();
    assert!(refused.contains("belongs to user 65530 and not to 65529"), "{refused}");
}

#[test]
fn a_directory_above_that_lets_nobody_through_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let agent = dir.path().join("agent");
    fs::create_dir(&agent).unwrap();
    allow(dir.path(), 0o600 | 0o100).unwrap();
    // Nobody has these ids, so what counts is what others may do.
    let stranger = ServiceUser { uid: u32::MAX - 7, gid: u32::MAX - 7 };
    let refused = stranger.reaches(&beside(&agent)).unwrap_err().to_string();
    let closed = format!("because `{}` lets no other user through", dir.path().display());
    assert!(refused.contains(&closed), "{refused}");
    let missing = home(Some(own()), &dir.path().join("none").join("agent")).unwrap_err().to_string();
    assert!(missing.contains("cannot prepare `"), "{missing}");
}
