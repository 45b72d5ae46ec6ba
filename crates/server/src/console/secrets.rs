//! Secrets: which there are, how old they are, when newer versions are due, who may have them, and who had them. Never a value.
//!
//! Invariant: only secrets, grants and reads of projects that the reader may read are listed or counted. Whether a secret is a honey
//! token is shown to nobody here: a thief reads pages, too.

mod calendar;
mod grants;
mod places;
mod uses;

use domain::secret::{Rotation, Secret, Version};
use evidence::secret_name::SecretName;
use evidence::{Moment, Name};
use review::duration;
use web::model::{Badge, Sheet, SheetCell, SheetTable, State};
use wire::{VaultState, VaultView};

use super::reading::{Reading, time};
use super::sheets::{self, cell};
use super::words::{badge, command, person};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::views::records::{self, RecordConditions};

/// The page.
///
/// # Errors
/// `Failure` if the views or statements cannot be read.
pub fn secrets(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let all: Vec<_> = state.secret.all().filter(|(name, _)| at.may_read(name.project())).collect();
    let placed = places::known(at, &state);
    let conditions = RecordConditions::default();
    // Lines of no project are about the installation, and no read of a secret.
    let may = |project: Option<&Name>| project.is_some_and(|project| at.may_read(project));
    let found = at.shared.views.ask(|rows| records::find(rows, &conditions, READS_MAX, &may));
    let reads: Vec<_> = found.map_err(Failure::failed)?;
    let reads = reads.iter().filter(|row| row.secret.is_some());
    let (alerts, reads): (Vec<_>, Vec<_>) = reads.partition(|row| row.allowed.is_none());
    let vault = at.shared.vault.view();
    let built = all.iter().filter_map(|(name, secret)| calendar::of_build(name, secret));
    let endings: Vec<_> = built.chain(placed.iter().filter_map(|known| calendar::of_place(known))).collect();
    Ok(Sheet {
        headline: headline(all.len() + placed.len(), calendar::soon(&endings, at.now)),
        badge: Some(vault_badge(&vault)),
        sub: vec![vault_words(&vault), "pages never show a value".to_owned()],
        tables: vec![
            table(at, &all),
            places::table(at, &state, &placed)?,
            calendar::table(endings, at.now),
            grants::table(at, &state)?,
            uses::leases(at, &state, &reads),
            uses::table(at, &reads),
        ],
        lists: vec![sheets::list(
            "Alerts",
            alerts.iter().map(|row| uses::alert(at, row)).collect(),
            ALERTS_MAX,
            "No read was unusual.",
        )],
        ..Sheet::default()
    })
}

fn headline(secrets: usize, due: usize) -> String {
    match (secrets, due) {
        (0, _) => "There is no secret that you may read about".to_owned(),
        (secrets, 0) => format!("{}, none needs a newer version soon", shown::many(secrets, "secret")),
        (secrets, due) => {
            let need = if due == 1 { "needs" } else { "need" };
            format!("{}, {due} of which {need} a newer version", shown::many(secrets, "secret"))
        }
    }
}

fn vault_badge(vault: &VaultView) -> Badge {
    match vault.state {
        VaultState::Open => badge(State::Pass, "vault open"),
        VaultState::Sealed => badge(State::Stop, "vault sealed"),
        VaultState::Absent => badge(State::Wait, "no vault"),
    }
}

fn vault_words(vault: &VaultView) -> String {
    match (vault.state, &vault.why) {
        (VaultState::Open, _) => "build secrets can be put and lent".to_owned(),
        (_, Some(why)) => format!("no build secret is put or lent: {why}"),
        (_, None) => "no build secret is put or lent".to_owned(),
    }
}

/// The moment at which a newer version is due, if that is soon or over; or the end of the newest one.
fn due_of(secret: &Secret, now: Moment) -> Option<Moment> {
    let rotation = match secret.rotation(now) {
        Rotation::Soon(due) | Rotation::Due(due) => Some(due),
        Rotation::Fresh => None,
    };
    let newest = secret.newest().map(|(_, version)| version).filter(|version| !version.destroyed);
    let ends =
        newest.and_then(|version| version.expires).filter(|end| *end <= now.later_by(review::ending::SOON));
    rotation.into_iter().chain(ends).min()
}

fn table(at: &Reading<'_>, all: &[(&SecretName, &Secret)]) -> SheetTable {
    let rows: Vec<_> = all.iter().take(ROWS_MAX).map(|(name, secret)| row(at, name, secret)).collect();
    SheetTable {
        title: "Secrets".to_owned(),
        columns: ["Secret", "Newest version", "Put by", "Newer version", "Versions"]
            .map(str::to_owned)
            .to_vec(),
        more: all.len().saturating_sub(rows.len()),
        rows,
        empty: "There is no secret that you may read about.".to_owned(),
        fill: Some(command("countersign secret put PROJECT/PATH --file FILE")),
    }
}

fn row(at: &Reading<'_>, name: &SecretName, secret: &Secret) -> Vec<SheetCell> {
    let newest = secret.newest();
    let mut named = cell(name.to_string());
    named.commands = vec![command(format!("countersign secret who-can {name}"))];
    let mut version = cell(newest.map_or_else(String::new, |(number, _)| format!("number {number}")));
    version.badge = newest.and_then(|(_, version)| fault(version, at.now));
    version.href = newest.map(|(_, version)| format!("/ledger/{}", version.entry));
    version.notes = newest.iter().map(|(_, version)| age(version, at.now)).collect();
    let by = cell(newest.map_or_else(String::new, |(_, version)| person(at.shared, version.person)));
    let due = due_of(secret, at.now);
    let mut newer = cell(match (due, secret.rotate_days) {
        (Some(due), _) if due <= at.now => "overdue, so it is not lent".to_owned(),
        (Some(_), _) => "due soon".to_owned(),
        (None, Some(days)) => format!("every {}", shown::many(days as usize, "day")),
        (None, None) => "no cadence".to_owned(),
    });
    newer.badge = due.map(|due| match due <= at.now {
        true => badge(State::Stop, "overdue"),
        false => badge(State::Wait, "due soon"),
    });
    newer.time = due.map(time);
    let destroyed = secret.versions.values().filter(|version| version.destroyed).count();
    let kept = secret.versions.len() - destroyed;
    let versions =
        cell(if destroyed == 0 { kept.to_string() } else { format!("{kept}, and {destroyed} destroyed") });
    vec![named, version, by, newer, versions]
}

fn fault(version: &Version, now: Moment) -> Option<Badge> {
    match (version.destroyed, version.has_expired(now)) {
        (true, _) => Some(badge(State::Stop, "destroyed")),
        (false, true) => Some(badge(State::Stop, "ended")),
        (false, false) => None,
    }
}

fn age(version: &Version, now: Moment) -> String {
    format!("{} old", duration::words(now.millis().saturating_sub(version.at.millis())))
}

/// Most rows of a table.
const ROWS_MAX: usize = 100;
/// Most lines of records that the page reads.
const READS_MAX: usize = 200;
const ALERTS_MAX: usize = 20;
