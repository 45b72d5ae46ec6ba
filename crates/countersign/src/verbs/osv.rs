//! `countersign osv`: the database of advisories that scans judge components by.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use client::advisories;
use evidence::Moment;
use scan::advisories::{Ecosystem, Held};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;

/// Subcommands of `osv`.
#[derive(Debug, Subcommand)]
pub enum Osv {
    /// Make the database out of a mirror: a directory of records in the OSV format, archives of them, or a clone of
    /// `RustSec`'s database.
    Sync(Sync),
}

/// Arguments of `osv sync`.
#[derive(Debug, Args)]
pub struct Sync {
    /// Directory with records (`.json`, or `RustSec`'s `.md`), archives of records (`.zip`), and optionally the files
    /// `known_exploited_vulnerabilities.json` (KEV) and `epss*.csv` (EPSS); or one such archive. It is needed; without it,
    /// the command says how to get one.
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// Directory with documents of package indexes, which tell yanked and deprecated versions and the days of fixes: below
    /// `crates.io` files of its index, below `npm` and `PyPI` one `.json` for each package.
    #[arg(long, value_name = "DIR")]
    index: Option<PathBuf>,
    /// Ecosystem to keep: `crates.io`, `Go`, `Maven`, `npm` or `PyPI`; may be repeated. Default: all of them.
    #[arg(long = "ecosystem", value_name = "ECOSYSTEM", value_parser = ecosystem)]
    ecosystems: Vec<Ecosystem>,
    /// Name of the mirror, which findings show; default: the name of the directory or archive.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// File of the database; default: `countersign/advisories` in your data directory (`XDG_DATA_HOME`).
    #[arg(long, value_name = "FILE")]
    advisories: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct SyncReport {
    advisories: PathBuf,
    source: String,
    digest: String,
    modified: Moment,
    ecosystems: BTreeMap<String, Held>,
    others: u64,
    exploited: Option<u64>,
    epss: Option<u64>,
    index: BTreeMap<String, u64>,
}

/// Runs a subcommand.
pub fn run(verb: &Osv, output: Output) -> Result<(), Failure> {
    match verb {
        Osv::Sync(verb) => sync(verb, output),
    }
}

fn sync(verb: &Sync, output: Output) -> Result<(), Failure> {
    let Some(from) = &verb.from else { return Err(Failure::usage(NO_MIRROR)) };
    let file = match &verb.advisories {
        Some(file) => file.clone(),
        None => advisories::default_file()?,
    };
    let own = std::fs::canonicalize(from).ok();
    let own = own.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = verb.name.clone().or(own).unwrap_or_default();
    let all = Ecosystem::ALL.to_vec();
    let ecosystems = if verb.ecosystems.is_empty() { &all } else { &verb.ecosystems };
    let mut progress = Progress::new(output);
    let mut tell = |records| progress.say(format!("{records} records read"));
    let made = advisories::sync(from, verb.index.as_deref(), &name, ecosystems, &file, &mut tell)?;
    let report = SyncReport {
        advisories: file,
        source: made.knowledge.source,
        digest: made.knowledge.digest.to_string(),
        modified: made.knowledge.modified,
        ecosystems: made.header.ecosystems,
        others: made.others,
        exploited: made.header.exploited,
        epss: made.header.epss,
        index: made.header.index,
    };
    output.print(&report, text)
}

fn text(report: &SyncReport) -> String {
    let mut lines = vec![format!("advisories of {} from {}", report.modified, report.source)];
    let held = report.ecosystems.iter();
    lines.extend(held.map(|(name, Held { records, packages })| {
        format!("  {name}: records {records}, packages {packages}")
    }));
    lines.extend(
        (report.others > 0).then(|| format!("  {} records of other ecosystems were skipped", report.others)),
    );
    lines.push(match report.exploited {
        Some(count) => format!("  known to be exploited: {count}"),
        None => {
            "  no catalogue of exploited vulnerabilities (`known_exploited_vulnerabilities.json`)".to_owned()
        }
    });
    lines.extend(report.epss.map(|count| format!("  probabilities of exploitation: {count}")));
    lines.extend(
        report.index.iter().map(|(name, count)| format!("  packages of the index of {name}: {count}")),
    );
    if report.index.is_empty() {
        lines.push("  yanked and deprecated versions and days of fixes are unknown (`--index`)".to_owned());
    }
    lines.push(format!("written to `{}` ({})", report.advisories.display(), report.digest));
    lines.join("\n")
}

fn ecosystem(text: &str) -> Result<Ecosystem, String> {
    let names = || Ecosystem::ALL.map(Ecosystem::as_str).join(", ");
    Ecosystem::ALL
        .into_iter()
        .find(|ecosystem| ecosystem.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| format!("no such ecosystem; these are known: {}", names()))
}

/// The answer to a `sync` without a mirror, because this program downloads nothing.
const NO_MIRROR: &str = "`--from` is missing: the advisories come from a mirror that you make, and this program downloads nothing. \
                         A mirror is a directory with the bulk file `all.zip` of each ecosystem of the OSV database, or a clone of \
                         RustSec's database; docs/scan/README.md says how to get one. Then `countersign osv sync --from \
                         DIRECTORY`";
