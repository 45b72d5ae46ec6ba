//! Content lines: unfolded, with name, parameters and value (RFC 5545, 3.1 and 3.2).
//!
//! Invariant: each line keeps the number of its first line in the file. Names are in upper case.

use crate::error::{CalendarError, What, what};

/// A content line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub number: usize,
    pub name: String,
    pub parameters: Vec<(String, String)>,
    pub value: String,
}

/// Largest calendar in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;
const LINES_MAX: usize = 50_000;
const PARAMETERS_MAX: usize = 32;

/// The place of a line, for errors.
pub(super) fn place(file: &str, number: usize) -> String {
    format!("{file} line {number}")
}

/// All content lines of a file.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Vec<Line>, CalendarError> {
    if bytes.len() > BYTES_MAX {
        return Err(What("a calendar has at most 1 MiB".into()).at(file));
    }
    let mut unfolded: Vec<(usize, Vec<u8>)> = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A fold may stand within a letter of several bytes, so text comes after unfolding.
        match (line, unfolded.last_mut()) {
            ([b' ' | b'\t', rest @ ..], Some((_, last))) => last.extend_from_slice(rest),
            _ => unfolded.push((at + 1, line.to_vec())),
        }
        if unfolded.len() > LINES_MAX {
            return Err(What("a calendar has at most 50,000 lines".into()).at(file));
        }
    }
    let lines = unfolded.into_iter().filter(|(_, line)| !line.is_empty());
    lines.map(|(number, line)| parse(number, &line).map_err(|what| what.at(place(file, number)))).collect()
}

fn parse(number: usize, line: &[u8]) -> Result<Line, What> {
    let Ok(line) = std::str::from_utf8(line) else { return what("the line is not text in UTF-8") };
    if line.chars().any(|letter| letter.is_control() && letter != '\t') {
        return what("the line has a control character");
    }
    let end = line.find([';', ':']).unwrap_or(line.len());
    let (name, mut rest) = line.split_at(end);
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return what("no property of a calendar; lines are `NAME:VALUE`");
    }
    let mut parameters = Vec::new();
    while let Some(more) = rest.strip_prefix(';') {
        let Some((key, after)) = more.split_once('=') else { return what("a parameter is `NAME=VALUE`") };
        let (value, left) = parameter(after)?;
        parameters.push((key.to_ascii_uppercase(), value));
        if parameters.len() > PARAMETERS_MAX {
            return what("a property has at most 32 parameters");
        }
        rest = left;
    }
    let Some(value) = rest.strip_prefix(':') else { return what("the value after `:` is missing") };
    Ok(Line { number, name: name.to_ascii_uppercase(), parameters, value: value.to_owned() })
}

/// The values of a parameter, and what follows. Values in quotes can have every sign but quotes.
fn parameter(text: &str) -> Result<(String, &str), What> {
    let mut value = String::new();
    let mut is_quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ';' | ':' if !is_quoted => return Ok((value, text.get(at..).unwrap_or_default())),
            other => value.push(other),
        }
    }
    what("the value after `:` is missing, or a quote is open")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        read("x.ics", text.as_bytes()).unwrap()
    }

    #[test]
    fn lines_are_unfolded_and_keep_their_numbers() {
        let found = lines("BEGIN:VCALENDAR\r\nSUM\r\n MARY:a\r\n\tb\r\n\r\ndtstart;TZID=\"A:B;C\";x=y:1:2\n");
        let summary = Line { number: 2, name: "SUMMARY".into(), parameters: vec![], value: "ab".into() };
        assert_eq!(found.get(1), Some(&summary));
        let parameters = vec![("TZID".to_owned(), "A:B;C".to_owned()), ("X".to_owned(), "y".to_owned())];
        let start = Line { number: 6, name: "DTSTART".into(), parameters, value: "1:2".into() };
        assert_eq!(found.get(2), Some(&start));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn lines_that_are_none_name_their_number() {
        for (bad, number) in [
            ("<html>", 1),
            ("A:1\nB", 2),
            ("A:1\nB;X:2", 2),
            ("A;X=\"1:2", 1),
            (":x", 1),
            ("A:1\n\u{7f}:1", 2),
            ("A:1\rB:2", 1),
        ] {
            let error = read("x.ics", bad.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("x.ics line {number}: ")), "{bad:?}: {error}");
        }
        let many = "A;B=1".to_owned() + &";B=1".repeat(40) + ":1";
        assert!(read("x.ics", many.as_bytes()).is_err());
        assert!(read("x.ics", "A:1\n".repeat(LINES_MAX + 1).as_bytes()).is_err());
        assert!(read("x.ics", &vec![b'A'; BYTES_MAX + 1]).is_err());
        assert!(read("x.ics", b"A:\xff").is_err());
        let folded = read("x.ics", b"A:\xc3\r\n \xa4").unwrap();
        assert_eq!(folded.first().map(|line| line.value.as_str()), Some("\u{e4}"), "a fold within a letter");
    }
}
