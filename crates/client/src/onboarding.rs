//! The command that a newly enrolled person types, so that their machine knows who they are.

use std::path::Path;

use evidence::Id;

use shown::shell;

/// A command that can be typed unchanged: it names keys by fingerprint, and `key use` looks for them in the usual files.
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
