//! `countersign record`: the compact record of one deployment, derived from its evidence and the ledger.
//!
//! Invariant: everything but the steps that say otherwise comes from evidence that was checked under the person's own pin.

use clap::Args;
use client::profile::Profile;
use client::{record, session};
use evidence::Place;
use review::record::Record;

use super::{DataDir, release, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `record`.
#[derive(Debug, Args)]
pub struct RecordVerb {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT.
    place: Place,
    /// Number of the release or rollback; default: the pending release, else the running one.
    #[arg(value_parser = release)]
    release: Option<u64>,
}

/// Makes the record and prints it.
pub fn run(verb: &RecordVerb, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let profile = Profile::of(&access)?;
    let found = runtime()?.block_on(record::record(&profile, &client, &verb.place, verb.release))?;
    output.print(&found, Record::text)
}
