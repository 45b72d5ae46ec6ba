//! Checks that the pages agree with the program: README.md, the other pages at the root, and `docs/`.
//!
//! Invariant: each check names the file, the line and the remedy, and has a test that breaks it. This module links no crate
//! of the product: it reads the sources, and the page that the product's test writes.

mod attacks;
mod codes;
mod commands;
mod formats;
mod links;
mod names;
mod page;
mod paths;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use page::Page;

use crate::tidy;
use crate::usage::USAGE;

/// Every fault found below `root`, one line each.
pub fn broken(root: &Path) -> Result<Vec<String>, String> {
    let pages = pages(root)?;
    let page = |name: &str| {
        let found = pages.iter().find(|page| page.name == name);
        found.ok_or_else(|| format!("{name}: this page does not exist: write it, or change xtask/src/docs"))
    };
    let mut found = links::dead(root, &pages);
    found.extend(links::unreachable(root, &pages));
    found.extend(pages.iter().flat_map(|page| tidy::left_by_a_merge(&page.name, &page.text)));
    let commands = commands::Commands::read(page(CLI)?);
    // Decisions are history, so they may name things that no longer exist.
    let present = || pages.iter().filter(|page| !page.name.starts_with("docs/decisions/"));
    found.extend(present().flat_map(|page| commands::unknown(page, &commands)));
    found.extend(present().flat_map(|page| commands::unknown_tasks(page, USAGE)));
    let (mut tests, mut items) = (BTreeSet::new(), BTreeSet::new());
    let (mut codes, mut words) = (BTreeSet::new(), BTreeSet::new());
    for (name, text) in tidy::sources(root)? {
        tests.extend(names::test_names(&text));
        items.extend(names::public_items(&name, &text));
        codes.extend(codes::of_source(&name, &text));
        words.extend(codes::words(&text));
        if name == formats::TABLE {
            found.extend(formats::miscounted(page("README.md")?, &text));
        }
        if name.contains("/src/") && name.starts_with("crates/") && !tidy::is_test(&name) {
            found.extend(commands::unknown_in_source(&name, &text, &commands));
        }
    }
    for (name, text) in tidy::files(root, &["policies"], "rego")? {
        codes.extend(codes::of_source(&name, &text));
        words.extend(codes::words(&text));
    }
    for (_, text) in tidy::files(root, &["crates"], "toml")? {
        words.extend(codes::words(&text));
    }
    let others: Vec<_> = present().filter(|page| page.name != CODES).collect();
    found.extend(codes::differing(page(CODES)?, &others, &codes));
    found.extend(present().flat_map(|page| codes::unknown_words(page, &words)));
    for name in names::EVIDENCE_PAGES {
        found.extend(names::unknown_tests(page(name)?, &tests));
    }
    for name in attacks::PAGES {
        found.extend(attacks::faulty(page(name)?));
        found.extend(names::unknown_tests(page(name)?, &tests));
    }
    for name in paths::PAGES {
        found.extend(paths::unknown(root, page(name)?));
    }
    found.extend(names::unknown_items(page(names::GLOSSARY)?, &items));
    Ok(found)
}

/// Every page that is checked.
fn pages(root: &Path) -> Result<Vec<Page>, String> {
    let mut found = Vec::new();
    for name in TOP {
        let text = fs::read_to_string(root.join(name)).map_err(|error| format!("{name}: {error}"))?;
        found.push(Page { name: name.to_owned(), text });
    }
    let below = tidy::files(root, &["docs"], "md")?;
    found.extend(below.into_iter().map(|(name, text)| Page { name, text }));
    Ok(found)
}

const TOP: [&str; 5] = ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "STYLE.md"];

/// The page of every code with its remedy.
const CODES: &str = "docs/codes.md";

/// The page that a test of the binary writes.
const CLI: &str = "docs/cli.md";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_true() {
        assert_eq!(broken(&crate::command::root()), Ok(Vec::new()));
    }
}
