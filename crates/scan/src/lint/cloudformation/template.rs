//! A template as rules see it.
//!
//! Invariant: what a function of CloudFormation makes (`!Ref`, `Fn::If`) is not known, so it is neither on, off, nor unset.

use serde_json::Value as Json;

use crate::lint::json;
use crate::lint::marked::{Marked, Value};
use crate::lint::unread::Unread;

/// A template.
#[derive(Debug)]
pub struct Template {
    resources: Vec<Entry>,
    parameters: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: String,
    kind: String,
    /// The entry, with the line of its name.
    key: Marked,
    /// Its properties.
    node: Marked,
}

/// Properties of a resource, or of a block in it.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    entry: &'a Entry,
    node: &'a Marked,
}

impl Template {
    /// Reads a document.
    ///
    /// # Errors
    /// `Unread` with the reason why it is no template.
    pub fn read(document: &Marked) -> Result<Self, Unread> {
        let resources =
            document.get("Resources").filter(|node| node.is_map()).ok_or("its `Resources` are no map")?;
        let mut all = Vec::new();
        for (id, key) in resources.entries() {
            // Loops of the language's extensions are lists and have no type.
            let kind = key.text_at("Type").ok_or_else(|| format!("resource {id}: it has no `Type`"))?;
            let empty = Marked { line: key.line, tag: None, value: Value::Map(Vec::new()) };
            let node = key.get("Properties").cloned().unwrap_or(empty);
            all.push(Entry { id: id.to_owned(), kind: kind.to_owned(), key: key.clone(), node });
        }
        let parameters = document.get("Parameters").into_iter().flat_map(Marked::entries);
        let parameters = parameters.map(|(id, key)| Entry {
            id: id.to_owned(),
            kind: String::new(),
            key: key.clone(),
            node: key.clone(),
        });
        Ok(Self { resources: all, parameters: parameters.collect() })
    }

    /// The resources of these types.
    pub fn of<'a>(&'a self, kinds: &'a [&'a str]) -> impl Iterator<Item = Block<'a>> {
        let resources = self.resources.iter().filter(|entry| kinds.contains(&entry.kind.as_str()));
        resources.map(|entry| Block { entry, node: &entry.node })
    }

    /// The parameters.
    pub fn parameters(&self) -> impl Iterator<Item = Block<'_>> {
        self.parameters.iter().map(|entry| Block { entry, node: &entry.node })
    }
}

impl<'a> Block<'a> {
    /// Name of the resource or parameter in the template.
    pub fn id(&self) -> &'a str {
        &self.entry.id
    }

    /// Type of the resource.
    pub fn kind(&self) -> &'a str {
        &self.entry.kind
    }

    /// Type and name, for people.
    pub fn name(&self) -> String {
        format!("{} {}", self.entry.kind, self.entry.id)
    }

    /// The place of the resource or parameter.
    pub const fn key(&self) -> &'a Marked {
        &self.entry.key
    }

    /// The place of the block.
    pub const fn node(&self) -> &'a Marked {
        self.node
    }

    /// The place of a property; if it is not set, that of the block.
    pub fn place(&self, key: &str) -> &'a Marked {
        self.node.get(key).unwrap_or(&self.entry.key)
    }

    /// A text that is known.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        known(self.node.get(key)?)
    }

    /// The texts of a list that are known; a text counts as a list of one.
    pub fn texts(&self, key: &str) -> Vec<&'a str> {
        self.node.get(key).map(Marked::one_or_more).unwrap_or_default().iter().filter_map(known).collect()
    }

    /// A whole number that is known.
    pub fn number(&self, key: &str) -> Option<i64> {
        self.text(key)?.parse().ok()
    }

    /// Whether a flag is known to be on.
    pub fn is_on(&self, key: &str) -> bool {
        self.node.get(key).is_some_and(|node| node.tag.is_none() && node.is_true())
    }

    /// Whether a flag is known to be off.
    pub fn is_off(&self, key: &str) -> bool {
        self.node.get(key).is_some_and(|node| node.tag.is_none() && node.is_false())
    }

    /// Whether a property is not set.
    pub fn is_unset(&self, key: &str) -> bool {
        let is_no_value = |node: &Marked| {
            node.text() == Some("AWS::NoValue") || node.text_at("Ref") == Some("AWS::NoValue")
        };
        !is_made(self.node) && self.node.get(key).is_none_or(|node| node.is_null() || is_no_value(node))
    }

    /// Whether a flag is off: it says so, or nobody set it and it is off then.
    pub fn is_off_or_unset(&self, key: &str) -> bool {
        self.is_off(key) || self.is_unset(key)
    }

    /// A block.
    pub fn inner(&self, key: &str) -> Option<Self> {
        self.node.get(key).filter(|node| node.is_map() && !is_made(node)).map(|node| Self { node, ..*self })
    }

    /// The blocks of a list; a block counts as a list of one.
    pub fn items(&self, key: &str) -> Vec<Self> {
        let items = self.node.get(key).map(Marked::one_or_more).unwrap_or_default();
        items.iter().filter(|node| node.is_map()).map(|node| Self { node, ..*self }).collect()
    }

    /// The entries of a block that are known.
    pub fn pairs(&self) -> Vec<(&'a str, &'a str)> {
        self.node.entries().filter_map(|(key, node)| Some((key, known(node)?))).collect()
    }

    /// A policy, as JSON; null where it is not known. It may be a text.
    pub fn policy(&self, key: &str) -> Option<Json> {
        let node = self.node.get(key)?;
        known(node).and_then(|text| json::parse(text).ok()).or_else(|| Some(plain(node)))
    }
}

/// The text of a value that no function makes.
fn known(node: &Marked) -> Option<&str> {
    node.text().filter(|_| node.tag.is_none() && !node.is_null())
}

/// Whether a function makes a value.
fn is_made(node: &Marked) -> bool {
    let mut keys = node.entries().map(|(key, _)| key);
    node.tag.is_some() || keys.any(|key| key == "Ref" || key.starts_with("Fn::"))
}

/// A value as JSON. The reader limits how deep it is.
fn plain(node: &Marked) -> Json {
    match &node.value {
        _ if is_made(node) => Json::Null,
        Value::Text { text, .. } => Json::String(text.clone()),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, item)| (key.clone(), plain(item))).collect())
        }
    }
}
