//! Parts of sheets: a cell with a text, a row with a title, and a list that has a bound.
//!
//! Invariant: a list counts whatever it does not show.

use web::model::{SheetCell, SheetList, SheetRow};

/// A cell with a text alone.
pub fn cell(text: impl Into<String>) -> SheetCell {
    SheetCell { text: text.into(), ..SheetCell::default() }
}

/// A row with a title alone.
pub fn row(title: impl Into<String>) -> SheetRow {
    SheetRow { title: title.into(), ..SheetRow::default() }
}

/// A list of at most so many rows, and the sentence for a list without rows.
pub fn list(title: &str, mut rows: Vec<SheetRow>, most: usize, empty: &str) -> SheetList {
    let more = rows.len().saturating_sub(most);
    rows.truncate(most);
    SheetList { title: title.to_owned(), rows, more, empty: empty.to_owned(), fill: None }
}

#[cfg(test)]
mod tests {
    use super::{list, row};

    #[test]
    fn a_list_counts_what_it_does_not_show() {
        let rows = || ["a", "b", "c"].map(row).to_vec();
        let cut = list("Names", rows(), 2, "none");
        assert_eq!((cut.rows, cut.more), (vec![row("a"), row("b")], 1));
        let whole = list("Names", rows(), 3, "none");
        assert_eq!((whole.rows.len(), whole.more, whole.empty.as_str()), (3, 0, "none"));
    }
}
