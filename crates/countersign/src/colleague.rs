//! What somebody types who was enrolled by another person, so that this machine, or theirs, knows who they are.

use std::path::Path;

use evidence::Id;

use crate::shell;

/// A command that is typed as it stands: keys are named by fingerprint, and found where people keep theirs.
pub fn key_use(person: Id, approval: &str, sign_in: &str, data: &Path, pin: &str) -> String {
    let sign_in =
        if sign_in == approval { String::new() } else { format!(" --sign-in-key {}", shell::word(sign_in)) };
    format!(
        "countersign key use --person {person} --key {}{sign_in} --data {} --pin {}",
        shell::word(approval),
        shell::path(data),
        shell::word(pin)
    )
}
