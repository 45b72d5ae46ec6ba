//! The beginnings of lines of a log, so that a piece far down is found without reading everything before it.
//!
//! Invariant: an index grows with its file and reads each byte once. Its size follows from the number of lines: one number
//! for each [`EVERY`] lines.

use std::io::{self, Read};

/// Beginnings of lines.
#[derive(Debug, Default)]
pub struct LineIndex {
    /// Number of bytes that were read.
    bytes: u64,
    /// Number of lines that have an end.
    ended: u64,
    /// Whether bytes follow the end of the last ended line.
    has_rest: bool,
    /// Offset of the first byte after each [`EVERY`]th end of a line.
    marks: Vec<u64>,
}

impl LineIndex {
    /// Reads on. The file stands where the index ended.
    ///
    /// # Errors
    /// If the file cannot be read; what was read until then counts.
    pub fn read(&mut self, file: &mut impl Read) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            for part in buffer.get(..read).unwrap_or_default().chunks(PART_BYTES) {
                self.take(part);
            }
        }
    }

    fn take(&mut self, part: &[u8]) {
        let ends = part.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        // Few parts hold a mark, so the others are only counted.
        if (self.ended + ends) / EVERY > self.ended / EVERY {
            let mut ended = self.ended;
            for (offset, byte) in (self.bytes + 1..).zip(part) {
                ended += u64::from(*byte == b'\n');
                if *byte == b'\n' && ended.is_multiple_of(EVERY) {
                    self.marks.push(offset);
                }
            }
        }
        self.ended += ends;
        self.bytes += part.len() as u64;
        self.has_rest = part.last().is_some_and(|byte| *byte != b'\n');
    }

    /// Number of lines; the last one may have no end yet.
    pub const fn lines(&self) -> u64 {
        self.ended + self.has_rest as u64
    }

    /// Number of bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A line at or before a line, and the offset at which it begins.
    pub fn before(&self, line: u64) -> (u64, u64) {
        let passed = line.saturating_sub(1) / EVERY;
        let mark = usize::try_from(passed).unwrap_or(usize::MAX).min(self.marks.len());
        let offset = mark.checked_sub(1).and_then(|last| self.marks.get(last)).copied();
        (mark as u64 * EVERY + 1, offset.unwrap_or_default())
    }
}

/// Lines from one mark to the next.
pub const EVERY: u64 = 1_024;
const BUFFER_BYTES: usize = 256 * 1_024;
const PART_BYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::{EVERY, LineIndex};

    #[test]
    fn a_mark_is_the_beginning_of_its_line_however_the_file_grew() {
        let text: String = (1..=5_000).map(|number| format!("line {number}\n")).collect();
        for step in [1, 7, 4_096, 5_000, text.len()] {
            let mut index = LineIndex::default();
            for part in text.as_bytes().chunks(step) {
                index.read(&mut &*part).unwrap();
            }
            assert_eq!((index.lines(), index.bytes()), (5_000, text.len() as u64));
            for line in [1, EVERY, EVERY + 1, 2 * EVERY + 1, 4_999, 5_001, u64::MAX] {
                let (first, offset) = index.before(line);
                let rest = &text[usize::try_from(offset).unwrap()..];
                let begins = rest.starts_with(&format!("line {first}\n"));
                assert!(begins && first <= line && (line - first < EVERY || line > 5_000), "{line}: {first}");
            }
        }
    }

    #[test]
    fn the_last_line_counts_before_it_ends() {
        let mut index = LineIndex::default();
        assert_eq!((index.lines(), index.before(9)), (0, (1, 0)));
        for (piece, lines) in [("a", 1), ("b\n", 1), ("\n", 2), ("c", 3)] {
            index.read(&mut piece.as_bytes()).unwrap();
            assert_eq!(index.lines(), lines);
        }
    }
}
