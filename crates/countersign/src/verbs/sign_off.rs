//! `countersign sign-off`: answer for the results of the tests of the pending release.

use clap::Args;
use client::new_statement::Until;
use client::new_statement::sign_off;
use evidence::statements::{Body, StatementKind};

use super::new_statement::{self, Content, Options};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `sign-off`.
#[derive(Debug, Args)]
pub struct SignOff {
    #[command(flatten)]
    options: Options,
    /// End of the sign-off: a date, which means the end of that day in UTC, or a time such as 2026-12-31T12:00:00Z; at most
    /// 365 days from now.
    #[arg(long)]
    until: Until,
}

/// Shows the results, signs and sends.
pub fn run(verb: &SignOff, output: Output) -> Result<(), Failure> {
    new_statement::run(&verb.options, verb.until, StatementKind::SignOff, output, |checked, scope| {
        Ok(Content {
            subjects: vec![checked.bundle.artifact()],
            body: Body::SignOff(sign_off::body(checked)),
            page: sign_off::page(checked, scope, verb.until),
        })
    })
}
