//! Questions about releases and rollbacks.

use evidence::{Digest, Moment, Place};
use rusqlite::{Connection, Row, params, params_from_iter};
use wire::{LastOutcomeView, ReleaseView, Replacement};

use crate::views::columns::{parsed, signed};

/// Releases of a run's artifacts, by this run or another one, the oldest first.
pub fn of_run(rows: &Connection, run: &str) -> rusqlite::Result<Vec<ReleaseView>> {
    let condition = "WHERE release.run = ?1 OR release.artifact IN (SELECT manifest FROM artifact WHERE run = ?1) \
                     ORDER BY release.began";
    found(rows, condition, &[run])
}

/// The newest releases at a place, the latest first.
pub fn at_place(rows: &Connection, place: &Place) -> rusqlite::Result<Vec<ReleaseView>> {
    let place = place.to_string();
    found(rows, "WHERE release.place = ?1 ORDER BY release.began DESC LIMIT 20", &[&place])
}

/// Number of releases and rollbacks that a place ever had.
pub fn count(rows: &Connection, place: &Place) -> rusqlite::Result<u64> {
    let mut statement = rows.prepare_cached("SELECT count(*) FROM release WHERE place = ?1")?;
    let count: i64 = statement.query_row(params![place.to_string()], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// The release or rollback of this number at a place; number 0 stands for the newest release that has no number.
pub fn one(rows: &Connection, place: &Place, number: u64) -> rusqlite::Result<Option<ReleaseView>> {
    let condition = match number {
        0 => {
            "WHERE release.place = ?1 AND release.release IS NULL AND ?2 = '0' ORDER BY release.began DESC LIMIT 1"
        }
        _ => "WHERE release.place = ?1 AND release.release = ?2",
    };
    Ok(found(rows, condition, &[&place.to_string(), &number.to_string()])?.pop())
}

/// The release that had brought the artifact which a release or rollback replaces, if a gate judged it.
pub fn replaced_by(rows: &Connection, place: &Place, number: u64) -> rusqlite::Result<Option<ReleaseView>> {
    let condition = "JOIN release AS own ON own.place = ?1 AND own.release = ?2 \
                     WHERE release.place = ?1 AND release.artifact = own.replaces AND release.began < own.began \
                     AND release.bundle IS NOT NULL ORDER BY release.began DESC LIMIT 1";
    Ok(found(rows, condition, &[&place.to_string(), &number.to_string()])?.pop())
}

/// The release that had brought the artifact which a rollback brings back, if its evidence is stored.
pub fn brought_back(rows: &Connection, place: &Place, number: u64) -> rusqlite::Result<Option<ReleaseView>> {
    let condition = "JOIN release AS own ON own.place = ?1 AND own.release = ?2 \
                     WHERE release.place = ?1 AND release.artifact = own.artifact AND release.kind = 'release' \
                     AND release.began < own.began AND release.bundle IS NOT NULL ORDER BY release.began DESC LIMIT 1";
    Ok(found(rows, condition, &[&place.to_string(), &number.to_string()])?.pop())
}

/// The release or rollback that took the place of a release which ran.
pub fn replacement(rows: &Connection, place: &Place, release: u64) -> rusqlite::Result<Option<Replacement>> {
    let text = "SELECT later.kind, later.release, later.time FROM release AS own JOIN release AS later \
                ON later.place = own.place AND later.changed > own.changed AND later.stage IN ('running', 'failed') \
                WHERE own.place = ?1 AND own.release = ?2 AND own.stage = 'running' ORDER BY later.changed LIMIT 1";
    let mut statement = rows.prepare_cached(text)?;
    let mut found = statement.query_map(params![place.to_string(), signed(release)], |row| {
        let number: i64 = row.get(1)?;
        let release = u64::try_from(number).unwrap_or_default();
        Ok(Replacement { kind: parsed(row, 0)?, release, time: parsed(row, 2)? })
    })?;
    found.next().transpose()
}

/// The latest verdict or report at a place.
pub fn last(rows: &Connection, place: &Place) -> rusqlite::Result<Option<LastOutcomeView>> {
    let text = "SELECT entry, release, outcome, reasons, detail, bundle FROM last WHERE place = ?1";
    let mut statement = rows.prepare_cached(text)?;
    let mut found = statement.query_map(params![place.to_string()], |row| {
        let number = |at| row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or_default());
        let digest = |at| {
            let text: rusqlite::Result<Option<String>> = row.get(at);
            text.map(|text| text.and_then(|text| text.parse().ok()))
        };
        let reasons: String = row.get(3)?;
        Ok(LastOutcomeView {
            entry: number(0)?,
            release: number(1)?,
            outcome: parsed(row, 2)?,
            reasons: reasons.split_whitespace().map(str::to_owned).collect(),
            detail: digest(4)?,
            bundle: digest(5)?,
        })
    })?;
    found.next().transpose()
}

/// The time from which a release ran at a place.
pub fn since(rows: &Connection, place: &Place, release: u64) -> rusqlite::Result<Option<Moment>> {
    let text = "SELECT time FROM release WHERE place = ?1 AND release = ?2 AND stage = 'running'";
    let mut statement = rows.prepare(text)?;
    let mut times = statement.query_map(params![place.to_string(), signed(release)], |row| parsed(row, 0))?;
    times.next().transpose()
}

/// When the agent reported a rollback as done, and the digest of the signed request for it.
pub fn rollback(rows: &Connection, place: &Place, number: u64) -> rusqlite::Result<Option<(Moment, Digest)>> {
    let text = "SELECT time, request FROM release WHERE place = ?1 AND release = ?2 AND kind = 'rollback'";
    let mut statement = rows.prepare(text)?;
    let mut found = statement.query_map(params![place.to_string(), signed(number)], |row| {
        Ok((parsed(row, 0)?, parsed(row, 1)?))
    })?;
    found.next().transpose()
}

fn found(rows: &Connection, condition: &str, keys: &[&str]) -> rusqlite::Result<Vec<ReleaseView>> {
    let text = format!(
        "SELECT release.place, release.kind, release.release, release.run, release.artifact, commit_id, release.stage, \
         release.outcome, release.reasons, release.detail, release.bundle, release.began, release.changed, release.time, \
         release.by_run, release.by_rollback, release.stage = 'running' AND EXISTS (SELECT 1 FROM release AS later \
         WHERE later.place = release.place AND later.changed > release.changed \
         AND later.stage IN ('running', 'failed')), release.warnings \
         FROM release JOIN run ON run.run = release.run {condition}"
    );
    let mut statement = rows.prepare_cached(&text)?;
    let views = statement.query_map(params_from_iter(keys), view)?;
    views.collect()
}

fn view(row: &Row<'_>) -> rusqlite::Result<ReleaseView> {
    let number = |at| row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or_default());
    let digest = |at| -> rusqlite::Result<Option<Digest>> {
        let text: Option<String> = row.get(at)?;
        Ok(text.and_then(|text| text.parse().ok()))
    };
    let (release, reasons, by): (Option<i64>, String, Option<String>) =
        (row.get(2)?, row.get(8)?, row.get(14)?);
    let (by_rollback, warnings): (Option<i64>, Option<String>) = (row.get(15)?, row.get(17)?);
    Ok(ReleaseView {
        place: parsed(row, 0)?,
        kind: parsed(row, 1)?,
        release: release.and_then(|number| u64::try_from(number).ok()),
        run: parsed(row, 3)?,
        artifact: parsed(row, 4)?,
        commit: parsed(row, 5)?,
        stage: parsed(row, 6)?,
        outcome: row.get::<_, Option<String>>(7)?.map(|_| parsed(row, 7)).transpose()?,
        reasons: reasons.split_whitespace().map(str::to_owned).collect(),
        warnings: warnings.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        detail: digest(9)?,
        bundle: digest(10)?,
        began: number(11)?,
        entry: number(12)?,
        time: parsed(row, 13)?,
        by: by.and_then(|run| run.parse().ok()),
        by_rollback: by_rollback.and_then(|number| u64::try_from(number).ok()),
        replaced: row.get(16)?,
    })
}
