//! Links of a tree, resolved inside of it.
//!
//! Input: a path, and what each link of the tree says. Output: the path behind all links. Invariant: the answer is a path of
//! the tree, or a fault that says why it leads nowhere; nothing outside is named or read.

/// Why a link leads to no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// It leads out of the tree.
    #[error("it is a link that leads out of the tree; commit the file itself")]
    Outside,
    /// There are too many links.
    #[error("it is a link that leads through more than {HOPS_MAX} links; commit the file itself")]
    Circle,
    /// The tree has no such file.
    #[error("it is a link that leads to no file of the tree; commit the file itself")]
    Nothing,
}

/// The path that a path of the tree leads to. `target` says what the link at a path holds; `None` if there is no link.
///
/// # Errors
/// `LinkFault` if it leads out of the tree, or in a circle.
pub fn resolve(path: &str, target: impl Fn(&str) -> Option<String>) -> Result<String, LinkFault> {
    let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut found: Vec<String> = Vec::new();
    let mut hops = 0;
    while let Some(part) = rest.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                found.pop().ok_or(LinkFault::Outside)?;
                continue;
            }
            _ => found.push(part),
        }
        let Some(target) = target(&found.join("/")) else { continue };
        hops += 1;
        if hops > HOPS_MAX || target.len() > TARGET_BYTES_MAX {
            return Err(LinkFault::Circle);
        }
        if target.starts_with('/') {
            return Err(LinkFault::Outside);
        }
        found.pop();
        rest.extend(target.split('/').rev().map(str::to_owned));
    }
    Ok(found.join("/"))
}

/// As many links as Linux follows.
const HOPS_MAX: usize = 40;
const TARGET_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn links_lead_to_files_of_the_tree_or_nowhere() {
        let tree = BTreeMap::from([
            ("a", "b/c"),
            ("b/d", ".."),
            ("b/up", "../../x"),
            ("root", "/etc/passwd"),
            ("self", "self"),
            ("one", "two"),
            ("two", "./one"),
            ("near", "b/../b//./c"),
            ("far", "b/d/b/up"),
        ]);
        let of = |path: &str| resolve(path, |path| tree.get(path).map(|target| (*target).to_owned()));
        for (path, expected) in [
            ("plain/file", Ok("plain/file")),
            ("a", Ok("b/c")),
            ("near", Ok("b/c")),
            ("b/d/a", Ok("b/c")),
            ("b/d/b/d/near", Ok("b/c")),
            ("b/up", Err(LinkFault::Outside)),
            ("far", Err(LinkFault::Outside)),
            ("root", Err(LinkFault::Outside)),
            ("self", Err(LinkFault::Circle)),
            ("one", Err(LinkFault::Circle)),
        ] {
            assert_eq!(of(path), expected.map(str::to_owned), "{path}");
        }
        let long = "x/".repeat(TARGET_BYTES_MAX);
        assert_eq!(resolve("a", |path| (path == "a").then(|| long.clone())), Err(LinkFault::Circle));
    }
}
