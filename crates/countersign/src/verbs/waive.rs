//! `countersign waive`: accept a finding, or the failure of a test, of the pending release until a time.

use clap::Args;
use client::id_prefix::IdPrefix;
use client::new_statement::Until;
use client::new_statement::waiver;
use evidence::statements::{Body, StatementKind};

use super::new_statement::{self, Content, Options};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `waive`.
#[derive(Debug, Args)]
pub struct Waive {
    /// The finding or the failed test: its id, or the first digits of it, which `approve --show` prints. A waiver of a test
    /// is its quarantine: its failure does not block, and every other test counts.
    finding: IdPrefix,
    #[command(flatten)]
    options: Options,
    /// End of the waiver: a date, which means the end of that day in UTC, or a time such as 2026-12-31T12:00:00Z; at most
    /// 365 days from now.
    #[arg(long)]
    until: Until,
}

/// Shows the finding or test, signs the waiver and sends it.
pub fn run(verb: &Waive, output: Output) -> Result<(), Failure> {
    let kind = StatementKind::Waiver;
    new_statement::run(&verb.options, verb.until, kind, output, |checked, scope| {
        let (id, found) = waiver::find_any(checked, &verb.finding)?;
        let page = found.page(&id, checked, scope, verb.until);
        Ok(Content { subjects: vec![id], body: Body::Waiver(found.waiver()), page })
    })
}
