//! Verification of the table of idempotency keys: for each entry it must contain exactly the key that the entry names.
//!
//! Invariant: both tables are read once, in the order of the entries, and compared side by side. So no look-ups are
//! needed, and only one key is in memory at a time.

use evidence::Digest;
use rusqlite::Rows;

use crate::error::LedgerError;
use crate::report::Breach;
use crate::rows::stored;

/// Query for the rows of the table, in the order that `Keys` needs.
pub const ROWS: &str = "SELECT seq, key FROM idempotency ORDER BY seq";

/// The rows of the table.
pub struct Keys<'a> {
    rows: Rows<'a>,
    /// The next row, if it was read already.
    next: Option<(i64, Vec<u8>)>,
}

impl<'a> Keys<'a> {
    pub const fn new(rows: Rows<'a>) -> Self {
        Self { rows, next: None }
    }

    /// Compares the table with the key that an entry names. The entries must come in order.
    pub fn named(&mut self, seq: u64, key: Option<Digest>) -> Result<Vec<Breach>, LedgerError> {
        let number = stored(seq)?;
        let mut breaches = self.strays(|of| of < number)?;
        let mut found = false;
        while let Some((_, kept)) = self.next_if(|of| of == number)? {
            if key.is_some_and(|key| key.as_bytes().as_slice() == kept) {
                found = true;
            } else if breaches.len() < STRAYS_MAX {
                breaches.push(stray(number));
            }
        }
        if let Some(key) = key.filter(|_| !found) {
            let what = format!("idempotency key {key} is not on record for it");
            breaches.push(Breach { place: format!("entry {seq}"), what });
        }
        Ok(breaches)
    }

    /// The rows that belong to no entry.
    pub fn rest(&mut self) -> Result<Vec<Breach>, LedgerError> {
        self.strays(|_| true)
    }

    fn strays(&mut self, wanted: impl Fn(i64) -> bool) -> Result<Vec<Breach>, LedgerError> {
        let mut breaches = Vec::new();
        while let Some((of, _)) = self.next_if(&wanted)? {
            // Enough to show that there are many.
            if breaches.len() < STRAYS_MAX {
                breaches.push(stray(of));
            }
        }
        Ok(breaches)
    }

    fn next_if(&mut self, wanted: impl Fn(i64) -> bool) -> Result<Option<(i64, Vec<u8>)>, LedgerError> {
        let doing = LedgerError::sql("read idempotency keys");
        if self.next.is_none()
            && let Some(row) = self.rows.next().map_err(doing)?
        {
            self.next = Some((row.get(0).map_err(doing)?, row.get(1).map_err(doing)?));
        }
        Ok(self.next.take_if(|(of, _)| wanted(*of)))
    }
}

fn stray(of: i64) -> Breach {
    let what = format!("a key is said to be of entry {of}, which does not name it");
    Breach { place: "table idempotency".into(), what }
}

/// Highest number of stray rows to report.
const STRAYS_MAX: usize = 100;
