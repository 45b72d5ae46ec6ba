//! Values of JSON, TOML and YAML as the readers of lockfiles see them.
//!
//! Invariant: a key occurs once in its map, and neither depth nor number of values has no limit. A value of the wrong
//! type is an error that names the key, never a missing value.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::fault::{Fault, Within};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null` of JSON and YAML.
    Null,
    /// A truth value.
    Flag(bool),
    /// A number, as text.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map.
    Map(BTreeMap<String, Self>),
}

impl Node {
    /// Reads JSON.
    pub fn json(text: &str) -> Result<Self, Fault> {
        Self::json_of(text, NODES_MAX)
    }

    /// Reads JSON of at most so many values.
    pub fn json_of(text: &str, values_max: u32) -> Result<Self, Fault> {
        let left = Cell::new(values_max);
        let mut reader = serde_json::Deserializer::from_str(text);
        let node = Seed(&left, values_max).deserialize(&mut reader).map_err(fault)?;
        reader.end().map_err(fault)?;
        Ok(node)
    }

    /// Reads TOML.
    pub fn toml(text: &str) -> Result<Self, Fault> {
        let left = Cell::new(NODES_MAX);
        let reader = toml::Deserializer::parse(text).map_err(fault)?;
        Seed(&left, NODES_MAX).deserialize(reader).map_err(fault)
    }

    /// Reads one document of YAML.
    pub fn yaml(text: &str) -> Result<Self, Fault> {
        let left = Cell::new(NODES_MAX);
        serde_saphyr::with_deserializer_from_str(text, |reader| Seed(&left, NODES_MAX).deserialize(reader))
            .map_err(fault)
    }

    /// The entry of a map; `None` if it is missing.
    pub fn get(&self, key: &str) -> Result<Option<&Self>, Fault> {
        match self {
            Self::Map(map) => Ok(map.get(key)),
            other => Err(other.instead_of("a map")),
        }
    }

    /// The text at a key; `None` if it is missing.
    pub fn text(&self, key: &str) -> Result<Option<&str>, Fault> {
        self.get(key)?.map(Self::as_text).transpose().within(|| key)
    }

    /// The text at a key, which must be there.
    pub fn need(&self, key: &str) -> Result<&str, Fault> {
        self.text(key)?.ok_or_else(|| Fault::new(format!("`{key}` is missing")))
    }

    /// The truth value at a key; `false` if it is missing.
    pub fn flag(&self, key: &str) -> Result<bool, Fault> {
        match self.get(key)? {
            None => Ok(false),
            Some(Self::Flag(flag)) => Ok(*flag),
            Some(other) => Err(other.instead_of("true or false").within(key)),
        }
    }

    /// The entries of the map at a key; none if it is missing.
    pub fn entries(&self, key: &str) -> Result<impl Iterator<Item = (&String, &Self)>, Fault> {
        let map = self.get(key)?.map(Self::as_map).transpose().within(|| key)?;
        Ok(map.into_iter().flatten())
    }

    /// The values of the list at a key; none if it is missing.
    pub fn items(&self, key: &str) -> Result<&[Self], Fault> {
        match self.get(key)? {
            None => Ok(&[]),
            Some(Self::List(items)) => Ok(items),
            Some(other) => Err(other.instead_of("a list").within(key)),
        }
    }

    /// The value as text.
    pub fn as_text(&self) -> Result<&str, Fault> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other.instead_of("a text")),
        }
    }

    /// The value as a number or text, such as the version of a format.
    pub fn as_version(&self) -> Result<&str, Fault> {
        match self {
            Self::Text(text) | Self::Number(text) => Ok(text),
            other => Err(other.instead_of("a version")),
        }
    }

    /// The value as a map.
    pub fn as_map(&self) -> Result<&BTreeMap<String, Self>, Fault> {
        match self {
            Self::Map(map) => Ok(map),
            other => Err(other.instead_of("a map")),
        }
    }

    fn instead_of(&self, expected: &str) -> Fault {
        let found = match self {
            Self::Null => "null",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        };
        Fault::new(format!("{found} stands where {expected} is expected"))
    }
}

/// Bytes as text. Windows tools write a byte order mark before UTF-8; another encoding is an error.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Fault::new("the file is UTF-16; save it as UTF-8"));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        Fault::new(format!("byte {} is not UTF-8; save the file as UTF-8", error.valid_up_to()))
    })
}

fn fault(error: impl std::fmt::Display) -> Fault {
    Fault::new(error.to_string())
}

/// Reads a value, and counts down the values that are left.
#[derive(Clone, Copy)]
struct Seed<'a>(&'a Cell<u32>, u32);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| D::Error::custom(format!("more than {} values", self.1)))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = access.next_value_seed(self)?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!(
                    "key `{}` occurs twice",
                    evidence::document::text(&key, 60)
                )));
            }
            map.insert(key, value);
        }
        Ok(Node::Map(map))
    }
}

/// Highest number of values in one file: many times those of 10,000 packages.
const NODES_MAX: u32 = 1_000_000;
