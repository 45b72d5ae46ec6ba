//! The last lines of the logs of failed steps, for the answer of a run that failed.
//!
//! Invariant: a few lines of bounded length, whatever the step printed. The lines are the step's own words: the
//! caller escapes them before it prints them. A log that cannot be read is omitted, because the failure is true without it.

use std::collections::VecDeque;

use evidence::Name;
use serde::Serialize;
use wire::{Client, LOG_PIECE_BYTES_MAX, RunView, WorkKind, WorkState, WorkView};

/// The end of the log of a failed piece of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogTail {
    /// Step, artifact or check.
    pub kind: WorkKind,
    /// Its name.
    pub name: String,
    /// The runner on which it failed.
    pub runner: Name,
    /// Its last lines, without colours.
    pub lines: Vec<String>,
    /// Whether there are earlier lines.
    pub cut: bool,
}

/// The ends of the logs of what failed in a run: of each step on one runner.
pub async fn of_failed(client: &Client, view: &RunView) -> Vec<LogTail> {
    let mut tails: Vec<LogTail> = Vec::new();
    for work in view.works.iter().filter(|work| work.state == WorkState::Failed) {
        if tails.len() == STEPS_MAX {
            break;
        }
        if !tails.iter().any(|tail| tail.kind == work.kind && tail.name == work.name) {
            tails.extend(of(client, view, work).await);
        }
    }
    tails
}

async fn of(client: &Client, view: &RunView, work: &WorkView) -> Option<LogTail> {
    let runner = work.runner.clone()?;
    let path = format!("{}/{}/{}/{runner}", view.run, work.kind, work.name);
    let (mut end, mut from) = (End::default(), 0);
    for _ in 0..PIECES_MAX {
        let (bytes, is_complete) = client.log(&path, from).await.ok()?;
        from += bytes.len() as u64;
        end.add(&bytes);
        if is_complete || bytes.len() < LOG_PIECE_BYTES_MAX {
            break;
        }
    }
    let (lines, cut) = end.lines();
    (!lines.is_empty()).then(|| LogTail { kind: work.kind, name: work.name.clone(), runner, lines, cut })
}

/// The last bytes of a log that arrives in pieces.
#[derive(Default)]
struct End {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl End {
    fn add(&mut self, piece: &[u8]) {
        self.bytes.extend(piece);
        let over = self.bytes.len().saturating_sub(BYTES_MAX);
        self.cut |= over > 0;
        self.bytes.drain(..over);
    }

    /// The last lines, and whether there are earlier ones.
    fn lines(self) -> (Vec<String>, bool) {
        let bytes = Vec::from(self.bytes);
        let text = shown::uncoloured(&String::from_utf8_lossy(&bytes));
        let mut lines: Vec<&str> = text.trim_end().lines().collect();
        if self.cut && lines.len() > 1 {
            // Its beginning is missing.
            lines.remove(0);
        }
        let over = lines.len().saturating_sub(LINES_MAX);
        let lines = lines.split_off(over).into_iter().map(|line| match line.char_indices().nth(LINE_CHARS) {
            Some((at, _)) => format!("{}…", line.split_at(at).0),
            None => line.to_owned(),
        });
        (lines.collect(), self.cut || over > 0)
    }
}

/// Most steps whose logs are shown.
const STEPS_MAX: usize = 3;
/// Most lines of one log.
const LINES_MAX: usize = 15;
/// Most characters of a line.
const LINE_CHARS: usize = 300;
/// Bytes at the end of a log in which the lines are.
const BYTES_MAX: usize = 16 * 1024;
/// Most pieces of a log that are read; no log of a step is longer.
const PIECES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> (Vec<String>, bool) {
        let mut end = End::default();
        pieces.iter().for_each(|piece| end.add(piece));
        end.lines()
    }

    #[test]
    fn the_last_lines_are_few_and_short_whatever_was_printed() {
        assert_eq!(
            lines(&[b"one\r\n\x1b[1;31mtw", b"o\x1b[0m\n10%\r20%\n\n"]).0,
            ["one", "two", "10%", "20%"]
        );
        assert_eq!(lines(&[]), (Vec::new(), false));
        assert_eq!(lines(&[b"\n\n"]), (Vec::new(), false));
        let many: String = (0..100).map(|number| format!("line {number}\n")).collect();
        let (shown, cut) = lines(&[many.as_bytes()]);
        assert_eq!(
            (shown.len(), shown[0].as_str(), shown[14].as_str(), cut),
            (15, "line 85", "line 99", true)
        );
        let long = "ä".repeat(1 << 20);
        let (shown, cut) = lines(&[long.as_bytes(), b"\nthe reason"]);
        assert_eq!((shown.as_slice(), cut), (&["the reason".to_owned()][..], true));
        let (shown, _) = lines(&[long.as_bytes()]);
        assert_eq!((shown.len(), shown[0].chars().count()), (1, LINE_CHARS + 1));
    }
}
