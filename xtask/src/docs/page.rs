//! A page of documentation, cut into the parts that the checks read: headings, links, code spans, fenced lines.
//!
//! Invariant: each part keeps its first line number. Only the Markdown that this tree uses is supported.

use std::collections::BTreeMap;

/// A page: its name from the root of the tree, and its text.
#[derive(Debug)]
pub struct Page {
    pub name: String,
    pub text: String,
}

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub line: usize,
    pub text: String,
}

impl Page {
    /// Targets of links, as written.
    pub fn links(&self) -> Vec<Piece> {
        let mut found = Vec::new();
        for paragraph in self.paragraphs() {
            let mut done = 0;
            while let Some(at) = paragraph.text.get(done..).and_then(|rest| rest.find("](")) {
                let start = done + at + 2;
                let before = paragraph.text.get(..start).unwrap_or_default();
                let rest = paragraph.text.get(start..).unwrap_or_default();
                let target = rest.split([')', '\n', ' ']).next().unwrap_or_default();
                if before.matches('`').count() % 2 == 0 {
                    let line = paragraph.line + before.matches('\n').count();
                    found.push(Piece { line, text: target.to_owned() });
                }
                done = start;
            }
        }
        found
    }

    /// Texts between backticks, outside code fences; a line break in one is a space.
    pub fn spans(&self) -> Vec<Piece> {
        let mut found = Vec::new();
        for paragraph in self.paragraphs() {
            let mut line = paragraph.line;
            for (number, text) in paragraph.text.split('`').enumerate() {
                if number % 2 == 1 {
                    found.push(Piece { line, text: text.replace('\n', " ") });
                }
                line += text.matches('\n').count();
            }
        }
        found
    }

    /// Lines within code fences.
    pub fn fenced(&self) -> Vec<Piece> {
        self.lines().filter(|(fenced, _)| *fenced).map(|(_, piece)| piece).collect()
    }

    /// Anchors of all headings, by GitHub's rule: lower case, without punctuation, spaces as hyphens, and a number appended to
    /// repeated ones.
    pub fn anchors(&self) -> Vec<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let headings = self.lines().filter(|(fenced, piece)| !fenced && piece.text.starts_with('#'));
        let anchors = headings.map(|(_, piece)| {
            let anchor = anchor(piece.text.trim_start_matches('#').trim());
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
        });
        anchors.collect()
    }

    /// Every line, and whether it is inside a code fence; the fences themselves are omitted.
    fn lines(&self) -> impl Iterator<Item = (bool, Piece)> + '_ {
        let mut fenced = false;
        self.text.lines().enumerate().filter_map(move |(number, text)| {
            if text.trim_start().starts_with("```") {
                fenced = !fenced;
                return None;
            }
            Some((fenced, Piece { line: number + 1, text: text.to_owned() }))
        })
    }

    /// Paragraphs outside code fences. Each row of a table is a paragraph: a backtick opens nothing beyond its row.
    fn paragraphs(&self) -> Vec<Piece> {
        let mut found: Vec<Piece> = Vec::new();
        let mut next = None;
        for (fenced, piece) in self.lines() {
            let ends = fenced || piece.text.trim().is_empty();
            let follows = next == Some(piece.line) && !piece.text.starts_with('|');
            next = (!ends).then_some(piece.line + 1);
            match found.last_mut() {
                _ if ends => {}
                Some(last) if follows => {
                    last.text.push('\n');
                    last.text.push_str(&piece.text);
                }
                _ => found.push(piece),
            }
        }
        found
    }
}

fn anchor(heading: &str) -> String {
    // Of a link in a heading only the text counts.
    let mut seen = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        seen.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    seen.push_str(rest);
    let kept = seen.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page { name: "docs/a.md".to_owned(), text: text.to_owned() }
    }

    fn piece(line: usize, text: &str) -> Piece {
        Piece { line, text: text.to_owned() }
    }

    #[test]
    fn pieces_keep_their_lines() {
        let page = page(
            "# A\n\nSee [b](b.md) and `run\n--x`, `[c](d.md)`\nand [e](e.md#f).\n\n```\ncode `x`\n```\n| a`b | `c` |\n",
        );
        assert_eq!(page.links(), [piece(3, "b.md"), piece(5, "e.md#f")]);
        assert_eq!(page.spans()[..2], [piece(3, "run --x"), piece(4, "[c](d.md)")]);
        assert_eq!(page.fenced(), [piece(8, "code `x`")]);
    }

    #[test]
    fn anchors_are_those_of_github() {
        let page = page(
            "# What `run` answers\n## Why, then?\n## [A b](c.md) d_e\n## Why then\n```\n# no heading\n```\n",
        );
        assert_eq!(page.anchors(), ["what-run-answers", "why-then", "a-b-d_e", "why-then-1"]);
    }
}
