//! `countersign tag`: name the version and labels of the pending release's artifact.

use std::time::Duration;

use clap::Args;
use client::clock::now;
use client::new_statement::Until;
use client::new_statement::tag::{self, Label};
use evidence::statements::{Body, StatementKind};

use super::new_statement::{self, Content, Options};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `tag`.
#[derive(Debug, Args)]
pub struct TagVerb {
    /// Number of the pending release.
    release: u64,
    /// Its semantic version, such as 1.4.0 or 2.0.0-rc.1.
    version: String,
    /// A label, NAME=VALUE; can be given several times.
    #[arg(long = "label")]
    labels: Vec<Label>,
    #[command(flatten)]
    options: Options,
    /// End of the tag: a date, which means the end of that day in UTC, or a time such as 2026-12-31T12:00:00Z; default: 365
    /// days from now.
    #[arg(long)]
    until: Option<Until>,
}

/// Shows the version, signs the tag and sends it.
pub fn run(verb: &TagVerb, output: Output) -> Result<(), Failure> {
    let year = now()?.later_by(Duration::from_hours(365 * 24));
    let until = verb.until.unwrap_or(Until(year));
    new_statement::run(&verb.options, until, StatementKind::Tag, output, |checked, scope| {
        let body = tag::body(checked, verb.release, &verb.version, &verb.labels)?;
        let page = tag::page(checked, &body, scope, until);
        Ok(Content { subjects: vec![checked.bundle.artifact()], body: Body::Tag(body), page })
    })
}
