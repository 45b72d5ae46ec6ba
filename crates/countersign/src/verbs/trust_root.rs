//! `countersign trust root`: shows the trust root in force, writes it to a file, or amends it.

use std::path::PathBuf;

use clap::Args;
use evidence::trust_root::{self, Machine, TrustRoot};
use evidence::{Digest, Name};
use serde_json::json;

use super::Place;
use super::trust::{finish, my_key, write_envelope};
use crate::clock::{YEAR, now};
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `trust root`.
#[derive(Debug, Args)]
pub struct Root {
    #[command(flatten)]
    place: Place,
    /// Write the root here: the one in force, or the amended one for others to sign.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Name a runner, NAME=KEY as `runner join` prints it. May be given more than once.
    #[arg(long)]
    runner: Vec<String>,
    /// Name a runner no longer. May be given more than once.
    #[arg(long)]
    remove_runner: Vec<Name>,
    /// Renew: the same, valid for another year.
    #[arg(long)]
    renew: bool,
}

/// Shows, writes or amends.
pub fn run(verb: &Root, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    let (root, _) = trust::root_of(home.data(), None)?;
    if verb.renew || !verb.runner.is_empty() || !verb.remove_runner.is_empty() {
        let mut envelope = amended(verb, root)?.envelope()?;
        my_key()?.sign(&mut envelope, trust_root::NAMESPACE)?;
        return finish(&home, &envelope, verb.out.as_deref(), output);
    }
    let digest: Digest = root.digest()?;
    let Some(out) = &verb.out else {
        let shown = json!({ "digest": digest, "statement": root });
        return output.print(&shown, |_| serde_json::to_string_pretty(&root).unwrap_or_default());
    };
    write_envelope(out, &trust::envelope_of(home.data(), root.version)?)?;
    output.print(&json!({ "file": out, "digest": digest, "version": root.version }), |_| {
        format!("wrote trust root {digest} (version {}) to {}", root.version, out.display())
    })
}

fn amended(verb: &Root, root: TrustRoot) -> Result<TrustRoot, Failure> {
    let now = now()?;
    let mut runners = root.runners.clone();
    for name in &verb.remove_runner {
        let before = runners.len();
        runners.retain(|runner| runner.name != *name);
        if runners.len() == before {
            return Err(Failure::usage(format!("the root names no runner `{name}`")));
        }
    }
    for text in &verb.runner {
        let (name, key) =
            text.split_once('=').ok_or_else(|| Failure::usage(format!("`{text}` is not NAME=KEY")))?;
        let name: Name = name.parse()?;
        runners.retain(|runner| runner.name != name);
        runners.push(Machine { name, key: key.parse()?, place: root.server.clone() });
    }
    runners.sort();
    Ok(TrustRoot { version: root.version + 1, issued: now, expires: now.later_by(YEAR), runners, ..root })
}
