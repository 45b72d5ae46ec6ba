//! Every attack must be stopped, as root and as an ordinary user, and the host's mount table must not change.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// `nobody`, an ordinary user of every system.
const ORDINARY: u32 = 65534;

fn supervise(user: Option<u32>) {
    // The target directory may be in a place that an ordinary user cannot enter.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let probe = dir.path().join("sandbox-probe");
    // Copied by `cp`, so that this process never has the file open for writing. Otherwise a parallel test could fork
    // just then, and running the copy would fail with "text file busy".
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_sandbox-probe")).arg(&probe).status();
    assert!(copied.unwrap().success());
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    let mut command = Command::new(&probe);
    command.arg("supervise").current_dir("/");
    if let Some(id) = user {
        command.uid(id).gid(id);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches(": stopped\n").count(), 52 + 21, "every attack ran");
    assert!(said.matches("\nattack: ").count() >= 25, "and every one on the proxy, direct ways and secrets");
    assert!(!said.contains("WRONG") && said.contains("\nconnects to another address: ok\n"), "{said}");
    let held = said.matches(": stopped by its group\n").count();
    let skipped = said.matches(": skipped: this user has no control group here\n").count();
    assert!(matches!((held, skipped), (4, 0) | (0, 4)), "{said}");
    assert_eq!(mounts(), before, "the host's mount table is as it was");
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line == "Uid:\t0\t0\t0\t0")
}

#[test]
fn attack_from_inside_is_stopped_as_root() {
    if is_root() {
        supervise(None);
    } else {
        // An acceptance run must not skip them (`cargo x accept`).
        assert!(std::env::var_os("COUNTERSIGN_ACCEPT").is_none(), "the attacks as root need root");
        eprintln!("skipped: the attacks as root need root");
    }
}

#[test]
fn attack_from_inside_is_stopped_as_an_ordinary_user() {
    supervise(is_root().then_some(ORDINARY));
}

#[test]
fn attacks_refuse_to_run_outside() {
    for name in ["mount", "fork-2000", "allocate"] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_sandbox-probe")).args(["attack", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(9), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("refuses to run"));
    }
}
