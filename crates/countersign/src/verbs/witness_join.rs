//! `witness key` and `witness join`: a witness on any host gets its key, and then the ledger's.
//!
//! Invariant: a ledger's key comes from a trust root whose digest is in the pin that a person gave, or that follows from
//! it step by step; a server's word alone makes no witness sign. Keys of ledgers are only added, because a witness must
//! remember what it signed. A crash leaves a list of ledgers as it was, or with one more.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use client::files::write_private;
use client::hosts::WitnessLine;
use client::pinned_root::PinnedRoot;
use client::role_way;
use client::{key_files, machine_dir, witness_pins};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::machine::MachineSigner;
use evidence::pin::Pin;
use evidence::trust_root::TrustRoot;
use judge::Anchors;
use serde_json::json;
use shown::shell;
use tlog::{CosignatureKey, NoteVerifier};

use super::machine_key::{self, KeyPlace, Named};
use super::renewal;
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `witness key`.
#[derive(Debug, Args)]
pub struct WitnessKey {
    /// Name of the witness in its signatures; default: `witness/` and the host.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    place: KeyPlace,
}

/// Arguments of `witness join`.
#[derive(Debug, Args)]
pub struct WitnessJoin {
    /// Directory of the witness; if it has no key, one is made, as `witness key` does.
    #[arg(long)]
    data: PathBuf,
    /// The line that `countersign trust pin` prints, from a person that you trust.
    #[arg(long)]
    pin: String,
    /// The trust root of that pin, as `countersign trust root --out FILE` writes it.
    #[arg(long, required_unless_present = "server")]
    trust_root: Option<PathBuf>,
    /// URL of the server, which has to prove itself under the pin; instead of --trust-root.
    #[arg(long, conflicts_with = "trust_root")]
    server: Option<String>,
}

const NAMED: Named = Named {
    first: "countersign init --witness LINE",
    later: "countersign trust root --witness LINE",
    is_sealed_to: false,
};

/// Makes the key, or the next one, and prints the line that names the witness in the trust root.
pub fn key(verb: &WitnessKey, output: Output) -> Result<(), Failure> {
    let line = make(&verb.place, verb.name.as_ref())?;
    machine_key::print(&line.to_string(), NAMED, verb.place.renew, output)
}

/// Makes the key, or the next one, of a witness of this name.
fn make(place: &KeyPlace, name: Option<&String>) -> Result<WitnessLine, Failure> {
    let dir = &place.data;
    let noted = std::fs::read_to_string(dir.join(NAME)).ok().map(|name| name.trim().to_owned());
    let name = match (name, noted) {
        (Some(given), Some(noted)) if *given != noted => {
            return Err(machine_dir::other_name(dir, &noted).into());
        }
        (Some(name), _) => name.clone(),
        (None, Some(name)) => name,
        (None, None) => format!("witness/{}", place.at(None)?.host.as_str()),
    };
    let (signer, at) = place.make(&name)?;
    let vkey = key_files::witness(&signer, &name)?.verifier().to_string();
    write_private(&dir.join(NAME), &format!("{name}\n"))?;
    Ok(WitnessLine { vkey, at })
}

/// Writes the ledger's key among those that the witness knows. A witness without a key gets one.
pub fn join(verb: &WitnessJoin, output: Output) -> Result<(), Failure> {
    let pin: Pin = verb.pin.trim().parse()?;
    let root = match (&verb.trust_root, &verb.server) {
        (Some(file), _) => root_in(file, &pin)?,
        (None, Some(server)) => {
            let anchor = PinnedRoot::of(&pin, pin.root_version, &verb.data)?;
            let (client, _) = role_way::of_pin(&pin, Some(server))?;
            let client = client.with_anchor(Box::new(anchor));
            let anchors = Anchors { version: pin.root_version, digest: pin.root, rehearsal: true };
            renewal::root_of(&client, &anchors, pin.root_version)?
        }
        (None, None) => return Err(Failure::usage("give --trust-root FILE or --server URL")),
    };
    if !verb.data.join(NAME).exists() {
        make(&KeyPlace::here(verb.data.clone()), None)?;
    }
    let (keys, ledger) = (keys(&verb.data)?, root.ledger_key()?);
    let added = add(&verb.data.join("logs"), &ledger)?;
    witness_pins::keep(&verb.data, &pin)?;
    let named: Vec<_> = root.witness_keys()?;
    let is_named = |key: &CosignatureKey| named.contains(key.verifier());
    if let [_, next] = keys.as_slice()
        && is_named(next)
    {
        key_files::replace(&machine_dir::next(&verb.data), &verb.data.join("key.pem"))?;
    }
    let named = keys.iter().any(is_named);
    let origin = ledger.name().to_owned();
    let line = line(&verb.data, &keys)?;
    let said = json!({ "origin": origin, "added": added, "named": named, "trust_root": root.digest()?, "line": line });
    output.print(&said, |_| {
        let what = if added { "cosigns" } else { "already cosigns" };
        let next = match named {
            true => format!("countersign witness --data {} --tls 0.0.0.0:8443; for a server on this host, --listen 127.0.0.1:7412", verb.data.display()),
            false => format!(
                "have the root holders name it: `countersign trust root --witness {}`",
                line.as_deref().map_or_else(|| "LINE".into(), shell::word)
            ),
        };
        format!("this witness {what} the ledger {origin}\nnext: {next}")
    })
}

/// The line that names a witness in the trust root, if its host was described.
fn line(dir: &Path, keys: &[CosignatureKey]) -> Result<Option<String>, Failure> {
    let described = machine_dir::read(dir)?.zip(keys.first());
    let line = |(known, key): (machine_dir::Described, &CosignatureKey)| {
        WitnessLine { vkey: key.verifier().to_string(), at: known.at }.to_string()
    };
    Ok(described.map(line))
}

/// The keys of a witness that cosign: the present one, and the next one if it has been made.
pub fn keys(dir: &Path) -> Result<Vec<CosignatureKey>, Failure> {
    cosigning(dir, &signers(dir)?)
}

/// The same keys, from which other uses follow.
pub fn signers(dir: &Path) -> Result<Vec<MachineSigner>, Failure> {
    let next = machine_dir::next(dir);
    // The next key takes the present one's place under its name, so it is read first, and is then the same one.
    let next = key_files::exists(&next).then(|| key_files::read(&next)).transpose()?;
    let present = key_files::read(&dir.join("key.pem"))?;
    let next = next.filter(|next| next.public() != present.public());
    Ok(std::iter::once(present).chain(next).collect())
}

/// These keys under the name of the witness.
pub fn cosigning(dir: &Path, signers: &[MachineSigner]) -> Result<Vec<CosignatureKey>, Failure> {
    let name = name(dir)?;
    signers.iter().map(|signer| Ok(key_files::witness(signer, name.trim())?)).collect()
}

/// The name in a witness's directory. A directory without one is no witness's.
pub fn name(dir: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(dir.join(NAME)).map_err(|error| {
        Failure::error(format!("cannot read `{}`: {error}; {DIRECTORY}", dir.join(NAME).display()))
    })
}

/// The root in a file, if it is the pinned one.
fn root_in(file: &Path, pin: &Pin) -> Result<TrustRoot, Failure> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let most = ENVELOPE_BYTES_MAX as u64 + 1;
    let read = std::fs::File::open(file).and_then(|open| open.take(most).read_to_end(&mut bytes));
    read.map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}")))?;
    let root = Envelope::decode(&bytes).map_err(Failure::from).and_then(|it| Ok(TrustRoot::open(&it)?));
    let root = root.map_err(|failure| Failure::error(format!("`{shown}`: {}; {ANEW}", failure.message())))?;
    if (root.installation, root.digest()?) == (pin.installation, pin.root) {
        return Ok(root);
    }
    Err(Failure::error(format!(
        "`{shown}` is trust root {} (version {}), and the line pins {} (version {}); {ANEW}",
        root.digest()?,
        root.version,
        pin.root,
        pin.root_version
    )))
}

/// Adds a ledger's key, unless the witness knows it. One ledger never has two keys.
fn add(logs: &Path, ledger: &NoteVerifier) -> Result<bool, Failure> {
    let text = match std::fs::read_to_string(logs) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::error(format!("cannot read `{}`: {error}", logs.display()))),
    };
    for line in text.lines() {
        let known: NoteVerifier = line.parse()?;
        if known == *ledger {
            return Ok(false);
        }
        if known.name() == ledger.name() {
            return Err(Failure::error(format!(
                "this witness knows another key of the ledger {}; it signs for one key of a ledger alone: a new key comes with a new origin",
                ledger.name()
            )));
        }
    }
    let known: String = text.lines().map(|line| format!("{line}\n")).collect();
    write_private(logs, &format!("{known}{ledger}\n"))?;
    Ok(true)
}

/// The remedy where something of a witness's directory is missing.
/// File with the name of a witness.
const NAME: &str = "name";
pub const DIRECTORY: &str = "`countersign witness key` makes the directory of a witness, and `countersign witness join` gives it the ledger's key";
const ANEW: &str =
    "take both anew from one person: `countersign trust pin` and `countersign trust root --out FILE`";
