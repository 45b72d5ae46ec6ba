//! `countersign server`: the control plane's process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use client::files::write_private;
use client::home::Home;
use client::key_files;
use client::rescan::AdvisoriesFile;
use evidence::trust_root::TrustRoot;
use review::rescan::AdvisorySource;
use tlog::NoteSigner;

use super::tls_arguments::TlsArguments;
use super::vault_arguments::VaultArguments;
use super::{Child, DataDir, address, runtime};
use crate::children::{Outside, announce_with, follow_parent, stop_signal};
use crate::failure::Failure;
use crate::log_options::LogOptions;
use crate::output::Output;
use crate::trust;

/// Arguments of `server`.
#[derive(Debug, Args)]
pub struct Server {
    #[command(flatten)]
    data_dir: DataDir,
    /// Loopback address to listen on; port 0 selects any free port.
    #[arg(long, default_value = "127.0.0.1:0", value_parser = address)]
    listen: SocketAddr,
    #[command(flatten)]
    tls: TlsArguments,
    /// Submission URL prefix of a witness; may be given several times; default: no witness.
    #[arg(long)]
    witness: Vec<String>,
    #[command(flatten)]
    vault: VaultArguments,
    /// Database of advisories by which what runs and what waits is judged again; `countersign osv sync` makes it, also while the
    /// server runs; default: none.
    #[arg(long, value_name = "FILE")]
    advisories: Option<PathBuf>,
    #[command(flatten)]
    child: Child,
    #[command(flatten)]
    log: LogOptions,
}

/// Runs until it is asked to end.
pub fn run(verb: &Server, output: Output) -> Result<(), Failure> {
    follow_parent(verb.child.with_parent)?;
    let _journal = verb.log.start("server", &[("role", "server")]);
    let sandbox::KeyMemory { is_private, is_locked } = sandbox::guard_key_memory();
    tracing::debug!(is_private, is_locked, "memory with keys");
    let home = verb.data_dir.home()?;
    let (root, _) = trust::root_in(home.data())?;
    let signer = ledger_signer(&home, &root)?;
    let config = server::Serve {
        data: home.data().to_path_buf(),
        signer,
        listen: verb.listen,
        tls: verb.tls.listener(&home, root.installation)?,
        witnesses: verb.witness.clone(),
        provenance: key_files::read(&home.keys().join("provenance.pem"))?,
        root_key: verb.vault.root_key(&home),
        advisories: verb
            .advisories
            .clone()
            .map(|file| Arc::new(AdvisoriesFile(file)) as Arc<dyn AdvisorySource>),
    };
    let url_file = home.url_file();
    let ready = |ready: &server::Ready| {
        let server::Ready { url, console, addresses, authority } = ready;
        if let Some(authority) = authority {
            tracing::info!(addresses = addresses.join(" "), %authority, "other machines are answered");
        }
        if let Err(error) = write_private(&url_file, &format!("{url}\n")) {
            let _ = Failure::from(error).report(output);
        }
        let outside = Outside { addresses: addresses.clone(), authority: *authority };
        announce_with("server", url, (Some(console), outside), output);
    };
    runtime()?.block_on(server::serve(config, ready, stop_signal()))?;
    drop(std::fs::remove_file(&url_file));
    Ok(())
}

/// The ledger's key, if it is the one that the trust root names.
pub fn ledger_signer(home: &Home, root: &TrustRoot) -> Result<NoteSigner, Failure> {
    let named = root.ledger_key()?;
    let file = home.keys().join("ledger.pem");
    let signer = key_files::ledger(&key_files::read(&file)?, named.name())?;
    if *signer.verifier() == named {
        return Ok(signer);
    }
    Err(Failure::error(format!(
        "`{}` holds another key than the ledger's, which the trust root names; put that key back, or begin a new origin \
         with `countersign trust origin` (docs/operating/rotation.md)",
        file.display()
    )))
}
