//! A law of the command line's errors: people have read each message before a release, on a page of snapshots.
//!
//! Invariant: it looks for the fixed words of each text that a failure is made of, in the function that makes it: texts given
//! at once, and texts of variables and constants that are named there. A text that no command line of a test can cause is in
//! `messages-unseen.txt` with the reason; a row there must still be needed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::LitStr;

use super::files::{files, is_test};

/// Texts that no page shows, and rows that are not needed.
pub fn broken(root: &Path) -> Result<Vec<String>, String> {
    let mut sources = files(root, &CRATES, "rs")?;
    sources.retain(|(name, _)| name.contains("/src/") && !is_test(name));
    let pages = files(root, &["crates/countersign/tests/texts/snapshots"], "snap")?;
    let unseen = std::fs::read_to_string(root.join(UNSEEN)).map_err(|error| format!("{UNSEEN}: {error}"))?;
    let pages: Vec<_> = pages.into_iter().map(|(_, text)| text).collect();
    Ok(compared(&sources, &pages.join("\n"), &unseen))
}

/// The same for given texts.
fn compared(sources: &[(String, String)], pages: &str, unseen: &str) -> Vec<String> {
    let pages = words(pages);
    let rows = unseen.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" | "));
    let mut rows: BTreeMap<&str, bool> = rows.map(|(text, _)| (text, false)).collect();
    let streams = sources.iter().filter_map(|(name, text)| Some((name, text.parse::<TokenStream>().ok()?)));
    let streams: Vec<_> = streams.collect();
    let mut constants = BTreeMap::new();
    streams.iter().for_each(|(_, stream)| named("const", stream.clone(), &mut constants));
    let mut broken = Vec::new();
    for (name, stream) in streams {
        for text in texts(stream, &constants) {
            if pages.contains(&text) {
                continue;
            }
            match rows.get_mut(text.as_str()) {
                Some(needed) => *needed = true,
                None => broken.push(format!(
                    "{name}: no snapshot shows `{text}`: add the command to crates/countersign/tests/texts, or a row to {UNSEEN}"
                )),
            }
        }
    }
    let idle = rows.into_iter().filter(|(_, needed)| !needed);
    broken.extend(idle.map(|(text, _)| format!("{UNSEEN}: the row `{text}` is not needed")));
    broken
}

/// The fixed words of every text of a failure, in all functions.
fn texts(stream: TokenStream, constants: &BTreeMap<String, Vec<TokenTree>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut in_function, mut in_tests) = (false, false);
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Ident(word) if word == "fn" => in_function = true,
            TokenTree::Ident(word) if word == "mod" => {
                in_tests = matches!(trees.peek(), Some(TokenTree::Ident(name)) if name == "tests");
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                if in_function {
                    let mut variables = constants.clone();
                    named("let", group.stream(), &mut variables);
                    failures(group.stream(), &variables, &mut found);
                } else if !in_tests {
                    found.extend(texts(group.stream(), constants));
                }
                (in_function, in_tests) = (false, false);
            }
            _ => {}
        }
    }
    found
}

/// What each name is set to, by `let` or `const`, at any depth.
fn named(word: &str, stream: TokenStream, found: &mut BTreeMap<String, Vec<TokenTree>>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Ident(own) if own == word => {
                let rest = trees.get(at + 1..).unwrap_or_default();
                let statement = rest.iter().take_while(|tree| !is(tree, ';'));
                let name = rest.iter().find_map(|tree| match tree {
                    TokenTree::Ident(name) if name != "mut" => Some(name.to_string()),
                    _ => None,
                });
                let value = statement.skip_while(|tree| !is(tree, '=')).cloned();
                found.extend(name.map(|name| (name, value.collect())));
            }
            TokenTree::Group(group) => named(word, group.stream(), found),
            _ => {}
        }
    }
}

fn is(tree: &TokenTree, sign: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// Adds the texts of each failure that is made in a stream.
fn failures(stream: TokenStream, variables: &BTreeMap<String, Vec<TokenTree>>, found: &mut BTreeSet<String>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    for (at, tree) in trees.iter().enumerate() {
        let TokenTree::Group(group) = tree else { continue };
        let before = trees.get(at.saturating_sub(4)..at).unwrap_or_default();
        let before: Vec<_> = before.iter().map(ToString::to_string).collect();
        let makes = match before.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["Failure" | "Error", ":", ":", made] => MADE.contains(made),
            [.., "UriError" | "Reason"] => true,
            _ => false,
        };
        if makes {
            let mut literals = Literals { variables, known: BTreeSet::new(), found: BTreeSet::new() };
            literals.add(group.stream());
            found.extend(literals.found);
        } else {
            failures(group.stream(), variables, found);
        }
    }
}

/// The literals of one failure, also of the variables that are named.
struct Literals<'a> {
    variables: &'a BTreeMap<String, Vec<TokenTree>>,
    known: BTreeSet<String>,
    found: BTreeSet<String>,
}

impl Literals<'_> {
    /// Adds the longest fixed part of each literal.
    fn add(&mut self, stream: TokenStream) {
        for tree in stream {
            match tree {
                TokenTree::Ident(name) => self.follow(&name.to_string()),
                TokenTree::Literal(literal) => {
                    let Ok(text) = syn::parse_str::<LitStr>(&literal.to_string()) else { continue };
                    self.add_text(&text.value());
                }
                TokenTree::Group(group) => self.add(group.stream()),
                TokenTree::Punct(_) => {}
            }
        }
    }

    fn add_text(&mut self, text: &str) {
        let parts: Vec<_> = text.split(['{', '}']).collect();
        parts.iter().skip(1).step_by(2).for_each(|name| self.follow(name));
        let fixed = parts.iter().step_by(2).map(|part| words(part));
        let longest = fixed.max_by_key(String::len).unwrap_or_default();
        if longest.len() >= BYTES_MIN && longest.contains(' ') {
            self.found.insert(longest);
        }
    }

    fn follow(&mut self, name: &str) {
        if let Some(value) = self.variables.get(name).filter(|_| self.known.insert(name.to_owned())) {
            self.add(value.iter().cloned().collect());
        }
    }
}

/// A text with one space between two words.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The crates whose failures people read on the command line.
const CRATES: [&str; 2] = ["crates/client", "crates/countersign"];
/// Constructors of a failure that takes words.
const MADE: [&str; 8] =
    ["error", "usage", "counted", "decided", "interrupted", "unusable", "Unusable", "Ambiguous"];
/// Rows of texts that no test shows: the text, ` | `, the reason.
const UNSEEN: &str = "xtask/src/tidy/messages-unseen.txt";
/// Shorter words say too little to be looked for.
const BYTES_MIN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, pages: &str, unseen: &str) -> Vec<String> {
        compared(&[("a.rs".to_owned(), source.to_owned())], pages, unseen)
    }

    #[test]
    fn a_text_that_no_page_shows_is_found_wherever_it_is_made() {
        for source in [
            r#"fn a() { Err(Failure::error("nothing runs here")) }"#,
            r#"impl A { fn a() { b(|| Failure::usage(format!("{a}: nothing runs here{b}"))) } }"#,
            r#"fn a() { let what = format!("nothing runs \
                   here: {x}"); Err(Failure::error(format!("{what}; {y}"))) }"#,
            r#"fn a() { Failure::error(b, NOTHING) } const NOTHING: &str = "nothing runs here";"#,
            r#"fn a() { Reason { code: "x".into(), what: "nothing runs here".into() } }"#,
        ] {
            let broken = found(source, "else", "");
            assert!(
                matches!(broken.as_slice(), [one] if one.starts_with("a.rs: no snapshot shows `") && one.contains("nothing runs here")),
                "{source}: {broken:?}"
            );
            assert_eq!(
                found(source, "error: x: nothing\n  runs here: y", ""),
                Vec::<String>::new(),
                "{source}"
            );
        }
        for fine in [
            r#"fn a() { print("nothing runs here") }"#,
            r#"fn a() { Failure::error(error) }"#,
            r#"mod tests { fn a() { Failure::error("nothing runs here") } }"#,
        ] {
            assert_eq!(found(fine, "", ""), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn a_row_allows_a_text_as_long_as_it_is_needed() {
        let source = r#"fn a() { Failure::error("nothing runs here") }"#;
        let row = "# why\nnothing runs here | a disk would have to fail";
        assert_eq!(found(source, "", row), Vec::<String>::new());
        let idle = ["xtask/src/tidy/messages-unseen.txt: the row `nothing runs here` is not needed"];
        assert_eq!(found(source, "nothing runs here", row), idle);
    }

    #[test]
    fn the_law_finds_the_messages_of_the_program() {
        let mut sources = files(&crate::command::root(), &CRATES, "rs").unwrap();
        sources.retain(|(name, _)| name.contains("/src/") && !is_test(name));
        let all = compared(&sources, "", "");
        assert!(all.len() > 200, "{}", all.len());
    }
}
