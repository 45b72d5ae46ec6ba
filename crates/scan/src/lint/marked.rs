//! Values of YAML and JSON with their lines. Nothing is interpreted: a text is what stands in the file, so `no` stays `no`, and each
//! rule knows what its tool makes of it.
//!
//! Invariant: a key occurs once in its map. Aliases and merge keys are resolved, and neither depth nor number of values has no limit.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// A value with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Line of its beginning, counted from 1; of an entry of a map, that of the key.
    pub line: u32,
    /// Tag, such as `!Ref`, without its prefix.
    pub tag: Option<String>,
    /// The value.
    pub value: Value,
}

/// Values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text, or nothing at all if it is empty and plain.
    Text {
        /// The text.
        text: String,
        /// Whether it stands without quotes, so that it may be a number, a truth value or null.
        is_plain: bool,
    },
    /// A list.
    List(Vec<Marked>),
    /// A map, in the order of the file.
    Map(Vec<(String, Marked)>),
}

/// Why a file is no YAML or JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct MarkedFault {
    /// Line, counted from 1.
    pub line: u32,
    /// Cause.
    pub what: String,
    /// Whether it is in the form of the text: not a key that stands twice, and no limit.
    pub is_form: bool,
}

impl Marked {
    /// The value at a key of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The value below these keys.
    #[must_use]
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The text at a key.
    #[must_use]
    pub fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Whether it is the truth value "true" in any form of YAML 1.1 or 1.2, or that word in quotes.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.is_one_of(&["true", "yes", "on", "y"])
    }

    /// Whether it is the truth value "false" in any form of YAML 1.1 or 1.2, or that word in quotes.
    #[must_use]
    pub fn is_false(&self) -> bool {
        self.is_one_of(&["false", "no", "off", "n"])
    }

    /// Whether it says nothing: null, or an empty plain text.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Text { text, is_plain: true }
            if text.is_empty() || text == "~" || text.eq_ignore_ascii_case("null"))
    }

    /// A whole number in any form of YAML 1.1 or 1.2: `0x1f`, `0o17`, `017` and `1_000` are some.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        let text = self.text()?.trim().replace('_', "");
        let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
        let digits = digits.strip_prefix('+').unwrap_or(digits).to_ascii_lowercase();
        let (digits, base) = match digits.get(..2) {
            Some("0x") => (digits.get(2..)?, 16),
            Some("0b") => (digits.get(2..)?, 2),
            Some("0o") => (digits.get(2..)?, 8),
            Some(_) if digits.starts_with('0') => (digits.as_str(), 8),
            _ => (digits.as_str(), 10),
        };
        if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
            return None;
        }
        i64::from_str_radix(digits, base).ok()?.checked_mul(sign)
    }

    /// The items of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Text { .. } | Value::Map(_) => &[],
        }
    }

    /// The items of a list, or the value itself: many formats let one item stand for a list of one.
    #[must_use]
    pub fn one_or_more(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Text { .. } | Value::Map(_) => std::slice::from_ref(self),
        }
    }

    /// The entries of a map; none of anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match &self.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Text { .. } | Value::List(_) => &[],
        };
        entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether it is a map.
    #[must_use]
    pub const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// Calls a function with this value and each value below it; the key of an entry comes with its value.
    pub fn each<'a>(&'a self, visit: &mut impl FnMut(Option<&'a str>, &'a Self)) {
        let mut open: Vec<(Option<&str>, &Self)> = vec![(None, self)];
        while let Some((key, node)) = open.pop() {
            visit(key, node);
            match &node.value {
                Value::Text { .. } => {}
                Value::List(items) => open.extend(items.iter().rev().map(|item| (None, item))),
                Value::Map(entries) => {
                    open.extend(entries.iter().rev().map(|(key, item)| (Some(key.as_str()), item)));
                }
            }
        }
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        self.text().is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
    }

    fn empty(line: u32) -> Self {
        Self { line, tag: None, value: Value::Text { text: String::new(), is_plain: true } }
    }
}

/// Reads the documents of a file: YAML of one or several documents, or JSON.
///
/// # Errors
/// `MarkedFault` when it is neither, a key stands twice in a map, or it has more values or deeper ones than a file that people write.
pub fn read(text: &str) -> Result<Vec<Marked>, MarkedFault> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| MarkedFault {
            line: line_of(error.marker().line()),
            what: format!("no YAML: {}", error.info()),
            is_form: true,
        })?;
        reader.take(event, span)?;
    }
    Ok(reader.documents)
}

/// A collection whose end has not come yet.
enum Open {
    List { of: Marked, anchor: usize, items: Vec<Marked> },
    Map { of: Marked, anchor: usize, entries: Vec<(String, Marked)>, key: Option<(String, u32)> },
}

#[derive(Default)]
struct Reader {
    documents: Vec<Marked>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Marked>,
    values: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), MarkedFault> {
        let line = line_of(span.start.line());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                let value = Value::Text { text: text.into_owned(), is_plain };
                self.put(Marked { line, tag: tag_of(tag.as_deref()), value }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let of = Marked { tag: tag_of(tag.as_deref()), ..Marked::empty(line) };
                self.begin(Open::List { of, anchor, items: Vec::new() }, line)
            }
            Event::MappingStart(_, anchor, tag) => {
                let of = Marked { tag: tag_of(tag.as_deref()), ..Marked::empty(line) };
                self.begin(Open::Map { of, anchor, entries: Vec::new(), key: None }, line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            Event::Alias(anchor) => {
                let named = self.anchors.get(&anchor).cloned();
                let named = named.ok_or_else(|| fault(line, "an alias stands within its own value"))?;
                self.count(size(&named), line)?;
                self.put(Marked { line, ..named }, 0)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, line: u32) -> Result<(), MarkedFault> {
        if self.open.len() >= DEPTH_MAX {
            return Err(fault(line, &format!("it is nested more than {DEPTH_MAX} times")));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self, line: u32) -> Result<(), MarkedFault> {
        match self.open.pop() {
            Some(Open::List { of, anchor, items }) => {
                self.put(Marked { value: Value::List(items), ..of }, anchor)
            }
            Some(Open::Map { of, anchor, entries, .. }) => {
                let value = Value::Map(merged(entries)?);
                self.put(Marked { value, ..of }, anchor)
            }
            None => Err(fault(line, "a list or map ends that did not begin")),
        }
    }

    /// Puts a value that is complete to its place: the collection that is open, or the documents.
    fn put(&mut self, value: Marked, anchor: usize) -> Result<(), MarkedFault> {
        self.count(1, value.line)?;
        if anchor > 0 {
            self.count(size(&value), value.line)?;
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.documents.push(value),
            Some(Open::List { items, .. }) => items.push(value),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                None => {
                    let line = value.line;
                    let Value::Text { text, .. } = value.value else {
                        return Err(MarkedFault { is_form: true, ..fault(line, "a key is a list or a map") });
                    };
                    if text != MERGE && entries.iter().any(|(known, _)| *known == text) {
                        return Err(fault(line, &format!("the key `{text}` stands twice in its map")));
                    }
                    *key = Some((text, line));
                }
                Some((key, line)) => entries.push((key, Marked { line, ..value })),
            },
        }
        Ok(())
    }

    fn count(&mut self, values: usize, line: u32) -> Result<(), MarkedFault> {
        self.values = self.values.saturating_add(values);
        if self.values > VALUES_MAX {
            return Err(fault(
                line,
                &format!("it has more than {VALUES_MAX} values, those of aliases counted"),
            ));
        }
        Ok(())
    }
}

/// The entries of a map with those that merge keys bring (<https://yaml.org/type/merge.html>): its own entries come before them.
fn merged(entries: Vec<(String, Marked)>) -> Result<Vec<(String, Marked)>, MarkedFault> {
    let (from, mut all): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| key == MERGE);
    for (_, source) in from {
        for map in source.one_or_more() {
            let Value::Map(brought) = &map.value else {
                return Err(fault(map.line, "the key `<<` has a value that is no map"));
            };
            for (key, value) in brought {
                if all.iter().all(|(known, _)| known != key) {
                    all.push((key.clone(), value.clone()));
                }
            }
        }
    }
    Ok(all)
}

fn size(node: &Marked) -> usize {
    let mut count = 0;
    node.each(&mut |_, _| count += 1);
    count
}

fn tag_of(tag: Option<&Tag>) -> Option<String> {
    tag.map(|tag| tag.suffix().to_string())
}

fn fault(line: u32, what: &str) -> MarkedFault {
    MarkedFault { line, what: what.to_owned(), is_form: false }
}

fn line_of(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

const MERGE: &str = "<<";
const DEPTH_MAX: usize = 128;
/// A file of a million values has some twenty megabytes.
const VALUES_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

    use super::*;

    #[test]
    fn values_have_lines_and_texts_stay_what_they_are() {
        let text = "a: no\nb:\n  - x: \"no\"\n  - 'y'\n---\n!Ref c\n";
        let documents = read(text).unwrap();
        assert_eq!(documents.len(), 2);
        let map = &documents[0];
        assert!(map.get("a").unwrap().is_false());
        assert_eq!(map.get("b").unwrap().line, 2);
        assert_eq!(map.get("b").unwrap().items()[1].line, 4);
        assert_eq!(map.at(&["b"]).unwrap().items()[0].text_at("x"), Some("no"));
        assert_eq!(documents[1].tag.as_deref(), Some("Ref"));
        let json = read("{\"a\": [1, null],\n \"b\": {\"c\": \"\\u00e9\"}}").unwrap();
        assert_eq!(json[0].at(&["b", "c"]).unwrap().text(), Some("é"));
        assert!(json[0].get("a").unwrap().items()[1].is_null());
    }

    #[test]
    fn numbers_have_many_forms() {
        let number = |text: &str| read(text).unwrap().remove(0).number();
        for text in ["0", "00", "0x0", "0o0", "-0", "+0", "0b0", "'0'"] {
            assert_eq!(number(text), Some(0), "{text}");
        }
        assert_eq!([number("0x1F"), number("1_000"), number("-017")], [Some(31), Some(1000), Some(-15)]);
        assert_eq!([number("a"), number("-"), number("0x"), number("1.5"), number("--1")], [None; 5]);
    }

    #[test]
    fn merge_keys_and_aliases_are_resolved() {
        let text = "base: &base {user: root, cpu: 1}\nmore: &more {net: host}\none:\n  <<: [*base, *more]\n  cpu: 2\nsame: *base\n";
        let map = read(text).unwrap().remove(0);
        let one = map.get("one").unwrap();
        let texts = |key: &str| one.text_at(key).unwrap().to_owned();
        assert_eq!([texts("user"), texts("cpu"), texts("net")], ["root", "2", "host"]);
        assert_eq!(
            (map.at(&["same", "user"]).unwrap().text(), map.get("same").unwrap().line),
            (Some("root"), 6)
        );
    }

    #[test]
    fn attack_bombs_and_ambiguous_maps_are_faults() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..10 {
            let items = vec![format!("*a{}", n - 1); 10].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
        }
        for (text, why) in [
            (bomb.as_str(), "more than 1000000 values"),
            (&"[".repeat(1000), ""),
            (&"- ".repeat(1000), "nested"),
            ("a: 1\na: 2\n", "line 2: the key `a` stands twice"),
            ("<<: x\n", "no map"),
            ("? [a]\n: b\n", "a key is a list"),
            ("a: {{ b }}\n", ""),
            ("a: [\n", "no YAML"),
            ("a: &a [*a]\n", "within its own"),
        ] {
            let fault = read(text).unwrap_err().to_string();
            assert!(fault.contains(why), "{}: {fault}", text.get(..20).unwrap_or(text));
        }
    }
}
