//! The parts of the input that a value of a policy may be, and the names of a body.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::Expr;

/// The parts of the input that a value may be or have in it, and the codes of reasons in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parts {
    /// Fields, each with the number of lists, sets and objects of the policy that are around it.
    pub fields: BTreeSet<(String, u32)>,
    /// Codes of reasons.
    pub codes: BTreeSet<String>,
}

impl Parts {
    /// The whole input.
    pub fn input() -> Self {
        Self { fields: [(String::new(), 0)].into(), codes: BTreeSet::new() }
    }

    /// The value after a step: `.name`, or `[]` to an element. A value with a reason in it is of the policy, and no field.
    pub fn step(&self, step: &str) -> Self {
        let fields = self.fields.iter().filter(|_| self.codes.is_empty()).filter_map(|(field, around)| {
            match around.checked_sub(1) {
                Some(around) => Some((field.clone(), around)),
                None if field.is_empty() => step.strip_prefix('.').map(|name| (name.to_owned(), 0)),
                None => Some((format!("{field}{step}"), 0)),
            }
        });
        Self { fields: fields.collect(), codes: self.codes.clone() }
    }

    /// The value as an element of a list, a set or an object.
    pub fn wrapped(self) -> Self {
        let fields = self.fields.into_iter().map(|(field, around)| (field, around.saturating_add(1)));
        Self { fields: fields.collect(), codes: self.codes }
    }

    /// Either of two values.
    pub fn join(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self.codes.extend(other.codes);
        self
    }
}

/// The names that a body knows.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// Path of the package.
    pub package: &'a str,
    /// The values of the names.
    pub names: BTreeMap<String, Parts>,
}

impl Scope<'_> {
    /// Gives the names of a pattern the parts of its value.
    pub fn bind(&mut self, pattern: &Expr, parts: &Parts) {
        match pattern {
            Expr::Var { span, .. } => {
                self.names.insert(span.text().to_owned(), parts.clone());
            }
            Expr::Array { items, .. } => items.iter().for_each(|item| self.bind(item, &parts.step("[]"))),
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.bind(value, &parts.step(&step(key)));
                }
            }
            _ => {}
        }
    }
}

/// The step that an index takes: to the field of a constant name, or to an element.
pub fn step(index: &Expr) -> String {
    text(index).map_or_else(|| "[]".to_owned(), |name| format!(".{name}"))
}

/// The text of a constant.
pub fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::String { value, .. } | Expr::RawString { value, .. } => {
            value.as_string().ok().map(AsRef::as_ref)
        }
        _ => None,
    }
}
