//! One row for each entry with its filters, and an index of the words in its facts.
//!
//! Invariant: the index holds words of facts alone. Names, reasons and other particulars may be erased from the ledger, so
//! they are not here. A search reads a bounded number of entries and says where it stopped.

use domain::{Event, PersonId};
use evidence::entry::{Actor, Header};
use evidence::{Moment, Name};
use review::sentences::Sentence;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::columns::{parsed, signed};

/// An entry that a search finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEntry {
    /// Its number.
    pub entry: u64,
    /// Its project, if it has one.
    pub project: Option<Name>,
    /// The person whose command it refuses, if it is a refusal without a project.
    pub refused: Option<PersonId>,
}

/// Conditions that all found entries meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Beginnings of words that the facts have, all of them.
    pub words: Vec<String>,
    /// Kind of the event, or the beginning of kinds up to a full stop.
    pub kind: Option<String>,
    /// The project.
    pub project: Option<Name>,
    /// The person who caused it.
    pub person: Option<PersonId>,
    /// The earliest time.
    pub from: Option<Moment>,
    /// The first time that is too late.
    pub until: Option<Moment>,
    /// Only entries before this number.
    pub before: Option<u64>,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Entries, the newest first.
    pub entries: Vec<FoundEntry>,
    /// The number before which the search goes on; `None` if there are no older entries that could match.
    pub older: Option<u64>,
}

impl Found {
    /// Numbers of the entries, the newest first.
    pub fn numbers(&self) -> Vec<u64> {
        self.entries.iter().map(|entry| entry.entry).collect()
    }
}

/// Applies an entry.
pub fn apply(
    rows: &Connection,
    number: u64,
    header: &Header,
    (project, refused): (Option<&Name>, &str),
    (event, facts): (&Event, &[u8]),
) -> rusqlite::Result<()> {
    let person = match &header.actor {
        Actor::Person(person) => Some(person.to_string()),
        Actor::Machine(_) | Actor::System => None,
    };
    rows.prepare_cached(
        "INSERT INTO entry (entry, kind, project, refused, person, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        signed(number),
        header.kind,
        project.map_or("", Name::as_str),
        refused,
        person,
        header.time.to_string()
    ])?;
    let mut text = Sentence::of(event, &|person| person.to_string()).title;
    if let Ok(facts) = serde_json::from_slice::<serde_json::Value>(facts) {
        add_words(&facts, &mut text);
    }
    rows.prepare_cached("INSERT INTO entry_text (rowid, words) VALUES (?1, ?2)")?
        .execute(params![signed(number), text])
        .map(drop)
}

/// Adds the texts of facts. Of a digest only the digits that people see are kept: whole ones would make the index larger
/// than the ledger.
fn add_words(facts: &serde_json::Value, text: &mut String) {
    match facts {
        serde_json::Value::String(word) if text.len() < TEXT_BYTES_MAX => {
            let hex = word.strip_prefix("sha256:").unwrap_or(word);
            let is_id = hex.len() >= 2 * DIGITS && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            text.push(' ');
            text.push_str(if is_id { hex.get(..DIGITS).unwrap_or(hex) } else { word });
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| add_words(item, text)),
        serde_json::Value::Object(fields) => fields.values().for_each(|item| add_words(item, text)),
        _ => {}
    }
}

/// Entries that meet the conditions and that the caller may read, the newest first.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn find(
    rows: &Connection,
    conditions: &Conditions,
    most: usize,
    may_read: &dyn Fn(&FoundEntry) -> bool,
) -> rusqlite::Result<Found> {
    let (text, values) = question(conditions);
    let mut statement = rows.prepare_cached(&text)?;
    let mut asked = statement.query(params_from_iter(values))?;
    let mut found = Found { entries: Vec::new(), older: None };
    let mut read = 0;
    while let Some(row) = asked.next()? {
        let number: i64 = row.get(0)?;
        let (project, refused): (String, String) = (row.get(1)?, row.get(2)?);
        let entry = FoundEntry {
            entry: u64::try_from(number).unwrap_or_default(),
            project: if project.is_empty() { None } else { Some(parsed(row, 1)?) },
            refused: if refused.is_empty() { None } else { Some(parsed(row, 2)?) },
        };
        // One more than is shown says whether there are older ones.
        if found.entries.len() == most || read == READ_MAX {
            found.older = Some(entry.entry + 1);
            break;
        }
        read += 1;
        if may_read(&entry) {
            found.entries.push(entry);
        }
    }
    Ok(found)
}

/// The question of a search, and its values.
fn question(conditions: &Conditions) -> (String, Vec<Value>) {
    let Conditions { words, kind, project, person, from, until, before } = conditions;
    let mut values: Vec<Value> = Vec::new();
    let mut parts: Vec<String> = Vec::new();
    let mut add = |part: &str, value: Value| {
        values.push(value);
        parts.push(part.replace('?', &format!("?{}", values.len())));
    };
    if !words.is_empty() {
        // The index keeps no places of words, so a word with a hyphen is the words on both sides of it.
        let split = words.iter().flat_map(|word| word.split(|c: char| !c.is_alphanumeric()));
        let terms: Vec<_> =
            split.filter(|term| !term.is_empty()).map(|term| format!("\"{term}\"*")).collect();
        match terms.is_empty() {
            true => add("? = 1", 0.into()),
            false => add(
                "entry.entry IN (SELECT rowid FROM entry_text WHERE entry_text MATCH ?)",
                terms.join(" AND ").into(),
            ),
        }
    }
    if let Some(kind) = kind {
        // A whole kind, or a context such as `release.`, whose kinds lie in one range.
        add("entry.kind >= ?", kind.clone().into());
        add("entry.kind < ?", format!("{kind}{}", if kind.ends_with('.') { "~" } else { "\u{1}" }).into());
    }
    if let Some(project) = project {
        add("entry.project = ?", project.as_str().to_owned().into());
    }
    if let Some(person) = person {
        add("entry.person = ?", person.to_string().into());
    }
    if let Some(from) = from {
        add("entry.time >= ?", from.to_string().into());
    }
    if let Some(until) = until {
        add("entry.time < ?", until.to_string().into());
    }
    if let Some(before) = before {
        add("entry.entry < ?", signed(*before).into());
    }
    let conditions = if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) };
    (
        format!(
            "SELECT entry.entry, entry.project, entry.refused FROM entry{conditions} ORDER BY entry.entry DESC"
        ),
        values,
    )
}

/// Digits of an id that can be searched.
const DIGITS: usize = 12;
/// Most bytes of words of one entry.
const TEXT_BYTES_MAX: usize = 4_096;
/// Most entries that one search reads for a caller who may not read them all.
const READ_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::{Conditions, Found, FoundEntry, find};
    use crate::views::schema::SCHEMA;
    use rusqlite::{Connection, params};

    /// A view with these entries: kind, project and words.
    fn view(entries: &[(&str, &str, &str)]) -> Connection {
        let rows = Connection::open_in_memory().unwrap();
        rows.execute_batch(SCHEMA).unwrap();
        for (number, (kind, project, words)) in (0_i64..).zip(entries) {
            let time = format!("2026-11-{:02}T00:00:00.000Z", number + 1);
            rows.execute(
                "INSERT INTO entry (entry, kind, project, refused, person, time) VALUES (?1, ?2, ?3, '', NULL, ?4)",
                params![number, kind, project, time],
            )
            .unwrap();
            rows.execute("INSERT INTO entry_text (rowid, words) VALUES (?1, ?2)", params![number, words])
                .unwrap();
        }
        rows
    }

    fn search(rows: &Connection, conditions: &Conditions, most: usize) -> Found {
        find(rows, conditions, most, &|_| true).unwrap()
    }

    const ENTRIES: [(&str, &str, &str); 4] = [
        ("approval.given", "shop", "Carol approved release 42 of shop/api/production 4f9c21e07b3d"),
        ("refused", "", "promote finding-critical"),
        ("release.held", "shop", "Release 42 of shop/api/production is held"),
        ("release.held", "bank", "Release 7 of bank/ledger/production is held"),
    ];

    #[test]
    fn entries_are_found_by_the_beginnings_of_all_words() {
        let rows = view(&ENTRIES);
        for (words, found) in [
            (vec!["prod"], vec![3, 2, 0]),
            (vec!["held", "shop"], vec![2]),
            (vec!["4f9c"], vec![0]),
            (vec!["finding-crit"], vec![1]),
            (vec!["absent"], vec![]),
            (vec![], vec![3, 2, 1, 0]),
        ] {
            let conditions = Conditions {
                words: words.iter().map(|word| (*word).to_owned()).collect(),
                ..Conditions::default()
            };
            assert_eq!(search(&rows, &conditions, 10).numbers(), found, "{words:?}");
        }
    }

    #[test]
    fn conditions_narrow_a_search() {
        let rows = view(&ENTRIES);
        let of = |change: fn(&mut Conditions)| {
            let mut conditions = Conditions::default();
            change(&mut conditions);
            search(&rows, &conditions, 10).numbers()
        };
        assert_eq!(of(|it| it.kind = Some("release.".into())), [3, 2]);
        assert_eq!(of(|it| it.kind = Some("refused".into())), [1]);
        assert_eq!(of(|it| it.kind = Some("release.hel".into())), [0_u64; 0]);
        assert_eq!(of(|it| it.project = Some("bank".parse().unwrap())), [3]);
        assert_eq!(of(|it| it.from = Some("2026-11-03T00:00:00.000Z".parse().unwrap())), [3, 2]);
        assert_eq!(of(|it| it.until = Some("2026-11-03T00:00:00.000Z".parse().unwrap())), [1, 0]);
        assert_eq!(of(|it| it.before = Some(2)), [1, 0]);
    }

    #[test]
    fn a_search_goes_on_where_it_stopped() {
        let rows = view(&ENTRIES);
        let first = search(&rows, &Conditions::default(), 3);
        assert_eq!((first.numbers(), first.older), (vec![3, 2, 1], Some(1)));
        let rest = search(&rows, &Conditions { before: first.older, ..Conditions::default() }, 3);
        assert_eq!((rest.numbers(), rest.older), (vec![0], None));
    }

    #[test]
    fn attack_unreadable_entries_are_not_found() {
        let rows = view(&ENTRIES);
        let may =
            |entry: &FoundEntry| entry.project.as_ref().is_some_and(|project| project.as_str() == "shop");
        let found = find(&rows, &Conditions::default(), 1, &may).unwrap();
        assert_eq!((found.numbers(), found.older), (vec![2], Some(2)));
        let found =
            find(&rows, &Conditions { before: found.older, ..Conditions::default() }, 1, &may).unwrap();
        assert_eq!((found.numbers(), found.older), (vec![0], None));
    }

    #[test]
    fn attack_no_word_is_a_query() {
        let rows = view(&ENTRIES);
        for word in ["\"", "a\" OR words:*", "NEAR(a b)", "*", "'; DROP TABLE entry; --", "^zz", "-", "\u{0}"]
        {
            let conditions = Conditions { words: vec![word.to_owned()], ..Conditions::default() };
            assert!(
                find(&rows, &conditions, 10, &|_| true).is_ok_and(|found| found.entries.is_empty()),
                "{word:?}"
            );
        }
    }
}
