//! `runner join` and `agent join` of a machine that has joined: it takes the addresses of a newer line.
//!
//! Invariant: a line of another installation, or of another root of the same version, changes nothing; what the machine
//! has pinned and seen stays.

use std::path::Path;

use client::pkcs11::Uri;
use client::role_way;
use evidence::pin::Pin;
use evidence::{Digest, Id, Name};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// A machine that has joined, with its installation and its trust root.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its directory.
    pub data: &'a Path,
    /// Its name.
    pub name: &'a Name,
    /// The installation.
    pub installation: Id,
    /// Version of the pinned root.
    pub version: u32,
    /// Its digest.
    pub root: Digest,
}

/// Keeps the addresses of a line. The machine keeps its key, so no other one may be given.
pub fn run(known: Known<'_>, line: &Pin, device: Option<&Uri>, output: Output) -> Result<(), Failure> {
    let Known { data, name, .. } = known;
    if let Some(what) = refused(&known, line, device) {
        return Err(Failure::error(format!(
            "`{}` has joined already, and {what}; nothing was changed; name another directory with --data, or take the newest line of `countersign trust pin`",
            data.display()
        )));
    }
    role_way::keep(data, line)?;
    let said = json!({ "name": name, "data": data, "addresses": line.addresses });
    output.print(&said, |_| {
        let addresses = line.addresses.join(" ");
        format!("{name} had joined; from its next start it looks for the server at {addresses}\nnext: start it again")
    })
}

fn refused(known: &Known<'_>, line: &Pin, device: Option<&Uri>) -> Option<&'static str> {
    let differs = line.root_version == known.version && line.root != known.root;
    match (device, line.installation == known.installation, differs, line.addresses.is_empty()) {
        (Some(_), ..) => Some("it keeps its key, so omit --key"),
        (None, false, ..) => Some("the line is of another installation"),
        (None, true, true, _) => Some("the line pins another trust root of the same version"),
        (None, true, false, true) => Some("the line names no address of the server"),
        (None, true, false, false) => None,
    }
}

/// The rest of the command that starts a role, after its directory.
pub fn server(line: &Pin) -> &'static str {
    if line.addresses.is_empty() { " --server URL" } else { "" }
}
