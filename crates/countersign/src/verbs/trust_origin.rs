//! `countersign trust origin`: a new ledger key and origin, after a lost key or a restored backup.
//!
//! Invariant: the ledger is never rewound. Holders of the root sign at which entry the old origin ends; only then does
//! the ledger continue, under a new name and key. The server must be stopped meanwhile, which the ledger's lock ensures.

use std::path::PathBuf;

use clap::Args;
use client::clock::{YEAR, now};
use client::files;
use client::home::Home;
use client::key_files;
use client::pkcs11::Uri;
use client::profile::Profile;
use evidence::trust_root::{self, LedgerKey, TrustRoot};
use ledger::Reader;
use serde_json::json;
use tlog::Checkpoint;

use super::DataDir;
use super::trust_sign::sign_shown;
use super::trust_statement::{read_envelope, write_envelope};
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `trust origin`.
#[derive(Debug, Args)]
pub struct OriginArguments {
    #[command(flatten)]
    data_dir: DataDir,
    /// Make a new ledger key and the next root, which names the key and the end of the old origin, and write it for signing.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Continue the ledger under the root in this file, which has all its signatures.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    adopt: Option<PathBuf>,
    /// PKCS#11 URI (RFC 7512) of the new Ed25519 key in a device; default: a key file is made.
    #[arg(long, value_name = "URI", conflicts_with = "adopt")]
    key: Option<Uri>,
    /// Sign the root without asking; default: show the root and ask.
    #[arg(long, conflicts_with = "adopt")]
    yes: bool,
}

/// Begins a new origin.
pub fn run(verb: &OriginArguments, output: Output) -> Result<(), Failure> {
    match (&verb.out, &verb.adopt) {
        (Some(out), _) => begin(&verb.data_dir.home()?, out, verb, output),
        (None, Some(file)) => adopt(&verb.data_dir.home()?, file, output),
        (None, None) => Err(Failure::usage(
            "give --out FILE to begin a new origin, or --adopt FILE to continue under the root that all holders have signed",
        )),
    }
}

fn begin(home: &Home, out: &std::path::Path, verb: &OriginArguments, output: Output) -> Result<(), Failure> {
    let (root, _) = trust::pinned_root_of(&home.clone().into())?;
    let head = Reader::open(home.data())?.head()?;
    let old = root.ledger_key()?.name().to_owned();
    let end = Checkpoint { origin: old.clone(), size: head.frontier.size(), root: head.frontier.root() };
    let path = home.next_ledger_key();
    // The key is made once: a second attempt after an interrupted one uses the same key.
    let key = key_files::take_up(&path, verb.key.as_ref())?;
    let version = root.version + 1;
    let origin = format!("countersign/{}/{version}", root.installation);
    let vkey = key_files::ledger(&key, &origin)?.verifier().to_string();
    let now = now()?;
    let next = TrustRoot {
        version,
        issued: now,
        expires: now.later_by(YEAR),
        ledger: LedgerKey { vkey: vkey.clone(), replaces: Some(end.to_string()) },
        ..root
    };
    let mut envelope = next.envelope()?;
    // On a server's host of several there is no holder's key, so holders sign on their own machines.
    let access = home.clone().into();
    let signed = Profile::near(&access)?.is_some();
    if signed {
        sign_shown(&access, &mut envelope, &[], verb.yes, output)?;
        write_envelope(out, &envelope)?;
    } else {
        files::write_shared(out, envelope.payload(trust_root::PAYLOAD_TYPE)?)?;
    }
    let file = out.display();
    let shown = json!({ "file": out, "origin": origin, "vkey": vkey, "replaces": old, "entries": end.size, "signed": signed });
    output.print(&shown, |_| {
        let who = if signed { "each other holder" } else { "each holder, on their own machine" };
        format!(
            "wrote {file}: origin `{old}` ends after {} entries and continues as `{origin}`\nnext: countersign trust \
             sign {file}   ({who}), then, with the server stopped: countersign trust origin --adopt \
             {file}",
            end.size
        )
    })
}

fn adopt(home: &Home, file: &std::path::Path, output: Output) -> Result<(), Failure> {
    let envelope = read_envelope(file)?;
    let next = TrustRoot::read(&envelope)?;
    let path = home.next_ledger_key();
    let own = home.keys().join("ledger.pem");
    // An earlier attempt may have completed all steps but the last, so either key file may exist.
    let key = key_files::read(if key_files::exists(&path) { &path } else { &own })?;
    let origin = next.ledger_key()?.name().to_owned();
    let signer = key_files::ledger(&key, &origin)?;
    let root = server::succeed(home.data(), signer, &envelope, server::World::default())?;
    if key_files::exists(&path) {
        key_files::replace(&path, &own)?;
    }
    let told = tell_witness(home, &root.ledger.vkey)?;
    let shown =
        json!({ "origin": origin, "version": root.version, "vkey": root.ledger.vkey, "witness": told });
    output.print(&shown, |_| {
        let here = if told { "the witness on this machine was updated; update" } else { "update" };
        format!(
            "the ledger continues as `{origin}`, root version {} is recorded\n{here} every other witness: a line in \
             its `logs`:\n{}\nnext: countersign up",
            root.version, root.ledger.vkey
        )
    })
}

/// Adds the log to the file of a witness on this machine, which lists the logs that the witness cosigns.
fn tell_witness(home: &Home, vkey: &str) -> Result<bool, Failure> {
    let path = home.witness().join("logs");
    let Ok(known) = std::fs::read_to_string(&path) else { return Ok(false) };
    if !known.lines().any(|line| line == vkey) {
        let told = format!("{}\n{vkey}\n", known.trim_end());
        disk::replace("people.private", &path, told.as_bytes(), 0o600)?;
    }
    Ok(true)
}
