//! The book: amounts, one a line, durable before they count.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

pub struct Book {
    file: File,
    amounts: Vec<i64>,
    limit: Option<i64>,
}

pub enum BookError {
    Amount(String),
    Io(io::Error),
}

impl Book {
    /// Opens a book; `limit` is the largest amount of one entry, `None` when nobody knows it.
    pub fn open(path: &Path, limit: Option<i64>) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let amounts = text.lines().filter_map(|line| line.parse().ok()).collect();
        Ok(Self { file, amounts, limit })
    }

    pub fn is_sound(&self) -> bool {
        self.limit.is_some()
    }

    pub fn len(&self) -> usize {
        self.amounts.len()
    }

    pub fn balance(&self) -> i64 {
        self.amounts.iter().sum()
    }

    /// Appends an amount and answers its number.
    pub fn append(&mut self, text: &str) -> Result<usize, BookError> {
        let wrong = |what: &str| BookError::Amount(format!("`{}` {what}", text.trim()));
        let amount: i64 = text.trim().parse().map_err(|_| wrong("is not an amount in cents"))?;
        let limit = self.limit.ok_or_else(|| wrong("cannot be checked against a limit"))?;
        if amount == 0 || amount.abs() > limit {
            return Err(wrong("is zero or above the limit"));
        }
        writeln!(self.file, "{amount}").map_err(BookError::Io)?;
        self.file.sync_data().map_err(BookError::Io)?;
        self.amounts.push(amount);
        Ok(self.amounts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(name: &str, limit: Option<i64>) -> Book {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        drop(std::fs::remove_file(&path));
        Book::open(&path, limit).unwrap()
    }

    #[test]
    fn entries_add_up() {
        let mut book = book("adds-up", Some(100));
        assert!(matches!(book.append("60"), Ok(1)));
        assert!(matches!(book.append(" -20\n"), Ok(2)));
        assert_eq!(book.balance(), 40);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        let mut book = book("refused", Some(100));
        for bad in ["", "x", "0", "101", "-101", "1.5"] {
            assert!(matches!(book.append(bad), Err(BookError::Amount(_))), "{bad}");
        }
        assert_eq!(book.len(), 0);
    }

    #[test]
    fn without_a_limit_nothing_is_taken() {
        let mut book = book("no-limit", None);
        assert!(!book.is_sound());
        assert!(book.append("1").is_err());
    }
}
