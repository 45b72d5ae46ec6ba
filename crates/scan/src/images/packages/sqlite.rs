//! The blobs of one table of a SQLite database (<https://www.sqlite.org/fileformat2.html>).
//!
//! Invariant: each page is read once, and all rows together have no more bytes than the database, so that neither a chain of pages nor
//! cells of one page that share their bytes make it go on for ever. It reads tables alone: neither indexes, nor what stands in a
//! write-ahead log.

use std::collections::BTreeSet;

use crate::components::fault::Fault;

/// A database in memory.
pub struct Database<'a> {
    bytes: &'a [u8],
    page_bytes: usize,
    /// Bytes of a page without those that are reserved at its end.
    usable: usize,
}

impl<'a> Database<'a> {
    /// Reads the header.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let header = bytes.get(..HEADER_BYTES).filter(|header| header.starts_with(b"SQLite format 3\0"));
        let header = header.ok_or_else(|| Fault::new("it is no database of SQLite"))?;
        let page_bytes = match short(header, 16) {
            Some(1) => 65_536,
            Some(bytes @ 512..) if bytes.is_power_of_two() => bytes,
            _ => return Err(Fault::new("its pages have an unknown size")),
        };
        let reserved = header.get(20).copied().map_or(0, usize::from);
        Ok(Self { bytes, page_bytes, usable: page_bytes.saturating_sub(reserved) })
    }

    /// Reads the last column of each row of a table, which is a blob.
    pub fn blobs(&self, table: &str, mut each: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut root = None;
        self.rows(1, &mut |row| {
            if let [Value::Bytes(kind), Value::Bytes(name), _, Value::Number(page), ..] = row
                && kind == b"table"
                && name == table.as_bytes()
            {
                root = usize::try_from(*page).ok();
            }
            Ok(())
        })?;
        let root = root.ok_or_else(|| Fault::new(format!("it has no table `{table}`")))?;
        self.rows(root, &mut |row| match row.last() {
            Some(Value::Bytes(blob)) => each(blob),
            _ => Err(Fault::new(format!("a row of `{table}` has no blob"))),
        })
    }

    /// Reads all rows of the table that begins at a page.
    fn rows(&self, root: usize, each: &mut dyn FnMut(&[Value]) -> Result<(), Fault>) -> Result<(), Fault> {
        let (mut open, mut seen) = (vec![root], BTreeSet::new());
        let mut left = self.bytes.len();
        while let Some(number) = open.pop() {
            let page = self.page(number, &mut seen)?;
            let start = if number == 1 { HEADER_BYTES } else { 0 };
            let kind = page.get(start).copied();
            let cells = short(page, start + 3).ok_or_else(damaged)?;
            let head = if kind == Some(INTERIOR) { 12 } else { 8 };
            for cell in 0..cells {
                let at = short(page, start + head + 2 * cell).ok_or_else(damaged)?;
                match kind {
                    Some(INTERIOR) => open.push(word(page, at).ok_or_else(damaged)?),
                    Some(LEAF) => each(&self.row(page, at, &mut seen, &mut left)?)?,
                    _ => return Err(damaged()),
                }
            }
            if kind == Some(INTERIOR) {
                open.push(word(page, start + 8).ok_or_else(damaged)?);
            }
        }
        Ok(())
    }

    fn page(&self, number: usize, seen: &mut BTreeSet<usize>) -> Result<&'a [u8], Fault> {
        if number == 0 || !seen.insert(number) {
            return Err(damaged());
        }
        let start = (number - 1).checked_mul(self.page_bytes).ok_or_else(damaged)?;
        self.bytes.get(start..).and_then(|rest| rest.get(..self.page_bytes)).ok_or_else(damaged)
    }

    fn row(
        &self,
        page: &[u8],
        at: usize,
        seen: &mut BTreeSet<usize>,
        left: &mut usize,
    ) -> Result<Vec<Value>, Fault> {
        let mut cell = page.get(at..).ok_or_else(damaged)?;
        let length = usize::try_from(varint(&mut cell)?).map_err(|_| damaged())?;
        varint(&mut cell)?;
        let whole = length.checked_add(CELL_BYTES_MIN).ok_or_else(damaged)?;
        *left = left.checked_sub(whole).ok_or_else(damaged)?;
        record(&self.payload(cell, length, seen)?)
    }

    /// The bytes of a row: those in its cell, and those in pages behind it.
    fn payload(&self, cell: &[u8], length: usize, seen: &mut BTreeSet<usize>) -> Result<Vec<u8>, Fault> {
        let most = self.usable.checked_sub(35).ok_or_else(damaged)?;
        if length <= most {
            return Ok(cell.get(..length).ok_or_else(damaged)?.to_vec());
        }
        let least = ((self.usable - 12) * 32 / 255).saturating_sub(23);
        let even = least + (length - least) % (self.usable - 4);
        let here = if even <= most { even } else { least };
        let mut payload = cell.get(..here).ok_or_else(damaged)?.to_vec();
        let mut next = word(cell, here).ok_or_else(damaged)?;
        while payload.len() < length {
            let page = self.page(next, seen)?;
            let wanted = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(page.get(4..4 + wanted).ok_or_else(damaged)?);
            next = word(page, 0).ok_or_else(damaged)?;
        }
        Ok(payload)
    }
}

/// A value of a row.
enum Value {
    Number(i64),
    /// A text or a blob.
    Bytes(Vec<u8>),
    /// Nothing, or a number with a fraction.
    Other,
}

/// The values of a row: a header with their types, and the values behind it.
fn record(payload: &[u8]) -> Result<Vec<Value>, Fault> {
    let mut rest = payload;
    let length = usize::try_from(varint(&mut rest)?).map_err(|_| damaged())?;
    let before = payload.len() - rest.len();
    let mut types = payload.get(before..length).ok_or_else(damaged)?;
    let mut values = payload.get(length..).ok_or_else(damaged)?;
    let mut row = Vec::new();
    while !types.is_empty() {
        if row.len() >= COLUMNS_MAX {
            return Err(damaged());
        }
        let kind = varint(&mut types)?;
        let bytes = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return Err(damaged()),
            _ => (kind - 12) / 2,
        };
        let bytes = usize::try_from(bytes).map_err(|_| damaged())?;
        let (value, after) = values.split_at_checked(bytes).ok_or_else(damaged)?;
        values = after;
        row.push(match kind {
            8 => Value::Number(0),
            9 => Value::Number(1),
            1..=6 => {
                // Numbers have a sign, and their first byte has it.
                let sign = if value.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
                Value::Number(value.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
            }
            12.. => Value::Bytes(value.to_vec()),
            _ => Value::Other,
        });
    }
    Ok(row)
}

/// A number of up to nine bytes.
fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let mut number = 0_u64;
    for at in 0..9 {
        let (first, rest) = bytes.split_first().ok_or_else(damaged)?;
        *bytes = rest;
        if at == 8 {
            return Ok(number << 8 | u64::from(*first));
        }
        number = number << 7 | u64::from(first & 0x7f);
        if first & 0x80 == 0 {
            break;
        }
    }
    Ok(number)
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_be_bytes(part.try_into().ok()?)))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_be_bytes(part.try_into().ok()?)).ok()
}

fn damaged() -> Fault {
    Fault::new("the database is damaged")
}

const HEADER_BYTES: usize = 100;
/// The place of a cell in its page, and its two shortest numbers.
const CELL_BYTES_MIN: usize = 4;
/// The tables that are read have five columns and two.
const COLUMNS_MAX: usize = 16;
const INTERIOR: u8 = 0x05;
const LEAF: u8 = 0x0d;
