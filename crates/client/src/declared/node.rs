//! YAML as a tree in which every key and value has its position.
//!
//! Invariant: nothing is taken for something else: fractions, keys that stand twice and more than [`NODES_MAX`] nodes are
//! faults. It knows no field of the product.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::fault::{At, Faults};

/// A value with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its position.
    pub at: At,
    /// Its content.
    pub form: Form,
}

/// The content of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// `null`, or nothing.
    Nothing,
    /// `true` or `false`.
    Truth(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Its position.
    pub at: At,
}

/// Parses a file; a fault is added if that is impossible.
pub fn parse(path: &str, text: &str, faults: &mut Faults) -> Option<Node> {
    let file: Arc<str> = path.into();
    if text.trim().is_empty() {
        return Some(Node { at: At { file, line: 1, column: 1 }, form: Form::Map(Vec::new()) });
    }
    match serde_saphyr::from_str::<Spanned<Raw>>(text) {
        Ok(raw) => {
            let mut left = NODES_MAX;
            let node = placed(&file, raw, &mut left);
            if node.is_none() {
                faults.add(&At::file(path), format!("it has more than {NODES_MAX} values"));
            }
            node
        }
        Err(error) => {
            let location = error.location();
            let at = location.map_or_else(
                || At::file(path),
                |found| At { file, line: found.line(), column: found.column() },
            );
            let words = error.to_string();
            let words = words.lines().next().unwrap_or_default().replace("<input>", "line");
            faults.add(&at, words.trim_start_matches("error: "));
            None
        }
    }
}

impl Node {
    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        match &self.form {
            Form::Nothing => Value::Null,
            Form::Truth(truth) => Value::Bool(*truth),
            Form::Number(number) => Value::from(*number),
            Form::Text(text) => Value::String(text.clone()),
            Form::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Form::Map(fields) => {
                Value::Object(fields.iter().map(|(key, node)| (key.text.clone(), node.json())).collect())
            }
        }
    }

    /// The fields of a mapping that has only known ones; unknown ones are faults.
    pub fn fields<'a>(&'a self, known: &[&str], faults: &mut Faults) -> Vec<(&'a Key, &'a Self)> {
        let fields = self.map(faults);
        let (known_ones, others): (Vec<_>, Vec<_>) =
            fields.into_iter().partition(|(key, _)| known.contains(&key.text.as_str()));
        for (key, _) in others {
            faults.add(
                &key.at,
                format!("`{}` is unknown; known are {}", key.text.escape_debug(), known.join(", ")),
            );
        }
        known_ones
    }

    /// The fields of a mapping.
    pub fn map<'a>(&'a self, faults: &mut Faults) -> Vec<(&'a Key, &'a Self)> {
        match &self.form {
            Form::Map(fields) => fields.iter().map(|(key, node)| (key, node)).collect(),
            Form::Nothing => Vec::new(),
            _ => {
                faults.add(&self.at, "fields, `NAME: VALUE`, are expected");
                Vec::new()
            }
        }
    }

    /// The items of a list.
    pub fn list(&self, faults: &mut Faults) -> &[Self] {
        match &self.form {
            Form::List(items) => items,
            _ => {
                faults.add(&self.at, "a list is expected, such as `[a, b]`");
                &[]
            }
        }
    }

    /// The text; a number or truth is the text that was written for it.
    pub fn text(&self, faults: &mut Faults) -> Option<String> {
        match &self.form {
            Form::Text(text) => Some(text.clone()),
            Form::Number(number) => Some(number.to_string()),
            Form::Truth(truth) => Some(truth.to_string()),
            Form::Nothing | Form::List(_) | Form::Map(_) => {
                faults.add(&self.at, "a text is expected");
                None
            }
        }
    }

    /// The text as a thing that is read from text.
    pub fn parsed<T: std::str::FromStr<Err: fmt::Display>>(&self, faults: &mut Faults) -> Option<T> {
        let text = self.text(faults)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                faults.add(&self.at, error.to_string());
                None
            }
        }
    }

    /// The position of a key of this name anywhere below, for faults of readers that know only the name.
    #[must_use]
    pub fn place_of(&self, name: &str) -> Option<&At> {
        match &self.form {
            Form::Map(fields) => fields
                .iter()
                .find_map(|(key, node)| if key.text == name { Some(&key.at) } else { node.place_of(name) }),
            Form::List(items) => items.iter().find_map(|item| item.place_of(name)),
            _ => None,
        }
    }
}

fn placed(file: &Arc<str>, raw: Spanned<Raw>, left: &mut usize) -> Option<Node> {
    *left = left.checked_sub(1)?;
    let (line, column) = (raw.referenced.line(), raw.referenced.column());
    let at = At { file: Arc::clone(file), line, column };
    let form = match raw.value {
        Raw::Nothing => Form::Nothing,
        Raw::Truth(truth) => Form::Truth(truth),
        Raw::Number(number) => Form::Number(number),
        Raw::Text(text) => Form::Text(text),
        Raw::List(items) => {
            Form::List(items.into_iter().map(|item| placed(file, item, left)).collect::<Option<_>>()?)
        }
        Raw::Map(fields) => {
            let field = |(key, value): (Spanned<String>, Spanned<Raw>)| {
                let (line, column) = (key.referenced.line(), key.referenced.column());
                let at = At { file: Arc::clone(file), line, column };
                Some((Key { text: key.value, at }, placed(file, value, left)?))
            };
            Form::Map(fields.into_iter().map(field).collect::<Option<_>>()?)
        }
    };
    Some(Node { at, form })
}

/// A value as the parser gives it.
#[derive(Debug)]
enum Raw {
    Nothing,
    Truth(bool),
    Number(i64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number, `true`, `false`, a list or fields")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Raw, E> {
        Ok(Raw::Truth(truth))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Raw, E> {
        let large = || E::custom(format!("`{number}` is too large for a number; quote it if it is a text"));
        i64::try_from(number).map(Raw::Number).map_err(|_| large())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Raw, E> {
        Err(E::custom(format!("`{number}` is no whole number; quote it if it is a text")))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Raw::Map(fields))
    }
}

/// Most values of one file.
pub const NODES_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, String> {
        let mut faults = Faults::default();
        let node = parse("a.yaml", text, &mut faults);
        faults.end().map_err(|error| error.to_string())?;
        node.ok_or_else(|| "no fault and no value".into())
    }

    #[test]
    fn every_key_and_value_has_its_position() {
        let node = read("port: 5\nvariables:\n  A: x # y\n  B: [1, true]\n").unwrap();
        let Form::Map(fields) = &node.form else { panic!("{node:?}") };
        let Form::Map(inner) = &fields[1].1.form else { panic!("{node:?}") };
        let at = |at: &At| at.to_string();
        assert_eq!((at(&fields[0].0.at), at(&fields[0].1.at)), ("a.yaml:1:1".into(), "a.yaml:1:7".into()));
        assert_eq!((at(&inner[0].0.at), at(&inner[1].1.at)), ("a.yaml:3:3".into(), "a.yaml:4:6".into()));
        assert_eq!(node.json(), serde_json::json!({ "port": 5, "variables": { "A": "x", "B": [1, true] } }));
        assert_eq!(node.place_of("B").map(at).as_deref(), Some("a.yaml:4:3"));
    }

    #[test]
    fn faults_name_line_and_column() {
        for (text, at) in [
            ("a: 1\na: 2\n", "line 2, column 1"),
            ("a: 1.5\n", "line 1, column 4"),
            ("a: [1\n", "line"),
            ("a: 99999999999999999999\n", "line 1, column 4"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.starts_with("`a.yaml`, ") && said.contains(at), "{text}: {said}");
        }
        let many = format!("a: [{}]", "1,".repeat(NODES_MAX));
        assert!(read(&many).is_err(), "as many values as a bomb has");
        assert!(read("").is_ok(), "an empty file has no fields");
    }
}
