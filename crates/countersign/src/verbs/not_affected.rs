//! `countersign not-affected`: say that a vulnerability of a dependency does not affect the product, in own words or by the
//! claims of a VEX document.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use client::id_prefix::IdPrefix;
use client::new_statement::{Until, finding, not_affected};
use client::vex::VexFile;
use evidence::statements::{Body, Justification, StatementKind};
use evidence::{Digest, Moment};
use serde::Serialize;

use super::new_statement::{self, Content, Contents, Made, Options, Recorded, VOID};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `not-affected`.
#[derive(Debug, Args)]
pub struct NotAffectedVerb {
    /// The finding about a dependency: its id, or the first digits of it, which `approve --show` prints. With `--vex` any
    /// number of them; default: every open finding that the file makes a claim about.
    #[arg(required_unless_present = "vex")]
    finding: Vec<IdPrefix>,
    /// Justification of the OpenVEX list. With `--vex` it is for claims that have none of this list.
    #[arg(long, value_enum, required_unless_present = "vex")]
    justification: Option<JustificationWord>,
    /// File with claims in OpenVEX or CycloneDX. It shows each claim with status `not_affected` or `fixed` about an open
    /// finding, and signs one statement for each; the statements name the file by its digest.
    #[arg(long, value_name = "FILE")]
    vex: Option<PathBuf>,
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

#[derive(Serialize)]
struct VexReport {
    kind: StatementKind,
    vex: Digest,
    scope: String,
    until: Moment,
    statements: Vec<Made>,
    unsigned: Vec<String>,
    next: String,
}

/// Shows the findings, signs and sends.
pub fn run(verb: &NotAffectedVerb, output: Output) -> Result<(), Failure> {
    if let Some(file) = &verb.vex {
        return by_file(verb, &VexFile::read(file)?, output);
    }
    let (Some(JustificationWord(justification)), [id]) = (verb.justification, verb.finding.as_slice()) else {
        return Err(Failure::usage("without `--vex`, name one finding"));
    };
    new_statement::run(&verb.options, verb.until, KIND, output, |checked, scope| {
        let (id, found) = finding::find(checked, id)?;
        let page = not_affected::page(checked, (&id, found), justification, scope, verb.until);
        let body = not_affected::body(found, justification, None);
        Ok(Content { subjects: vec![id], body: Body::NotAffected(body), page })
    })
}

/// Takes over the claims of a file.
fn by_file(verb: &NotAffectedVerb, file: &VexFile, output: Output) -> Result<(), Failure> {
    let mut unsigned = Vec::new();
    let given = verb.justification.map(|word| word.0);
    let recorded = new_statement::make(&verb.options, verb.until, KIND, output, |checked, scope| {
        let claims = file.claims(checked, &verb.finding, given)?;
        let told: Vec<_> = claims.told.iter().map(|line| format!("not signed: {line}")).collect();
        if claims.settling.is_empty() {
            let told: String = told.iter().map(|line| format!("\n  {line}")).collect();
            return Err(Failure::error(format!(
                "no claim of the file settles an open finding; nothing was signed{told}"
            )));
        }
        let pages = claims.settling.iter().map(|settling| settling.page(scope, verb.until)).chain(told);
        let page = pages.collect::<Vec<_>>().join("\n");
        let page = format!("{page}\nfile: {}, by {}", file.digest, file.author());
        let statements = claims.settling.into_iter().map(|it| (vec![it.id], Body::NotAffected(it.body)));
        unsigned = claims.told;
        Ok(Contents { statements: statements.collect(), page })
    })?;
    let Recorded { scope, statements, next } = recorded;
    let (vex, until) = (file.digest, verb.until.0);
    let report = VexReport { kind: KIND, vex, scope, until, statements, unsigned, next };
    output.print(&report, |report| {
        let line = |made: &Made| format!("recorded as entry {}, statement: {}", made.entry, made.statement);
        let lines: Vec<_> = report.statements.iter().map(line).collect();
        format!(
            "\n{} in {} until {} in UTC:\n{}\n{VOID}\nnext: {}",
            KIND.as_str(),
            report.scope,
            report.until,
            lines.join("\n"),
            report.next
        )
    })
}

const KIND: StatementKind = StatementKind::NotAffected;
