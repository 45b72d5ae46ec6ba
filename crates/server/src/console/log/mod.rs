//! The log of one piece of work: the lines around a line, the newest lines, or the lines that hold a word.
//!
//! Invariant: a page holds a bounded number of lines of bounded length, however large the log is. A search reads the whole
//! log in a stream; everything else reads only its piece.

mod index;

use std::io::{self, BufRead as _, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use web::model::{Badge, Log, LogLine, LogLink, Search, State};

pub use index::LineIndex;

use super::fields::fields;
use super::reading::{Reading, nothing};
use super::run;
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
    let read = match file {
        Some(mut file) => {
            let about = file.metadata().map_err(Failure::failed)?;
            let index = known(at, work, (about.ino(), about.len()));
            lines(&mut file, &index, &asked).map_err(Failure::failed)?
        }
        None => Lines::default(),
    };
    let LoggedWork { run, kind, label, runner } = work;
    let href = format!("/runs/{run}/logs/{kind}/{label}/{runner}");
    let first = read.kept.first().map_or(1, |line| line.number);
    let next = read.kept.last().map_or(1, |line| line.number + 1);
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
        lines: read.kept,
        others: others(at, work)?,
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

/// The index of a log. A live log may be begun again, and is another file then; a shorter file is not the same one either.
fn known(at: &Reading<'_>, work: &LoggedWork, (file, bytes): (u64, u64)) -> Arc<Mutex<LineIndex>> {
    let made = || Ok::<_, std::convert::Infallible>(Mutex::default());
    let Ok(index) = at.shared.pages.logs.or_make((work.file_name(), file), made);
    let mut held = index.lock().unwrap_or_else(PoisonError::into_inner);
    if held.bytes() > bytes {
        *held = LineIndex::default();
    }
    drop(held);
    index
}

/// The logs of the same work by other runners.
fn others(at: &Reading<'_>, work: &LoggedWork) -> Result<Vec<LogLink>, Failure> {
    let mut logs = run::logs_of(at, work.run, (work.kind, &work.label))?;
    logs.retain(|log| log.runner != work.runner.as_str());
    Ok(logs)
}

/// Lines of a log, and the size of the whole.
#[derive(Debug, Default)]
struct Lines {
    kept: Vec<LogLine>,
    total: u64,
    found: u64,
    bytes: u64,
}

fn lines(file: &mut (impl Read + Seek), index: &Mutex<LineIndex>, asked: &Asked) -> io::Result<Lines> {
    let (total, bytes, begin) = {
        let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(index.bytes()))?;
        index.read(file)?;
        let newest = (index.lines() + 1).saturating_sub(LINES_MAX).max(1);
        let first = asked.line.unwrap_or(newest).max(1);
        (index.lines(), index.bytes(), (first, index.before(first)))
    };
    let mut read = Lines { total, bytes, ..Lines::default() };
    match &asked.word {
        Some(word) => {
            file.seek(SeekFrom::Start(0))?;
            search(file.take(bytes), word, &mut read)?;
        }
        None => {
            let (first, (line, offset)) = begin;
            file.seek(SeekFrom::Start(offset))?;
            piece(file.take(bytes.saturating_sub(offset)), line, first, &mut read)?;
        }
    }
    Ok(read)
}

/// The lines from `first` on; the file begins with the line `at`.
fn piece(file: impl Read, at: u64, first: u64, read: &mut Lines) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut line = Vec::new();
    for number in at..first.saturating_add(LINES_MAX) {
        line.clear();
        if next_line(&mut reader, &mut line)? == 0 {
            break;
        }
        if number >= first {
            read.kept.push(shown(number, &line));
        }
    }
    Ok(())
}

/// The lines that hold a word; capitals count as small letters. Only the beginning of a line is searched.
fn search(file: impl Read, word: &str, read: &mut Lines) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut line = Vec::new();
    let word = word.to_ascii_lowercase();
    for number in 1.. {
        line.clear();
        if next_line(&mut reader, &mut line)? == 0 {
            break;
        }
        if holds(&line, &word) {
            read.found += 1;
            if read.kept.len() < FOUND_MAX {
                read.kept.push(shown(number, &line));
            }
        }
    }
    Ok(())
}

/// Whether a line holds a word of small letters, in a time that follows from the lengths of both alone.
fn holds(line: &[u8], word: &str) -> bool {
    let Some(first) = word.bytes().next() else { return true };
    // Few lines hold even the first byte of most words.
    line.iter().any(|byte| byte.to_ascii_lowercase() == first)
        && String::from_utf8_lossy(line).to_ascii_lowercase().contains(word)
}

fn shown(number: u64, line: &[u8]) -> LogLine {
    LogLine { number, text: String::from_utf8_lossy(line).into_owned(), time: None }
}

/// Reads to the end of a line and keeps its beginning; returns the number of bytes. The last line may have no end yet.
fn next_line(reader: &mut BufReader<impl Read>, line: &mut Vec<u8>) -> io::Result<u64> {
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
const LINES_MAX: u64 = 300;
/// Most lines of a search.
const FOUND_MAX: usize = 300;
/// Longest part of a line that a page shows.
const LINE_BYTES_MAX: usize = 2_000;
const BUFFER_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: u64) -> String {
        (1..=lines).map(|number| format!("line {number}\n")).collect()
    }

    fn read(text: &str, query: &str) -> Lines {
        lines(&mut io::Cursor::new(text), &Mutex::default(), &Asked::read(query)).unwrap()
    }

    fn numbers(text: &str, query: &str) -> (Vec<u64>, u64) {
        let read = read(text, query);
        (read.kept.iter().map(|line| line.number).collect(), read.total)
    }

    #[test]
    fn a_piece_is_the_newest_lines_or_those_from_a_line_on() {
        let long = text(2_700);
        let (newest, total) = numbers(&long, "");
        assert_eq!((newest.first(), newest.last(), total), (Some(&2_401), Some(&2_700), 2_700));
        for first in [1, 2, 1_023, 1_024, 1_025, 2_048, 2_049] {
            let read = read(&long, &format!("line={first}"));
            let expected: Vec<_> =
                (first..first + LINES_MAX).map(|number| format!("line {number}")).collect();
            assert!(read.kept.iter().map(|line| &line.text).eq(&expected), "from line {first}");
            assert_eq!(read.kept[0].number, first);
        }
        assert_eq!(numbers(&long, "line=9999").0, [0; 0], "after the end there is nothing");
        assert_eq!(numbers(&long, "line=0").0.first(), Some(&1));
        assert_eq!(numbers("", ""), (vec![], 0));
        assert_eq!(numbers("a\nb", "").0, [1, 2], "the last line may have no end yet");
    }

    #[test]
    fn a_log_that_grew_is_read_on() {
        let (mut long, index) = (text(1_500), Mutex::default());
        for more in ["half", " a line\n", "next\n"] {
            long.push_str(more);
            let read = lines(&mut io::Cursor::new(&long), &index, &Asked::default()).unwrap();
            assert_eq!(read.total as usize, long.lines().count());
            assert_eq!(read.bytes as usize, long.len());
            assert_eq!(read.kept.last().unwrap().text, long.lines().last().unwrap());
        }
    }

    #[test]
    fn attack_a_log_that_nearly_matches_everywhere_is_searched_once() {
        let nearly = format!("{}\n", "a".repeat(1_999)).repeat(4_000);
        let word = format!("q={}b", "a".repeat(200));
        assert_eq!(numbers(&nearly, &word).0, [0; 0]);
        assert_eq!(numbers(&format!("{nearly}x{}B", "A".repeat(200)), &word).0, [4_001]);
    }

    #[test]
    fn a_search_finds_words_and_is_bounded() {
        assert_eq!(numbers("one\ntwo ERROR\nthree error: x\n", "q=error").0, [2, 3]);
        assert_eq!(numbers("a b\nab\n", "q=a+b").0, [1]);
        assert_eq!(numbers("50%\n", "q=50%25").0, [1]);
        assert_eq!(
            numbers("aab\nx\nAB\n", "q=ab").0,
            [1, 3],
            "at the end, and after a beginning of the word"
        );
        let read = read(&text(2_000), "q=line");
        assert_eq!((read.kept.len(), read.found), (FOUND_MAX, 2_000));
    }

    #[test]
    fn attack_one_endless_line_is_shown_in_part() {
        let read = read(&"x".repeat(3_000_000), "");
        assert_eq!((read.kept[0].text.len(), read.bytes), (LINE_BYTES_MAX, 3_000_000));
    }
}
