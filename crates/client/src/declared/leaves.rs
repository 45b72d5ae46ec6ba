//! Values by key: what files declare and what is in force, in one shape, so that both can be compared and laid over each other.
//!
//! Invariant: a leaf is a text, a number, a truth, a list or an empty mapping; all other mappings are keys. `null` stands for
//! "declared as absent".

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fault::At;
use super::node::{Form, Node};

/// A key, its parts from the outside in.
pub type KeyPath = Vec<String>;

/// A value with the position at which it is declared; a value in force has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The value.
    pub value: Value,
    /// Where it is declared.
    pub at: Option<At>,
}

/// Values by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaves(pub BTreeMap<KeyPath, Leaf>);

impl Leaves {
    /// The values of a JSON object.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let mut leaves = Self::default();
        leaves.add(&mut Vec::new(), value);
        leaves
    }

    /// The values below a node, under a key.
    pub fn declare(&mut self, key: &[&str], node: &Node) {
        let mut path: KeyPath = key.iter().map(|part| (*part).to_owned()).collect();
        self.declared(&mut path, node);
    }

    /// Declares one value.
    pub fn set(&mut self, key: &[&str], value: Value, at: &At) {
        let path = key.iter().map(|part| (*part).to_owned()).collect();
        self.0.insert(path, Leaf { value, at: Some(at.clone()) });
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &[&str]) -> Option<&Leaf> {
        let path: KeyPath = key.iter().map(|part| (*part).to_owned()).collect();
        self.0.get(&path)
    }

    /// The text of a key; `None` also for one that is declared as absent.
    #[must_use]
    pub fn text(&self, key: &[&str]) -> Option<&str> {
        self.get(key).and_then(|leaf| leaf.value.as_str())
    }

    /// The same with stronger values over it.
    #[must_use]
    pub fn under(mut self, stronger: &Self) -> Self {
        for (path, leaf) in &stronger.0 {
            let ends = leaf.value.is_null() || leaf.value.as_object().is_none_or(|map| !map.is_empty());
            // A value replaces what stands below its key; an empty mapping only says that there is one.
            self.0.retain(|known, _| !(known.starts_with(path) && (ends || known == path)));
            // A value below a key replaces the value of the key itself.
            self.0.retain(|known, _| !(path.starts_with(known) && path != known));
            let is_empty_over_full = !ends && self.0.keys().any(|known| known.starts_with(path));
            if !is_empty_over_full {
                self.0.insert(path.clone(), leaf.clone());
            }
        }
        self
    }

    /// The values as one JSON object, without those that are declared as absent.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut top = Map::new();
        for (path, leaf) in self.0.iter().filter(|(_, leaf)| !leaf.value.is_null()) {
            put(&mut top, path, &leaf.value);
        }
        Value::Object(top)
    }

    fn add(&mut self, path: &mut KeyPath, value: &Value) {
        match value {
            Value::Object(fields) if !fields.is_empty() || path.is_empty() => {
                for (key, value) in fields {
                    path.push(key.clone());
                    self.add(path, value);
                    path.pop();
                }
            }
            Value::Null => {}
            value => {
                self.0.insert(path.clone(), Leaf { value: value.clone(), at: None });
            }
        }
    }

    fn declared(&mut self, path: &mut KeyPath, node: &Node) {
        match &node.form {
            Form::Map(fields) if !fields.is_empty() => {
                for (key, node) in fields {
                    path.push(key.text.clone());
                    self.declared(path, node);
                    path.pop();
                }
            }
            _ => {
                self.0.insert(path.clone(), Leaf { value: node.json(), at: Some(node.at.clone()) });
            }
        }
    }
}

/// A key as people write it.
#[must_use]
pub fn written(path: &[String]) -> String {
    path.join(".")
}

fn put(top: &mut Map<String, Value>, path: &[String], value: &Value) {
    match path {
        [] => {}
        [last] => {
            top.insert(last.clone(), value.clone());
        }
        [first, rest @ ..] => {
            let below = top.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            if let Some(below) = below.as_object_mut() {
                put(below, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn over(weaker: &Value, stronger: &Value) -> Value {
        let mut strong = Leaves::of(stronger);
        // `null` is a declaration, which JSON of what is in force never has.
        for (key, _) in stronger.as_object().unwrap().iter().filter(|(_, value)| value.is_null()) {
            strong.0.insert(vec![key.clone()], Leaf { value: Value::Null, at: None });
        }
        Leaves::of(weaker).under(&strong).json()
    }

    #[test]
    fn stronger_values_win_key_by_key() {
        let weak = json!({ "a": { "x": 1, "y": 2 }, "b": [1], "c": "t" });
        assert_eq!(over(&weak, &json!({})), weak);
        assert_eq!(
            over(&weak, &json!({ "a": { "y": 3, "z": {} } })),
            json!({ "a": { "x": 1, "y": 3, "z": {} }, "b": [1], "c": "t" })
        );
        assert_eq!(
            over(&weak, &json!({ "b": [2, 3] })),
            json!({ "a": { "x": 1, "y": 2 }, "b": [2, 3], "c": "t" })
        );
        assert_eq!(over(&weak, &json!({ "a": null, "c": null })), json!({ "b": [1] }));
        assert_eq!(over(&weak, &json!({ "a": {} })), weak, "an empty mapping takes nothing away");
        assert_eq!(
            over(&weak, &json!({ "a": 7, "c": { "d": 1 } })),
            json!({ "a": 7, "b": [1], "c": { "d": 1 } })
        );
        assert_eq!(over(&json!({ "a": {} }), &json!({ "a": { "x": 1 } })), json!({ "a": { "x": 1 } }));
    }
}
