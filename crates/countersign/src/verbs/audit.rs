//! `countersign audit`: verifies a ledger from its files, without its server.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use client::home::Home;
use client::pins;
use evidence::trust_root::{Mode, TrustRoot};
use ledger::{Anchors, BLOBS, Blobs, Reader, Report};
use review::summary::assurance;
use serde::Serialize;

use super::DataDir;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::trust::{self, Belief};

/// Subcommands of `audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Verify every row and blob of a data directory.
    Verify {
        #[command(flatten)]
        data_dir: DataDir,
        /// File of the trust root to believe; default: your pinned root.
        #[arg(long)]
        trust_root: Option<PathBuf>,
        /// Rebuild the views if they differ from the ledger; default: only report the difference.
        #[arg(long)]
        rebuild_views: bool,
    },
    /// Decide every recorded command of a ledger again, and compare the outcomes.
    Replay {
        #[command(flatten)]
        data_dir: DataDir,
    },
}

#[derive(Debug, Serialize)]
struct Replayed {
    entries: u64,
    decisions: u64,
    verdicts: u64,
    agree: u64,
    /// Decisions taken as recorded, because the ledger does not contain everything that they depend on.
    recorded: u64,
    differ: usize,
    other_rules: usize,
    differences: Vec<BreachReport>,
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
    cosigned: u64,
    same_machine: bool,
    breaches: Vec<BreachReport>,
    views: String,
    stale_views: Vec<BreachReport>,
}

#[derive(Debug, Serialize)]
struct BreachReport {
    place: String,
    what: String,
}

/// Verifies and prints; fails if anything is not as it must be.
pub fn run(verb: &Audit, output: Output) -> Result<(), Failure> {
    match verb {
        Audit::Verify { data_dir, trust_root, rebuild_views } => {
            verify(&data_dir.home()?, trust_root.as_deref(), *rebuild_views, output)
        }
        Audit::Replay { data_dir } => replay(&data_dir.home()?, output),
    }
}

/// Replays every decision.
fn replay(home: &Home, output: Output) -> Result<(), Failure> {
    let readers = server::Readers::new(home.data());
    let blobs = Blobs::read_only(&home.data().join(BLOBS));
    let store = server::LedgerStore::new(&readers, &blobs);
    let reader = Reader::open(home.data())?;
    let size = reader.head()?.frontier.size();
    let mut progress = Progress::new(output);
    let replay = server::replay(&reader, &store, |entries| {
        if size > SAID_EVERY {
            progress.say(format!("{entries} of {size} entries"));
        }
    })?;
    let (mut differ, mut other_rules) = (0, 0);
    let found = |compared: &judge::Compared| BreachReport {
        place: format!("entry {}", compared.entry),
        what: compared.what.clone(),
    };
    for compared in &replay.others {
        match compared.outcome {
            judge::Replayed::OtherRules(_) => other_rules += 1,
            _ => differ += 1,
        }
    }
    let replayed = Replayed {
        entries: size,
        decisions: replay.decisions,
        verdicts: replay.verdicts,
        agree: replay.agree,
        recorded: replay.recorded,
        differ,
        other_rules,
        differences: replay.others.iter().map(found).collect(),
    };
    output.print(&replayed, |replayed| {
        let lines = replayed.differences.iter().map(|found| format!("\n{}: {}", found.place, found.what));
        format!(
            "{} entries, {} decisions, {} of them verdicts of gates: {} agree, {} differ, {} by other rules; taken as recorded: {}{}",
            replayed.entries, replayed.decisions, replayed.verdicts, replayed.agree, replayed.differ,
            replayed.other_rules, replayed.recorded, lines.collect::<String>()
        )
    })?;
    match (differ, replay.decisions) {
        // A decision under rules that this program does not know has not been shown to be right.
        (0, 1..) if other_rules > 0 => {
            let decisions = shown::counted(other_rules, "decision is", "decisions are");
            let what = format!("{decisions} by other rules and could not be made again");
            Err(Failure::decided(domain::gate::GateOutcome::Undecided, what, Vec::new()))
        }
        (0, 1..) => Ok(()),
        (0, 0) => Err(Failure::error("there is no decision to replay")),
        _ => Err(Failure::error(format!(
            "{} not give the same outcome again",
            shown::counted(differ, "decision does", "decisions do")
        ))),
    }
}

fn verify(
    home: &Home,
    trust_root: Option<&Path>,
    rebuild_views: bool,
    output: Output,
) -> Result<(), Failure> {
    let (root, belief, roots) = trust::audited_root_of(home.data(), trust_root)?;
    let ledger = root.ledger_key()?;
    // If holders of the root gave up the end of an older origin, the part of the pin beyond that end does not count.
    let pinned = pins::read(root.installation)?.map(|pin| pin.checkpoint()).transpose()?;
    let seen = pinned.map(|pinned| judge::proven_from(&roots, &pinned, ledger.name()).unwrap_or(pinned));
    let anchors =
        Anchors { ledger, witnesses: root.witness_keys()?, quorum: root.witnesses.quorum as usize, seen };
    let report = ledger::verify(home.data(), &anchors)?;
    let misfits = if report.breaches.is_empty() { trust::fold(home.data())?.misfits } else { 0 };
    let mut sound = report.breaches.is_empty();
    let mut verified = verified(&root, belief, report, misfits)?;
    if sound {
        let unsound = server::unsound_lines(&Reader::open(home.data())?)?;
        sound = unsound.is_empty();
        let breach = |(entry, what)| BreachReport { place: format!("entry {entry}"), what };
        verified.breaches.extend(unsound.into_iter().map(breach));
    }
    if sound {
        let reader = Reader::open(home.data())?;
        let stale = server::views::compare(home.data(), &reader)?;
        let none = stale.is_none();
        let stale = stale.unwrap_or_default();
        if rebuild_views {
            server::views::rebuild(home.data(), &reader)?;
            verified.views = format!("made anew; {} rows were not what the ledger says", stale.len());
        } else {
            let mend = "they differ from the ledger; `--rebuild-views` rebuilds them";
            let found =
                stale.into_iter().map(|stale| BreachReport { place: stale.place, what: mend.to_owned() });
            verified.stale_views.extend(found);
            verified.views = match (none, verified.stale_views.is_empty()) {
                (true, _) => "missing; the server makes them when it starts",
                (false, true) => "as the ledger says",
                (false, false) => "changed",
            }
            .to_owned();
        }
    }
    output.print(&verified, text)?;
    if !verified.stale_views.is_empty() {
        return Err(Failure::error(format!("{} rows of the views were changed", verified.stale_views.len())));
    }
    match (verified.breaches.len(), verified.misfits) {
        (0, 0) => Ok(()),
        (0, misfits) => {
            let entries =
                shown::counted(usize::try_from(misfits).unwrap_or(usize::MAX), "entry does", "entries do");
            Err(Failure::error(format!("{entries} not fit the state met there")))
        }
        (breaches, _) => {
            let breaches = shown::counted(breaches, "breach", "breaches");
            Err(Failure::error(format!("the ledger does not verify: {breaches}")))
        }
    }
}

fn verified(root: &TrustRoot, belief: Belief, report: Report, misfits: u64) -> Result<Verified, Failure> {
    let same_machine = root.witnesses.keys.iter().any(|witness| witness.place.is_on_host_of(&root.server));
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
        cosigned: report.cosigned,
        same_machine,
        breaches: breaches.map(|breach| BreachReport { place: breach.place, what: breach.what }).collect(),
        views: "not looked at".into(),
        stale_views: Vec::new(),
    })
}

fn text(verified: &Verified) -> String {
    let belief = match verified.belief {
        Belief::File => "from the file you named",
        Belief::PinnedRoot => "pinned by you",
        Belief::Unpinned => "NOT pinned: taken from the directory under audit itself",
    };
    let place = if verified.same_machine { ", same machine" } else { "" };
    let witnessed = match verified.witnessed_size {
        Some(size) if size < verified.entries => format!(" up to entry {}", size.saturating_sub(1)),
        _ => String::new(),
    };
    let all = verified.breaches.iter().chain(&verified.stale_views);
    let breaches = all.map(|found| format!("breach: {}: {}\n", found.place, found.what));
    format!(
        "trust root: {} (version {}, {belief})\nmode: {}\nledger: {} entries, root hash {}\nwitnessed by {}{place}{witnessed}\ncosigned checkpoints: {} kept (that an older one was removed does not show)\nblobs: {} ({} named by no entry)\nmisfits: {}\nviews: {}\n{}",
        verified.trust_root,
        verified.root_version,
        assurance(verified.mode),
        verified.entries,
        verified.root_hash,
        verified.witnesses,
        verified.cosigned,
        verified.blobs,
        verified.orphans,
        verified.misfits,
        verified.views,
        breaches.collect::<String>()
    )
}

/// A replay of a larger ledger prints its progress.
const SAID_EVERY: u64 = 5_000;
