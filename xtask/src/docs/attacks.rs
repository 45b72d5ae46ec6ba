//! The tables of attacks, between hosts and on secrets: each row names its clause or weakness, and the tests that show it.
//!
//! Invariant: whether a test of that name exists is the part of `names`; how many rows there are, and what each says, is
//! checked here.

use super::page::Page;

/// The pages of the tables.
pub const PAGES: [&str; 2] = ["docs/attacks-hosts.md", "docs/attacks-secrets.md"];

/// Faults of the table's rows.
pub fn faulty(page: &Page) -> Vec<String> {
    let rows = page.text.lines().enumerate().filter(|(_, line)| line.starts_with("| ") && !is_title(line));
    let rows: Vec<_> = rows.collect();
    let mut found: Vec<_> = rows.iter().filter_map(|(number, row)| fault(page, number + 1, row)).collect();
    if rows.len() < ROWS_MIN {
        found.push(format!("{}: has {} attacks, and {ROWS_MIN} are promised", page.name, rows.len()));
    }
    found
}

fn is_title(row: &str) -> bool {
    row.starts_with("| attack |")
}

fn fault(page: &Page, line: usize, row: &str) -> Option<String> {
    let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
    let told = |what: &str| Some(format!("{}:{line}: {what}", page.name));
    let [_, clauses, tests] = cells.as_slice() else { return told("a row has three cells") };
    if !clauses.split("; ").all(is_clause) {
        return told(
            "the second cell names a clause (`RFC 8446, 5.2`, `SPIFFE ID, 2`) or a weakness (`CWE-295`)",
        );
    }
    let attacks = |name: &str| name.starts_with("`attack_") && name.ends_with('`');
    match tests.split(", ").all(attacks) {
        true => None,
        false => told("the third cell names tests whose names begin with `attack_`, separated by commas"),
    }
}

fn is_clause(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if let Some(weakness) = text.strip_prefix("CWE-") {
        return is_number(weakness);
    }
    let Some((standard, section)) = text.split_once(", ") else { return false };
    let is_standard = match standard.strip_prefix("RFC ") {
        Some(number) => is_number(number),
        None => standard.starts_with("SPIFFE "),
    };
    is_standard && section.split(" and ").all(|section| section.split('.').all(is_number))
}

const ROWS_MIN: usize = 25;

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: &[&str]) -> Page {
        let text = format!("# A\n\n| attack | clause | test |\n|---|---|---|\n{}\n", rows.join("\n"));
        Page { name: "p.md".to_owned(), text }
    }

    #[test]
    fn a_row_without_a_clause_or_a_test_is_named_and_so_is_a_short_table() {
        let fine = "| a | RFC 8446, 4.1.2 and 5; CWE-294 | `attack_a_b`, `attack_b_c` |";
        assert_eq!(faulty(&page(&[fine; 25])), Vec::<String>::new());
        let few = faulty(&page(&[fine; 24]));
        assert_eq!(few, ["p.md: has 24 attacks, and 25 are promised"]);
        for (wrong, what) in [
            ("| a | RFC 8446 | `attack_a_b` |", "names a clause"),
            ("| a | CWE- | `attack_a_b` |", "names a clause"),
            ("| a | RFC x, 1 | `attack_a_b` |", "names a clause"),
            ("| a | SPIFFE ID, 2; | `attack_a_b` |", "names a clause"),
            ("| a | CWE-294 | a test |", "begin with `attack_`"),
            ("| a | CWE-294 | `it_is_refused` |", "begin with `attack_`"),
            ("| a | CWE-294 |", "three cells"),
        ] {
            let found = faulty(&page(&[[fine; 25].as_slice(), &[wrong]].concat()));
            assert!(found.len() == 1 && found[0].starts_with("p.md:30: "), "{found:?}");
            assert!(found[0].contains(what), "{found:?}");
        }
    }
}
