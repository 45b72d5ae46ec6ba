//! A program that ends with the demo, however the demo ends.
//!
//! Invariant: a shell in another process group holds the program for as long as the demo has the other end of the shell's standard
//! input, and then removes what the program leaves. A signal at the parent's end (prctl(2)) is not enough: a program that runs as another
//! user loses it, and nobody would remove its files.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A held program.
#[derive(Debug)]
pub struct Held {
    shell: Child,
}

impl Held {
    /// Starts a program; its end is asked for by a signal, after which a path is removed.
    pub fn start(words: &[&OsStr], signal: &str, left: &Path) -> std::io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        // Neither Ctrl-C nor the end of the terminal may end the shell before the program.
        shell.args(["-uc", HOLD, "sh"]).arg(left).arg(signal).args(words).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        Ok(Self { shell: shell.spawn()? })
    }
}

impl Drop for Held {
    /// Ends the program, and waits until the path is gone.
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

/// `$1` is the path, `$2` the signal, the rest the program. `read` ends as soon as the demo has.
const HOLD: &str = "left=$1 signal=$2; shift 2; \"$@\" <&- & program=$!; read -r _; kill -\"$signal\" \"$program\"; \
                    wait \"$program\"; rm -rf -- \"$left\"";
