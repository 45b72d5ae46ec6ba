//! The number of formats of reports that README.md names.

use super::page::Page;

/// The table of formats, from the root of the tree.
pub const TABLE: &str = "crates/scan/src/reports/mod.rs";

/// A fault if the page names another number of formats than the table, in this source, has rows.
pub fn miscounted(page: &Page, source: &str) -> Option<String> {
    let table = source.split_once("const TABLE").and_then(|(_, rest)| rest.split_once("\n];"));
    let rows = table.map_or(0, |(table, _)| table.matches("ReportFormat::").count());
    let said = format!("reports of {rows} formats");
    let name = &page.name;
    (!page.text.contains(&said)).then(|| format!("{name}: does not say `{said}`: {TABLE} has {rows} rows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_number_of_formats_than_the_table_has_is_named() {
        let source = "const TABLE: &[Row] = &[\n    row(ReportFormat::A, 1),\n    row(\n ReportFormat::B),\n];\nReportFormat::C";
        let page = |text: &str| Page { name: "README.md".to_owned(), text: text.to_owned() };
        assert_eq!(miscounted(&page("| reports of 2 formats of scanners |"), source), None);
        for wrong in ["reports of 3 formats", "reports of formats"] {
            let found = miscounted(&page(wrong), source).unwrap_or_default();
            assert!(found.starts_with("README.md: does not say `reports of 2 formats`"), "{found}");
        }
    }
}
