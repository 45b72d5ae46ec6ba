//! The command that a newly enrolled person types, so that their machine knows who they are.

use std::path::Path;

use evidence::Id;
use evidence::pin::Pin;

use shown::shell;

/// A command that can be typed unchanged: it names keys by fingerprint, and `key use` looks for them in the usual files. A pin with
/// addresses is enough for any machine; else the person works on the server's host.
pub fn key_use(person: Id, approval: &str, sign_in: &str, data: Option<&Path>, pin: &Pin) -> String {
    let line = shell::word(&pin.to_string());
    let sign_in =
        if sign_in == approval { String::new() } else { format!(" --sign-in-key {}", shell::word(sign_in)) };
    let keys = format!("--key {}{sign_in}", shell::word(approval));
    match data {
        Some(data) if pin.addresses.is_empty() => {
            format!("countersign key use --person {person} {keys} --data {} --pin {line}", shell::path(data))
        }
        _ => format!("countersign key use {line} {keys}"),
    }
}
