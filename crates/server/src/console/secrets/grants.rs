//! Grants in force: who may have which secret, and until when.
//!
//! Invariant: only grants whose signer is still enrolled, of projects that the reader may read. Judges and runners decide by
//! themselves which one counts; this is the server's word.

use std::collections::BTreeSet;

use domain::statement::RecordedStatement;
use evidence::dsse::Envelope;
use evidence::statements::{Borrower, Statement};
use judge::Store as _;
use web::model::{SheetCell, SheetTable, State};

use super::super::reading::{Reading, time};
use super::super::sheets::cell;
use super::super::words::{badge, command, command_for, person};
use crate::http::problem::Failure;

/// The table.
pub fn table(at: &Reading<'_>, state: &domain::State) -> Result<SheetTable, Failure> {
    let projects: BTreeSet<_> = state.gate.environments().map(|set| &set.facts.place.project).collect();
    let named = state.secret.all().map(|(name, _)| name.project());
    let projects: BTreeSet<_> =
        projects.into_iter().chain(named).filter(|project| at.may_read(project)).collect();
    let lending = projects.into_iter().flat_map(|project| state.statement.lending(project, at.now));
    let enrolled = |known: &&RecordedStatement| state.identity.person(known.facts.person, at.now).is_some();
    let mut known: Vec<_> = lending.filter(enrolled).collect();
    known.sort_by_key(|known| (known.facts.expires, known.entry));
    let rows = known.iter().take(ROWS_MAX).map(|known| row(at, known));
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    Ok(SheetTable {
        title: "Grants in force".to_owned(),
        columns: ["Secret", "To", "On", "May reach", "Until"].map(str::to_owned).to_vec(),
        more: known.len().saturating_sub(rows.len()),
        rows,
        empty: "No step and no service may have a secret.".to_owned(),
        fill: Some(command(
            "countersign secret grant PROJECT/PATH --to-step STEP --ref REF --pool POOL --reason WHY",
        )),
    })
}

fn row(at: &Reading<'_>, known: &RecordedStatement) -> Result<Vec<SheetCell>, Failure> {
    let bytes = at.shared.gatekeeper.store().blob(&known.facts.envelope).map_err(Failure::failed)?;
    let envelope = Envelope::decode(&bytes).map_err(Failure::failed)?;
    let statement = Statement::read(&envelope).map_err(Failure::failed)?;
    let by = person(at.shared, known.facts.person);
    let Some(grant) = statement.body.granted() else { return Ok(vec![cell(statement.body.summary())]) };
    let is_closed = grant.hours.as_ref().is_some_and(|hours| !hours.has(at.now));
    let until = SheetCell { time: Some(time(known.facts.expires)), ..SheetCell::default() };
    let withdraw = format!("countersign trust status --withdraw {}", known.facts.statement);
    let on = match grant.refs.is_empty() {
        true => "every release".to_owned(),
        false => format!("{}, pool {}", listed(&grant.refs), listed(&grant.pools)),
    };
    let environment = statement.scope.environment.as_ref().map(|it| format!(" in {it}")).unwrap_or_default();
    let (to, reach) = match &grant.to {
        Borrower::Step(step) => {
            let reach = if grant.network.is_empty() { "nothing".to_owned() } else { listed(&grant.network) };
            (format!("step {step}"), reach)
        }
        Borrower::Service(service) => {
            (format!("service {service}{environment}"), "all that its host reaches".to_owned())
        }
    };
    Ok(vec![
        SheetCell {
            href: Some(format!("/ledger/{}", known.entry)),
            commands: vec![command_for(withdraw, "a status signer")],
            ..cell(grant.secret.to_string())
        },
        SheetCell { notes: vec![format!("by {by}: {}", shown::line(&statement.reason))], ..cell(to) },
        SheetCell {
            badge: is_closed.then(|| badge(State::Quiet, "not at this hour")),
            notes: grant.hours.iter().map(|hours| hours.to_string()).collect(),
            ..cell(on)
        },
        cell(reach),
        until,
    ])
}

fn listed<T: ToString>(all: &BTreeSet<T>) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Most rows of the table, each of which reads a statement.
const ROWS_MAX: usize = 100;
