//! One row for each entry about a release, so that its timeline and the people who let it go ahead are found at once.
//!
//! Invariant: an artifact that is wanted has release 0 until its plan has a number; then its row gets that number.

use domain::{Event, PersonId};
use evidence::approval::Decision;
use evidence::receipt::Work;
use evidence::{Moment, Place};
use rusqlite::{Connection, params};

use super::columns::{parsed, signed};
use super::releases::EntryPosition;

/// An entry about a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MomentRow {
    /// Number of the entry.
    pub entry: u64,
    /// Time of the entry.
    pub time: Moment,
}

/// A vote or a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The person.
    pub person: PersonId,
    /// Whether it is an approval, a rejection or a promotion.
    pub kind: ConsentKind,
}

/// The sorts of consent, and its refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentKind {
    /// The person approved.
    Approved,
    /// The person rejected.
    Rejected,
    /// The person let the release go ahead.
    Promoted,
}

/// Applies an event; ignores unrelated ones.
pub fn apply(rows: &Connection, at: EntryPosition<'_>, event: &Event) -> rusqlite::Result<()> {
    let Some((place, release, kind, person)) = about(event) else { return Ok(()) };
    if matches!(event, Event::Proposed(_)) {
        rows.prepare_cached(
            "UPDATE moment SET release = ?2 WHERE entry = (SELECT max(entry) FROM moment \
             WHERE place = ?1 AND release = 0 AND kind = 'wanted')",
        )?
        .execute(params![place.to_string(), signed(release)])?;
    }
    rows.prepare_cached(
        "INSERT INTO moment (entry, place, release, kind, time, person) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        signed(at.number),
        place.to_string(),
        signed(release),
        kind,
        at.time,
        person.map(|person| person.to_string())
    ])?;
    Ok(())
}

/// The release that an event is about, the kind of row, and the person who acted.
fn about(event: &Event) -> Option<(&Place, u64, &'static str, Option<PersonId>)> {
    Some(match event {
        Event::Wanted(wanted) => (&wanted.place, 0, "wanted", None),
        Event::Unplannable(unplannable) => (&unplannable.place, 0, "unplannable", None),
        Event::Proposed(proposed) => (&proposed.place, proposed.release, "proposed", None),
        Event::Given(given) => {
            let kind = if given.decision == Decision::Approve { APPROVED } else { REJECTED };
            (&given.place, given.release, kind, Some(given.person))
        }
        Event::Promoted(promoted) => (&promoted.place, promoted.release, PROMOTED, Some(promoted.person)),
        Event::GateDue(due) => (&due.place, due.release, "judging", None),
        Event::Judged(judged) => (&judged.place, judged.release, "judged", None),
        Event::ReleaseDue(due) => (&due.place, due.release, "due", None),
        Event::Held(held) => (&held.place, held.release, "held", None),
        Event::AgentReported(reported) => (&reported.place, reported.release, "reported", None),
        Event::Observed(observed) => (&observed.place, observed.about?.release, "observed", None),
        Event::RollbackRequested(back) => (&back.place, back.release, "rollback", Some(back.person)),
        Event::AdvanceRequested(asked) => (&asked.place, asked.release, "advanced", Some(asked.person)),
        Event::ChecksLost(lost) => (&lost.place, lost.release, "checks-lost", None),
        Event::Reported(reported) => match &reported.work {
            Work::Check(check) => (&check.place, check.release, "checked", None),
            Work::Step(_) | Work::Artifact(_) => return None,
        },
        _ => return None,
    })
}

/// The entries about a release, the newest first. Number 0 stands for the newest artifact that has no number.
pub fn of_release(rows: &Connection, place: &Place, release: u64) -> rusqlite::Result<Vec<MomentRow>> {
    let mut statement = rows.prepare_cached(
        "SELECT entry, time FROM moment WHERE place = ?1 AND release = ?2 AND (?2 > 0 OR entry >= \
         (SELECT max(entry) FROM moment WHERE place = ?1 AND release = 0 AND kind = 'wanted')) \
         ORDER BY entry DESC LIMIT ?3",
    )?;
    let found = statement.query_map(params![place.to_string(), signed(release), SHOWN_MAX], |row| {
        let entry: i64 = row.get(0)?;
        Ok(MomentRow { entry: u64::try_from(entry).unwrap_or_default(), time: parsed(row, 1)? })
    })?;
    found.collect()
}

/// The votes on a release and its promotions, the oldest first.
pub fn consents(rows: &Connection, place: &Place, release: u64) -> rusqlite::Result<Vec<Consent>> {
    let mut statement = rows.prepare_cached(
        "SELECT person, kind FROM moment WHERE place = ?1 AND release = ?2 AND kind IN (?3, ?4, ?5) ORDER BY entry",
    )?;
    let values = params![place.to_string(), signed(release), APPROVED, REJECTED, PROMOTED];
    let found = statement.query_map(values, |row| {
        let kind: String = row.get(1)?;
        let kind = match kind.as_str() {
            APPROVED => ConsentKind::Approved,
            REJECTED => ConsentKind::Rejected,
            _ => ConsentKind::Promoted,
        };
        Ok(Consent { person: parsed(row, 0)?, kind })
    })?;
    found.collect()
}

const APPROVED: &str = "approved";
const REJECTED: &str = "rejected";
const PROMOTED: &str = "promoted";
/// Most entries of a timeline.
const SHOWN_MAX: i64 = 200;
