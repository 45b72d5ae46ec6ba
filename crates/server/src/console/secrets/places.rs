//! Secrets of places: the newest version of each, who can open it, and with which version each agent runs.
//!
//! Invariant: nothing here can be opened by the server. A key that can open a version and is of no agent shows as exposed.

use domain::statement::RecordedStatement;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::statements::{SecretVersion, Statement};
use evidence::{Moment, Name, Place};
use judge::{Store as _, recipients};
use review::duration;
use web::model::{Badge, SheetCell, SheetTable, State};

use super::super::reading::Reading;
use super::super::sheets::cell;
use super::super::words::{badge, command, list, person};
use crate::http::problem::Failure;
use crate::secret_uses::AgentSecrets;

/// The newest versions in force at places that the reader may see.
pub fn known<'a>(at: &Reading<'_>, state: &'a domain::State) -> Vec<&'a RecordedStatement> {
    let places = state.gate.environments().map(|environment| &environment.facts.place);
    let readable = places.filter(|place| at.may_read(&place.project));
    readable.flat_map(|place| state.statement.secrets_at(place, at.now)).collect()
}

/// The table.
pub fn table(
    at: &Reading<'_>,
    state: &domain::State,
    known: &[&RecordedStatement],
) -> Result<SheetTable, Failure> {
    let rows = known.iter().take(ROWS_MAX).map(|known| row(at, state, known));
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    Ok(SheetTable {
        title: "Secrets of places".to_owned(),
        columns: ["Secret", "Newest version", "Put by", "Can be opened by", "Agents run"]
            .map(str::to_owned)
            .to_vec(),
        more: known.len().saturating_sub(rows.len()),
        rows,
        empty: "No place that you may read about has a secret.".to_owned(),
        fill: Some(command("countersign secret put --place PROJECT/SERVICE/ENVIRONMENT NAME --file FILE")),
    })
}

fn row(
    at: &Reading<'_>,
    state: &domain::State,
    known: &RecordedStatement,
) -> Result<Vec<SheetCell>, Failure> {
    let envelope = envelope(at, &known.facts.envelope)?;
    let statement = Statement::read(&envelope).map_err(Failure::failed)?;
    let missing = || Failure::failed("a statement that puts a secret has none");
    let version = statement.secret().ok_or_else(missing)?;
    let place = &known.facts.secret.as_ref().ok_or_else(missing)?.place;
    let named = SheetCell {
        href: Some(format!("/services/{}/{}", place.project, place.service)),
        notes: vec![place.to_string()],
        commands: vec![command(format!("countersign secret who-can {} --place {place}", version.secret))],
        ..cell(version.secret.as_str())
    };
    let newest = SheetCell {
        href: Some(format!("/ledger/{}", known.entry)),
        notes: vec![age(known.facts.not_before, at.now)],
        ..cell(format!("number {}", version.number))
    };
    Ok(vec![
        named,
        newest,
        cell(person(at.shared, known.facts.person)),
        openers(at, state, place, version)?,
        users(at, place, version),
    ])
}

fn age(from: Moment, now: Moment) -> String {
    format!("{} old", duration::words(now.millis().saturating_sub(from.millis())))
}

/// Agents that can open a version, and what is wrong with that.
fn openers(
    at: &Reading<'_>,
    state: &domain::State,
    place: &Place,
    version: &SecretVersion,
) -> Result<SheetCell, Failure> {
    let Some(set) = state.gate.environment(place) else { return Ok(cell("")) };
    let environment = Environment::read(&envelope(at, &set.facts.envelope)?).map_err(Failure::failed)?;
    let can = |agent: &evidence::trust_root::Machine| {
        agent.seal.is_some_and(|seal| version.keys.contains_key(&seal))
    };
    let names: Vec<_> =
        environment.agents.iter().filter(|agent| can(agent)).map(|agent| agent.name.to_string()).collect();
    let faults = recipients(version, &environment);
    let is_exposed = faults.iter().any(|(code, _)| *code == EXPOSED);
    let word: Option<Badge> = match (is_exposed, faults.is_empty()) {
        (true, _) => Some(badge(State::Stop, "exposed")),
        (false, false) => Some(badge(State::Stop, "not for every agent")),
        (false, true) => None,
    };
    let put = format!("countersign secret put --place {place} {} --reason WHY --file FILE", version.secret);
    Ok(SheetCell {
        badge: word,
        notes: faults.iter().map(|(_, what)| format!("it {what}")).collect(),
        commands: if faults.is_empty() { Vec::new() } else { vec![command(put)] },
        ..cell(list(&names, NAMES_MAX))
    })
}

/// With which version each agent runs, as it says.
fn users(at: &Reading<'_>, place: &Place, version: &SecretVersion) -> SheetCell {
    let told = at.shared.secret_uses.at(place);
    let words: Vec<_> = told.iter().filter_map(|(agent, secrets)| said(agent, secrets, version)).collect();
    let is_refused = told.values().any(|secrets| secrets.unused.contains_key(&version.secret));
    let is_old =
        told.values().any(|secrets| secrets.used.get(&version.secret).is_some_and(|it| *it < version.number));
    let word = match (is_refused, is_old) {
        (true, _) => Some(badge(State::Stop, "refused")),
        (false, true) => Some(badge(State::Wait, "older")),
        (false, false) => None,
    };
    if words.is_empty() {
        cell(if told.is_empty() { "no agent has reported" } else { "no running release has it" })
    } else {
        SheetCell { badge: word, ..cell(list(&words, NAMES_MAX)) }
    }
}

fn said(agent: &Name, secrets: &AgentSecrets, version: &SecretVersion) -> Option<String> {
    let release = secrets.release.map(|release| format!(" in release {release}")).unwrap_or_default();
    let used = secrets.used.get(&version.secret).map(|number| format!("{agent} runs {number}{release}"));
    let unused = secrets.unused.get(&version.secret);
    let unused = unused.map(|unused| format!("{agent} does not use {}: {}", unused.number, unused.code));
    match (used, unused) {
        (Some(used), Some(unused)) => Some(format!("{used}; {unused}")),
        (used, unused) => used.or(unused),
    }
}

fn envelope(at: &Reading<'_>, digest: &evidence::Digest) -> Result<Envelope, Failure> {
    let bytes = at.shared.gatekeeper.store().blob(digest).map_err(Failure::failed)?;
    Envelope::decode(&bytes).map_err(Failure::failed)
}

const EXPOSED: &str = "secret-exposed";
/// Most rows of the table, each of which reads two statements.
const ROWS_MAX: usize = 100;
/// Most agents in a cell.
const NAMES_MAX: usize = 4;
