//! A search of the ledger, as an address states it.

use domain::PersonId;
use evidence::{Moment, Name};

use crate::console::fields::{encoded, fields};
use crate::console::reading::malformed;
use crate::http::problem::Failure;
use crate::views::search::Conditions;

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The words as they were written.
    pub text: String,
    /// The kind, or the beginning of kinds.
    pub kind: Option<String>,
    /// The project.
    pub project: Option<Name>,
    /// The person.
    pub person: Option<PersonId>,
    /// The first day, as it was written.
    pub from: Option<String>,
    /// The last day, as it was written.
    pub until: Option<String>,
    /// Only entries before this number.
    pub before: Option<u64>,
    begins: Option<Moment>,
    ends: Option<Moment>,
}

impl Asked {
    /// Reads a query.
    ///
    /// # Errors
    /// `Failure` names the first value that cannot be read.
    pub fn read(query: &str) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for (name, value) in fields(query).into_iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "q" => asked.text = value,
                "kind" => asked.kind = Some(kind(value)?),
                "project" => asked.project = Some(value.parse().map_err(malformed)?),
                "person" => asked.person = Some(value.parse().map_err(malformed)?),
                "before" => {
                    asked.before =
                        Some(value.parse().map_err(|_| malformed("`before` is the number of an entry"))?)
                }
                "from" => (asked.begins, asked.from) = (Some(day(&value, 0)?), Some(value)),
                "until" => (asked.ends, asked.until) = (Some(day(&value, 1)?), Some(value)),
                _ => {
                    return Err(malformed(format!(
                        "`{}` is no condition of a search",
                        shown::brief(&name, 40)
                    )));
                }
            }
        }
        let parts =
            |text: &str| text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).count();
        if asked.text.split_whitespace().count().max(parts(&asked.text)) > WORDS_MAX {
            // The index is asked for each of them, and none may be left out of the answer.
            let what = format!(
                "a search has at most {WORDS_MAX} words; parts of a word between signs count as words"
            );
            return Err(malformed(what));
        }
        Ok(asked)
    }

    /// Whether any condition is set, apart from the number of an entry.
    pub fn is_narrowed(&self) -> bool {
        *self != Self { before: self.before, ..Self::default() }
    }

    /// The conditions for the views.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            words: self.text.split_whitespace().map(word).filter(|word| !word.is_empty()).collect(),
            kind: self.kind.clone(),
            project: self.project.clone(),
            person: self.person,
            from: self.begins,
            until: self.ends,
            before: self.before,
        }
    }

    /// The address of the same search.
    pub fn address(&self, path: &str, before: Option<u64>) -> String {
        let text = (!self.text.is_empty()).then(|| self.text.clone());
        let all = [
            ("q", text),
            ("kind", self.kind.clone()),
            ("project", self.project.as_ref().map(ToString::to_string)),
            ("person", self.person.map(|person| person.to_string())),
            ("from", self.from.clone()),
            ("until", self.until.clone()),
            ("before", before.map(|number| number.to_string())),
        ];
        let set = all.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
        let query: Vec<_> = set.collect();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }
}

/// A kind, or the beginning of kinds up to a full stop.
fn kind(value: String) -> Result<String, Failure> {
    let plain = value.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-' | b'.'));
    if plain {
        Ok(value)
    } else {
        Err(malformed(
            "`kind` is the kind of an entry, such as `approval.given`, or its beginning `approval.`",
        ))
    }
}

/// Midnight of a day in UTC, or so many days later.
fn day(value: &str, later: u64) -> Result<Moment, Failure> {
    let midnight = format!("{value}T00:00:00.000Z").parse::<Moment>();
    let midnight = midnight
        .map_err(|_| malformed(format!("`{}` is no day, such as `2026-11-29`", shown::brief(value, 40))))?;
    Ok(midnight.later_by(std::time::Duration::from_hours(24 * later)))
}

/// A word as the index has it: of a digest, the digits that it keeps.
fn word(written: &str) -> String {
    let hex = written.strip_prefix("sha256:").unwrap_or(written);
    let is_id = hex.len() > 12 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { hex.get(..12).unwrap_or(hex).to_ascii_lowercase() } else { written.to_owned() }
}

/// Most words of one search.
const WORDS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let query = "q=a+b%26c&kind=approval.&project=shop&from=2026-11-22&until=2026-11-29";
        let asked = Asked::read(query).unwrap();
        assert_eq!((asked.text.as_str(), asked.kind.as_deref()), ("a b&c", Some("approval.")));
        let again = asked.address("/ledger", Some(7));
        assert_eq!(
            again,
            "/ledger?q=a%20b%26c&kind=approval.&project=shop&from=2026-11-22&until=2026-11-29&before=7"
        );
        let read = Asked::read(again.split_once('?').unwrap().1).unwrap();
        assert_eq!(Asked { before: None, ..read }, asked);
        assert_eq!(asked.conditions().words, ["a", "b&c"]);
        assert!(!Asked::read("before=7").unwrap().is_narrowed());
    }

    #[test]
    fn the_last_day_belongs_to_the_search() {
        let conditions = Asked::read("from=2026-11-29&until=2026-11-29").unwrap().conditions();
        assert_eq!(conditions.from.unwrap().to_string(), "2026-11-29T00:00:00.000Z");
        assert_eq!(conditions.until.unwrap().to_string(), "2026-11-30T00:00:00.000Z");
    }

    #[test]
    fn attack_a_search_with_other_conditions_is_refused() {
        for bad in [
            "from=yesterday",
            "kind='%20OR%201",
            "project=..",
            "person=x",
            "before=-1",
            "order=time",
            "until=2026-13-01",
        ] {
            assert!(Asked::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn attack_a_search_of_many_small_words_is_refused() {
        for many in ["a.".repeat(17), "a+".repeat(17), "%2d+".repeat(17)] {
            let failure = Asked::read(&format!("q={many}")).unwrap_err();
            assert!(failure.to_string().contains("at most 16 words"), "{failure}");
        }
        assert_eq!(Asked::read("q=pkg:npm/left-pad@1.3.0+api").unwrap().conditions().words.len(), 2);
    }

    #[test]
    fn a_digest_is_searched_by_the_digits_that_the_index_has() {
        let digest = format!("q=sha256:{}", "ab".repeat(32));
        assert_eq!(Asked::read(&digest).unwrap().conditions().words, ["ab".repeat(6)]);
    }
}
