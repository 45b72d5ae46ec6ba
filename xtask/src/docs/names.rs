//! Names in pages that must exist in the code: terms of the glossary, and tests that prove a promise.

use std::collections::BTreeSet;

use super::page::{Page, Piece};
use crate::tidy::crate_of;

/// Public items that a source file defines, as `crate::Name`.
pub fn public_items(name: &str, text: &str) -> Vec<String> {
    let Some(crate_name) = crate_of(name) else { return Vec::new() };
    let item = |line: &str| {
        let mut words =
            line.strip_prefix("pub ")?.split(|c: char| !c.is_alphanumeric() && c != '_').peekable();
        words.next_if(|word| ITEM_WORDS.contains(word))?;
        let item = words.find(|word| !ITEM_WORDS.contains(word))?;
        Some(format!("{crate_name}::{item}"))
    };
    text.lines().filter_map(|line| item(line.trim_start())).collect()
}

/// Names in the glossary's last column that no crate defines.
pub fn unknown_items(page: &Page, items: &BTreeSet<String>) -> Vec<String> {
    let last_cell = |row: &str| row.strip_suffix("` |")?.rsplit_once('`').map(|(_, name)| name.to_owned());
    let named = page.text.lines().enumerate();
    let named = named.filter_map(|(number, row)| Some((number + 1, last_cell(row)?)));
    let unknown = named.filter(|(_, name)| {
        let (first, last) = (name.split("::").next(), name.rsplit("::").next());
        !items.contains(&[first.unwrap_or_default(), last.unwrap_or_default()].join("::"))
    });
    let told = |(line, name)| {
        format!(
            "{}:{line}: names `{name}`, which no crate defines: write the name that it has now",
            page.name
        )
    };
    unknown.map(told).collect()
}

/// Names of the tests that a source file may define: functions, and first words of lines inside test macros.
pub fn test_names(text: &str) -> Vec<String> {
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let functions = text.split("fn ").skip(1).map(name);
    let first_words = text.lines().map(|line| name(line.trim_start())).filter(|word| word.contains('_'));
    functions.chain(first_words).collect()
}

/// Tests that a page names as proof and that no source file defines.
pub fn unknown_tests(page: &Page, tests: &BTreeSet<String>) -> Vec<String> {
    let is_test_name = |piece: &Piece| {
        let name = piece.text.trim_end_matches('*');
        name.matches('_').count() >= 2
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let is_known = |piece: &Piece| match piece.text.strip_suffix('*') {
        Some(start) => tests.iter().any(|test| test.starts_with(start)),
        // Tests of policies are rules, not functions.
        None => tests.contains(&piece.text) || piece.text.starts_with("test_"),
    };
    let unknown = page.spans().into_iter().filter(is_test_name).filter(|piece| !is_known(piece));
    let told = |Piece { line, text }| {
        let remedy = "write the name that it has now, or remove the promise";
        format!("{}:{line}: names the test `{text}`, which does not exist: {remedy}", page.name)
    };
    unknown.map(told).collect()
}

/// Pages that name a test for each promise.
pub const EVIDENCE_PAGES: [&str; 4] =
    ["SECURITY.md", "docs/threats.md", "docs/hostile-server.md", "docs/conformance.md"];

/// The page that lists every term with its name in the code.
pub const GLOSSARY: &str = "docs/glossary.md";

const ITEM_WORDS: [&str; 8] = ["struct", "enum", "trait", "type", "const", "async", "fn", "mod"];

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page { name: "p.md".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_page_that_names_a_test_which_does_not_exist_is_named() {
        let tests: BTreeSet<String> =
            test_names("fn a_b_c() {}\nasync fn attack_from_x() {}").into_iter().collect();
        let fine = page("| `a_b_c`, `attack_from_*` | `test_of_policy` `one_word` `cargo x sim` |");
        assert_eq!(unknown_tests(&fine, &tests), Vec::<String>::new());
        let found = unknown_tests(&page("x\n\n`a_b_d`, `attack_on_*`"), &tests);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("p.md:3: names the test `a_b_d`"), "{found:?}");
    }

    #[test]
    fn a_glossary_row_whose_code_does_not_exist_is_named() {
        let text = "pub struct Run {\n    pub const fn new() {}\npub const MAX: u64 = 1;";
        let items: BTreeSet<String> = public_items("crates/build/src/run.rs", text).into_iter().collect();
        let fine = "| run | One. | job | `build::run::Run` |\n| new | Two. | - | `build::new` |\n| bare | Three. | - | - |";
        assert_eq!(unknown_items(&page(fine), &items), Vec::<String>::new());
        let wrong = "| run | `One`. | job | `build::Job` |\n| a | b | c | `other::Run` |";
        let found = unknown_items(&page(wrong), &items);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("p.md:1: names `build::Job`"), "{found:?}");
    }
}
