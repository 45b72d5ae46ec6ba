//! Where something runs, ran or waits.
//!
//! Invariant: a question reads a bounded number of rows, and says if there are more. A place is told once for each release, with the
//! first document that names what was asked for.

use std::collections::BTreeMap;

use evidence::document::compare_versions;
use evidence::{Digest, Id, Moment, Name, Place};
use review::inventory::bare as bare_of;
use rusqlite::{Connection, Params, Row, params};

use crate::views::columns::parsed;

/// Things that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// A package by its package URL, with a version or without.
    Purl(String),
    /// A problem by an id of it.
    Problem(String),
    /// An artifact or a document.
    Digest(Digest),
    /// A package by its name, and the versions that are asked for.
    Name(String),
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The thing.
    pub sought: Sought,
    /// Bounds of the versions: an operator, and a version. All of them have to hold.
    pub versions: Vec<(Bound, String)>,
}

/// Comparisons of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

/// A release at a place that has what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The place.
    pub place: Place,
    /// Number of the release; `None` before it has one.
    pub release: Option<u64>,
    /// Its artifact.
    pub artifact: Digest,
    /// The run that built it.
    pub run: Option<Id>,
    /// From when it ran; `None` while it waits.
    pub since: Option<Moment>,
    /// Until when it ran; `None` while it runs or waits.
    pub until: Option<Moment>,
    /// Package URLs that were found, or ids of problems.
    pub found: Vec<String>,
    /// Whether the project itself names the package, if that is known.
    pub direct: Option<bool>,
    /// The document that says so; `None` where an artifact was asked for.
    pub document: Option<Digest>,
}

/// The key by which spots are told once.
type SpotKey = (String, Option<u64>, String, Option<Moment>);
/// The spots of an answer, and whether rows are beyond its bound.
#[derive(Debug, Default)]
struct Spots {
    known: BTreeMap<SpotKey, Spot>,
    rows: i64,
}

impl std::str::FromStr for Question {
    type Err = NoQuestion;

    fn from_str(text: &str) -> Result<Self, NoQuestion> {
        let text = text.trim();
        if text.is_empty() || text.len() > QUESTION_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(NoQuestion);
        }
        let digest = text.parse::<Digest>().or_else(|_| format!("sha256:{text}").parse());
        if let Ok(digest) = digest {
            return Ok(Self { sought: Sought::Digest(digest), versions: Vec::new() });
        }
        let at = text.find(['<', '>', '=']).unwrap_or(text.len());
        // The qualifiers of a package URL have equals signs.
        let at = if text.starts_with("pkg:") && text.get(..at).is_some_and(|front| front.contains('?')) {
            text.len()
        } else {
            at
        };
        let (what, bounds) = text.split_at(at);
        let what = what.trim();
        if what.is_empty() {
            return Err(NoQuestion);
        }
        let versions = bounds.split(',').filter(|bound| !bound.trim().is_empty()).map(bound);
        let mut versions: Vec<_> = versions.collect::<Result<_, _>>()?;
        let sought = if what.starts_with("pkg:") {
            Sought::Purl(what.replacen("/@", "/%40", 1))
        } else if is_id(what) {
            Sought::Problem(what.to_uppercase())
        } else {
            // `serde@1.0` is a name with a version; `@acme/pad` is a name.
            match what.rsplit_once('@').filter(|(name, _)| !name.is_empty()) {
                Some((name, version)) => {
                    versions.push((Bound::Equal, version.to_owned()));
                    Sought::Name(name.to_lowercase())
                }
                None => Sought::Name(what.to_lowercase()),
            }
        };
        Ok(Self { sought, versions })
    }
}

/// Why a text is no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "ask for a package URL, an id such as CVE-2026-1188, a digest, or a name with a version or a range: `serde@1.0.0`, \
     `serde<1.0.1`"
)]
pub struct NoQuestion;

fn bound(text: &str) -> Result<(Bound, String), NoQuestion> {
    let text = text.trim();
    let forms = [
        ("<=", Bound::AtMost),
        (">=", Bound::AtLeast),
        ("==", Bound::Equal),
        ("<", Bound::Below),
        (">", Bound::Above),
        ("=", Bound::Equal),
    ];
    let found = forms.iter().find_map(|(sign, bound)| Some((*bound, text.strip_prefix(sign)?.trim())));
    let is_version = |version: &str| !version.is_empty() && !version.starts_with(['<', '>', '=']);
    let (bound, version) = found.filter(|(_, version)| is_version(version)).ok_or(NoQuestion)?;
    Ok((bound, version.to_owned()))
}

/// Whether a text has the form of an id of a problem: letters, a hyphen, and digits after it.
fn is_id(text: &str) -> bool {
    let Some((source, rest)) = text.split_once('-') else { return false };
    let known = ["CVE", "GHSA", "RUSTSEC", "GO", "PYSEC", "MAL", "OSV", "GMS", "CWE", "USN", "DSA"];
    // The ids of GitHub have letters, too; `go-yaml` is a package.
    let is_numbered = rest.starts_with(|first: char| first.is_ascii_digit());
    let is_lettered = source.eq_ignore_ascii_case("GHSA") && !rest.is_empty();
    (is_numbered && known.iter().any(|name| source.eq_ignore_ascii_case(name))) || is_lettered
}

impl Bound {
    fn holds(self, version: &str, bound: &str) -> bool {
        let order = compare_versions(version, bound);
        match self {
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => version == bound,
            Self::AtLeast => order.is_ge(),
            Self::Above => order.is_gt(),
        }
    }
}

/// The spots of what was asked for, those that run first, then those that wait, then the newest; and whether there are more rows
/// than were read.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn locate(rows: &Connection, question: &Question) -> rusqlite::Result<(Vec<Spot>, bool)> {
    let mut spots = Spots::default();
    match &question.sought {
        Sought::Digest(digest) => of_digest(rows, digest, &mut spots)?,
        Sought::Problem(id) => of_problem(rows, id, question, &mut spots)?,
        Sought::Purl(purl) => {
            let purl = purl.as_str();
            let exact = "SELECT number, version FROM package WHERE purl = ?1";
            let bare = "SELECT number, version FROM package WHERE bare = ?1";
            let packages = match matching(rows, exact, purl, question)? {
                // A list may name a package without a version, and others have it with one.
                found if found.is_empty() || bare_of(purl) == purl => {
                    matching(rows, bare, &purl.to_lowercase(), question)?
                }
                found => found,
            };
            of_packages(rows, &packages, &mut spots)?;
        }
        Sought::Name(name) => {
            let text = "SELECT number, version FROM package WHERE name = ?1";
            of_packages(rows, &matching(rows, text, name, question)?, &mut spots)?;
            // Ids of advisories have many forms: a name may be one, too.
            of_problem(rows, &name.to_uppercase(), question, &mut spots)?;
        }
    }
    let more = spots.rows >= ROWS_MAX;
    let mut found: Vec<Spot> = spots.known.into_values().collect();
    found.sort_by(|one, other| order(one).cmp(&order(other)));
    Ok((found, more))
}

/// Releases that run go before those that wait and those that ran; then the newest goes first.
fn order(spot: &Spot) -> (u8, std::cmp::Reverse<Option<Moment>>, &Place) {
    let state = match (spot.since, spot.until) {
        (Some(_), None) => 0,
        (None, _) => 1,
        (Some(_), Some(_)) => 2,
    };
    (state, std::cmp::Reverse(spot.since), &spot.place)
}

/// Numbers of the packages of a question.
fn matching(rows: &Connection, text: &str, key: &str, question: &Question) -> rusqlite::Result<Vec<i64>> {
    let mut statement = rows.prepare_cached(text)?;
    let found =
        statement.query_map(params![key], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut numbers = Vec::new();
    for row in found {
        let (number, version) = row?;
        if question.versions.iter().all(|(bound, of)| bound.holds(&version, of)) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn of_packages(rows: &Connection, packages: &[i64], spots: &mut Spots) -> rusqlite::Result<()> {
    let front = "FROM component AS c JOIN package AS k ON k.number = c.package \
                 JOIN made AS m ON m.document = c.document JOIN document AS d ON d.number = c.document";
    let ran = format!(
        "SELECT r.place, r.release, r.artifact, r.run, r.since, r.until, k.purl, c.direct, d.digest {front} \
         JOIN ran AS r ON r.run = m.run WHERE c.package = ?1 LIMIT ?2"
    );
    let waits = format!(
        "SELECT r.place, r.release, r.artifact, r.run, NULL, NULL, k.purl, c.direct, d.digest {front} \
         JOIN release AS r ON r.run = m.run AND r.kind = 'release' AND {WAITS} WHERE c.package = ?1 LIMIT ?2"
    );
    for package in packages {
        if spots.rows >= ROWS_MAX {
            break;
        }
        // A package that never ran costs two queries, too.
        spots.rows += 1;
        spots.add(rows, &ran, params![package, ROWS_MAX])?;
        spots.add(rows, &waits, params![package, ROWS_MAX])?;
    }
    Ok(())
}

/// A problem is where reports name it, and where a component is that a report or an alert names with it.
fn of_problem(rows: &Connection, id: &str, question: &Question, spots: &mut Spots) -> rusqlite::Result<()> {
    let mut named = rows.prepare_cached(
        "SELECT DISTINCT f.component FROM problem AS p JOIN finding AS f ON f.document = p.document \
         AND f.finding = p.finding WHERE p.id = ?1 AND f.component IS NOT NULL \
         UNION SELECT component FROM alert_id WHERE id = ?1 AND component IS NOT NULL LIMIT ?2",
    )?;
    let purls: Vec<String> =
        named.query_map(params![id, ROWS_MAX], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for purl in purls {
        let exact = "SELECT number, version FROM package WHERE purl = ?1";
        of_packages(rows, &matching(rows, exact, &purl, question)?, spots)?;
    }
    let front = "FROM problem AS p JOIN finding AS f ON f.document = p.document AND f.finding = p.finding \
                 JOIN made AS m ON m.document = p.document JOIN document AS d ON d.number = p.document";
    let ran = format!(
        "SELECT r.place, r.release, r.artifact, r.run, r.since, r.until, coalesce(f.component, p.id), NULL, d.digest \
         {front} JOIN ran AS r ON r.run = m.run WHERE p.id = ?1 LIMIT ?2"
    );
    let waits = format!(
        "SELECT r.place, r.release, r.artifact, r.run, NULL, NULL, coalesce(f.component, p.id), NULL, d.digest \
         {front} JOIN release AS r ON r.run = m.run AND r.kind = 'release' AND {WAITS} WHERE p.id = ?1 LIMIT ?2"
    );
    spots.add(rows, &ran, params![id, ROWS_MAX])?;
    spots.add(rows, &waits, params![id, ROWS_MAX])
}

fn of_digest(rows: &Connection, digest: &Digest, spots: &mut Spots) -> rusqlite::Result<()> {
    let artifact = digest.to_string();
    let ran = "SELECT place, release, artifact, run, since, until, artifact, NULL, NULL FROM ran \
               WHERE artifact = ?1 LIMIT ?2";
    let waits = format!(
        "SELECT r.place, r.release, r.artifact, r.run, NULL, NULL, r.artifact, NULL, NULL FROM release AS r \
         WHERE r.artifact = ?1 AND r.kind = 'release' AND {WAITS} LIMIT ?2"
    );
    spots.add(rows, ran, params![artifact, ROWS_MAX])?;
    spots.add(rows, &waits, params![artifact, ROWS_MAX])?;
    let of_document = "SELECT r.place, r.release, r.artifact, r.run, r.since, r.until, r.artifact, NULL, d.digest \
                       FROM document AS d JOIN made AS m ON m.document = d.number JOIN ran AS r ON r.run = m.run \
                       WHERE d.digest = ?1 LIMIT ?2";
    spots.add(rows, of_document, params![digest.as_bytes(), ROWS_MAX])
}

impl Spots {
    fn add(&mut self, rows: &Connection, text: &str, values: impl Params) -> rusqlite::Result<()> {
        if self.rows >= ROWS_MAX {
            return Ok(());
        }
        let mut statement = rows.prepare_cached(text)?;
        let mut found = statement.query(values)?;
        while let Some(row) = found.next()? {
            self.rows += 1;
            let spot = spot_of(row)?;
            let key = (spot.place.to_string(), spot.release, spot.artifact.to_string(), spot.since);
            match self.known.get_mut(&key) {
                None => drop(self.known.insert(key, spot)),
                Some(known) => {
                    known.direct = known.direct.max(spot.direct);
                    let new = |one: &String| !known.found.contains(one);
                    let more: Vec<_> = spot.found.into_iter().filter(new).collect();
                    let room = NAMES_MAX.saturating_sub(known.found.len());
                    known.found.extend(more.into_iter().take(room));
                }
            }
            if self.rows >= ROWS_MAX {
                break;
            }
        }
        Ok(())
    }
}

fn spot_of(row: &Row<'_>) -> rusqlite::Result<Spot> {
    let moment = |at| row.get::<_, Option<String>>(at)?.map(|_| parsed(row, at)).transpose();
    let run: String = row.get(3)?;
    Ok(Spot {
        place: parsed(row, 0)?,
        release: row.get::<_, Option<i64>>(1)?.and_then(|number| number.try_into().ok()),
        artifact: parsed(row, 2)?,
        run: run.parse().ok(),
        since: moment(4)?,
        until: moment(5)?,
        found: vec![row.get(6)?],
        direct: row.get(7)?,
        document: row.get::<_, Option<[u8; 32]>>(8)?.map(Digest::from_bytes),
    })
}

impl Spot {
    /// The project whose members may read it.
    pub const fn project(&self) -> &Name {
        &self.place.project
    }
}

/// Whether a release waits at its place.
pub(super) const WAITS: &str = "r.stage IN ('wanted', 'proposed', 'judging', 'held', 'due')";
/// Most rows that one question reads.
const ROWS_MAX: i64 = 20_000;
/// Most names of one spot.
const NAMES_MAX: usize = 8;
/// Longest question in bytes.
const QUESTION_BYTES_MAX: usize = 1_024;
