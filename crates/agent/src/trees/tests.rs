//! Removal of trees that a service made, some of them to harm.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::fs::{Permissions, create_dir, create_dir_all};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Directories in each other, deeper than any path reaches.
fn nested(top: &Path, depth: usize) {
    let mut at = openat(CWD, top, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..depth {
        rustix::fs::mkdirat(&at, "deep", Mode::from_raw_mode(0o755)).unwrap();
        at = below(&at, OsStr::new("deep")).unwrap();
    }
}

#[test]
fn whatever_is_there_goes_and_links_are_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let (top, outside) = (root.path().join("top"), root.path().join("outside"));
    create_dir_all(top.join("a/b/c")).unwrap();
    create_dir_all(&outside).unwrap();
    disk::write(&outside.join("stays"), b"x", 0o644).unwrap();
    for at in ["a/one", "a/b/two", "a/b/c/three", "removed-1"] {
        disk::write(&top.join(at), b"x", 0o400).unwrap();
    }
    symlink(&outside, top.join("a/b/link")).unwrap();
    symlink("nowhere", top.join("dangling")).unwrap();
    for at in ["a/b/c", "a/b", "a"] {
        fs::set_permissions(top.join(at), Permissions::from_mode(0o500)).unwrap();
    }
    assert_eq!(size_of(std::slice::from_ref(&top)).files, 6);
    remove(&top).unwrap();
    assert!(top.symlink_metadata().is_err());
    assert!(outside.join("stays").exists());
    remove(&top).unwrap();
    remove(&root.path().join("none/at/all")).unwrap();
    symlink("nowhere", &top).unwrap();
    remove(&top).unwrap();
    assert!(top.symlink_metadata().is_err(), "a link without a target is removed, too");
}

/// A service can make such a tree in its state, and would keep the slot of its preview for ever.
#[test]
fn attack_a_tree_that_is_too_deep_for_any_path_is_removed() {
    let root = tempfile::tempdir().unwrap();
    let top = root.path().join("top");
    create_dir(&top).unwrap();
    nested(&top, 20_000);
    assert_eq!(size_of(&[root.path().to_path_buf()]), FilesSize::default());
    remove(&top).unwrap();
    assert!(!top.exists());
}

/// A process of the same account puts a link into the place of a directory, between the look and the change of its mode. The agent
/// would open its own key to everybody.
#[test]
fn attack_a_directory_that_becomes_a_link_meanwhile_opens_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let (state, own) = (root.path().join("state"), root.path().join("own"));
    create_dir(&own).unwrap();
    disk::write(&own.join("key"), b"secret", 0o600).unwrap();
    fs::set_permissions(&own, Permissions::from_mode(0o700)).unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                for at in ["one", "two", "three"] {
                    let (at, aside) = (state.join(at), state.join("aside"));
                    // Whatever of it fails, the other one was there first.
                    drop(fs::rename(&at, &aside));
                    drop(symlink(&own, &at));
                    drop(fs::remove_file(&at));
                    drop(fs::rename(&aside, &at));
                }
            }
        });
        for _ in 0..300 {
            for at in ["one", "two", "three", "one/below"] {
                drop(create_dir_all(state.join(at)));
            }
            // The other one has the same rights here, so it may be in the way.
            drop(remove(&state));
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert_eq!((mode(&own), mode(&own.join("key"))), (0o700, 0o600));
    remove(&state).unwrap();
}

/// An operator mounts a directory with data into a release, or into the state of a service: its files are not the release's.
#[test]
fn attack_what_is_mounted_there_is_left_alone() {
    let said = below(openat(CWD, "/", OFlags::PATH, Mode::empty()).unwrap(), OsStr::new("proc")).unwrap_err();
    assert!(said.to_string().starts_with("something is mounted at `proc`"), "{said}");
    if !geteuid().is_root() {
        eprintln!("skipped: only root makes a mount namespace here");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (top, data) = (root.path().join("top"), root.path().join("data"));
    create_dir_all(top.join("a/mounted")).unwrap();
    create_dir(&data).unwrap();
    disk::write(&data.join("precious"), b"x", 0o644).unwrap();
    let script = "mount --bind \"$1\" \"$2\" && exec \"$0\" --exact trees::tests::removed_with_a_mount";
    let done = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .args([&std::env::current_exe().unwrap(), &data, &top.join("a/mounted")])
        .env(TOP, &top)
        .status();
    assert!(done.unwrap().success());
    assert!(data.join("precious").exists());
    remove(&top).unwrap();
}

/// The part of the test above that runs beside the mount.
#[test]
fn removed_with_a_mount() {
    let Some(top) = std::env::var_os(TOP).map(PathBuf::from) else { return };
    let said = remove(&top).unwrap_err().to_string();
    assert!(said.contains("something is mounted at"), "{said}");
    assert!(top.join("a/mounted/precious").exists() || top.join("removed-1/mounted/precious").exists());
}

const TOP: &str = "COUNTERSIGN_TEST_TREE";
