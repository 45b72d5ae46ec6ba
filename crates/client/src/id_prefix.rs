//! Ids as people type them: the whole id, or enough of its first digits to match only one id.
//!
//! Invariant: an ambiguous id is never guessed: if several ids match, the error names them.

use std::fmt;
use std::str::FromStr;

use domain::{PersonId, RunId};
use evidence::Digest;
use wire::{Client, RunFilter};

use crate::error::Error;

/// The beginning of an id, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPrefix(String);

impl FromStr for IdPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let are_digits = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if are_digits && (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) {
            Ok(Self(digits.to_owned()))
        } else {
            Err(format!(
                "expected an id, or at least {DIGITS_MIN} of the lower-case hex digits it begins with"
            ))
        }
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IdPrefix {
    /// The run that the digits match.
    pub async fn run(&self, client: &Client) -> Result<RunId, Error> {
        if let Ok(whole) = self.0.parse() {
            return Ok(whole);
        }
        let runs = client.runs(&RunFilter { begins: self.0.clone(), ..RunFilter::default() }).await?;
        let line = |run: &wire::RunView| format!("{} ({}, {})", run.run, run.project, run.state);
        self.only("run", runs.iter().map(|run| (run.run, line(run))), "countersign status")
    }

    /// The person that the digits match, among the enrolled people.
    pub fn person(&self, people: impl Iterator<Item = (PersonId, String)>) -> Result<PersonId, Error> {
        if let Ok(whole) = self.0.parse() {
            return Ok(whole);
        }
        let named = people.map(|(person, name)| (person, format!("{person} ({name})")));
        self.only("person", named, "countersign key list")
    }

    /// The digest that the digits match, among the known ones.
    pub fn digest<E: From<Error>>(
        &self,
        what: &str,
        known: impl FnOnce() -> Result<Vec<Digest>, E>,
    ) -> Result<Digest, E> {
        if let Ok(whole) = format!("sha256:{}", self.0).parse() {
            return Ok(whole);
        }
        let mut known = known()?;
        known.sort();
        known.dedup();
        Ok(self.only(
            what,
            known.into_iter().map(|digest| (digest, digest.to_string())),
            "countersign status",
        )?)
    }

    fn only<T: fmt::Display>(
        &self,
        what: &str,
        known: impl Iterator<Item = (T, String)>,
        see: &str,
    ) -> Result<T, Error> {
        let begins = |id: &T| {
            let text = id.to_string();
            text.strip_prefix("sha256:").unwrap_or(&text).starts_with(&self.0)
        };
        let mut found: Vec<_> = known.filter(|(id, _)| begins(id)).collect();
        match (found.pop(), found.as_slice()) {
            (Some((id, _)), []) => Ok(id),
            (None, _) => {
                Err(Error::unusable(format!("there is no {what} whose id begins with `{self}`; see `{see}`")))
            }
            (Some((_, last)), others) => {
                let all: Vec<_> =
                    others.iter().map(|(_, line)| line.as_str()).chain([last.as_str()]).collect();
                let what = format!("`{self}` begins the id of more than one {what}: {}", all.join(", "));
                Err(Error::ambiguous(format!("{what}; give more digits")))
            }
        }
    }
}

/// Fewest digits: with fewer, a second match would soon appear.
const DIGITS_MIN: usize = 4;
/// Number of digits of a whole digest.
const DIGITS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use domain::PersonId;
    use evidence::Digest;
    use review::ids::beginnings;

    use super::IdPrefix;

    #[test]
    fn a_shown_beginning_names_one_id_alone() {
        let id = |start: &str| format!("sha256:{start:0<64}").parse::<Digest>().unwrap();
        let ids = [id("1234567890abcd1"), id("1234567890abcd2"), id("1234567890af"), id("ff")];
        let shown = beginnings(&ids);
        assert_eq!(shown, ["1234567890abcd1", "1234567890abcd2", "1234567890af", "ff0000000000"]);
        for (text, id) in shown.iter().zip(&ids) {
            let begins: IdPrefix = text.parse().unwrap();
            let found = begins.digest::<crate::Error>("finding", || Ok(ids.to_vec()));
            assert_eq!(found.unwrap(), *id, "a shown id is accepted");
        }
    }

    #[test]
    fn what_only_one_begins_with_is_enough() {
        let ids = ["aaaa1", "aaaa2", "bbbb"].map(|start| format!("{start:0<32}"));
        let people = || ids.iter().filter_map(|id| Some((id.parse::<PersonId>().ok()?, "Ada".to_owned())));
        let ask = |text: &str| -> Result<String, String> {
            let beginning: IdPrefix = text.parse()?;
            let found = beginning.person(people());
            found.map(|id| id.to_string()).map_err(|failure| failure.to_string())
        };
        assert_eq!(ask("bbbb"), Ok(ids[2].clone()));
        assert_eq!(ask("aaaa2"), Ok(ids[1].clone()));
        let whole = "c".repeat(32);
        assert_eq!(ask(&whole), Ok(whole.clone()), "a whole id is taken at its word");
        let both = format!(
            "`aaaa` begins the id of more than one person: {} (Ada), {} (Ada); give more digits",
            ids[0], ids[1]
        );
        assert_eq!(ask("aaaa"), Err(both));
        let none = "there is no person whose id begins with `ffff`; see `countersign key list`";
        assert_eq!(ask("ffff"), Err(none.into()));
        for wrong in ["aaa", "AAAA", "xyz1", "sha256:ab", &"a".repeat(65)] {
            assert!(ask(wrong).is_err_and(|said| said.starts_with("expected an id")), "{wrong}");
        }
    }
}
