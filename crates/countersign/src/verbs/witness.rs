//! `countersign witness`: remembers checkpoints and cosigns growth, as a separate process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ::witness::{ChangedKeys, KeyWatch, StatusJudge, StatusRefusal, Statuses};
use clap::{Args, Subcommand};
use client::machine_dir;
use client::witness_pins::{self, WitnessPin};
use evidence::Id;
use evidence::machine::MachineSigner;
use evidence::relayed_status::RelayedStatus;
use judge::RelayedError;
use tlog::NoteVerifier;
use tls::OwnAuthority;

use super::witness_join::{self, DIRECTORY};
use super::{Child, address, runtime};
use crate::children::{Outside, announce_with, follow_parent, stop_signal};
use crate::failure::Failure;
use crate::log_options::LogOptions;
use crate::output::Output;

/// Arguments of `witness`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Witness {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Directory of the witness, with `key.pem`, `name` and `logs`.
    #[arg(long, required = true)]
    data: Option<PathBuf>,
    /// Loopback address to listen on; port 0 selects any free port.
    #[arg(long, default_value = "127.0.0.1:0", value_parser = address)]
    listen: SocketAddr,
    /// Address to listen on for other machines, over TLS 1.3, such as 0.0.0.0:8443: the witness's own key vouches for the certificate; default: only this machine is answered.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    tls: Option<SocketAddr>,
    #[command(flatten)]
    child: Child,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a witness's directory and key, before or after there is an installation, and print the line that names it in the trust root.
    Key(witness_join::WitnessKey),
    /// Give a witness the key of a ledger, from a trust root that a pin confirms.
    Join(witness_join::WitnessJoin),
}

/// Prepares a witness, or runs it until it is asked to end.
pub fn run(verb: &Witness, output: Output) -> Result<(), Failure> {
    match (&verb.verb, &verb.data) {
        (Some(Verb::Key(key)), _) => witness_join::key(key, output),
        (Some(Verb::Join(join)), _) => witness_join::join(join, output),
        (None, Some(data)) => serve(data, verb, output),
        (None, None) => Err(Failure::usage("--data is required")),
    }
}

fn serve(data: &Path, verb: &Witness, output: Output) -> Result<(), Failure> {
    follow_parent(verb.child.with_parent)?;
    let _journal = verb.log.start("witness", &[("role", "witness")]);
    witness_join::name(data)?;
    let (keys, signers) = (Keys::open(data), witness_join::signers(data)?);
    let cosigning = witness_join::cosigning(data, &signers)?;
    let _lock = disk::lock(data)?;
    let path = data.join("logs");
    let logs = std::fs::read_to_string(&path)
        .map_err(|error| Failure::error(format!("cannot read `{}`: {error}; {DIRECTORY}", path.display())))?;
    let logs = logs.lines().map(str::parse::<NoteVerifier>).collect::<Result<Vec<_>, _>>()?;
    let state = data.join("state");
    let store = ::witness::Store::open(&state, cosigning, logs)?;
    let judges =
        witness_pins::read(data)?.into_iter().map(|pin| Box::new(Joined(pin)) as Box<dyn StatusJudge>);
    let statuses = Statuses::open(&state, judges.collect())?;
    let ready = |ready: &::witness::Ready| {
        if let Some(address) = ready.tls {
            tracing::info!(%address, "other machines are answered");
        }
        let addresses = ready.tls.iter().map(|address| format!("https://{address}")).collect();
        announce_with("witness", &ready.url, (None, Outside { addresses, authority: None }), output);
    };
    let authority = authority(signers)?;
    let tls = verb.tls.map(|listen| ::witness::TlsListen { listen, authority });
    let tls = (tls, keys.watch());
    runtime()?.block_on(::witness::serve((store, statuses), verb.listen, tls, ready, stop_signal()))?;
    Ok(())
}

/// The present key vouches for certificates; the next one, if there is one, vouches for the present.
fn authority(signers: Vec<MachineSigner>) -> Result<OwnAuthority, Failure> {
    let mut signers = signers.into_iter();
    let present = signers.next().map(OwnAuthority::new).ok_or_else(|| Failure::error(DIRECTORY))?;
    Ok(signers.fold(present, OwnAuthority::with_next))
}

/// The files of a witness's keys, as they were when they were read last.
struct Keys {
    dir: PathBuf,
    seen: [Option<Vec<u8>>; 4],
}

impl Keys {
    fn open(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), seen: Self::bytes(dir) }
    }

    /// Bytes of the files that hold a key, or name one in a device.
    fn bytes(dir: &Path) -> [Option<Vec<u8>>; 4] {
        let next = machine_dir::next(dir);
        let present = dir.join("key.pem");
        [next.with_extension("pkcs11"), present.with_extension("pkcs11"), next, present]
            .map(|file| std::fs::read(file).ok())
    }

    /// Reads them again when one of them has changed. Keys that cannot be read are looked at again.
    fn watch(mut self) -> KeyWatch {
        let mut complained = false;
        Box::new(move || {
            let now = Self::bytes(&self.dir);
            if now == self.seen {
                return None;
            }
            match changed(&self.dir) {
                Ok(changed) => {
                    (self.seen, complained) = (now, false);
                    Some(changed)
                }
                Err(failure) => {
                    if !std::mem::replace(&mut complained, true) {
                        tracing::warn!("the keys have changed and cannot be used: {}", failure.message());
                    }
                    None
                }
            }
        })
    }
}

fn changed(dir: &Path) -> Result<ChangedKeys, Failure> {
    let signers = witness_join::signers(dir)?;
    Ok(ChangedKeys { cosigning: witness_join::cosigning(dir, &signers)?, authority: authority(signers)? })
}

/// Judges statuses under the pin of an installation.
#[derive(Debug)]
struct Joined(WitnessPin);

impl StatusJudge for Joined {
    fn installation(&self) -> Id {
        self.0.installation
    }

    fn replaces(&self, given: &RelayedStatus, kept: Option<&RelayedStatus>) -> Result<bool, StatusRefusal> {
        judge::replaces(given, kept, &self.0.anchors()).map_err(|error| match error {
            RelayedError::Older(..) | RelayedError::Loosens(..) => StatusRefusal::Older(error.to_string()),
            other => StatusRefusal::Unsound(other.to_string()),
        })
    }
}
