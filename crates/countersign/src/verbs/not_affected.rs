//! `countersign not-affected`: say that a vulnerability of a dependency does not affect the product.

use clap::{Args, ValueEnum};
use client::id_prefix::IdPrefix;
use client::stating::Until;
use client::stating::waiver;
use evidence::statements::{Body, Justification, NotAffected, SeenFinding, StatementKind};

use super::stating::{self, Content, Options};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `not-affected`.
#[derive(Debug, Args)]
pub struct NotAffectedVerb {
    /// The finding about a dependency: its id, or the first digits of it, which `approve --show` prints.
    finding: IdPrefix,
    /// Justification of the OpenVEX list.
    #[arg(long, value_enum)]
    justification: JustificationWord,
    #[command(flatten)]
    options: Options,
    /// End of the statement: a date, which means the end of that day in UTC, or a time such as 2026-12-31T12:00:00Z; at most
    /// 365 days from now.
    #[arg(long)]
    until: Until,
}

/// A justification as people type it.
#[derive(Clone, Copy, Debug)]
struct JustificationWord(Justification);

impl ValueEnum for JustificationWord {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: &[JustificationWord] = &[
            JustificationWord(Justification::ComponentNotPresent),
            JustificationWord(Justification::VulnerableCodeNotPresent),
            JustificationWord(Justification::VulnerableCodeNotInExecutePath),
            JustificationWord(Justification::VulnerableCodeCannotBeControlledByAdversary),
            JustificationWord(Justification::InlineMitigationsAlreadyExist),
        ];
        ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.as_str()))
    }
}

/// Shows the finding, signs and sends.
pub fn run(verb: &NotAffectedVerb, output: Output) -> Result<(), Failure> {
    let kind = StatementKind::NotAffected;
    stating::run(&verb.options, verb.until, kind, output, |checked, scope| {
        let (id, finding) = waiver::find(checked, &verb.finding)?;
        let justification = verb.justification.0;
        let page = waiver::page(kind, &id, finding, scope, verb.until);
        let body = NotAffected { finding: SeenFinding::of(finding), justification };
        let page = format!("{page}\njustification: {}", justification.as_str());
        Ok(Content { subjects: vec![id], body: Body::NotAffected(body), page })
    })
}
