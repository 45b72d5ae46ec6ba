//! Secrets in files: tokens, keys and passwords, by rules that are data.
//!
//! Input: path and bytes of a file. Output: hits with their places, or a `findings` document of a tree. Invariant: neither a
//! hit nor a finding holds the secret. The identity of a finding is that of its line with the secret replaced by the rule's
//! name, and of a digest that tells it from any other secret, see `proof`. A file that is not scanned is named in the result. Nothing in the files
//! switches a rule off.
//! It deliberately omits passwords of free form and asking an issuer whether a token is alive.

mod engine;
mod names;
mod packed;
mod proof;
mod rule;
mod rules;
mod rules_a_to_d;
mod rules_e_to_m;
mod rules_n_to_z;
mod sound;

use std::collections::{BTreeMap, BTreeSet};

use evidence::Digest;
use evidence::document::findings::{
    Class, Finding, FindingsDocument, IdentityPlace, Proof, Severity, Site, identity, normalised,
};
use evidence::document::{Document as _, DocumentError, Tool, text};

use crate::{INPUT_BYTES_MAX, ScanError};
use proof::Bytes;

pub(crate) use names::of as file_rule;
pub use names::{NAMES, NameRule};
pub(crate) use packed::is_packed;
pub use rule::{Rule, Sort};
pub use rules::rules;

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Line, counted from 1; 0 if the file itself is a secret by its name.
    pub line: u32,
    /// First byte in the line, counted from 1.
    pub column: u32,
    /// Byte behind the last one in the line, counted from 1. It is the end of the first line of a longer secret.
    pub end: u32,
    /// Id of the rule.
    pub rule: &'static str,
    /// Identity of the finding.
    pub fingerprint: Digest,
    /// The same for comparisons on this machine: no other line of the file changes it. It must never be written, because it
    /// may be of a password that can be guessed.
    pub local: Digest,
    /// Sentence about it, with at most the first four characters, where those are public.
    pub message: String,
}

/// A file that was not scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Path.
    pub path: String,
    /// Reason.
    pub why: &'static str,
}

/// Result of scanning a tree.
#[derive(Debug)]
pub struct Scan {
    /// Findings; each skipped file is one that is undecided.
    pub document: FindingsDocument,
    /// Number of files that were scanned.
    pub files: usize,
    /// Files that were not scanned.
    pub skipped: Vec<Skipped>,
    /// The `local` of each finding that is a secret. It must never be written.
    pub local: BTreeMap<Digest, Digest>,
}

/// Scans a tree.
///
/// # Errors
/// `ScanError` when a file has too many secrets, or the document more findings than it can hold.
pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Result<Scan, ScanError> {
    let mut scan = Scan {
        document: FindingsDocument::new([Tool::new("countersign secrets", Some(env!("CARGO_PKG_VERSION")))]),
        files: 0,
        skipped: Vec::new(),
        local: BTreeMap::new(),
    };
    for (path, bytes) in files {
        if let Some(why) = unreadable(bytes) {
            let finding =
                finding(path, NOT_SCANNED, Severity::Low, 0, format!("not scanned for secrets: {why}"));
            // Packed files are usual and change with every build, so they only warn. Nobody needs a larger file.
            let unconfirmed = bytes.len() <= INPUT_BYTES_MAX;
            let finding = Finding { unconfirmed, undecided: true, ..finding };
            // Another file at the path is another one that was not scanned.
            let proof = Bytes::new(bytes).proof();
            scan.document.add(fingerprint(path, NOT_SCANNED, "", proof, 0)?, finding);
            scan.skipped.push(Skipped { path: path.clone(), why });
            // Its bytes are scanned as they are: text may begin like a compressed file.
            if bytes.len() > INPUT_BYTES_MAX {
                continue;
            }
        } else {
            scan.files += 1;
        }
        for hit in self::scan(path, bytes)? {
            let severity = if hit.rule.contains("-test-") { Severity::Medium } else { Severity::High };
            let finding = finding(path, hit.rule, severity, hit.line, hit.message);
            scan.local.insert(hit.fingerprint, hit.local);
            scan.document.add(hit.fingerprint, finding);
        }
    }
    scan.document.check()?;
    Ok(scan)
}

/// Scans a file, its name and its content. Bytes that are no text are scanned too.
///
/// # Errors
/// `ScanError` when the file has more than 10,000 secrets or more than [`INPUT_BYTES_MAX`] bytes.
pub fn scan(path: &str, bytes: &[u8]) -> Result<Vec<Hit>, ScanError> {
    if bytes.len() > INPUT_BYTES_MAX {
        return Err(ScanError::Long { what: "file to be scanned for secrets" });
    }
    let mut hits = Vec::new();
    let file = Bytes::new(bytes);
    if let Some(rule) = names::of(path) {
        let message = format!("{}: the name says that the file is a secret", rule.what);
        let (nowhere, proof) = (Digest::of(b""), file.proof());
        let fingerprint = fingerprint(path, rule.id, "", proof, 0)?;
        let local = self::fingerprint(path, rule.id, "", Proof::Value(nowhere), 0)?;
        hits.push(Hit { line: 0, column: 0, end: 0, rule: rule.id, fingerprint, local, message });
    }
    hits.extend(hits_in(path, bytes, &file)?);
    // Two bytes in front of a text would hide it, so it is read both as it stands and as it says.
    if let Some(text) = from_utf16(bytes) {
        hits.extend(hits_in(path, text.as_bytes(), &file)?);
    }
    Ok(hits)
}

/// Scans bytes of a file as one text.
fn hits_in(path: &str, bytes: &[u8], file: &Bytes<'_>) -> Result<Vec<Hit>, ScanError> {
    let matches = engine::matches(bytes)?;
    if matches.len() > HITS_MAX {
        let why = format!("{path}: more than {HITS_MAX} secrets; take the file out of the tree");
        return Err(ScanError::Format { what: "file to be scanned for secrets", why });
    }
    let mut hits = Vec::new();
    let (mut seen, mut seen_here) = (BTreeMap::new(), BTreeMap::new());
    let mut place = BytePosition::default();
    for (number, found) in matches.iter().enumerate() {
        place.advance(bytes, found.start);
        let line = redacted(bytes, place.line_start, &matches, number);
        let secret = bytes.get(found.start..found.end).unwrap_or_default();
        let value = proof::value(found.rule, secret);
        let proof = file.proof_of(found.rule, secret);
        // Two secrets that an identity does not tell apart are counted.
        let nth: &mut u32 = seen.entry((found.rule.id, proof, line.clone())).or_default();
        let fingerprint = fingerprint(path, found.rule.id, &line, proof, *nth)?;
        *nth += 1;
        let nth: &mut u32 = seen_here.entry((value, line.clone())).or_default();
        let local = self::fingerprint(path, found.rule.id, &line, Proof::Value(value), *nth)?;
        *nth += 1;
        let length = secret.iter().position(|byte| *byte == b'\n').unwrap_or(secret.len());
        let column = count(found.start - place.line_start + 1);
        let (line, end) = (place.line, column.saturating_add(count(length)));
        hits.push(Hit {
            line,
            column,
            end,
            rule: found.rule.id,
            fingerprint,
            local,
            message: message(found.rule, secret),
        });
    }
    Ok(hits)
}

/// Why the content of a file cannot be scanned.
fn unreadable(bytes: &[u8]) -> Option<&'static str> {
    if bytes.len() > INPUT_BYTES_MAX {
        return Some("it has more than 64 MiB");
    }
    is_packed(bytes).then_some("it is compressed; scan its content")
}

/// Text of a file that says by its mark that it is UTF-16, or by the zero in most pairs of its first bytes.
pub(crate) fn from_utf16(bytes: &[u8]) -> Option<String> {
    let (unit, mark): (fn([u8; 2]) -> u16, _) = match bytes {
        [0xff, 0xfe, ..] => (u16::from_le_bytes, 1),
        [0xfe, 0xff, ..] => (u16::from_be_bytes, 1),
        _ => {
            let pairs = || bytes.chunks_exact(2).take(MARKLESS_PAIRS);
            let zeros = |at: usize| pairs().filter(|pair| pair.get(at) == Some(&0)).count();
            let (first, second) = (zeros(0), zeros(1));
            // A binary file has zeros at both places.
            if first == second || first.max(second) * 2 < pairs().count() {
                return None;
            }
            (if second > first { u16::from_le_bytes } else { u16::from_be_bytes }, 0)
        }
    };
    let pairs = bytes.chunks_exact(2).skip(mark);
    let units: Vec<u16> = pairs.filter_map(|pair| Some(unit(pair.try_into().ok()?))).collect();
    Some(String::from_utf16_lossy(&units))
}

/// Where a byte is.
struct BytePosition {
    line: u32,
    line_start: usize,
    at: usize,
}

impl Default for BytePosition {
    fn default() -> Self {
        Self { line: 1, line_start: 0, at: 0 }
    }
}

impl BytePosition {
    /// Goes on to a later byte. Each byte is passed once for all hits of a file.
    fn advance(&mut self, bytes: &[u8], to: usize) {
        for (offset, byte) in bytes.get(self.at..to).unwrap_or_default().iter().enumerate() {
            if *byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.line_start = self.at + offset + 1;
            }
        }
        self.at = self.at.max(to);
    }
}

/// The line of a match, every secret in it replaced by the name of its rule. Of a long line only the part around.
fn redacted(bytes: &[u8], line_start: usize, matches: &[engine::Match], number: usize) -> String {
    let Some(this) = matches.get(number) else { return String::new() };
    let from = line_start.max(this.start.saturating_sub(AROUND_BYTES));
    let rest = bytes.get(this.end..).unwrap_or_default();
    let to = rest
        .iter()
        .take(AROUND_BYTES)
        .position(|byte| *byte == b'\n')
        .unwrap_or(rest.len().min(AROUND_BYTES));
    let to = this.end + to;
    let first =
        matches.get(..number).unwrap_or_default().iter().rev().take_while(|other| other.end > from).count();
    let mut line = String::new();
    let mut at = from;
    for other in matches.iter().skip(number - first).take_while(|other| other.start < to) {
        line.push_str(&String::from_utf8_lossy(bytes.get(at..other.start.max(at)).unwrap_or_default()));
        line.push('<');
        line.push_str(other.rule.id);
        line.push('>');
        at = other.end.max(at);
    }
    line.push_str(&String::from_utf8_lossy(bytes.get(at..to.max(at)).unwrap_or_default()));
    normalised(&line, 1, 16)
}

fn message(rule: &Rule, secret: &[u8]) -> String {
    let public = rule.sort.has_public_prefix() && rule.before == 0 && secret.len() > 8 && secret.is_ascii();
    let start = if public { secret.get(..4).unwrap_or_default() } else { b"" };
    format!("{}: {} `{}…`", rule.issuer, rule.what, String::from_utf8_lossy(start))
}

fn fingerprint(path: &str, rule: &str, line: &str, proof: Proof, nth: u32) -> Result<Digest, ScanError> {
    let place = IdentityPlace::Secret { path, text: line, proof, nth };
    Ok(identity(Class::Secret, rule, &place).map_err(DocumentError::from)?)
}

pub(crate) fn finding(path: &str, rule: &str, severity: Severity, line: u32, message: String) -> Finding {
    Finding {
        class: Class::Secret,
        rule: rule.to_owned(),
        aliases: BTreeSet::new(),
        severity,
        score: None,
        epss: None,
        exploited: false,
        unconfirmed: false,
        undecided: false,
        message: text(&message, evidence::document::MESSAGE_BYTES_MAX),
        site: Site::File {
            path: text(path, evidence::document::TEXT_BYTES_MAX),
            line: (line > 0).then_some(line),
            end: None,
        },
        published: None,
        fixed: None,
        fix_released: None,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Rule of a file that was not scanned.
pub const NOT_SCANNED: &str = "not-scanned";

const HITS_MAX: usize = 10_000;
const AROUND_BYTES: usize = 200;
/// Pairs of bytes that tell whether a file without a mark is UTF-16.
const MARKLESS_PAIRS: usize = 512;
