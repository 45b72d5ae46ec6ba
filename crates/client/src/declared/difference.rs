//! The difference between what files declare and what is in force, one line for each value.
//!
//! Invariant: a value is told once. One that is in force and declared nowhere is told too, whether it is removed or not. A row is one
//! line, whatever stands in names of files and keys.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::declaration::Part;
use super::fault::At;
use super::leaves::{Leaf, Leaves, written};

/// The sort of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// It is declared and not in force.
    Add,
    /// Another value is in force.
    Change,
    /// It is in force and declared nowhere.
    Undeclared,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its sort.
    pub sort: Sort,
    /// The part of the installation.
    pub part: String,
    /// The key; empty if the whole part differs.
    pub key: String,
    /// The value in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The declared value; absent if it is declared as absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// Where it is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
}

impl Row {
    /// A difference of a whole part.
    #[must_use]
    pub fn whole(sort: Sort, part: &Part, at: Option<&At>) -> Self {
        let (part, key) = (part.to_string(), String::new());
        Self { sort, part, key, from: None, to: None, at: at.cloned() }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sort {
            Sort::Add => '+',
            Sort::Change => '~',
            Sort::Undeclared => '-',
        };
        write!(f, "{sign} {}", shown::line(&self.part))?;
        if !self.key.is_empty() {
            write!(f, " {}:", shown::line(&self.key))?;
        }
        match (&self.from, &self.to) {
            (Some(from), None) if self.sort == Sort::Undeclared => write!(f, " {}", short(from))?,
            (Some(from), to) => {
                let to = to.as_ref().map_or_else(|| "none".to_owned(), short);
                write!(f, " {} -> {to}", short(from))?;
            }
            (None, Some(to)) => write!(f, " {}", short(to))?,
            (None, None) => {}
        }
        match &self.at {
            Some(at) => write!(f, "   ({})", shown::line(&at.to_string())),
            None if self.sort == Sort::Undeclared => f.write_str("   (in force, and in no file)"),
            None => Ok(()),
        }
    }
}

/// The differences of a part. `is_usual` tells values that need no declaration.
#[must_use]
pub fn difference(
    part: &Part,
    declared: &Leaves,
    in_force: &Leaves,
    is_usual: &dyn Fn(&str, &Value) -> bool,
) -> Vec<Row> {
    let row = |sort, key: &[String], from: Option<&Value>, leaf: Option<&Leaf>| Row {
        sort,
        part: part.to_string(),
        key: written(key),
        from: from.cloned(),
        to: leaf.map(|leaf| leaf.value.clone()).filter(|value| !value.is_null()),
        at: leaf.and_then(|leaf| leaf.at.clone()),
    };
    let mut rows = Vec::new();
    for (key, leaf) in &declared.0 {
        if leaf.value.is_null() {
            let ended = in_force.0.iter().filter(|(known, _)| known.starts_with(key));
            rows.extend(ended.map(|(known, old)| row(Sort::Change, known, Some(&old.value), Some(leaf))));
            continue;
        }
        let is_empty = leaf.value.as_object().is_some();
        match in_force.0.get(key) {
            Some(old) if old.value == leaf.value => {}
            Some(old) => rows.push(row(Sort::Change, key, Some(&old.value), Some(leaf))),
            None if is_empty && in_force.0.keys().any(|known| known.starts_with(key)) => {}
            None if is_usual(&written(key), &leaf.value) => {}
            None => rows.push(row(Sort::Add, key, None, Some(leaf))),
        }
    }
    for (key, old) in &in_force.0 {
        let is_declared = declared.0.iter().any(|(known, leaf)| {
            known == key
                || (key.starts_with(known) && !leaf.value.is_object())
                || (known.starts_with(key) && old.value.is_object())
        });
        if !is_declared && !is_usual(&written(key), &old.value) {
            rows.push(row(Sort::Undeclared, key, Some(&old.value), None));
        }
    }
    rows
}

/// A value on one line of bounded length.
fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = shown::line(&text);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

const SHOWN_CHARS: usize = 160;
