//! A resource of a plan, and its blocks.
//!
//! Plans tell four things of an argument: its value, that nobody set it (null, or empty), that it is known only after the apply, and
//! which expression people wrote for it. Rules must keep them apart.

use serde_json::Value;

/// A resource that exists once the plan is applied.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Address: `module.network.aws_vpc.main[0]`.
    pub address: String,
    /// Type: `aws_vpc`.
    pub kind: String,
    /// Provider.
    pub provider: String,
    /// Values that are known.
    pub values: Value,
    /// `true` at each place whose value is not known.
    pub unknown: Value,
    /// `true` at each place whose value is a secret.
    pub sensitive: Value,
    /// What people wrote for each argument, if the plan tells.
    pub expressions: Option<Value>,
}

impl Resource {
    /// The arguments of the resource itself.
    pub const fn block(&self) -> Block<'_> {
        let expressions = self.expressions.as_ref();
        Block { resource: self, values: &self.values, unknown: Some(&self.unknown), expressions }
    }
}

/// Arguments of a resource, or of a block in it.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// Values that are known.
    pub values: &'a Value,
    unknown: Option<&'a Value>,
    expressions: Option<&'a Value>,
}

impl<'a> Block<'a> {
    /// Address of the resource.
    pub fn address(&self) -> &'a str {
        &self.resource.address
    }

    /// Type of the resource.
    pub fn kind(&self) -> &'a str {
        &self.resource.kind
    }

    /// The value of an argument, if it is known and set.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.values.get(key).filter(|value| !is_empty(value))
    }

    /// A text that is known.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }

    /// A whole number that is known.
    pub fn number(&self, key: &str) -> Option<i64> {
        let value = self.get(key)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// The texts of a list that are known; a text counts as a list of one.
    pub fn texts(&self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let items = match self.get(key) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        items.iter().filter_map(Value::as_str)
    }

    /// Whether a flag is known to be on.
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| is_flag(value, true))
    }

    /// Whether a flag is known to be off.
    pub fn is_off(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| is_flag(value, false))
    }

    /// Whether the value is known only after the apply, wholly or in part.
    pub fn is_unknown(&self, key: &str) -> bool {
        self.unknown.and_then(|unknown| unknown.get(key)).is_some_and(has_true)
    }

    /// Whether nobody set the argument, so that the default of the provider or of the cloud counts.
    pub fn is_unset(&self, key: &str) -> bool {
        if self.get(key).is_some() {
            return false;
        }
        // A value that is not known either comes from an expression, or the cloud will choose it.
        let is_written = || self.expressions.is_none_or(|expressions| expressions.get(key).is_some());
        !self.is_unknown(key) || !is_written()
    }

    /// Whether a flag is off: it says so, or nobody set it and it is off then.
    pub fn is_off_or_unset(&self, key: &str) -> bool {
        self.is_off(key) || self.is_unset(key)
    }

    /// The blocks of a name. Their values are a list even where there can be only one.
    pub fn blocks(&self, key: &str) -> impl Iterator<Item = Self> + use<'a> {
        let this = *self;
        let at = |of: Option<&'a Value>, key: &str, number: usize| match of?.get(key)? {
            Value::Array(items) => items.get(number),
            one => Some(one),
        };
        let key = key.to_owned();
        let items = match self.values.get(&key) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => &[],
        };
        items.iter().enumerate().filter(|(_, values)| values.is_object()).map(move |(number, values)| Self {
            values,
            unknown: at(this.unknown, &key, number),
            expressions: at(this.expressions, &key, number),
            ..this
        })
    }

    /// The only block of a name, below others.
    pub fn block(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(*self, |block, key| block.blocks(key).next())
    }

    /// The value that people wrote into the files for an argument, rather than took from a variable.
    pub fn written(&self, key: &str) -> Option<&'a Value> {
        self.expressions?.get(key)?.get("constant_value")
    }

    /// The references of the expression that people wrote for an argument; `None` if there are none, or the plan does not tell.
    pub fn references(&self, key: &str) -> Option<impl Iterator<Item = &'a str>> {
        let references = self.expressions?.get(key)?.get("references")?.as_array()?;
        Some(references.iter().filter_map(Value::as_str))
    }
}

/// An address without its indexes: `module.a["x"].aws_vpc.b[0]` is `module.a.aws_vpc.b`.
pub fn bare(address: &str) -> String {
    let mut plain = String::new();
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for letter in address.chars() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' if depth > 0 => is_quoted = !is_quoted,
            '[' if !is_quoted => depth += 1,
            ']' if !is_quoted => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
}

/// The module of an address with its dot, without indexes: `module.a.`; nothing in the root.
pub fn module_of(address: &str) -> String {
    let plain = bare(address);
    let mut parts = plain.split('.').peekable();
    let mut module = String::new();
    while parts.next_if_eq(&"module").is_some() {
        let name = parts.next().unwrap_or_default();
        module.push_str(&format!("module.{name}."));
    }
    module
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn is_flag(value: &Value, flag: bool) -> bool {
    match value {
        Value::Bool(is_on) => *is_on == flag,
        Value::String(text) => text.eq_ignore_ascii_case(if flag { "true" } else { "false" }),
        _ => false,
    }
}

/// Whether `true` stands in it. The reader limits how deep it is.
fn has_true(value: &Value) -> bool {
    match value {
        Value::Bool(is_true) => *is_true,
        Value::Array(items) => items.iter().any(has_true),
        Value::Object(entries) => entries.values().any(has_true),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_indexes_and_nothing_else() {
        for (address, plain, module) in [
            ("aws_vpc.a", "aws_vpc.a", ""),
            (
                r#"module.a["x.y]\""].module.b[0].aws_vpc.c["]"]"#,
                "module.a.module.b.aws_vpc.c",
                "module.a.module.b.",
            ),
        ] {
            assert_eq!((bare(address).as_str(), module_of(address).as_str()), (plain, module));
        }
    }
}
