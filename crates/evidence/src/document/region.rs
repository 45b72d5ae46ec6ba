//! The text of a region of source, as the identity of a finding reads it.
//!
//! Invariant: two regions with other words have other texts, however long they are.

use crate::Digest;

/// Lines `first` to `last` of a source, counted from 1, as an identity reads them: each line without white space at
/// its ends and with one space for each run inside. Text above 16 lines or 4,096 bytes is cut there, and a line with the
/// SHA-256 digest of the whole text follows, so that all of it counts. No shorter text has such a form.
#[must_use]
pub fn normalised(source: &str, first: u32, last: u32) -> String {
    let skip = first.saturating_sub(1) as usize;
    let count = last.saturating_sub(first).saturating_add(1) as usize;
    let lines = source.lines().skip(skip).take(count);
    let mut text = String::new();
    // Bytes of the first lines.
    let mut shown = None;
    for (nth, line) in lines.enumerate() {
        if nth == LINES_MAX {
            shown = Some(text.len());
        }
        if nth > 0 {
            text.push('\n');
        }
        for (nth, word) in line.split_whitespace().enumerate() {
            if nth > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    let shown = shown.unwrap_or(text.len());
    if shown < text.len() || shown > SOURCE_BYTES_MAX {
        let whole = Digest::of(text.as_bytes());
        text.truncate(text.floor_char_boundary(shown.min(SOURCE_BYTES_MAX)));
        text.push('\n');
        text.push_str(&whole.to_string());
    }
    text
}

const LINES_MAX: usize = 16;
const SOURCE_BYTES_MAX: usize = 4_096;
