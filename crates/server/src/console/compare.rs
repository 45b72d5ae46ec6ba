//! Any two releases of one service, compared: what differs, and the facts of both side by side.
//!
//! Invariant: the reader may read the service of both before anything is said about either. The order is that of the address.

mod form;
mod side;

use review::comparison::{Compared, Side, of_one_service};
use review::named_release::NamedRelease;
use web::Counterpart;
use web::model::{Change, Sheet, SheetCell, SheetTable};

use super::comparison::Comparison;
use super::fields::sides;
use super::reading::{Reading, malformed};
use super::release::change;
use super::sheets::cell;
use super::words::{badge, clock, command, fact, person};
use super::{commits, judged};
use crate::dossier::DossierError;
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::views::moments::{self, ConsentKind};
use side::{Found, Resolved, resolved};

pub use form::{address, form};

/// The page.
///
/// # Errors
/// `Failure` if the address is malformed or names releases of two services, if a release does not exist, or if the caller may
/// not read it.
pub fn compare(at: &Reading<'_>, query: &str) -> Result<Sheet, Failure> {
    let [from, to] = asked(query)?;
    for named in [&from, &to].into_iter().flatten() {
        at.of_place(&named.place)?;
    }
    up_to_date(at.shared)?;
    if let (Some(from), Some(to)) = (&from, &to) {
        return both(at, from, to);
    }
    let service = from.as_ref().or(to.as_ref()).map(|named| (&named.place.project, &named.place.service));
    let headline = match from.as_ref().or(to.as_ref()) {
        None => "Choose two releases of one service".to_owned(),
        Some(one) => format!("Choose the release to compare with release {} of {}", one.release, one.place),
    };
    Ok(Sheet { headline, form: Some(form(at, service, from.as_ref(), to.as_ref())?), ..Sheet::default() })
}

/// The command beside the page: with two releases it prints the same.
pub fn counterpart(query: &str) -> Counterpart {
    let Ok([Some(from), Some(to)]) = asked(query) else {
        return Counterpart::Unchecked(command("countersign status"));
    };
    let other = if from.place == to.place { from.release.to_string() } else { from.to_string() };
    Counterpart::Checked(command(format!("countersign status {} {} --compare {other}", to.place, to.release)))
}

/// The two releases that an address names; a field that is missing or empty names none.
fn asked(query: &str) -> Result<[Option<NamedRelease>; 2], Failure> {
    let [from, to]: [Option<NamedRelease>; 2] = sides(query)?;
    if let (Some(from), Some(to)) = (&from, &to) {
        of_one_service(&from.place, &to.place).map_err(malformed)?;
    }
    Ok([from, to])
}

fn both(at: &Reading<'_>, from: &NamedRelease, to: &NamedRelease) -> Result<Sheet, Failure> {
    let state = at.shared.intake.state();
    let service = Some((&from.place.project, &from.place.service));
    let form = Some(form(at, service, Some(from), Some(to))?);
    let sub = vec![format!("{}/{}", from.place.project, from.place.service), direction(from, to)];
    let (first, second) = match (resolved(at, &state, from)?, resolved(at, &state, to)?) {
        (Resolved::Found(first), Resolved::Found(second)) => (first, second),
        (Resolved::Nothing(headline), _) | (_, Resolved::Nothing(headline)) => {
            return Ok(Sheet { headline, sub, form, ..Sheet::default() });
        }
    };
    let key = (first.key.clone(), second.key.clone());
    let made = at.shared.pages.comparisons.or_make(key, || {
        let grounds = |found: &Found| judged::evidence(at.shared, &state, &found.key, found.moment);
        Ok::<_, DossierError>(Comparison::of(&grounds(&first)?, &grounds(&second)?))
    });
    let made = match made {
        Ok(made) => made,
        Err(DossierError::NotWitnessed) => {
            let headline = "The witnesses have not signed the newest entries, so the pending release cannot be compared yet";
            return Ok(Sheet { headline: headline.to_owned(), sub, form, ..Sheet::default() });
        }
        Err(error) => return Err(Failure::failed(error)),
    };
    let compared = match made.as_ref() {
        Comparison::Done(compared) => compared,
        Comparison::Broken(headline) => {
            return Ok(Sheet { headline: headline.clone(), sub, form, ..Sheet::default() });
        }
    };
    let other_way = web::model::Fact {
        href: Some(address(to, from)),
        ..fact("The other way", format!("{} to {}", to.release, from.release))
    };
    let (headline, told) = headline(from, to, compared);
    Ok(Sheet {
        headline,
        sub: told.into_iter().chain(sub).collect(),
        form,
        changes: compared.differences.iter().map(change).collect::<Vec<Change>>(),
        tables: vec![table(at, (from, &first, &compared.from), (to, &second, &compared.to))?],
        facts: vec![("Compare".to_owned(), vec![other_way])],
        ..Sheet::default()
    })
}

/// The verdict about the second release, and how many sorts differ, with the numbers that were asked for: a rollback has the evidence of the release that it brought back.
fn headline(from: &NamedRelease, to: &NamedRelease, compared: &Compared) -> (String, Option<String>) {
    let mut named = compared.clone();
    (named.from.release, named.to.release) = (from.release, to.release);
    match from == to {
        true => (named.headline(), None),
        false => (named.verdict(), Some(named.headline())),
    }
}

fn direction(from: &NamedRelease, to: &NamedRelease) -> String {
    match from.place == to.place && from.release > to.release {
        true => "from the newer release to the older one".to_owned(),
        false => "added means: only the second one has it".to_owned(),
    }
}

/// The facts of both releases side by side.
fn table(
    at: &Reading<'_>,
    from: (&NamedRelease, &Found, &Side),
    to: (&NamedRelease, &Found, &Side),
) -> Result<SheetTable, Failure> {
    let of = |(named, found, side): (&NamedRelease, &Found, &Side)| -> Result<Vec<SheetCell>, Failure> {
        let view = &found.view;
        let names = |names: &[String]| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let release = SheetCell {
            badge: Some(found.badge.clone()),
            text: format!("release {} of {}", named.release, named.place.environment),
            href: Some(super::words::release_href(&named.place, named.release)),
            notes: found.note.iter().cloned().collect(),
            ..SheetCell::default()
        };
        let verdict = SheetCell {
            badge: Some(badge(
                match side.outcome {
                    domain::gate::GateOutcome::Pass => web::model::State::Pass,
                    _ => web::model::State::Stop,
                },
                side.outcome_word(),
            )),
            notes: side.reasons.iter().take(CODES_MAX).cloned().collect(),
            ..SheetCell::default()
        };
        Ok(vec![
            release,
            cell(commits::subject(at.shared, view.run, &view.commit)),
            cell(review::ids::short(&side.commit)),
            cell(review::ids::short(side.artifact.trim_start_matches("sha256:"))),
            verdict,
            cell(clock(side.judged)),
            cell(names(&side.approved_by)),
            cell(promoted_by(at, named)?.unwrap_or_else(|| "nobody".to_owned())),
            cell(clock(view.time)),
        ])
    };
    let (first, second) = (of(from)?, of(to)?);
    let rows = FACTS.iter().zip(first).zip(second);
    Ok(SheetTable {
        title: "Both releases".to_owned(),
        columns: ["Fact", "First", "Second"].map(str::to_owned).to_vec(),
        rows: rows.map(|((name, first), second)| vec![cell(*name), first, second]).collect(),
        more: 0,
        empty: String::new(),
        fill: None,
    })
}

/// Name of the person who promoted a release the last time.
fn promoted_by(at: &Reading<'_>, named: &NamedRelease) -> Result<Option<String>, Failure> {
    let found = at.shared.views.ask(|rows| moments::consents(rows, &named.place, named.release));
    let all = found.map_err(Failure::failed)?;
    let last = all.iter().rev().find(|consent| consent.kind == ConsentKind::Promoted);
    Ok(last.map(|consent| person(at.shared, consent.person)))
}

/// Names of the facts, in the order of the cells.
const FACTS: [&str; 9] =
    ["Release", "Commit", "Id", "Artifact", "Gate", "Judged", "Approved by", "Promoted by", "Last change"];
/// Most codes that a cell lists.
const CODES_MAX: usize = 4;
