//! The entries of a search as a file.
//!
//! Invariant: no cell of a CSV file begins as a formula of a spreadsheet does
//! (<https://owasp.org/www-community/attacks/CSV_Injection>).

use serde_json::json;

use super::query::Asked;
use super::rows::{find, rows};
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
    let asked = Asked::read(query)?;
    let found = find(at, &asked, ENTRIES_MAX)?;
    let mut text = match sort {
        FileSort::Ndjson => String::new(),
        FileSort::Csv => "entry,time,kind,actor,sentence,detail\r\n".to_owned(),
    };
    for (read, row) in rows(at, &found.numbers())? {
        match sort {
            FileSort::Ndjson => {
                let facts: serde_json::Value = read.entry.facts.decode("facts").map_err(Failure::failed)?;
                let line = json!({ "entry": row.entry, "time": row.time.text, "kind": read.header.kind, "actor": row.actor,
                    "sentence": row.title, "detail": row.detail, "facts": facts });
                text += &format!("{line}\n");
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
                text += &format!("{}\r\n", cells.map(|cell| cell_of(cell)).join(","));
            }
        }
    }
    if let Some(before) = found.older {
        let next = asked.address(sort.path(), Some(before));
        text += &match sort {
            FileSort::Ndjson => format!("{}\n", json!({ "more": next })),
            FileSort::Csv => format!("{}\r\n", cell_of(&format!("more: {next}"))),
        };
    }
    Ok(text.into_bytes())
}

/// A cell. A text that a spreadsheet would compute gets an apostrophe before it.
fn cell_of(text: &str) -> String {
    let text = shown::line(text);
    let computes = text.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '|', '%']);
    format!("\"{}{}\"", if computes { "'" } else { "" }, text.replace('"', "\"\""))
}

/// Most entries of one file.
const ENTRIES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::cell_of;

    #[test]
    fn attack_no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "|x", "%0"] {
            assert!(cell_of(formula).starts_with("\"'"), "{formula}");
        }
        assert_eq!(cell_of("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell_of("line\r\n=1"), "\"line\\r\\n=1\"");
    }
}
