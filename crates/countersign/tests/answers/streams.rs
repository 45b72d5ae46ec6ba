//! Readers that close the pipe, and full disks: neither ends in a panic, and no failure looks like a success.

use std::fs::File;
use std::process::Stdio;

use crate::support::Home;

/// Verbs that write to standard output and need no server.
const ANSWERS: [&[&str]; 10] = [
    &["policy", "check"],
    &["policy", "check", "-o", "json"],
    &["key", "show"],
    &["trust", "root"],
    &["trust", "pin", "-o", "json"],
    &["audit", "replay"],
    &["key", "show", "-o", "json"],
    &["key", "--help"],
    &["--help"],
    &["--version"],
];

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// Exit code, and the text on standard error.
fn tried(home: &Home, arguments: &[&str], out: Stdio, err: Stdio) -> (Option<i32>, String) {
    let child = home.command(arguments).stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_reader_that_has_gone_ends_nothing_in_a_panic() {
    let home = Home::solo();
    for arguments in ANSWERS {
        let (code, said) = tried(&home, arguments, closed(), Stdio::piped());
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
    }
    // The result decides the exit code, even if nobody reads it: 1 for a missing ledger, 2 for a wrong flag.
    for (arguments, expected) in [(&["audit", "verify", "--data", "none"][..], 1), (&["status", "--no"], 2)] {
        for (out, err) in [(closed(), Stdio::piped()), (Stdio::null(), closed()), (closed(), closed())] {
            let (code, said) = tried(&home, arguments, out, err);
            assert_eq!(code, Some(expected), "{arguments:?}");
            assert!(!said.contains("panicked"), "{said}");
        }
    }
}

#[test]
fn a_full_disk_is_an_error_that_is_said() {
    let home = Home::solo();
    for arguments in ANSWERS {
        let (code, said) = tried(&home, arguments, full(), Stdio::piped());
        assert_eq!(code, Some(1), "{arguments:?}");
        assert!(said.starts_with("error: cannot write to standard output: No space left"), "{said}");
        assert_eq!(tried(&home, arguments, full(), full()).0, Some(1), "{arguments:?}");
    }
}

/// Roles report faults on standard error even if nobody reads it any more.
#[test]
fn roles_outlive_whoever_read_what_they_say() {
    let home = Home::solo();
    // The server prints this warning at every start.
    std::fs::write(home.data().join("snapshot.json"), "no snapshot").unwrap();
    let (text, json) = (["--log", "debug"], ["--log", "debug", "--log-format", "json"]);
    for (options, err) in [(&text[..], closed()), (&text, full()), (&json, closed()), (&json, full())] {
        let up = home.up_logging(options, err);
        home.ok(&["trust", "status", "--yes", "--bar", &format!("sha256:{}", "ab".repeat(32))]);
        home.witnessed(&up);
        assert!(up.stop());
    }
}
