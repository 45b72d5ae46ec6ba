//! The log of one piece of work: the lines around a line, the newest lines, or the lines that hold a word.
//!
//! Invariant: a log is read in a stream, and a page holds a bounded number of lines of bounded length, however large the
//! log is.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};

use web::model::{Badge, Log, LogLine, Search, State};

use super::fields::fields;
use super::reading::{Reading, nothing};
use crate::http::logged_work::{LogFile, LoggedWork};
use crate::http::problem::Failure;

/// The log as a query asks for it: `line=N` for the lines around a line, `q=WORD` for the lines that hold a word.
///
/// # Errors
/// `Failure` if the caller may not read the run, or there is no such log.
pub fn log(at: &Reading<'_>, work: &LoggedWork, query: &str) -> Result<Log, Failure> {
    at.of_run(work.run)?;
    let project = at.shared.views.project_of(work.run).map_err(Failure::failed)?;
    let (file, is_whole) = match work.open(at.shared)? {
        LogFile::Whole(file, _) => (Some(file), true),
        LogFile::Live(file) => (file, false),
        LogFile::Never => {
            let what =
                format!("{} on {} has no log: its run ended without a report", work.label, work.runner);
            return Err(nothing(what));
        }
    };
    let asked = Asked::read(query);
    let read =
        file.map_or_else(|| Ok(Lines::default()), |file| lines(file, &asked)).map_err(Failure::failed)?;
    let LoggedWork { run, kind, label, runner } = work;
    let href = format!("/runs/{run}/logs/{kind}/{label}/{runner}");
    let first = read.kept.front().map_or(1, |line| line.number);
    let next = read.kept.back().map_or(1, |line| line.number + 1);
    let is_window = asked.word.is_none();
    let earlier = is_window && first > 1;
    let later = is_window && (next <= read.total || !is_whole);
    Ok(Log {
        project: project.map(|project| project.to_string()).unwrap_or_default(),
        run: run.to_string(),
        run_href: format!("/runs/{run}"),
        work: label.clone(),
        runner: runner.to_string(),
        badge: match is_whole {
            true => Badge { state: State::Quiet, word: "complete".to_owned() },
            false => Badge { state: State::Busy, word: "live".to_owned() },
        },
        raw: format!("{}/logs/{run}/{kind}/{label}/{runner}", wire::API),
        bytes: read.bytes,
        lines_total: Some(read.total),
        earlier: earlier.then(|| format!("{href}?line={}", first.saturating_sub(LINES_MAX).max(1))),
        later: later.then(|| format!("{href}?line={next}")),
        newest: (is_window && next <= read.total).then(|| href.clone()),
        search: asked.word.map(|query| Search { query, found: read.found, complete: true }),
        lines: read.kept.into(),
        others: Vec::new(),
        href,
    })
}

/// The parts of a query that count.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    /// First line of the piece; the newest lines if absent.
    line: Option<u64>,
    word: Option<String>,
}

impl Asked {
    fn read(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in fields(query) {
            match name.as_str() {
                "line" => asked.line = value.parse().ok(),
                "q" => asked.word = Some(value).filter(|word| !word.is_empty()),
                _ => {}
            }
        }
        asked
    }
}

/// Lines of a log, and the size of the whole.
#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<LogLine>,
    total: u64,
    found: u64,
    bytes: u64,
}

fn lines(file: impl io::Read, asked: &Asked) -> io::Result<Lines> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut read = Lines::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes = next_line(&mut reader, &mut line)?;
        if bytes == 0 {
            return Ok(read);
        }
        read.bytes += bytes;
        read.total += 1;
        let number = read.total;
        let is_kept = match (&asked.word, asked.line) {
            (Some(word), _) => {
                let holds = line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
                read.found += u64::from(holds);
                holds && read.kept.len() < FOUND_MAX
            }
            (None, Some(first)) => (first..first.saturating_add(LINES_MAX)).contains(&number),
            (None, None) => true,
        };
        if is_kept {
            let text = String::from_utf8_lossy(&line).into_owned();
            read.kept.push_back(LogLine { number, text, time: None });
            if asked.word.is_none() && read.kept.len() as u64 > LINES_MAX {
                read.kept.pop_front();
            }
        }
    }
}

/// Reads to the end of a line and keeps its beginning; returns the number of bytes. The last line may have no end yet.
fn next_line(reader: &mut BufReader<impl io::Read>, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut bytes = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(bytes);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = LINE_BYTES_MAX.saturating_sub(line.len()).min(part.len());
        line.extend_from_slice(part.get(..room).unwrap_or_default());
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        bytes += used as u64;
        if end.is_some() {
            return Ok(bytes);
        }
    }
}

/// Most lines of a piece.
const LINES_MAX: u64 = 500;
/// Most lines of a search.
const FOUND_MAX: usize = 500;
/// Longest part of a line that a page shows.
const LINE_BYTES_MAX: usize = 2_000;
const BUFFER_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: u64) -> String {
        (1..=lines).map(|number| format!("line {number}\n")).collect()
    }

    fn shown(text: &str, query: &str) -> (Vec<u64>, u64) {
        let read = lines(text.as_bytes(), &Asked::read(query)).unwrap();
        (read.kept.iter().map(|line| line.number).collect(), read.total)
    }

    #[test]
    fn a_piece_is_the_newest_lines_or_those_from_a_line_on() {
        let long = text(1_700);
        let (newest, total) = shown(&long, "");
        assert_eq!((newest.first(), newest.last(), total), (Some(&1_201), Some(&1_700), 1_700));
        let (piece, _) = shown(&long, "line=2");
        assert_eq!((piece.first(), piece.last()), (Some(&2), Some(&501)));
        assert_eq!(shown(&long, "line=9999").0, [0; 0], "after the end there is nothing");
        assert_eq!(shown("", ""), (vec![], 0));
        assert_eq!(shown("a\nb", "").0, [1, 2], "the last line may have no end yet");
    }

    #[test]
    fn a_search_finds_words_and_is_bounded() {
        assert_eq!(shown("one\ntwo ERROR\nthree error: x\n", "q=error").0, [2, 3]);
        assert_eq!(shown("a b\nab\n", "q=a+b").0, [1]);
        assert_eq!(shown("50%\n", "q=50%25").0, [1]);
        let read = lines(text(2_000).as_bytes(), &Asked::read("q=line")).unwrap();
        assert_eq!((read.kept.len(), read.found), (FOUND_MAX, 2_000));
    }

    #[test]
    fn attack_one_endless_line_is_shown_in_part() {
        let read = lines("x".repeat(3_000_000).as_bytes(), &Asked::default()).unwrap();
        assert_eq!((read.kept[0].text.len(), read.bytes), (LINE_BYTES_MAX, 3_000_000));
    }
}
