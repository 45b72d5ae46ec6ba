//! `countersign secret rotate-root`: another root key for the vault.
//!
//! A crash here leaves behind the new key beside the old one. The next call takes it up, whichever of the two opens the ring.

use clap::Args;
use client::root_key::{self, RootKeyPlace};
use client::session;
use serde::Serialize;
use server::VaultError;

use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `secret rotate-root`.
#[derive(Debug, Args)]
pub struct RotateRoot {
    #[command(flatten)]
    data_dir: DataDir,
    /// The present root key: a file, or the PKCS#11 URI of an AES key; default: `vault-root.key` beside the server's other keys.
    #[arg(long, value_name = "FILE|URI")]
    root_key: Option<RootKeyPlace>,
    /// The new root key: a file, which is made if it is missing, or the PKCS#11 URI of an AES key; default: it takes the place of the present one, whose bytes are overwritten.
    #[arg(long, value_name = "FILE|URI")]
    to: Option<RootKeyPlace>,
}

#[derive(Debug, Serialize)]
struct RotateReport {
    root_key: String,
    keys: usize,
}

/// Wraps the key ring under another root key. The server has to be stopped meanwhile.
pub fn rotate(verb: &RotateRoot, output: Output) -> Result<(), Failure> {
    let home = verb.data_dir.home()?;
    if runtime()?.block_on(session::serving(home.data())).is_some() {
        return Err(Failure::error(format!(
            "a server runs on `{}`; stop it first, since it has the key ring in its memory",
            home.data().display()
        )));
    }
    let (root, _) = trust::root_in(home.data())?;
    let old_place = verb.root_key.clone().unwrap_or_else(|| RootKeyPlace::usual(&home));
    let old = root_key::open(&old_place)?;
    let rewrap = |new: &dyn vault::RootKey| {
        server::rewrap(home.data(), root.installation, (old.as_ref(), new)).or_else(|error| {
            // A change that did not end has wrapped the ring already.
            let again = server::rewrap(home.data(), root.installation, (new, new));
            again.map_err(|_: VaultError| error)
        })
    };
    let (place, keys) = match (&verb.to, &old_place) {
        (Some(to), _) => (to.clone(), rewrap(root_key::open_or_make(to, false)?.as_ref())?),
        (None, RootKeyPlace::File(path)) => {
            let keys = rewrap(root_key::successor(path)?.as_ref())?;
            root_key::succeed(path)?;
            (old_place.clone(), keys)
        }
        (None, RootKeyPlace::Device(_)) => {
            let what = "the present root key is in a device: name the new one with --to, a file or another key of a device";
            return Err(Failure::usage(what));
        }
    };
    output.print(&RotateReport { root_key: place.to_string(), keys }, |report| {
        format!(
            "the vault has a new root key, `{}`, for the keys of {} values; the former one opens nothing that is written from now on. Start \
             the server with this key, and remove copies of the former one",
            report.root_key, report.keys
        )
    })
}
