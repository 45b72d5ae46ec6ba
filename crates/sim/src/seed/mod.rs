//! A seeded installation: months of work of a dozen people on five projects, of any size.
//!
//! Real are the ledger, its writer, edge, planner and judge, every signature of people, runners, agents and witnesses,
//! every gate, and what approvers verify before they sign. Not real are the steps and services themselves, agents' own
//! judgement (their reports are signed, but nothing was deployed), and witnesses' checks. A number and an end always give
//! the same ledger.

mod calendar;
mod change;
mod course;
mod decisions;
mod estate;
mod office;
mod people;
mod works;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use evidence::Moment;
use evidence::machine::key_file;

use course::Course;
use estate::{LEDGER_SEED, PROVENANCE, seed_of};

use crate::machine;

/// The installation that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct SeedOrder<'a> {
    /// Its data directory, which does not exist yet.
    pub dir: &'a Path,
    /// Number of releases.
    pub releases: u64,
    /// Number of entries that the ledger has at least; runs that fail make up for the rest.
    pub entries: u64,
    /// The number that chooses the course.
    pub seed: u64,
    /// The moment at which it ends.
    pub end: Moment,
    /// Told the releases and entries so far, after each hundredth of the releases.
    pub progress: fn(u64, u64),
}

/// The size of what was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Entries of the ledger.
    pub entries: u64,
    /// Releases and rollbacks of all places.
    pub releases: u64,
    /// How often each thing happened.
    pub happened: BTreeMap<&'static str, u64>,
}

/// Makes the installation, with the keys of its server beside it.
///
/// # Panics
/// If a file cannot be written, or the product refuses what nobody expects it to refuse.
#[must_use]
pub fn seed(order: &SeedOrder<'_>) -> Seeded {
    machine::begin(order.seed ^ 0x5eed);
    let course = Course::found(order);
    keys(order.dir);
    let seeded = course.run(order);
    // A server would make them when it starts, which takes long for a large ledger.
    let reader = ledger::Reader::open(order.dir).unwrap();
    server::views::Views::open(order.dir).unwrap().catch_up(&reader).unwrap();
    seeded
}

/// The trust root of a seeded installation.
///
/// # Panics
/// If the directory holds no installation.
#[must_use]
pub fn seeded_root(dir: &Path) -> evidence::trust_root::TrustRoot {
    let keeper = server::Gatekeeper::open(server::Readers::new(dir)).unwrap();
    let reader = ledger::Reader::open(dir).unwrap();
    keeper.root(&server::state_of(dir, &reader).unwrap().0).unwrap()
}

/// Writes the keys of the server where `countersign server` looks for them.
fn keys(dir: &Path) {
    let mut beside = dir.file_name().unwrap().to_os_string();
    beside.push(".keys");
    let beside = dir.with_file_name(beside);
    fs::DirBuilder::new().mode(0o700).create(&beside).unwrap();
    for (name, seed) in [("ledger.pem", LEDGER_SEED), ("provenance.pem", seed_of(PROVENANCE))] {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(beside.join(name));
        std::io::Write::write_all(&mut file.unwrap(), key_file(&seed).as_bytes()).unwrap();
    }
}
