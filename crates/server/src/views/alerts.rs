//! One row for each alert about a place, with its newest line and what became of it.
//!
//! Invariant: rows follow from the lines alone. No decision of an agent reads one; the server's gate may hold an artifact because of
//! one, which only withholds.

use domain::Event;
use domain::PersonId;
use evidence::entry::{Actor, Entry, Header};
use evidence::{Digest, Moment, Name, Place};
use judge::{LinesError, lines_of};
use review::alerts::{self, Answer, OpenAlert, Told, told};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use wire::AlertState;

use super::columns::{parsed, signed};
use super::error::ViewError;

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// Its newest line.
    pub alert: OpenAlert,
    /// Number of the entry of that line.
    pub entry: u64,
    /// Its state.
    pub state: AlertState,
    /// Time at which it was opened.
    pub opened: Moment,
    /// Time at which its time was over.
    pub overdue: Option<Moment>,
    /// The person who acknowledged it, with the reason and the time.
    pub acknowledged: Option<(PersonId, String, Moment)>,
    /// Why its cause is gone, and since when.
    pub closed: Option<(String, Moment)>,
}

/// Applies an entry.
pub fn apply(
    rows: &Connection,
    number: u64,
    (header, event, entry): (&Header, &Event, &Entry),
) -> Result<(), ViewError> {
    let Event::Recorded(facts) = event else { return Ok(()) };
    let lines = match lines_of(header, facts, entry) {
        Ok(lines) => lines,
        Err(LinesError::Erased) => return Ok(()),
        Err(error) => return Err(ViewError::Entry(format!("entry {number}: {error}"))),
    };
    for line in lines.iter() {
        match told(&line.body) {
            Some(Told::News(news)) => self::news(rows, (number, header.time), news)?,
            Some(Told::Answer(answer)) => self::answer(rows, header.time, answer)?,
            None => {}
        }
    }
    Ok(())
}

fn news(rows: &Connection, (number, time): (u64, Moment), alert: &OpenAlert) -> Result<(), ViewError> {
    let id = alert.alert.to_string();
    let known = one(rows, &alert.alert)?.filter(|known| known.state != AlertState::Closed);
    let line = serde_json::to_string(alert).map_err(|error| ViewError::Entry(error.to_string()))?;
    let opened = known.as_ref().map_or(time, |known| known.opened);
    let again = known.as_ref().is_none_or(|known| alerts::is_worse(&known.alert, alert));
    let acknowledged = known.as_ref().filter(|_| !again).and_then(|known| known.acknowledged.clone());
    let overdue = match alerts::is_overdue(alert) {
        true => Some(time),
        false => known.as_ref().filter(|_| !again).and_then(|known| known.overdue),
    };
    let state = if acknowledged.is_some() { AlertState::Acknowledged } else { AlertState::Open };
    let (person, reason, since) = match acknowledged {
        Some((person, reason, since)) => (Some(person.to_string()), Some(reason), Some(since.to_string())),
        None => (None, None, None),
    };
    rows.prepare_cached(
        "INSERT OR REPLACE INTO alerted (alert, entry, project, place, artifact, critical, state, line, opened, overdue, \
         person, reason, acknowledged) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        id,
        signed(number),
        alert.place.project.as_str(),
        alert.place.to_string(),
        alert.artifact.to_string(),
        alerts::is_critical(alert),
        word(state),
        line,
        opened.to_string(),
        overdue.map(|time| time.to_string()),
        person,
        reason,
        since
    ])?;
    for id_of in alert.aliases.iter().chain([&alert.subject]) {
        rows.prepare_cached("INSERT OR IGNORE INTO alert_id (id, alert, component) VALUES (?1, ?2, ?3)")?
            .execute(params![id_of.to_uppercase(), id, alert.component])?;
    }
    Ok(())
}

fn answer(rows: &Connection, time: Moment, answer: &Answer) -> rusqlite::Result<()> {
    let (id, time) = (answer.alert.to_string(), time.to_string());
    if alerts::is_closing(answer) {
        rows.prepare_cached(
            "UPDATE alerted SET state = 'closed', why = ?2, closed = ?3 WHERE alert = ?1 AND state <> 'closed'",
        )?
        .execute(params![id, answer.reason, time])?;
        return Ok(());
    }
    let Actor::Person(person) = &answer.who else { return Ok(()) };
    rows.prepare_cached(
        "UPDATE alerted SET state = 'acknowledged', person = ?2, reason = ?3, acknowledged = ?4 \
         WHERE alert = ?1 AND state <> 'closed'",
    )?
    .execute(params![id, person.to_string(), answer.reason, time])?;
    Ok(())
}

const fn word(state: AlertState) -> &'static str {
    match state {
        AlertState::Open => "open",
        AlertState::Acknowledged => "acknowledged",
        AlertState::Closed => "closed",
    }
}

const COLUMNS: &str = "alert, entry, state, line, opened, overdue, person, reason, acknowledged, why, closed, project FROM alerted";

/// An alert by its identity.
///
/// # Errors
/// `rusqlite::Error` if the row cannot be read.
pub fn one(rows: &Connection, alert: &Digest) -> rusqlite::Result<Option<AlertRow>> {
    let text = format!("SELECT {COLUMNS} WHERE alert = ?1");
    rows.prepare_cached(&text)?.query_row(params![alert.to_string()], row_of).optional()
}

/// Alerts whose identity begins with these digits; at most two.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn beginning(rows: &Connection, digits: &str) -> rusqlite::Result<Vec<AlertRow>> {
    let text = format!("SELECT {COLUMNS} WHERE alert >= ?1 AND alert < ?1 || 'g' LIMIT 2");
    let mut statement = rows.prepare_cached(&text)?;
    let digits = digits.strip_prefix("sha256:").unwrap_or(digits);
    statement.query_map(params![format!("sha256:{digits}")], row_of)?.collect()
}

/// All alerts whose cause is not gone.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn open(rows: &Connection) -> rusqlite::Result<Vec<AlertRow>> {
    let text = format!("SELECT {COLUMNS} WHERE state <> 'closed'");
    rows.prepare_cached(&text)?.query_map([], row_of)?.collect()
}

/// Alerts that a caller may read: those that are open, the most urgent first, and then the newest that were closed.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn list(
    rows: &Connection,
    most: usize,
    may_read: &dyn Fn(&Name) -> bool,
) -> rusqlite::Result<Vec<AlertRow>> {
    let mut found = open(rows)?;
    found.sort_by_key(|row| {
        let urgent = (alerts::is_critical(&row.alert), row.alert.severity);
        (std::cmp::Reverse(urgent), row.alert.due, row.alert.alert)
    });
    let text = format!("SELECT {COLUMNS} WHERE state = 'closed' ORDER BY closed DESC LIMIT {CLOSED_MAX}");
    let mut statement = rows.prepare_cached(&text)?;
    for row in statement.query_map([], row_of)? {
        found.push(row?);
    }
    found.retain(|row| may_read(&row.alert.place.project));
    found.truncate(most);
    Ok(found)
}

/// Number of open alerts in projects that a caller may read: all, critical ones, and overdue ones.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn count(rows: &Connection, may_read: &dyn Fn(&Name) -> bool) -> rusqlite::Result<(u64, u64, u64)> {
    let text = "SELECT project, count(*), sum(critical), sum(overdue IS NOT NULL) FROM alerted \
                WHERE state <> 'closed' GROUP BY project";
    let mut statement = rows.prepare_cached(text)?;
    let mut all = (0, 0, 0);
    let found = statement.query_map([], |row| {
        let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok((parsed::<Name>(row, 0)?, number(1)?, number(2)?, number(3)?))
    })?;
    for row in found {
        let (project, open, critical, overdue) = row?;
        if may_read(&project) {
            all = (all.0 + open, all.1 + critical, all.2 + overdue);
        }
    }
    Ok(all)
}

/// A critical alert that is open and keeps an artifact from a place, acknowledged or not: one about the artifact anywhere, or one about
/// the place because of a component that the artifact has, too.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn critical_of(
    rows: &Connection,
    artifact: &Digest,
    place: &Place,
) -> rusqlite::Result<Option<AlertRow>> {
    let text = format!(
        "SELECT {COLUMNS} WHERE state <> 'closed' AND critical AND (artifact = ?1 OR (place = ?2 AND EXISTS (\
         SELECT 1 FROM alert_id AS i JOIN package AS k ON k.purl = i.component \
         JOIN component AS c ON c.package = k.number JOIN made AS m ON m.document = c.document \
         JOIN release AS r ON r.run = m.run WHERE i.alert = alerted.alert AND r.artifact = ?1))) LIMIT 1"
    );
    let values = params![artifact.to_string(), place.to_string()];
    rows.prepare_cached(&text)?.query_row(values, row_of).optional()
}

/// Whether a list of a build names this package of an artifact.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn has_component(rows: &Connection, artifact: &Digest, purl: &str) -> rusqlite::Result<bool> {
    let text = "SELECT EXISTS (SELECT 1 FROM package AS k JOIN component AS c ON c.package = k.number \
                JOIN made AS m ON m.document = c.document JOIN release AS r ON r.run = m.run \
                WHERE k.purl = ?1 AND r.artifact = ?2)";
    rows.prepare_cached(text)?.query_row(params![purl, artifact.to_string()], |row| row.get(0))
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<AlertRow> {
    let moment = |at| row.get::<_, Option<String>>(at)?.map(|_| parsed(row, at)).transpose();
    let state: String = row.get(2)?;
    let line: String = row.get(3)?;
    let unsound = |text: String| rusqlite::Error::InvalidColumnType(3, text, rusqlite::types::Type::Text);
    let person: Option<PersonId> = row.get::<_, Option<String>>(6)?.map(|_| parsed(row, 6)).transpose()?;
    let acknowledged = person.zip(row.get::<_, Option<String>>(7)?).zip(moment(8)?);
    let closed: Option<Moment> = moment(10)?;
    Ok(AlertRow {
        alert: serde_json::from_str(&line).map_err(|error| unsound(error.to_string()))?,
        entry: row.get::<_, i64>(1)?.unsigned_abs(),
        state: match state.as_str() {
            "open" => AlertState::Open,
            "acknowledged" => AlertState::Acknowledged,
            _ => AlertState::Closed,
        },
        opened: parsed(row, 4)?,
        overdue: moment(5)?,
        acknowledged: acknowledged.map(|((person, reason), time)| (person, reason, time)),
        closed: row.get::<_, Option<String>>(9)?.zip(closed),
    })
}

/// Most closed alerts in one list.
const CLOSED_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use evidence::Id;
    use evidence::document::findings::{Class, Severity, Site};
    use evidence::records::Body;
    use lab::at;
    use lab::documents::findings;
    use review::alerts::{AlertRules, Cause, Subject, acknowledged, closed};
    use review::inventory::Problem;

    use super::super::schema::SCHEMA;
    use super::*;

    const SERDE: &str = "pkg:cargo/serde@1.0.0";
    const PLACE: &str = "shop/api/production";

    fn rows() -> Connection {
        let rows = Connection::open_in_memory().unwrap();
        rows.execute_batch(SCHEMA).unwrap();
        rows
    }

    fn alert(severity: Severity) -> OpenAlert {
        let (id, mut finding) =
            findings(&[("GHSA-1", Class::Dependency, severity)]).findings.pop_first().unwrap();
        finding.site = Site::Component { purl: SERDE.to_owned(), through: Vec::new() };
        let (place, artifact) = (PLACE.parse().unwrap(), Digest::of(b"old"));
        let subject = Subject { place, release: Some(1), artifact, owner: None };
        let by = (&AlertRules::default(), None, at(1));
        alerts::of_problem(Cause::Advisory, &subject, &Problem { id, finding }, by).unwrap()
    }

    fn tell(rows: &Connection, time: i64, body: &Body) {
        let Some(Told::Answer(told)) = told(body) else { unreachable!() };
        answer(rows, at(time), told).unwrap();
    }

    #[test]
    fn an_alert_is_one_row_and_an_answer_counts_until_it_is_worse_or_closed() {
        let (rows, high) = (rows(), alert(Severity::High));
        let now = || one(&rows, &high.alert).unwrap().unwrap();
        for number in [1, 2] {
            news(&rows, (number, at(number.cast_signed())), &high).unwrap();
        }
        assert_eq!((now().entry, now().opened, now().state), (2, at(1), AlertState::Open));
        tell(&rows, 3, &acknowledged(&high, Id::from_random([7; 16]), "it is mine"));
        news(&rows, (4, at(4)), &high).unwrap();
        assert_eq!((now().state, open(&rows).unwrap().len()), (AlertState::Acknowledged, 1));
        news(&rows, (5, at(5)), &alert(Severity::Critical)).unwrap();
        assert_eq!((now().state, now().acknowledged, now().opened), (AlertState::Open, None, at(1)));
        assert_eq!(count(&rows, &|_| true).unwrap(), (1, 1, 0));
        assert_eq!(count(&rows, &|_| false).unwrap(), (0, 0, 0));
        tell(&rows, 6, &closed(&high, "it is gone"));
        assert_eq!(now().closed, Some(("it is gone".to_owned(), at(6))));
        tell(&rows, 7, &acknowledged(&high, Id::from_random([7; 16]), "late"));
        assert_eq!((now().state, open(&rows).unwrap().len()), (AlertState::Closed, 0));
        news(&rows, (8, at(8)), &high).unwrap();
        assert_eq!((now().state, now().opened, now().closed), (AlertState::Open, at(8), None));
    }

    #[test]
    fn attack_a_critical_alert_keeps_its_artifact_and_its_component_from_the_place() {
        let rows = rows();
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let holds = |artifact: &Digest, place: &str| {
            critical_of(&rows, artifact, &place.parse().unwrap()).unwrap().is_some()
        };
        news(&rows, (1, at(1)), &alert(Severity::High)).unwrap();
        assert!(!holds(&old, PLACE), "it is not critical");
        let critical = alert(Severity::Critical);
        news(&rows, (2, at(2)), &critical).unwrap();
        assert!(holds(&old, PLACE) && holds(&old, "shop/api/dev"), "wherever the artifact goes");
        assert!(!holds(&new, PLACE), "nothing is known of it");
        rows.execute_batch(&format!(
            "INSERT INTO document (number, digest) VALUES (1, x'00'); INSERT INTO made (run, document) VALUES ('r', 1);
             INSERT INTO package (number, purl, bare, name, own, version) VALUES (1, '{SERDE}', '', '', '', '');
             INSERT INTO component (package, document) VALUES (1, 1);
             INSERT INTO release (place, began, kind, run, artifact, release, stage, reasons, changed, time)
             VALUES ('{PLACE}', 1, 'release', 'r', '{new}', 2, 'held', '', 1, '');"
        ))
        .unwrap();
        assert!(holds(&new, PLACE) && !holds(&new, "shop/api/dev"));
        tell(&rows, 3, &acknowledged(&critical, Id::from_random([7; 16]), "it is mine"));
        assert!(holds(&old, PLACE) && holds(&new, PLACE), "an answer lets nothing through");
        tell(&rows, 4, &closed(&critical, "it is gone"));
        assert!(!holds(&old, PLACE) && !holds(&new, PLACE));
    }
}
