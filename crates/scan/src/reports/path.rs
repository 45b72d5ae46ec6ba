//! Paths of reports become paths of the tree.
//!
//! Invariant: a path that is relative to the tree has neither an empty segment nor `.` nor `..`. A path that leaves
//! the tree, or that belongs to another machine, stays as text and gets no source text.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::Tree;

/// The path of a URI reference of SARIF.
pub(super) fn of_uri(uri: &str, tree: &dyn Tree) -> String {
    let path = match uri.get(..7) {
        // The authority of a file URI names a machine, which nobody reads.
        Some(scheme) if scheme.eq_ignore_ascii_case("file://") => {
            let rest = uri.get(7..).unwrap_or_default();
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(rest)
        }
        _ => uri.strip_prefix("file:").unwrap_or(uri),
    };
    // Some tools write the name of the base into the path.
    let path = match path.strip_prefix('%').and_then(|rest| rest.split_once("%/")) {
        Some((name, rest)) if name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') => rest,
        _ => path,
    };
    let decoded = percent_decode_str(path).decode_utf8().unwrap_or(Cow::Borrowed(path));
    of_path(&decoded, tree)
}

/// The path of a file as a tool prints it.
pub(super) fn of_path(path: &str, tree: &dyn Tree) -> String {
    let Some(segments) = segments(path) else { return path.to_owned() };
    if !path.starts_with('/') || segments.len() > SEGMENTS_MAX {
        return segments.join("/");
    }
    // The runner's directory is a prefix that the tree does not know: the longest tail that is a file counts.
    let tails = (0..segments.len()).filter_map(|n| segments.get(n..)).map(|tail| tail.join("/"));
    let mut files = tails.filter(|tail| tree.text(tail).is_some());
    files.next().unwrap_or_else(|| format!("/{}", segments.join("/")))
}

/// The segments of a path without `.` and `..`; `None` if it leaves the tree.
fn segments(path: &str) -> Option<Vec<&str>> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            segment => segments.push(segment),
        }
    }
    Some(segments)
}

/// Method-less page of a web address: the path without scheme, host, query and fragment.
pub(super) fn page(address: &str) -> String {
    let rest = address
        .split_once("://")
        .map_or(address, |(_, rest)| rest.find('/').map_or("/", |at| rest.split_at(at).1));
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { "/".to_owned() } else { path.to_owned() }
}

/// Deepest path of which each tail is compared with the tree.
const SEGMENTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn paths() {
        let files = ["src/a b.py", "src/main.rs", "main.rs", "x/src/main.rs"];
        let tree: BTreeMap<String, String> =
            files.iter().map(|path| ((*path).to_owned(), String::new())).collect();
        for (uri, path) in [
            ("src/main.rs", "src/main.rs"),
            ("./src//main.rs", "src/main.rs"),
            ("src/../src/main.rs", "src/main.rs"),
            ("file:///home/me/proj/src/main.rs", "src/main.rs"),
            ("file:///home/me/x/src/main.rs", "x/src/main.rs"),
            ("FILE://host/home/src/a%20b.py", "src/a b.py"),
            ("%SRCROOT%/src/a%20b.py", "src/a b.py"),
            ("/build/src/main.rs", "src/main.rs"),
            ("file:///C:/code/file1.c", "/C:/code/file1.c"),
            ("../src/main.rs", "../src/main.rs"),
            ("/../src/main.rs", "/../src/main.rs"),
            ("src/%2e%2e/%2e%2e/main.rs", "src/../../main.rs"),
            ("src/%ff.rs", "src/%ff.rs"),
            ("other/file.c", "other/file.c"),
            ("", ""),
        ] {
            assert_eq!(of_uri(uri, &tree), path, "{uri}");
        }
        assert_eq!(of_path("src/a%20b.py", &tree), "src/a%20b.py", "a plain path has no escapes");
    }

    #[test]
    fn pages() {
        for (address, path) in [
            ("https://a.example/x/y?q=1#z", "/x/y"),
            ("https://a.example", "/"),
            ("https://a.example?q", "/"),
            ("/x?y", "/x"),
            ("", "/"),
        ] {
            assert_eq!(page(address), path, "{address}");
        }
    }
}
