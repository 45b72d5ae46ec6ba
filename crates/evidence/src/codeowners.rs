//! CODEOWNERS: the owners of paths in a repository, as forges read the file
//! (<https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>).
//!
//! Invariant: the last line whose pattern matches a path decides; a line without owners says that nobody owns it. A match
//! costs at most the product of both lengths, whatever the pattern is. The file tells people whom to ask: no decision rests
//! on it alone.

/// Paths of the file in a repository; the first one that is there counts.
pub const PATHS: [&str; 4] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];
/// Largest file in bytes.
pub const BYTES_MAX: usize = 256 * 1024;

/// Owners of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeOwners {
    rules: Vec<(Pattern, Vec<String>)>,
}

/// A pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Parts between slashes. `None` stands for any number of directories.
    parts: Vec<Option<String>>,
    below: Below,
}

/// Whether a pattern that matches a directory matches everything below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Below {
    /// The path itself, and everything below it.
    Also,
    /// Only what lies below it: the pattern ends with a slash.
    Only,
    /// Only the path itself: the pattern ends with `/*`.
    Never,
}

impl CodeOwners {
    /// Reads a file. Lines that are no rule are skipped, as forges skip them. A file that is too large owns nothing.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        if bytes.len() > BYTES_MAX {
            return Self::default();
        }
        let text = String::from_utf8_lossy(bytes);
        let rule = |line: &str| {
            let mut words = words(line).into_iter();
            // `[Section]` and `^[Section]` are headings of one of the forges.
            let pattern = words.next().filter(|word| !word.starts_with(['[', '^']) || word.contains('/'))?;
            Some((Pattern::new(&pattern), words.collect()))
        };
        Self { rules: text.lines().filter_map(rule).collect() }
    }

    /// The owners of a path; empty if nobody owns it.
    #[must_use]
    pub fn of(&self, path: &str) -> &[String] {
        let last = self.rules.iter().rev().find(|(pattern, _)| pattern.matches(path));
        last.map(|(_, owners)| owners.as_slice()).unwrap_or_default()
    }
}

impl Pattern {
    /// Reads a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let (text, is_anchored) = match text.strip_prefix('/') {
            Some(rest) => (rest, true),
            None => (text, text.trim_end_matches('/').contains('/')),
        };
        let (text, below) = match text.strip_suffix('/') {
            Some(rest) => (rest, Below::Only),
            None if text == "*" && is_anchored || text.ends_with("/*") && !text.ends_with("**/*") => {
                (text, Below::Never)
            }
            None => (text, Below::Also),
        };
        let mut parts: Vec<Option<String>> = Vec::new();
        if !is_anchored {
            parts.push(None);
        }
        let deep = |part: &str| (part != "**").then(|| part.to_owned());
        parts.extend(text.split('/').map(deep));
        // `a/**` is everything below `a`, and not `a` itself.
        if parts.len() > 1 && parts.last() == Some(&None) {
            parts.push(Some("*".to_owned()));
        }
        Self { parts, below: if text.ends_with("**") { Below::Also } else { below } }
    }

    /// Whether a path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        // Numbers of leading parts of the path that the pattern matches so far.
        let mut reached = vec![false; path.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for part in &self.parts {
            let mut next = vec![false; path.len() + 1];
            let mut any = false;
            for (at, was) in reached.iter().enumerate() {
                match part {
                    None => {
                        any |= was;
                        if let Some(here) = next.get_mut(at) {
                            *here |= any;
                        }
                    }
                    Some(glob) => {
                        let fits = *was && path.get(at).is_some_and(|name| matches(glob, name));
                        if let Some(after) = next.get_mut(at + 1) {
                            *after |= fits;
                        }
                    }
                }
            }
            reached = next;
        }
        let whole = reached.last().copied().unwrap_or_default();
        let before = reached.iter().rev().skip(1).any(|was| *was);
        match self.below {
            Below::Also => whole || before,
            Below::Only => before,
            Below::Never => whole,
        }
    }
}

/// Whether a name matches a glob of one part: `*`, `?`, and `\` before a character that stands for itself.
fn matches(glob: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![false; name.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    let mut signs = glob.chars();
    while let Some(sign) = signs.next() {
        let mut next = vec![false; name.len() + 1];
        if sign == '*' {
            let mut any = false;
            for (was, here) in reached.iter().zip(&mut next) {
                any |= was;
                *here = any;
            }
        } else {
            let own = if sign == '\\' { signs.next().unwrap_or(sign) } else { sign };
            let is_any = sign == '?';
            for ((was, c), after) in reached.iter().zip(&name).zip(next.iter_mut().skip(1)) {
                *after = *was && (is_any || *c == own);
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

/// The words of a line. `\ ` is a space of a path, and ` #` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut signs = line.trim().chars().peekable();
    while let Some(sign) = signs.next() {
        let is_new = words.last().is_some_and(String::is_empty);
        match (sign, words.last_mut()) {
            ('\\', Some(word)) if signs.peek().is_some_and(|next| next.is_whitespace() || *next == '#') => {
                word.extend(signs.next());
            }
            ('#', _) if is_new => break,
            (sign, _) if sign.is_whitespace() => {
                if !is_new {
                    words.push(String::new());
                }
            }
            (sign, Some(word)) => word.push(sign),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_matches_decides() {
        let file = b"# owners\n*       @all  # everybody\n\n/docs/  @writers a@example.org\n*.rs @rust\n/docs/free.md\n[Section] @nobody\nwith\\ space.txt @space\n";
        let owners = CodeOwners::parse(file);
        for (path, expected) in [
            ("a.txt", vec!["@all"]),
            ("src/a.rs", vec!["@rust"]),
            ("docs/a/b.md", vec!["@writers", "a@example.org"]),
            ("docs/free.md", vec![]),
            ("with space.txt", vec!["@space"]),
        ] {
            assert_eq!(owners.of(path), expected, "{path}");
        }
        assert!(CodeOwners::parse(b"").of("a").is_empty());
        assert!(CodeOwners::parse(&vec![b'*'; BYTES_MAX + 1]).of("a").is_empty());
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern = Pattern::new(&"*a".repeat(2_000));
        assert!(!pattern.matches(&"a".repeat(2_000).replace("aa", "ab")));
        assert!(!Pattern::new(&"**/a/".repeat(500)).matches(&"a/".repeat(400)));
    }
}
