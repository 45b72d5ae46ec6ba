//! Idioms that stand between a reader and a sentence: the list, and how many of them each file still has.
//!
//! Invariant: the numbers in `words-allowed.txt` only go down. A file without a row has no such idiom. Decisions and the
//! changelog are not checked, because they are history; `docs/cli.md` is not, because help texts are checked in the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{files, is_test, prose, prose::Prose};

/// An idiom, and its line.
#[derive(Debug, PartialEq, Eq)]
pub struct Hit {
    pub line: usize,
    pub idiom: String,
}

/// Files that have more idioms than their row allows, or fewer.
pub fn broken(root: &Path) -> Result<Vec<String>, String> {
    Ok(differing(&found(root)?, &allowed(root)?))
}

/// The idioms of all files, or of files whose name begins with a path, one line each.
pub fn listed(root: &Path, path: &str) -> Result<Vec<String>, String> {
    let found = found(root)?;
    let within = found.iter().filter(|(name, _)| name.starts_with(path.trim_start_matches("./")));
    Ok(within.flat_map(|(name, hits)| told(name, hits)).collect())
}

/// Lowers every row that allows more than its file has; no row is raised.
pub fn lower(root: &Path) -> Result<(), String> {
    let found = found(root)?;
    let mut rows = String::new();
    for (name, count) in allowed(root)? {
        let left = found.get(&name).map_or(0, Vec::len).min(count);
        if left > 0 {
            rows.push_str(&format!("{left:4} {name}\n"));
        }
    }
    let file = root.join(ALLOWED);
    fs::write(&file, rows).map_err(|error| format!("{}: {error}", file.display()))
}

fn differing(found: &BTreeMap<String, Vec<Hit>>, allowed: &BTreeMap<String, usize>) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, hits) in found {
        let most = allowed.get(name).copied().unwrap_or(0);
        if hits.len() > most {
            broken.push(format!(
                "{name}: {} idioms of STYLE.md's list, at most {most}: write what `cargo x words {name}` shows in plain words; \
                 a file that was moved takes its row along",
                hits.len()
            ));
        }
    }
    for (name, most) in allowed {
        let left = found.get(name).map_or(0, Vec::len);
        if left < *most {
            broken.push(format!(
                "{name}: {left} idioms, and {ALLOWED} allows {most}: run `cargo x words --lower`"
            ));
        }
    }
    broken
}

fn told(name: &str, hits: &[Hit]) -> Vec<String> {
    hits.iter().map(|hit| format!("{name}:{}: {}", hit.line, hit.idiom)).collect()
}

fn allowed(root: &Path) -> Result<BTreeMap<String, usize>, String> {
    let file = root.join(ALLOWED);
    rows(&fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?)
}

fn rows(text: &str) -> Result<BTreeMap<String, usize>, String> {
    let row = |line: &str| {
        let (count, name) = line.trim().split_once(' ')?;
        Some((name.to_owned(), count.parse::<usize>().ok()?))
    };
    let mut rows = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let (name, count) = row(line).ok_or_else(|| {
            format!("{ALLOWED}:{}: `{line}` is not a count and a file: correct it", number + 1)
        })?;
        // Git merges this file by keeping the rows of both sides: the lower number counts.
        let most = rows.entry(name).or_insert(count);
        *most = count.min(*most);
    }
    Ok(rows)
}

fn found(root: &Path) -> Result<BTreeMap<String, Vec<Hit>>, String> {
    let mut all = BTreeMap::new();
    let mut add = |name: String, read: Vec<Prose>| {
        let hits: Vec<_> = read.iter().flat_map(hits).collect();
        if !hits.is_empty() {
            all.insert(name, hits);
        }
    };
    for name in PAGES {
        let text = fs::read_to_string(root.join(name)).map_err(|error| format!("{name}: {error}"))?;
        add(name.to_owned(), prose::of_page(&text));
    }
    for (name, text) in files(root, &["docs"], "md")? {
        if !name.starts_with("docs/decisions/") && name != "docs/cli.md" {
            add(name, prose::of_page(&text));
        }
    }
    for (name, text) in files(root, &["crates"], "rs")? {
        if name.contains("/src/") && !is_test(&name) {
            add(name, prose::of_source(&text));
        }
    }
    for (name, text) in files(root, &["policies"], "rego")? {
        if !name.ends_with("_test.rego") {
            add(name, prose::of_policy(&text));
        }
    }
    Ok(all)
}

/// The idioms of a text.
fn hits(prose: &Prose) -> Vec<Hit> {
    let text = prose.text.replace('\n', " ");
    let lower = text.to_ascii_lowercase();
    let line = |at: usize| prose.line + prose.text.get(..at).unwrap_or_default().matches('\n').count();
    let mut found = Vec::new();
    for idiom in IDIOMS {
        let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let whole = lower.match_indices(idiom).filter(|(at, _)| {
            let (before, after) = (lower.get(..*at), lower.get(at + idiom.len()..));
            ends(before.and_then(|text| text.chars().last()))
                && ends(after.and_then(|text| text.chars().next()))
        });
        found.extend(whole.map(|(at, _)| Hit { line: line(at), idiom: format!("`{idiom}`") }));
    }
    for (at, sentence) in sentences(&text) {
        let bare = sentence.trim_start_matches(|c: char| !c.is_alphanumeric());
        let first = bare.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        // Messages begin in lower case; a literal `what` alone is a name.
        let message = prose.literal && at == 0 && bare.split_whitespace().count() > 2;
        let is_subject =
            SUBJECTS.iter().any(|word| *word == first || message && word.eq_ignore_ascii_case(first));
        // `{what}` is a name too.
        let begin = at + sentence.len() - bare.len();
        let apart = sentence.starts_with('#') || text.get(at..begin).is_some_and(|mark| mark.ends_with('{'));
        if is_subject && !apart && !sentence.trim_end_matches(['"', ')', '*']).ends_with('?') {
            found.push(Hit { line: line(begin), idiom: format!("a sentence begins with `{first}`") });
        }
    }
    found.sort_by_key(|hit| hit.line);
    found
}

/// Sentences with their positions, without blanks around them.
fn sentences(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = 0;
    let ends = text.match_indices(['.', '!', '?']).map(|(at, _)| at + 1);
    let ends =
        ends.filter(|end| text.get(*end..).is_none_or(|rest| rest.is_empty() || rest.starts_with(' ')));
    for end in ends.chain([text.len()]) {
        let sentence = text.get(start..end).unwrap_or_default();
        let trimmed = sentence.trim_start();
        if !trimmed.is_empty() {
            found.push((end - trimmed.len(), trimmed.trim_end()));
        }
        start = end;
    }
    found
}

/// File with the number of idioms that each file may have: a count and a file in each row.
const ALLOWED: &str = "xtask/src/tidy/words-allowed.txt";

const PAGES: [&str; 5] = ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "STYLE.md"];

/// Write instead: if omitted, is invalid, is missing, is pending, separate, detect, is recorded.
const IDIOMS: [&str; 10] = [
    "left away",
    "is none",
    "are none",
    "lacks",
    "stands open",
    "stand open",
    "of its own",
    "found out",
    "find out",
    "goes on record",
];

/// Words that are no subject: name the subject of the sentence.
const SUBJECTS: [&str; 4] = ["Who", "Whoever", "What", "Whatever"];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, literal: bool) -> Vec<(usize, String)> {
        let found = hits(&Prose { line: 3, text: text.to_owned(), literal });
        found.into_iter().map(|hit| (hit.line, hit.idiom)).collect()
    }

    #[test]
    fn each_idiom_is_found_with_its_line() {
        for idiom in IDIOMS {
            assert_eq!(of(&format!("a\nIt {idiom}, b"), false), [(4, format!("`{idiom}`"))]);
        }
        assert_eq!(of("a process of\nits own", false), [(3, "`of its own`".to_owned())]);
        for subject in SUBJECTS {
            let expected = [(4, format!("a sentence begins with `{subject}`"))];
            assert_eq!(of(&format!("One.\n{subject} may, may."), false), expected);
            assert_eq!(of(&format!("One?\n**{subject}** may"), false), expected);
        }
        assert_eq!(of("what it says is wrong", true), [(3, "a sentence begins with `what`".to_owned())]);
    }

    #[test]
    fn plain_words_are_fine() {
        for text in [
            "What is it?",
            "Ask: What is it? Then go.",
            "# What it answers",
            "It blacks out",
            "so what",
            "e.g. what",
        ] {
            assert_eq!(of(text, false), [], "{text}");
        }
        assert_eq!(of("what", true), []);
        assert_eq!(of("{what}; nothing was changed", true), []);
        assert_eq!(of("what it says is lower case", false), []);
    }

    #[test]
    fn of_two_rows_of_a_file_the_lower_one_holds() {
        let found = rows("   4 a.md\n   1 b.md\n   2 a.md\n").unwrap();
        assert_eq!(found, BTreeMap::from([("a.md".to_owned(), 2), ("b.md".to_owned(), 1)]));
        assert!(rows("a.md 4\n").unwrap_err().contains("words-allowed.txt:1:"));
    }

    #[test]
    fn a_count_that_grew_or_that_fell_is_named() {
        let hit = || Hit { line: 1, idiom: String::new() };
        let found =
            BTreeMap::from([("a.md".to_owned(), vec![hit(), hit()]), ("b.md".to_owned(), vec![hit()])]);
        let rows =
            |rows: &[(&str, usize)]| rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        assert_eq!(differing(&found, &rows(&[("a.md", 2), ("b.md", 1)])), Vec::<String>::new());
        let broken = differing(&found, &rows(&[("a.md", 1), ("b.md", 2), ("c.md", 1)]));
        assert_eq!(broken.len(), 3, "{broken:#?}");
        assert!(broken[0].starts_with("a.md: 2 idioms of STYLE.md's list, at most 1"), "{broken:#?}");
        assert!(
            broken[1].starts_with("b.md: 1 idioms, and") && broken[1].ends_with("--lower`"),
            "{broken:#?}"
        );
        assert!(broken[2].starts_with("c.md: 0 idioms"), "{broken:#?}");
        let unlisted = differing(&found, &rows(&[("a.md", 2)]));
        assert!(unlisted.len() == 1 && unlisted[0].contains("at most 0"), "{unlisted:#?}");
    }
}
