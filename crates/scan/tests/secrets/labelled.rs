//! The labelled set: files with secrets whose places are known, and files with texts that only resemble secrets.
//!
//! Invariant: the set follows from the seed alone. It was committed before the scanner, so that the scanner is measured
//! by it and not the other way round.

use std::collections::BTreeSet;

use crate::kinds::{KINDS, Kind};

/// A file of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledFile {
    /// Path.
    pub path: String,
    /// Content.
    pub text: String,
    /// Secrets in it.
    pub labels: Vec<Label>,
}

/// The place of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// Kind.
    pub kind: &'static str,
    /// Line, counted from 1.
    pub line: u32,
    /// First byte in the line, counted from 1.
    pub column: u32,
    /// The secret's first line.
    pub secret: String,
}

/// Files with secrets: every kind in every template that fits it.
pub fn secrets(seed: u64) -> Vec<LabelledFile> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut files: Vec<LabelledFile> = SECRET_TEMPLATES.iter().map(|(path, ..)| empty(path)).collect();
    for kind in KINDS {
        for (file, (_, before, after)) in files.iter_mut().zip(SECRET_TEMPLATES) {
            let (text, at) = fill(kind.secret, &mut chance);
            let (before, after) = if is_alone(kind) { ("", "") } else { (*before, *after) };
            add(file, kind, before, after, &text, Some(at), &mut chance);
        }
    }
    files
}

/// Files with near misses, in places where no word says that a secret follows.
pub fn near_misses(seed: u64) -> Vec<LabelledFile> {
    let mut chance = fastrand::Rng::with_seed(seed ^ 1);
    let mut files: Vec<LabelledFile> = NEAR_TEMPLATES.iter().map(|(path, ..)| empty(path)).collect();
    for kind in KINDS {
        for (file, (_, before, after)) in files.iter_mut().zip(NEAR_TEMPLATES) {
            let (text, _) = fill(kind.near, &mut chance);
            let (before, after) = if is_alone(kind) { ("", "") } else { (*before, *after) };
            add(file, kind, before, after, &text, None, &mut chance);
        }
    }
    files
}

/// Ids of the kinds.
pub fn ids() -> BTreeSet<&'static str> {
    KINDS.iter().map(|kind| kind.id).collect()
}

fn empty(path: &str) -> LabelledFile {
    LabelledFile { path: path.to_owned(), text: String::new(), labels: Vec::new() }
}

/// Whether the pattern is a whole line of a file.
fn is_alone(kind: &Kind) -> bool {
    kind.secret.contains("{>}") || kind.secret.contains("{pem:") || kind.secret.starts_with("PuTTY")
}

fn add(
    file: &mut LabelledFile,
    kind: &Kind,
    before: &str,
    after: &str,
    text: &str,
    at: Option<usize>,
    chance: &mut fastrand::Rng,
) {
    file.text.push_str(FILLERS[chance.usize(0..FILLERS.len())]);
    file.text.push('\n');
    if let Some(at) = at {
        let line = u32::try_from(file.text.lines().count() + 1).unwrap();
        let secret = text[at..].lines().next().unwrap();
        let secret = match kind.secret.split_once("{>}") {
            Some((_, rest)) => secret[..secret.len() - literal_end(rest).len()].to_owned(),
            None => secret.to_owned(),
        };
        let column = u32::try_from(before.len() + at + 1).unwrap();
        file.labels.push(Label { kind: kind.id, line, column, secret });
    }
    file.text.push_str(&format!("{before}{text}{after}\n"));
}

/// The literal text behind the last hole of a pattern, which is not part of the secret; padding is.
fn literal_end(pattern: &str) -> &str {
    let end = pattern.rfind('}').map_or(pattern, |at| &pattern[at + 1..]);
    if end.starts_with(['=', '%']) { "" } else { end }
}

/// A text by a pattern, and where the secret in it begins.
fn fill(pattern: &str, chance: &mut fastrand::Rng) -> (String, usize) {
    let mut text = String::new();
    let mut begin = 0;
    let mut rest = pattern;
    let mut last = 0;
    while let Some(from) = rest.find('{') {
        text.push_str(&rest[..from]);
        let to = rest[from..].find('}').unwrap() + from;
        let hole = &rest[from + 1..to];
        rest = &rest[to + 1..];
        // `${NAME}` is a reference of a shell and no hole.
        if text.ends_with('$') && hole.len() > 4 {
            text.push_str(&format!("{{{hole}}}"));
            continue;
        }
        if hole == ">" {
            begin = text.len();
        } else if hole == "crc" {
            let sum = checksum(&text[last..]);
            text.push_str(&sum);
        } else {
            last = text.len();
            text.push_str(&value(hole, chance));
        }
    }
    text.push_str(rest);
    (text, begin)
}

fn value(hole: &str, chance: &mut fastrand::Rng) -> String {
    if hole == "g" {
        let parts = [8, 4, 4, 4, 12].map(|count| characters(HEX, count, chance));
        return parts.join("-");
    }
    if hole == "jwt" {
        let part = |json: &str| base64url(json.as_bytes());
        let payload = format!(r#"{{"sub":"{}","iat":1700000000}}"#, characters(DIGITS, 10, chance));
        let signature = characters(BASE64URL, 43, chance);
        return format!("{}.{}.{signature}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&payload));
    }
    if let Some(label) = hole.strip_prefix("pem:") {
        let lines: Vec<String> = (0..8).map(|_| characters(BASE64, 64, chance)).collect();
        return format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n"));
    }
    let (class, count) = hole.split_at(1);
    let alphabet = match class {
        "w" => ALPHANUMERIC,
        "l" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "u" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "L" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "d" => DIGITS,
        "x" => HEX,
        "X" => "0123456789ABCDEF",
        "b" => BASE64URL,
        "s" => BASE64,
        "2" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "B" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        other => panic!("class {other} is unknown"),
    };
    characters(alphabet, count.parse().unwrap(), chance)
}

/// Characters of an alphabet; the first and the last are no marks, so that the end of a secret is clear, and there are
/// letters and digits as in a real one.
fn characters(alphabet: &str, count: usize, chance: &mut fastrand::Rng) -> String {
    let alphabet = alphabet.as_bytes();
    loop {
        let bytes: Vec<u8> = (0..count).map(|_| alphabet[chance.usize(0..alphabet.len())]).collect();
        let plain = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
        let varied = count < 16 || alphabet.len() < 11 || alphabet.iter().all(u8::is_ascii_alphabetic) || {
            bytes.iter().any(u8::is_ascii_digit) && bytes.iter().any(u8::is_ascii_alphabetic)
        };
        if plain(bytes.first()) && plain(bytes.last()) && varied {
            return String::from_utf8(bytes).unwrap();
        }
    }
}

/// CRC-32 in base 62 with six digits, bit by bit, so that it shares no code with the scanner
/// (<https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>).
fn checksum(text: &str) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut number = !crc;
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(BASE62[(number % 62) as usize]);
        number /= 62;
    }
    digits.reverse();
    String::from_utf8(digits).unwrap()
}

fn base64url(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let number = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        for place in 0..=chunk.len() {
            let digit = (number >> (18 - 6 * place)) & 63;
            text.push(BASE64URL.as_bytes()[digit as usize] as char);
        }
    }
    text
}

const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";

/// Path, text before and text after a secret.
const SECRET_TEMPLATES: &[(&str, &str, &str)] = &[
    ("deploy/service.env", "SERVICE_TOKEN=", ""),
    ("deploy/values.yaml", "    token: ", ""),
    ("src/client.rs", "    let token = \"", "\";"),
    ("src/settings.py", "TOKEN = '", "'"),
    ("logs/worker.log", "2026-11-28T09:14:03Z INFO request authorised with ", " from 10.0.0.7"),
    ("config/app.json", "  \"token\": \"", "\","),
    ("scripts/call.sh", "curl -H \"Authorization: Bearer ", "\" https://api.example.org/v1/items"),
    ("docs/notes.md", "Use `", "` for the first call."),
];

/// The same for near misses: no word of a secret is near.
const NEAR_TEMPLATES: &[(&str, &str, &str)] = &[
    ("logs/build.log", "2026-11-28T09:14:03Z INFO wrote object ", " to the cache"),
    ("src/table.rs", "    \"", "\","),
    ("docs/formats.md", "An example of a shortened value is `", "`."),
];

/// Lines between the secrets, as such files have them.
const FILLERS: &[&str] = &[
    "",
    "# see the runbook",
    "timeout_seconds = 30",
    "// The next call may fail.",
    "log_level: info",
    "region = eu-central-1",
    "digest = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
    "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    "id: 123e4567-e89b-12d3-a456-426614174000",
    "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
];
