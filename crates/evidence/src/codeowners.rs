//! CODEOWNERS: the owners of paths in a repository, as forges read the file
//! (<https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>).
//!
//! Invariant: the last line whose pattern matches a path decides; a line without owners says that nobody owns it. A match
//! costs at most the product of both lengths, and a caller limits the steps of all its questions: beyond a limit the owner
//! is unknown, and nothing fails. The file tells people whom to ask: no decision rests on it alone.

/// Paths of the file in a repository; the first one that is there counts.
pub const PATHS: [&str; 4] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];
/// Largest file in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// Highest number of patterns in a file.
pub const PATTERNS_MAX: usize = 10_000;
/// Longest owners of a pattern in bytes, with a space between two: as long as the owner of a service may be.
pub const OWNERS_BYTES_MAX: usize = crate::release_file::OWNER_BYTES_MAX;

/// Owners of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeOwners {
    rules: Vec<(Pattern, Owned)>,
}

/// The owners of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    By(Vec<String>),
    /// They are longer than is read, or not printable.
    Unknown,
}

/// How many steps the questions of a caller may still cost. A step compares two characters or two parts.
#[derive(Debug)]
pub struct Steps {
    left: u64,
}

impl Steps {
    /// At most this many steps.
    #[must_use]
    pub const fn new(max: u64) -> Self {
        Self { left: max }
    }

    /// The steps that are left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Takes one step; `None` if no more are left.
    fn take(&mut self) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        Some(())
    }
}

/// A sign of a glob of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sign {
    /// `*`: any characters.
    Many,
    /// `?`: one character.
    One,
    /// The character itself.
    Is(char),
}

/// A pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Parts between slashes. `None` stands for any number of directories.
    parts: Vec<Option<Vec<Sign>>>,
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
    /// Reads a file. Lines that are no rule are skipped, as forges skip them. A file that is too large, or has too many
    /// patterns, owns nothing.
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
            Some((Pattern::new(&pattern), Owned::of(words.collect())))
        };
        let rules: Vec<_> = text.lines().filter_map(rule).take(PATTERNS_MAX + 1).collect();
        if rules.len() > PATTERNS_MAX { Self::default() } else { Self { rules } }
    }

    /// The owners of a path; empty if nobody owns it. `None` if they are unknown: the owners of the line are too long, or
    /// no steps are left.
    pub fn of(&self, path: &str, steps: &mut Steps) -> Option<&[String]> {
        let path = parts(path);
        for (pattern, owners) in self.rules.iter().rev() {
            if pattern.matches_parts(&path, steps)? {
                return match owners {
                    Owned::By(owners) => Some(owners),
                    Owned::Unknown => None,
                };
            }
        }
        Some(&[])
    }
}

impl Owned {
    fn of(owners: Vec<String>) -> Self {
        let bytes = owners.iter().map(|owner| owner.len() + 1).sum::<usize>().saturating_sub(1);
        let is_printable = !owners.iter().any(|owner| owner.contains(char::is_control));
        if bytes <= OWNERS_BYTES_MAX && is_printable { Self::By(owners) } else { Self::Unknown }
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
        let mut parts: Vec<Option<Vec<Sign>>> = Vec::new();
        if !is_anchored {
            parts.push(None);
        }
        let deep = |part: &str| (part != "**").then(|| signs(part));
        parts.extend(text.split('/').map(deep));
        // `a/**` is everything below `a`, and not `a` itself.
        if parts.len() > 1 && parts.last() == Some(&None) {
            parts.push(Some(vec![Sign::Many]));
        }
        Self { parts, below: if text.ends_with("**") { Below::Also } else { below } }
    }

    /// Whether a path matches; `None` if no steps are left.
    pub fn matches(&self, path: &str, steps: &mut Steps) -> Option<bool> {
        self.matches_parts(&parts(path), steps)
    }

    fn matches_parts(&self, path: &[Vec<char>], steps: &mut Steps) -> Option<bool> {
        // Whether the pattern so far matches this number of leading parts of the path.
        let mut reached = vec![false; path.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for part in &self.parts {
            let mut next = vec![false; path.len() + 1];
            let mut any = false;
            for (at, was) in reached.iter().enumerate() {
                steps.take()?;
                match part {
                    None => {
                        any |= was;
                        if let Some(here) = next.get_mut(at) {
                            *here |= any;
                        }
                    }
                    Some(glob) => {
                        let name = path.get(at).filter(|_| *was);
                        let fits = name.map_or(Some(false), |name| matches(glob, name, steps))?;
                        if let Some(after) = next.get_mut(at + 1) {
                            *after |= fits;
                        }
                    }
                }
            }
            reached = next;
            if !reached.contains(&true) {
                return Some(false);
            }
        }
        let whole = reached.last().copied().unwrap_or_default();
        let before = reached.iter().rev().skip(1).any(|was| *was);
        Some(match self.below {
            Below::Also => whole || before,
            Below::Only => before,
            Below::Never => whole,
        })
    }
}

fn parts(path: &str) -> Vec<Vec<char>> {
    path.split('/').filter(|part| !part.is_empty()).map(|part| part.chars().collect()).collect()
}

/// The signs of a glob of one part: `*`, `?`, and `\` before a character that stands for itself.
fn signs(glob: &str) -> Vec<Sign> {
    let mut all = Vec::new();
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        all.push(match c {
            '*' => Sign::Many,
            '?' => Sign::One,
            '\\' => Sign::Is(chars.next().unwrap_or(c)),
            c => Sign::Is(c),
        });
    }
    all
}

/// Whether a name matches a glob. Only the last `*` is tried at another place: an earlier one cannot help, as what stood
/// between the two was found already. So the steps are at most the product of both lengths.
fn matches(glob: &[Sign], name: &[char], steps: &mut Steps) -> Option<bool> {
    let (mut sign, mut at) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    loop {
        steps.take()?;
        match (glob.get(sign), name.get(at)) {
            (None, None) => return Some(true),
            (Some(Sign::Many), _) => {
                last = Some((sign + 1, at));
                sign += 1;
            }
            (Some(Sign::One), Some(_)) => (sign, at) = (sign + 1, at + 1),
            (Some(Sign::Is(own)), Some(c)) if own == c => (sign, at) = (sign + 1, at + 1),
            _ => match last.filter(|(_, from)| *from < name.len()) {
                Some((after, from)) => {
                    last = Some((after, from + 1));
                    (sign, at) = (after, from + 1);
                }
                None => return Some(false),
            },
        }
    }
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
    #![allow(clippy::unwrap_used, reason = "test code")]

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
            assert_eq!(owners.of(path, &mut many()).unwrap(), expected, "{path}");
        }
        let of = |file: &[u8]| CodeOwners::parse(file).of("a", &mut many()).unwrap().to_vec();
        assert!(of(b"").is_empty());
        let patterns = |count| of("* @all\n".repeat(count).as_bytes());
        assert_eq!(patterns(PATTERNS_MAX), ["@all"]);
        assert!(patterns(PATTERNS_MAX + 1).is_empty());
        let bytes = |count| of(format!("* @all #{}", "x".repeat(count - 8)).as_bytes());
        assert_eq!(bytes(BYTES_MAX), ["@all"]);
        assert!(bytes(BYTES_MAX + 1).is_empty());
    }

    #[test]
    fn owners_that_are_too_long_are_unknown() {
        let of = |owners: &str| {
            let owners = CodeOwners::parse(format!("* @all\n*.rs {owners}\n").as_bytes());
            owners.of("a.rs", &mut many()).map(|owners| owners.join(" "))
        };
        let longest = format!("@a {}", "b".repeat(OWNERS_BYTES_MAX - 3));
        assert_eq!(of(&longest).as_deref(), Some(longest.as_str()));
        for hidden in [format!("{longest}b"), "x ".repeat(100_000), "@a\u{7}b".to_owned()] {
            assert_eq!(of(&hidden), None, "neither these nor those of the line above");
        }
    }

    #[test]
    fn globs() {
        for (glob, name, expected) in [
            ("*", "", true),
            ("*", "abc", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("*ab*cd*", "xabxcdabx", true),
            ("*ab*cd*", "xcdxab", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("**a", "bba", true),
            ("*é?", "aéb", true),
        ] {
            let name: Vec<char> = name.chars().collect();
            assert_eq!(matches(&signs(glob), &name, &mut many()), Some(expected), "{glob}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_the_product_of_both_lengths() {
        for (glob, name) in [
            ("*a".repeat(2_000) + "b", "a".repeat(2_000)),
            ("*a*b".repeat(500) + "c", "ab".repeat(1_000)),
            ("*".repeat(4_000) + "b", "a".repeat(1_000)),
        ] {
            let mut steps = Steps::new(u64::MAX);
            assert_eq!(Pattern::new(&glob).matches(&name, &mut steps), Some(false));
            let took = u64::MAX - steps.left();
            assert!(took <= (glob.len() * (name.len() + 1)) as u64 + 10, "{took}");
        }
        let (deep, path) = ("**/a/".repeat(500), "a/".repeat(400));
        let mut steps = Steps::new(3 * 1_001 * 401);
        assert_eq!(Pattern::new(&deep).matches(&path, &mut steps), Some(false));
    }

    #[test]
    fn without_steps_the_owner_is_unknown() {
        let owners = CodeOwners::parse(b"* @all\n/b/*x*x*y @b\n");
        assert_eq!(owners.of("a", &mut Steps::new(10)).unwrap(), ["@all"]);
        let mut steps = Steps::new(10);
        assert_eq!(owners.of("b/xxxxxxxxxxxxxxxxxx", &mut steps), None);
        assert_eq!((steps.left(), owners.of("a", &mut steps)), (0, None));
    }

    const fn many() -> Steps {
        Steps::new(1_000_000)
    }
}
