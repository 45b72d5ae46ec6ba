//! One row for each current freeze: the status that began it, who sent the status, and when.
//!
//! Invariant: the end of a freeze removes its row; a later freeze of the same place begins anew.

use domain::PersonId;
use domain::identity::StatusSet;
use evidence::Moment;
use evidence::entry::Actor;
use evidence::status::Freeze;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::columns::signed;

/// Applies a status.
pub fn apply(
    rows: &Connection,
    number: u64,
    time: &str,
    actor: &Actor,
    status: &StatusSet,
) -> rusqlite::Result<()> {
    let names: Vec<String> = status.frozen.iter().map(Freeze::to_string).collect();
    let kept = serde_json::to_string(&names).unwrap_or_default();
    rows.execute("DELETE FROM freeze WHERE frozen NOT IN (SELECT value FROM json_each(?1))", params![kept])?;
    let person = match actor {
        Actor::Person(id) => Some(id.to_string()),
        Actor::Machine(_) | Actor::System => None,
    };
    for name in names {
        rows.execute(
            "INSERT OR IGNORE INTO freeze (frozen, entry, time, person) VALUES (?1, ?2, ?3, ?4)",
            params![name, signed(number), time, person],
        )?;
    }
    Ok(())
}

/// The beginning of a freeze, and the person who sent the status.
pub fn began(rows: &Connection, freeze: &Freeze) -> rusqlite::Result<Option<(Moment, Option<PersonId>)>> {
    let text = "SELECT time, person FROM freeze WHERE frozen = ?1";
    let row = rows.query_row(text, params![freeze.to_string()], |row| {
        let person: Option<String> = row.get(1)?;
        Ok((super::columns::parsed(row, 0)?, person.and_then(|person| person.parse().ok())))
    });
    row.optional()
}
