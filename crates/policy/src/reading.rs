//! A light reading of Rego text: it finds the packages that a gate asks and the rules that are tests.
//!
//! Invariant: nothing inside strings and comments is taken for a rule. This module does not compile; the engine does.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::Bundle;

/// A file with rules that a gate never asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "policy file `{file}`: nothing asks for its package `{package}`, so its rules decide nothing; put them into package \
     `{GATE}`, refer to `data.{package}` there, or remove the file"
)]
pub struct Unasked {
    /// The file.
    pub file: String,
    /// Package of the file.
    pub package: String,
}

/// Checks that every file is in the gate's package, or in a package that an asked file refers to.
///
/// # Errors
/// `Unasked` names the first file that is not.
pub fn all_asked(bundle: &Bundle) -> Result<(), Unasked> {
    let files: BTreeMap<&str, (String, String)> = bundle
        .files()
        .iter()
        .map(|(path, text)| {
            let plain = plain(text);
            (path.as_str(), (package(&plain).unwrap_or_default(), plain))
        })
        .collect();
    let mut asked: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> =
        files.iter().filter(|(_, (package, _))| package == GATE).map(|(path, _)| *path).collect();
    while let Some(path) = open.pop() {
        if !asked.insert(path) {
            continue;
        }
        let Some((own, text)) = files.get(path) else { continue };
        let next = files.iter().filter(|(_, (package, _))| package == own || refers(text, package));
        open.extend(next.map(|(path, _)| *path));
    }
    match files.iter().find(|(path, _)| !asked.contains(*path)) {
        Some((path, (package, _))) => Err(Unasked { file: (*path).to_owned(), package: package.clone() }),
        None => Ok(()),
    }
}

/// Whether a text refers to a package: by its full name, by a part below it, or by a document above it.
fn refers(text: &str, package: &str) -> bool {
    let whole = format!("data.{package}");
    text.match_indices("data.").any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(|c| is_word(c) || c == '.') {
            return false;
        }
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.find(|c: char| !is_word(c) && c != '.').unwrap_or(rest.len());
        let (path, behind) = rest.split_at(end);
        let path = path.trim_end_matches('.');
        // `data.a[name]` and `x := data.a` refer to everything below.
        let above = |path: &str| whole.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        path == whole
            || path.strip_prefix(&whole).is_some_and(|rest| rest.starts_with('.'))
            || above(path) && (behind.starts_with('[') || !text.contains(&format!("import {path}")))
    })
}

/// The package that a text declares. Its comments and strings were removed before.
fn package(plain: &str) -> Option<String> {
    let line = plain.lines().find_map(|line| line.trim_start().strip_prefix("package "))?;
    line.split_whitespace().next().map(str::to_owned)
}

/// A definition of a test. Definitions of one name are counted separately, as other tools count them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Name of the rule.
    pub name: String,
    /// Position of the name in the text, in bytes.
    pub at: usize,
}

/// Rules whose names begin with `test_`, anywhere in a line.
pub fn tests(text: &str) -> Vec<Definition> {
    let plain = plain(text);
    let (mut found, mut depth, mut at) = (Vec::new(), 0_usize, 0);
    for line in plain.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let name: String = trimmed.chars().take_while(|c| is_word(*c)).collect();
        if depth == 0 && name.starts_with("test_") {
            found.push(Definition { at: at + line.len() - trimmed.len(), name });
        }
        for c in line.chars() {
            match c {
                '{' | '[' | '(' => depth += 1,
                '}' | ']' | ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        at += line.len();
    }
    found
}

/// Replaces everything inside strings and comments by spaces, byte for byte.
fn plain(text: &str) -> String {
    enum Within {
        Code,
        Comment,
        Quoted,
        Raw,
    }
    let (mut within, mut escaped, mut plain) = (Within::Code, false, String::with_capacity(text.len()));
    for c in text.chars() {
        let (kept, next) = match (&within, c) {
            (Within::Code, '#') => (false, Within::Comment),
            (Within::Code, '"') => (false, Within::Quoted),
            (Within::Code, '`') => (false, Within::Raw),
            (Within::Code, _) => (true, Within::Code),
            (Within::Comment, '\n') | (Within::Quoted, '\n') => (true, Within::Code),
            (Within::Quoted, '"') if !escaped => (false, Within::Code),
            (Within::Raw, '`') => (false, Within::Code),
            (Within::Raw, '\n') => (true, Within::Raw),
            (Within::Comment, _) => (false, Within::Comment),
            (Within::Quoted, _) => (false, Within::Quoted),
            (Within::Raw, _) => (false, Within::Raw),
        };
        escaped = matches!(within, Within::Quoted) && c == '\\' && !escaped;
        within = next;
        if kept {
            plain.push(c);
        } else {
            plain.extend(std::iter::repeat_n(' ', c.len_utf8()));
        }
    }
    plain
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

const GATE: &str = "countersign.gate";

#[cfg(test)]
mod tests_of_reading {
    use super::*;

    const BASE: &str = "package countersign.gate\nimport rego.v1\nchecks contains \"x\"\ndeny contains r if { false; r := 1 }\n";

    fn asked(more: &[(&str, &str)]) -> Result<(), Unasked> {
        let files = more.iter().chain(&[("gate.rego", BASE)]);
        let files = files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        all_asked(&Bundle::new(files).unwrap())
    }

    #[test]
    fn a_package_that_nothing_asks_for_is_named() {
        for package in [
            "countersign.gate.extra",
            "countersign.gates",
            "countersign",
            "main",
            "policy",
            "Countersign.gate",
        ] {
            let text = format!("# package countersign.gate\npackage {package}\ndeny contains 1\n");
            let refused = asked(&[("extra.rego", &text)]).unwrap_err();
            assert_eq!((refused.file.as_str(), refused.package.as_str()), ("extra.rego", package));
            assert!(refused.to_string().contains("refer to `data."), "{refused}");
        }
        assert_eq!(asked(&[("more.rego", "package countersign.gate\ndeny contains 2\n")]), Ok(()));
    }

    #[test]
    fn a_package_that_is_referred_to_is_asked() {
        let extra = ("extra.rego", "package countersign.gate.extra\ndeny contains 1\n");
        for text in [
            "deny contains r if some r in data.countersign.gate.extra.deny",
            "import data.countersign.gate.extra",
            "import data.countersign.gate.extra as other",
            "deny contains r if { some name; some r in data.countersign.gate[name].deny }",
        ] {
            let text = format!("package countersign.gate\n{text}\n");
            assert_eq!(asked(&[extra, ("use.rego", &text)]), Ok(()), "{text}");
        }
        for text in [
            "# data.countersign.gate.extra.deny",
            "deny contains \"data.countersign.gate.extra\"",
            "deny contains `data.countersign.gate.extra`",
            "import data.countersign.gate.extras",
            "x := mydata.countersign.gate.extra",
        ] {
            let text = format!("package countersign.gate\n{text}\n");
            assert!(asked(&[extra, ("use.rego", &text)]).is_err(), "{text}");
        }
        // Through a package that is asked itself, and not through one that is not.
        let lib = ("lib.rego", "package lib\nimport data.countersign.gate.extra\n");
        assert!(asked(&[extra, lib]).is_err());
        assert_eq!(asked(&[extra, lib, ("use.rego", "package countersign.gate\nimport data.lib\n")]), Ok(()));
    }

    #[test]
    fn every_definition_of_a_test_counts_wherever_it_begins() {
        let text = "package a\n  test_a if true\ntest_a if {\n\ttest_no := 1\n}\n\ttest_b := x if {\n x := true }\n# test_c if true\ns := `\ntest_d if true\n`\n";
        let found = tests(text);
        let names: Vec<_> = found.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["test_a", "test_a", "test_b"]);
        assert!(found.iter().all(|test| text[test.at..].starts_with(&test.name)));
    }
}
