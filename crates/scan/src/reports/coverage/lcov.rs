//! The tracefile of lcov (`geninfo`, section "TRACEFILE FORMAT", <https://github.com/linux-test-project/lcov>), as c8,
//! `cargo llvm-cov` and others write it.

use std::collections::BTreeMap;

use evidence::document::{CoverageDocument, Tool};

use super::{COUNT, MANY, Measured, PATH, ran};
use crate::{ScanError, Tree};

pub(in super::super) const WHAT: &str = "lcov tracefile";

/// A record that has not ended.
#[derive(Default)]
struct Record<'a> {
    name: &'a str,
    lines: BTreeMap<u64, bool>,
    found: Option<u64>,
    hit: Option<u64>,
}

/// Reads a report.
pub(in super::super) fn read(input: &str, tree: &dyn Tree) -> Result<CoverageDocument, ScanError> {
    let mut measured = Measured::default();
    let mut record: Option<Record<'_>> = None;
    let mut last = 0;
    for (n, line) in input.lines().enumerate() {
        last = n + 1;
        let fault = |why: &str| fault(last, why);
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "end_of_record" {
            let ended = record.take().ok_or_else(|| fault("a record ends that did not begin"))?;
            ended.check().map_err(&fault)?;
            let lines = measured.file(&[], ended.name, tree).ok_or_else(|| fault(PATH))?;
            for (number, ran) in ended.lines {
                *lines.entry(number).or_default() |= ran;
            }
            continue;
        }
        let (key, value) = line.split_once(':').unwrap_or_default();
        if !KEYS.contains(&key) {
            return Err(fault("not sound: expected a key of lcov, such as `SF:PATH`"));
        }
        match (key, &mut record) {
            ("SF", None) => record = Some(Record { name: value, ..Record::default() }),
            ("SF", Some(_)) => return Err(fault("a record begins before the one above ended")),
            ("DA" | "LF" | "LH", None) => return Err(fault("lines of no file; is the file cut?")),
            ("DA", Some(record)) => {
                if !measured.more() {
                    return Err(fault(MANY));
                }
                let (number, ran) = executed(value).ok_or_else(|| fault(COUNT))?;
                *record.lines.entry(number).or_default() |= ran;
            }
            ("LF", Some(record)) => record.found = Some(value.parse().map_err(|_| fault(COUNT))?),
            ("LH", Some(record)) => record.hit = Some(value.parse().map_err(|_| fault(COUNT))?),
            _ => {}
        }
    }
    if record.is_some() {
        return Err(fault(last, "the last record does not end; is the file cut?"));
    }
    measured.document(Tool::new("lcov", None), tree).map_err(|why| fault(last, why))
}

impl Record<'_> {
    /// Refuses a record whose counts are worse than its lines.
    fn check(&self) -> Result<(), &'static str> {
        if self.found.is_some_and(|found| found > self.lines.len() as u64) {
            return Err("the record counts more lines than it shows; is the file cut?");
        }
        let ran = self.lines.values().filter(|ran| **ran).count() as u64;
        if self.hit.is_some_and(|hit| hit < ran) {
            return Err("the record counts fewer lines that ran than it shows");
        }
        Ok(())
    }
}

/// A line and whether it ran: `LINE,TIMES[,CHECKSUM]`.
fn executed(value: &str) -> Option<(u64, bool)> {
    let (number, rest) = value.split_once(',')?;
    let times = rest.split(',').next()?;
    Some((number.parse().ok()?, ran(times)?))
}

fn fault(line: usize, why: &str) -> ScanError {
    ScanError::Format { what: WHAT, why: format!("line {line}: {why}") }
}

/// Keys of a tracefile.
const KEYS: [&str; 19] = [
    "TN", "SF", "VER", "FN", "FNDA", "FNF", "FNH", "FNL", "FNA", "DA", "LF", "LH", "BRDA", "BRF", "BRH",
    "BA", "MCDC", "MCF", "MCH",
];
