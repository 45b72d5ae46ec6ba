//! `countersign audit`: verifies a ledger from its files, without its server.

use std::path::PathBuf;

use clap::Subcommand;
use evidence::trust_root::{Mode, TrustRoot};
use ledger::{Anchors, Report};
use serde::Serialize;

use super::Place;
use crate::failure::Failure;
use crate::home;
use crate::output::Output;
use crate::trust::{self, Belief};

/// Subcommands of `audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Verify every row and blob of a data directory.
    Verify {
        #[command(flatten)]
        place: Place,
        /// Trust root to believe; your pinned one when left away.
        #[arg(long)]
        trust_root: Option<PathBuf>,
    },
}

#[derive(Debug, Serialize)]
struct Verified {
    trust_root: String,
    root_version: u32,
    belief: Belief,
    mode: Mode,
    entries: u64,
    root_hash: String,
    blobs: u64,
    orphans: u64,
    misfits: u64,
    witnesses: usize,
    witnessed_size: Option<u64>,
    same_machine: bool,
    breaches: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    place: String,
    what: String,
}

/// Verifies and prints; fails when anything is not as it must be.
pub fn run(verb: &Audit, output: Output) -> Result<(), Failure> {
    let Audit::Verify { place, trust_root } = verb;
    let home = place.home()?;
    let (root, belief) = trust::root_of(home.data(), trust_root.as_deref())?;
    let anchors = Anchors {
        ledger: root.ledger_key()?,
        witnesses: root.witness_keys()?,
        quorum: root.witnesses.quorum as usize,
        seen: home::read_pin(root.installation)?.map(|pin| pin.checkpoint()).transpose()?,
    };
    let report = ledger::verify(home.data(), &anchors)?;
    let misfits = if report.breaches.is_empty() { trust::fold(home.data())?.misfits } else { 0 };
    let verified = verified(&root, belief, report, misfits)?;
    output.print(&verified, text)?;
    match (verified.breaches.len(), verified.misfits) {
        (0, 0) => Ok(()),
        (0, misfits) => Err(Failure::error(format!("{misfits} entries do not fit the state that they met"))),
        (breaches, _) => Err(Failure::error(format!("the ledger does not verify: {breaches} breaches"))),
    }
}

fn verified(root: &TrustRoot, belief: Belief, report: Report, misfits: u64) -> Result<Verified, Failure> {
    let same_machine = root.witnesses.keys.iter().any(|witness| witness.place.host == root.server.host);
    let breaches = report.breaches.into_iter();
    Ok(Verified {
        trust_root: root.digest()?.to_string(),
        root_version: root.version,
        belief,
        mode: root.mode,
        entries: report.entries,
        root_hash: report.root.to_string(),
        blobs: report.blobs,
        orphans: report.orphans,
        misfits,
        witnesses: report.cosignatures.len(),
        witnessed_size: report.witnessed_size,
        same_machine,
        breaches: breaches.map(|breach| Found { place: breach.place, what: breach.what }).collect(),
    })
}

fn text(verified: &Verified) -> String {
    let belief = match verified.belief {
        Belief::File => "from the file you named",
        Belief::Pinned => "pinned by you",
        Belief::Unpinned => "NOT pinned: taken from the directory under audit itself",
    };
    let place = if verified.same_machine { ", same machine" } else { "" };
    let witnessed = match verified.witnessed_size {
        Some(size) if size < verified.entries => format!(" up to entry {}", size.saturating_sub(1)),
        _ => String::new(),
    };
    let breaches = verified.breaches.iter().map(|found| format!("breach: {}: {}\n", found.place, found.what));
    format!(
        "trust root: {} (version {}, {belief})\nmode: {}\nledger: {} entries, root hash {}\nwitnessed by {}{place}{witnessed}\nblobs: {} ({} named by no entry)\nmisfits: {}\n{}",
        verified.trust_root,
        verified.root_version,
        trust::assurance(verified.mode),
        verified.entries,
        verified.root_hash,
        verified.witnesses,
        verified.blobs,
        verified.orphans,
        verified.misfits,
        breaches.collect::<String>()
    )
}
