//! Policies: which one is in force at each place, and everything that it asks for there.
//!
//! Invariant: only places of projects that the reader may read are listed or counted. A policy is read as its gate reads it, for
//! the input of the release that was judged last.

mod known;
mod place;
mod statement;

use std::collections::BTreeSet;

use domain::gate::Environment;
use evidence::policy_files::PolicyFiles;
use evidence::{Digest, Place};
use policy::PACKS;
use review::ids::short;
use web::model::{Sheet, SheetCell, SheetTable};

use super::reading::{Reading, time};
use super::words::command;
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use statement::Statement;

pub use place::place;

/// The page of all places.
///
/// # Errors
/// `Failure` if statements cannot be read.
pub fn policies(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let readable = state.gate.environments().filter(|set| at.may_read(&set.facts.place.project));
    let sets: Vec<&Environment> = readable.collect();
    let distinct: BTreeSet<Digest> = sets.iter().map(|set| set.facts.policy).collect();
    let packs = packs();
    let people = statement::people(at, &state)?;
    let rows = sets.iter().take(ROWS_MAX).map(|set| {
        let pack = packs.iter().find(|(digest, _)| *digest == set.facts.policy).map(|(_, name)| *name);
        Ok(row(set, pack, &Statement::read(at, set, &people)?))
    });
    let rows: Vec<Vec<SheetCell>> = rows.collect::<Result<_, Failure>>()?;
    Ok(Sheet {
        headline: headline(distinct.len(), sets.len()),
        sub: vec!["a policy decides once an environment statement with its digest is signed".to_owned()],
        tables: vec![SheetTable {
            title: "Policies in force".to_owned(),
            columns: ["Place", "Policy", "Statement", "Signed by"].map(str::to_owned).to_vec(),
            more: sets.len().saturating_sub(rows.len()),
            rows,
            empty: "No place that you may read has a statement.".to_owned(),
            fill: Some(command("countersign project add")),
        }],
        ..Sheet::default()
    })
}

fn headline(policies: usize, places: usize) -> String {
    match (policies, places) {
        (_, 0) => "No policy is in force at a place that you may read".to_owned(),
        (1, places) => format!("One policy is in force at {}", shown::many(places, "place")),
        (policies, places) => format!("{policies} policies are in force at {}", shown::many(places, "place")),
    }
}

fn row(set: &Environment, pack: Option<&str>, statement: &Statement) -> Vec<SheetCell> {
    let facts = &set.facts;
    let name = pack.map_or_else(|| "no pack of this program".to_owned(), |pack| format!("pack {pack}"));
    vec![
        SheetCell { text: facts.place.to_string(), href: Some(href(&facts.place)), ..SheetCell::default() },
        SheetCell { text: name, notes: vec![short(&facts.policy.hex()).to_owned()], ..SheetCell::default() },
        SheetCell {
            text: format!("number {}", facts.number),
            href: Some(format!("/ledger/{}", set.entry)),
            time: Some(time(statement.since)),
            ..SheetCell::default()
        },
        SheetCell { text: statement.signers(), ..SheetCell::default() },
    ]
}

/// Address of the page of a place's policy.
fn href(place: &Place) -> String {
    format!("/policies/{place}")
}

/// The packs of this program by digest.
fn packs() -> Vec<(Digest, &'static str)> {
    let digest = |pack: policy::Pack| Some((PolicyFiles::new(pack.files()).digest().ok()?, pack.name));
    PACKS.into_iter().filter_map(digest).collect()
}

/// Most places that are listed.
const ROWS_MAX: usize = 200;
