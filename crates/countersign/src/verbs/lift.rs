//! `countersign lift`: let a release come again that failed its judgement at a place.

use std::time::Duration;

use clap::Args;
use client::clock::now;
use client::new_statement::{Until, lift};
use evidence::statements::{Body, StatementKind};

use super::new_statement::{self, Contents, Options, VOID};
use super::runtime;
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `lift`.
#[derive(Debug, Args)]
pub struct LiftVerb {
    #[command(flatten)]
    options: Options,
    /// End of the statement: a date, which means the end of that day in UTC, or a time such as 2026-12-31T12:00:00Z; at most
    /// 30 days from now; default: 1 day from now.
    #[arg(long)]
    until: Option<Until>,
}

/// Shows how the release failed, signs and sends.
pub fn run(verb: &LiftVerb, output: Output) -> Result<(), Failure> {
    let until = verb.until.unwrap_or(Until(now()?.later_by(Duration::from_hours(24))));
    let (client, view) = new_statement::pending(&verb.options)?;
    let bars = runtime()?.block_on(lift::bars(&client, &view))?;
    let made = new_statement::make(&verb.options, until, StatementKind::Lift, output, |checked, scope| {
        let lifts = bars.iter().map(|bar| lift::body(checked, bar)).collect::<Result<Vec<_>, _>>()?;
        let observations: Vec<_> = lifts.iter().map(|(_, _, observation)| observation.clone()).collect();
        let page = lift::page(checked, &observations, scope, until);
        let statements = lifts.into_iter().map(|(subject, lift, _)| (vec![subject], Body::Lift(lift)));
        Ok(Contents { statements: statements.collect(), page })
    })?;
    let next = made.next.clone();
    output.print(&made.statements, |statements| {
        let lines = statements.iter().map(|made| {
            format!(
                "lift until {} in UTC, recorded as entry {}\nstatement: {}",
                until.0, made.entry, made.statement
            )
        });
        format!("\n{}\n{VOID}\nnext: {next}", lines.collect::<Vec<_>>().join("\n"))
    })
}
