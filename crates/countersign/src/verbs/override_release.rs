//! `countersign override`: lets the pending release begin outside its windows, or before the end of its soak time.

use std::time::Duration;

use clap::{Args, ValueEnum};
use client::clock::now;
use client::new_statement::{Until, overriding};
use evidence::statements::{Body, Lifted, StatementKind};

use super::new_statement::{self, Content, Options};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `override`.
#[derive(Debug, Args)]
pub struct OverrideVerb {
    /// Number of the pending release.
    release: u64,
    /// Rule that it lifts; can be given several times; default: windows and soak time. Both signers have to say the same.
    #[arg(long = "lift", value_enum)]
    lifts: Vec<LiftedArgument>,
    #[command(flatten)]
    options: Options,
    /// End of the override, such as 2026-12-31T12:00:00Z, at most 4 hours from now; default: 3 hours from now.
    #[arg(long)]
    until: Option<Until>,
}

/// A rule about time.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LiftedArgument {
    /// The windows of the place.
    Windows,
    /// The time for which the environment before has to run the artifact.
    Soak,
}

/// Shows what is lifted, signs the override and sends it.
pub fn run(verb: &OverrideVerb, output: Output) -> Result<(), Failure> {
    let until = verb.until.unwrap_or(Until(now()?.later_by(DEFAULT)));
    let lifts: Vec<Lifted> = verb.lifts.iter().map(|lifted| (*lifted).into()).collect();
    new_statement::run(&verb.options, until, StatementKind::Override, output, |checked, scope| {
        let body = overriding::body(checked, verb.release, &lifts)?;
        let page = overriding::page(checked, &body, scope, until);
        Ok(Content { subjects: vec![checked.bundle.artifact()], body: Body::Override(body), page })
    })
}

impl From<LiftedArgument> for Lifted {
    fn from(argument: LiftedArgument) -> Self {
        match argument {
            LiftedArgument::Windows => Self::Windows,
            LiftedArgument::Soak => Self::Soak,
        }
    }
}

const DEFAULT: Duration = Duration::from_hours(3);
