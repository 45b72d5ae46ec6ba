//! The matcher: one pass over the bytes for all keywords, and a regular expression only where a keyword is.
//!
//! Invariant: the time is linear in the length of the input, because each keyword leads to one expression over a window
//! of bounded length. Expressions are compiled when their keyword is first seen.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

use super::rule::{Rule, Sort};
use super::rules::rules;
use super::sound;
use crate::ScanError;

/// A match of a rule.
#[derive(Debug)]
pub struct Match {
    /// The rule.
    pub rule: &'static Rule,
    /// First byte.
    pub start: usize,
    /// Byte behind the last one.
    pub end: usize,
    /// Place of the rule in the table.
    rank: usize,
}

/// All matches that do not overlap, in the order of the bytes.
pub fn matches(bytes: &[u8]) -> Result<Vec<Match>, ScanError> {
    let engine = Engine::shared()?;
    let mut found: Vec<Match> = Vec::new();
    let mut last: Vec<usize> = vec![0; engine.rows.len()];
    for keyword in engine.keywords.find_overlapping_iter(bytes) {
        let Some(Keyword { rows, exact }) = engine.owners.get(keyword.pattern().as_usize()) else { continue };
        if bytes.get(keyword.range()).is_some_and(|written| *exact != written && is_case_bound(rows, engine))
        {
            continue;
        }
        for rank in rows {
            let Some(row) = engine.rows.get(*rank) else { continue };
            // A place that an earlier keyword of the rule led to is not read again.
            if last.get(*rank).is_some_and(|end| keyword.start() < *end) {
                continue;
            }
            if let Some((start, end)) = row.at(bytes, keyword.start(), keyword.end())? {
                if let Some(last) = last.get_mut(*rank) {
                    *last = end;
                }
                found.push(Match { rule: row.rule, start, end, rank: *rank });
            }
        }
    }
    found.sort_by_key(|found| (found.rank, found.start));
    Ok(apart(found))
}

/// The matches that overlap none of a rule earlier in the table.
fn apart(found: Vec<Match>) -> Vec<Match> {
    let mut kept: std::collections::BTreeMap<usize, Match> = std::collections::BTreeMap::new();
    for candidate in found {
        let before = kept.range(..candidate.end).next_back();
        if before.is_none_or(|(_, other)| other.end <= candidate.start) {
            kept.insert(candidate.start, candidate);
        }
    }
    kept.into_values().collect()
}

/// Keywords and rules, ready to match.
struct Engine {
    keywords: AhoCorasick,
    owners: Vec<Keyword>,
    rows: Vec<Row>,
}

/// A keyword, and the rows that it leads to.
struct Keyword {
    exact: Vec<u8>,
    rows: Vec<usize>,
}

struct Row {
    rule: &'static Rule,
    pattern: OnceLock<Result<Regex, String>>,
}

/// Whether all these rules want the keyword in its own case of letters.
fn is_case_bound(rows: &[usize], engine: &Engine) -> bool {
    rows.iter().filter_map(|row| engine.rows.get(*row)).all(|row| !row.rule.pattern.contains("(?i:"))
}

impl Engine {
    fn shared() -> Result<&'static Self, ScanError> {
        static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
        ENGINE.get_or_init(Self::new).as_ref().map_err(|why| broken(why))
    }

    fn new() -> Result<Self, String> {
        let mut owners: Vec<Keyword> = Vec::new();
        let mut rows = Vec::new();
        for (rank, rule) in rules().enumerate() {
            rows.push(Row { rule, pattern: OnceLock::new() });
            for keyword in rule.keywords {
                match owners.iter_mut().find(|owner| owner.exact == keyword.as_bytes()) {
                    Some(owner) => owner.rows.push(rank),
                    None => owners.push(Keyword { exact: keyword.as_bytes().to_vec(), rows: vec![rank] }),
                }
            }
        }
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
        let keywords =
            builder.build(owners.iter().map(|owner| &owner.exact)).map_err(|error| error.to_string())?;
        Ok(Self { keywords, owners, rows })
    }
}

impl Row {
    /// The secret around a keyword.
    fn at(&self, bytes: &[u8], start: usize, end: usize) -> Result<Option<(usize, usize)>, ScanError> {
        let from = start.saturating_sub(self.rule.before);
        // A pattern that begins before its keyword is looked for, any other begins at its keyword and ends early.
        let behind = if self.rule.before == 0 { WINDOW_BYTES } else { SEARCH_BYTES };
        let to = end.saturating_add(behind).min(bytes.len());
        let Some(window) = bytes.get(from..to) else { return Ok(None) };
        let regex = self.regex()?;
        let around =
            |found: &regex::bytes::Match<'_>| from + found.start() <= start && from + found.end() >= end;
        let Some(whole) = regex.find_iter(window).find(around) else { return Ok(None) };
        let (mut secret, mut offset) = (whole.as_bytes(), whole.start());
        if regex.captures_len() > 1 {
            // Groups are slow to find, so they are looked for only in what fits.
            let group = regex.captures(whole.as_bytes()).and_then(|found| found.get(1));
            let Some(group) = group else { return Ok(None) };
            (secret, offset) = (group.as_bytes(), whole.start() + group.start());
        }
        let is_public = self.rule.sort == Sort::Random && is_public(bytes, start, end);
        let (start, end) = (from + offset, from + offset + secret.len());
        let fits = !is_public && is_alone(self.rule, bytes, start, end) && sound::is_sound(self.rule, secret);
        Ok(fits.then_some((start, end)))
    }

    fn regex(&self) -> Result<&Regex, ScanError> {
        let compile = || {
            let begin = if self.rule.before == 0 { "^" } else { "" };
            let pattern = format!("{begin}(?:{})", self.rule.pattern);
            RegexBuilder::new(&pattern).unicode(false).build().map_err(|error| error.to_string())
        };
        self.pattern.get_or_init(compile).as_ref().map_err(|why| broken(why))
    }
}

/// Whether the bytes around a secret are not of the same word. A value behind words may follow them at once.
fn is_alone(rule: &Rule, bytes: &[u8], start: usize, end: usize) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    let after = bytes.get(end);
    let is_part = match rule.sort {
        Sort::Token | Sort::Checked | Sort::Jwt => word(before) || word(after) || after == Some(&b'-'),
        Sort::Value | Sort::Link => word(after),
        // A name before `(` is a function.
        Sort::Random => word(after) || after == Some(&b'('),
        Sort::Form | Sort::Password => false,
    };
    !is_part
}

/// Whether the name around a keyword says that its value is public, as `PublicKeyToken` does. Only the name counts: a
/// comment above, or the visibility of a field, would hide a secret. A password is never public.
fn is_public(bytes: &[u8], start: usize, end: usize) -> bool {
    let has = |text: &[u8], word: &[u8]| text.to_ascii_lowercase().windows(word.len()).any(|at| at == word);
    let keyword = bytes.get(start..end).unwrap_or_default();
    if NEVER_PUBLIC.iter().any(|word| has(keyword, word)) {
        return false;
    }
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let before = bytes.get(start.saturating_sub(NAME_BYTES)..start).unwrap_or_default();
    let behind = bytes.get(end..).unwrap_or_default();
    let before = before.iter().rev().take_while(is_name).count();
    let behind = behind.iter().take(NAME_BYTES).take_while(is_name).count();
    has(bytes.get(start - before..end + behind).unwrap_or_default(), b"public")
}

fn broken(why: &str) -> ScanError {
    ScanError::Format { what: "table of rules", why: why.to_owned() }
}

/// Bytes behind a keyword that a pattern may cover.
const WINDOW_BYTES: usize = 6144;
/// The same for a pattern that begins before its keyword.
const SEARCH_BYTES: usize = 300;
/// Bytes of a name that are read on each side of its keyword.
const NAME_BYTES: usize = 40;
/// Keywords whose value is no public one, whatever the name says.
const NEVER_PUBLIC: [&[u8]; 5] = [b"pass", b"secret", b"private", b"credential", b"master"];
