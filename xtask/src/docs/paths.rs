//! Paths of the tree that pages for developers name: each exists.
//!
//! Invariant: a path begins at the root of the tree or below `crates/`, and one with `*` matches something. A span that
//! is no path of the tree, such as a directory of the installed program, is not looked at.

use std::fs;
use std::path::Path;

use super::page::{Page, Piece};

/// Paths that a page names and that do not exist.
pub fn unknown(root: &Path, page: &Page) -> Vec<String> {
    let spans = page.spans().into_iter().filter(|span| is_path(root, &span.text));
    let unknown = spans.filter(|span| !exists(root, &span.text));
    let told = |Piece { line, text }| {
        let remedy = "write the path that it has now, from the root of the tree or below crates/";
        format!("{}:{line}: names the path `{text}`, which does not exist: {remedy}", page.name)
    };
    unknown.map(told).collect()
}

/// Whether a span is meant as a path of the tree: it begins in the tree, or ends as a file of it does.
fn is_path(root: &Path, span: &str) -> bool {
    let of_path = |c: char| c.is_ascii_alphanumeric() || "_-./*".contains(c);
    let (Some((first, _)), true) = (span.split_once('/'), span.chars().all(of_path)) else { return false };
    if first.is_empty() || first == ".." {
        return false;
    }
    let begins = root.join(first).exists() || root.join("crates").join(first).exists();
    let ends = Path::new(span).extension().and_then(|ending| ending.to_str());
    begins || ends.is_some_and(|ending| ENDINGS.contains(&ending))
}

fn exists(root: &Path, path: &str) -> bool {
    let within = |dir: &Path| match path.split_once('*') {
        None => dir.join(path).exists(),
        Some((before, after)) => {
            let (parent, start) = before.rsplit_once('/').unwrap_or(("", before));
            let names = fs::read_dir(dir.join(parent)).into_iter().flatten().flatten();
            let mut names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.any(|name| name.strip_prefix(start).is_some_and(|rest| rest.ends_with(after)))
        }
    };
    within(root) || within(&root.join("crates"))
}

/// Pages that lead developers to files.
pub const PAGES: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md", "docs/recipes.md"];

const ENDINGS: [&str; 7] = ["rs", "md", "rego", "toml", "txt", "json", "sh"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_does_not_exist_is_named() {
        let root = crate::command::root();
        let named = |text: &str| {
            let page = Page { name: "p.md".to_owned(), text: text.to_owned() };
            unknown(&root, &page)
        };
        let fine = "`xtask/src/docs/paths.rs` `domain/src/event.rs` `crates/domain/src/` `lab/src/forgery/*.rs` `docs/*.md`
            `event.rs` `incoming/` `*.new` `/api/v1` `../elsewhere/a.rs` `a / b` `tlog::Key`";
        assert_eq!(named(fine), Vec::<String>::new());
        let wrong =
            ["domain/src/evnt.rs", "verbs/mod.rs", "crates/dom/", "lab/src/forgery/*.txt", "lab/src/no-*.rs"];
        for path in wrong {
            let found = named(&format!("a\n\n`{path}`"));
            assert_eq!(found.len(), 1, "{path}");
            assert!(found[0].starts_with(&format!("p.md:3: names the path `{path}`")), "{found:?}");
        }
    }
}
