//! Attacks on the sandbox from inside, and the supervisor that runs them. Test code.
//!
//! `sandbox-probe init` is the sandbox's init. `sandbox-probe attack NAME` runs one attack inside. `sandbox-probe
//! ordinary` does things that must work there. `sandbox-probe through TARGET TEXT` sends text through the proxy.
//! `sandbox-probe ask PORT TEXT` sends text to a port of the loopback. `sandbox-probe supervise` runs them all and prints a line for each. Invariant: an attack refuses to run unless it
//! can prove that it is inside: its mount namespace differs from the supervisor's, and the workspace holds the token
//! that the supervisor drew.
#![expect(unsafe_code, reason = "attacks make system calls that no library would offer")]
#![expect(clippy::unwrap_used, reason = "test code: an attack that panics counts as not stopped")]

mod attacks;
mod direct;
mod hoard;
mod opened;
mod ordinary;
mod secrets;
mod supervise;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["init"] => ExitCode::from(sandbox::init_main(|_| 125)),
        ["attack", name] if is_inside() => attacks::run(name),
        ["attack", name] => {
            eprintln!("`{name}` refuses to run: nothing proves that this is inside a sandbox");
            ExitCode::from(REFUSED)
        }
        ["ordinary"] => ordinary::all(),
        ["through", target, text] => attacks::through(target, text),
        ["ask", port, text] => attacks::ask(port, text),
        ["hold", mebibytes] if is_inside() => attacks::hold(mebibytes),
        ["hoard", what, mebibytes] if is_inside() => hoard::hoard(what, mebibytes),
        ["supervise"] => supervise::supervise(),
        _ => ExitCode::from(2),
    }
}

/// Proof that this process is inside: its mount namespace differs from the supervisor's, and the token is in the
/// workspace.
fn is_inside() -> bool {
    let host = std::env::var("PROBE_HOST_MOUNTS").unwrap_or_default();
    let own = std::fs::read_link("/proc/self/ns/mnt").unwrap_or_default();
    let token = std::env::var("PROBE_TOKEN").unwrap_or_default();
    let stored = std::fs::read_to_string("/work/token").unwrap_or_default();
    !host.is_empty() && own.to_string_lossy() != host && !token.is_empty() && token == stored
}

/// Exit codes of an attack.
const STOPPED: u8 = 0;
const ESCAPED: u8 = 1;
const REFUSED: u8 = 9;
