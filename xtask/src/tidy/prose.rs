//! Texts that people read, extracted from pages and sources: paragraphs, comments and string literals.
//!
//! Invariant: each text keeps its line number and has one line feed where its source has one, so that a position in it has
//! a line number. Only the Rust, the Markdown and the Rego that this tree uses are supported.

/// A text that people read.
#[derive(Debug, PartialEq, Eq)]
pub struct Prose {
    /// Line at which it begins.
    pub line: usize,
    pub text: String,
    /// Whether it is a string literal: messages begin in lower case.
    pub literal: bool,
}

/// Paragraphs, headings, items and cells of a page, without code.
pub fn of_page(text: &str) -> Vec<Prose> {
    let mut found = Vec::new();
    let (mut fenced, mut follows) = (false, false);
    for (number, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), number + 1);
        if line.starts_with("```") || fenced || line.is_empty() {
            fenced ^= line.starts_with("```");
            follows = false;
        } else if line.starts_with('|') {
            let cells = line.split('|').map(str::trim).filter(|cell| !cell.is_empty());
            found.extend(cells.map(|cell| Prose { line: number, text: cell.to_owned(), literal: false }));
            follows = false;
        } else {
            add(&mut found, number, line, follows && !is_item(line));
            follows = !line.starts_with('#');
        }
    }
    found.iter_mut().for_each(|prose| prose.text = without_code(&prose.text));
    found
}

/// Comments and string literals of a source file, without code.
pub fn of_source(text: &str) -> Vec<Prose> {
    let mut found = with_code(text);
    found.iter_mut().for_each(|prose| prose.text = without_code(&prose.text));
    found
}

/// Comments and string literals of a source file.
pub fn with_code(text: &str) -> Vec<Prose> {
    let mut found = Vec::new();
    let mut reader = Reader { rest: text, line: 1, before: ' ' };
    // Line of the last comment, and whether it lies in a code block.
    let (mut last, mut fenced) = (0, false);
    while let Some(c) = reader.rest.chars().next() {
        if reader.rest.starts_with("//") {
            let (line, comment) = (reader.line, reader.comment());
            let fence = comment.starts_with("```");
            fenced ^= fence;
            if fenced || fence || comment.is_empty() {
                last = 0;
                continue;
            }
            add(&mut found, line, comment, last + 1 == line && !is_item(comment));
            last = line;
        } else if let Some(hashes) = reader.raw() {
            let line = reader.line;
            let text = reader.until(&format!("\"{hashes}"));
            found.push(Prose { line, text: text.to_owned(), literal: true });
        } else if c == '"' {
            let line = reader.line;
            found.push(Prose { line, text: reader.literal(), literal: true });
        } else if c == '\'' {
            reader.character();
        } else {
            reader.skip(c.len_utf8());
        }
    }
    found
}

/// Comments and string literals of a policy, without code.
pub fn of_policy(text: &str) -> Vec<Prose> {
    let mut found = Vec::new();
    let mut last = 0;
    for (number, line) in text.lines().enumerate() {
        let (number, mut rest) = (number + 1, line.trim());
        while let Some(at) = rest.find(['"', '#', '`']) {
            let (before, after) = rest.split_at(at);
            match after.chars().next() {
                Some('#') => {
                    let comment = after.trim_start_matches('#').trim();
                    let follows = before.is_empty() && last + 1 == number && !is_item(comment);
                    if !comment.is_empty() {
                        add(&mut found, number, comment, follows);
                        last = number;
                    }
                    rest = "";
                }
                Some(quote) => {
                    let inner = after.get(1..).unwrap_or_default();
                    let mut escaped = false;
                    let end = inner.find(|c: char| {
                        let ends = c == quote && !escaped;
                        escaped = c == '\\' && quote == '"' && !escaped;
                        ends
                    });
                    let (literal, behind) = inner.split_at(end.unwrap_or(inner.len()));
                    found.push(Prose { line: number, text: literal.to_owned(), literal: true });
                    rest = behind.get(1..).unwrap_or_default();
                }
                None => rest = "",
            }
        }
    }
    found.iter_mut().for_each(|prose| prose.text = without_code(&prose.text));
    found
}

fn add(found: &mut Vec<Prose>, line: usize, text: &str, follows: bool) {
    match found.last_mut() {
        Some(last) if follows && !last.literal => {
            last.text.push('\n');
            last.text.push_str(text);
        }
        _ => found.push(Prose { line, text: text.to_owned(), literal: false }),
    }
}

fn is_item(line: &str) -> bool {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    ["- ", "* ", "# "].iter().any(|mark| line.starts_with(mark))
        || digits.len() < line.len() && digits.starts_with(". ")
}

/// The text with the letters between backticks replaced by `x`, because idioms are not searched in code.
fn without_code(text: &str) -> String {
    let mut within = false;
    let blank = |c: char| match c {
        '`' => {
            within = !within;
            '`'
        }
        '\n' => '\n',
        _ if within => 'x',
        c => c,
    };
    text.chars().map(blank).collect()
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    before: char,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += skipped.matches('\n').count();
        self.before = skipped.chars().last().unwrap_or(self.before);
        self.rest = rest;
        skipped
    }

    fn comment(&mut self) -> &'a str {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.skip(end).trim_start_matches(['/', '!']).trim()
    }

    /// Skips the opening of a raw string; returns its number signs.
    fn raw(&mut self) -> Option<String> {
        let tail =
            self.rest.strip_prefix('r').filter(|_| !self.before.is_alphanumeric() && self.before != '_')?;
        let hashes = tail.len() - tail.trim_start_matches('#').len();
        tail.trim_start_matches('#').strip_prefix('"')?;
        self.skip(hashes + 2);
        Some("#".repeat(hashes))
    }

    fn until(&mut self, end: &str) -> &'a str {
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let text = self.skip(at);
        self.skip(end.len());
        text
    }

    /// A string literal; an escaped line feed and the blanks after it are one line feed.
    fn literal(&mut self) -> String {
        let mut text = String::new();
        self.skip(1);
        while let Some(c) = self.rest.chars().next() {
            match c {
                '"' => break,
                '\\' => {
                    let escaped = self.skip(2).ends_with('\n');
                    text.push(if escaped { '\n' } else { ' ' });
                    if escaped {
                        let blanks = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
                        self.skip(blanks);
                    }
                }
                c => text.push_str(self.skip(c.len_utf8())),
            }
        }
        self.skip(1);
        text
    }

    /// A character, or the sign of a lifetime.
    fn character(&mut self) {
        let mut ahead = self.rest.chars().skip(1);
        let (first, second) = (ahead.next(), ahead.next());
        if first == Some('\\') {
            self.skip(3);
            self.until("'");
        } else if second == Some('\'') {
            self.skip(2 + first.map_or(0, char::len_utf8));
        } else {
            self.skip(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(found: &[Prose]) -> Vec<(usize, &str)> {
        found.iter().map(|prose| (prose.line, prose.text.as_str())).collect()
    }

    #[test]
    fn a_page_is_cut_into_what_is_read() {
        let page = "# A\nb\nc `code`\n\n- d\n- e\n  f\n1. g\n```\nno\n```\n| h | i |\n";
        let found = of_page(page);
        let expected =
            [(1, "# A"), (2, "b\nc `xxxx`"), (5, "- d"), (6, "- e\nf"), (8, "1. g"), (12, "h"), (12, "i")];
        assert_eq!(texts(&found), expected);
    }

    #[test]
    fn a_source_is_cut_into_comments_and_literals() {
        let source = "//! a\n//! b\n//!\n//! c\nfn f<'a>() -> char { '\"' } // d\nlet x = \"e \\\"f\\\" \\\n    g\"; '\\'';\nlet y = r#\"h \"i\"\"#;\n\
            /// j\nlet z = '\\u{1f}'; \"k\"\n";
        let found = of_source(source);
        let expected = [(1, "a\nb"), (4, "c\nd"), (6, "e  f  \ng"), (8, "h \"i\""), (9, "j"), (10, "k")];
        assert_eq!(texts(&found), expected);
        assert!(found.iter().filter(|prose| prose.literal).map(|prose| prose.line).eq([6, 8, 10]));
    }

    #[test]
    fn comments_and_literals_of_a_policy_are_texts() {
        let text = "# One\n# comment.\nx := \"a \\\"b\\\" # c\" # not code `x`\ny := `raw # text`\n";
        let found = of_policy(text);
        let texts: Vec<_> =
            found.iter().map(|prose| (prose.line, prose.text.as_str(), prose.literal)).collect();
        assert_eq!(
            texts,
            [
                (1, "One\ncomment.", false),
                (3, "a \\\"b\\\" # c", true),
                (3, "not code `x`", false),
                (4, "raw # text", true)
            ]
        );
    }
}
