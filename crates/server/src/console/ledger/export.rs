//! The entries of a search as a file.
//!
//! Invariant: no cell of a CSV file begins as a formula of a spreadsheet does
//! (<https://owasp.org/www-community/attacks/CSV_Injection>).

use serde_json::json;
use web::model::EntryRow;

use super::query::Asked;
use super::rows::{Read, find, rows};
use crate::console::reading::Reading;
use crate::http::problem::Failure;

/// A sort of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSort {
    /// One JSON object in each line, with facts and particulars.
    Ndjson,
    /// Comma-separated values (RFC 4180).
    Csv,
}

impl FileSort {
    /// All sorts.
    pub const ALL: [Self; 2] = [Self::Ndjson, Self::Csv];

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ndjson => "NDJSON",
            Self::Csv => "CSV",
        }
    }

    /// Path of its address.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Ndjson => "/ledger/export.ndjson",
            Self::Csv => "/ledger/export.csv",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// A file of the newest entries that match, at most [`ENTRIES_MAX`]. If there are more, its last line says where to go on.
///
/// # Errors
/// `Failure` if the query is malformed, or the ledger cannot be read.
pub fn file(at: &Reading<'_>, query: &str, sort: FileSort) -> Result<Vec<u8>, Failure> {
    of_size(at, query, sort, BYTES_MAX)
}

/// The same with a limit on its bytes, which its last entry may exceed.
pub fn of_size(at: &Reading<'_>, query: &str, sort: FileSort, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let asked = Asked::read(query)?;
    let found = find(at, &asked, ENTRIES_MAX)?;
    let mut older = found.older;
    let mut text = match sort {
        FileSort::Ndjson => String::new(),
        FileSort::Csv => "entry,time,kind,actor,sentence,detail\r\n".to_owned(),
    };
    // An entry may have 64 KiB of facts, so few are in memory at once.
    for part in found.numbers().chunks(PART_ENTRIES) {
        for (read, row) in rows(at, part)? {
            text += &line(sort, &read, &row)?;
        }
        if text.len() >= bytes_max {
            let last = part.last().copied().filter(|last| *last > 0);
            older = last.filter(|last| found.older.is_some() || found.numbers().last() != Some(last));
            break;
        }
    }
    if let Some(before) = older {
        let next = asked.address(sort.path(), Some(before));
        text += &match sort {
            FileSort::Ndjson => format!("{}\n", json!({ "more": next })),
            FileSort::Csv => format!("{}\r\n", cell_of(&format!("more: {next}"))),
        };
    }
    Ok(text.into_bytes())
}

/// The line of an entry.
fn line(sort: FileSort, read: &Read, row: &EntryRow) -> Result<String, Failure> {
    Ok(match sort {
        FileSort::Ndjson => {
            let facts: serde_json::Value = read.entry.facts.decode("facts").map_err(Failure::failed)?;
            let line = json!({ "entry": row.entry, "time": row.time.text, "kind": read.header.kind, "actor": row.actor,
                "sentence": row.title, "detail": row.detail, "facts": facts });
            format!("{line}\n")
        }
        FileSort::Csv => {
            let cells = [
                &row.entry.to_string(),
                &row.time.text,
                &read.header.kind,
                &row.actor,
                &row.title,
                &row.detail,
            ];
            format!("{}\r\n", cells.map(|cell| cell_of(cell)).join(","))
        }
    })
}

/// A cell. A text that a spreadsheet would compute gets an apostrophe before it.
fn cell_of(text: &str) -> String {
    let text = shown::line(text);
    // Spreadsheets of some languages read the wide forms of East Asia like the others.
    const SIGNS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '|', '%', '＝', '＋', '－', '＠'];
    let computes = text.trim_start().starts_with(SIGNS);
    format!("\"{}{}\"", if computes { "'" } else { "" }, text.replace('"', "\"\""))
}

/// Most entries of one file.
const ENTRIES_MAX: usize = 10_000;
/// Most bytes of one file, but for those of the last entries.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// Entries that are in memory at once.
const PART_ENTRIES: usize = 64;

#[cfg(test)]
mod tests {
    use super::cell_of;

    #[test]
    fn attack_no_cell_is_a_formula() {
        for formula in [
            "＝1+1",
            "＋1",
            "－1",
            "＠SUM(A1)",
            "\u{3000}=1",
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            " =1",
            "|x",
            "%0",
        ] {
            assert!(cell_of(formula).starts_with("\"'"), "{formula}");
        }
        assert_eq!(cell_of("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell_of("line\r\n=1"), "\"line\\r\\n=1\"");
    }
}
