//! JSON reports, read with the place of each value at hand.
//!
//! Invariant: a key stands once in an object, nesting and the number of values are bounded, and each error names the
//! place of the value. The formats know the meaning of a value.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::ScanError;

/// Highest number of values in one report.
const VALUES_MAX: usize = 2_000_000;

/// Parses a report. Nesting is limited to 128 levels by `serde_json`.
pub(crate) fn parse(what: &'static str, text: &str) -> Result<Value, ScanError> {
    let left = Cell::new(VALUES_MAX);
    let mut input = serde_json::Deserializer::from_str(text);
    let value = Values(&left).deserialize(&mut input).and_then(|value| input.end().map(|()| value));
    value.map_err(|error| ScanError::Format {
        what,
        why: format!("not sound JSON: {error}; is the file cut?"),
    })
}

/// Reads any value, and counts it.
#[derive(Clone, Copy)]
struct Values<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        match self.0.get().checked_sub(1) {
            Some(left) => self.0.set(left),
            None => return Err(D::Error::custom(format!("more than {VALUES_MAX} values; report less"))),
        }
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = input.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = input.next_key::<String>()? {
            let value = input.next_value_seed(self)?;
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format!(
                    "the key `{}` stands twice in one object",
                    shown(&name)
                )));
            }
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

/// A value and its place in the report.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    what: &'static str,
    value: &'a Value,
    place: Rc<Step<'a>>,
}

#[derive(Debug)]
enum Step<'a> {
    Root,
    Field(Rc<Self>, &'a str),
    Item(Rc<Self>, usize),
}

impl<'a> Node<'a> {
    /// The whole report.
    pub(crate) fn root(what: &'static str, value: &'a Value) -> Self {
        Self { what, value, place: Rc::new(Step::Root) }
    }

    /// An error at this place.
    pub(crate) fn fault(&self, why: impl fmt::Display) -> ScanError {
        ScanError::Format { what: self.what, why: format!("{}: {why}", self.place) }
    }

    /// The fields of an object.
    pub(crate) fn fields(&self) -> Result<Vec<(&'a str, Self)>, ScanError> {
        let Value::Object(fields) = self.value else { return Err(self.fault("not an object")) };
        Ok(fields.iter().map(|(name, value)| (name.as_str(), self.at(name, value))).collect())
    }

    /// A field of an object; `None` if it is absent or null.
    pub(crate) fn field(&self, name: &'a str) -> Result<Option<Self>, ScanError> {
        let Value::Object(fields) = self.value else { return Err(self.fault("not an object")) };
        Ok(fields.get(name).filter(|value| !value.is_null()).map(|value| self.at(name, value)))
    }

    /// A field that has to be there.
    pub(crate) fn need(&self, name: &'a str) -> Result<Self, ScanError> {
        self.field(name)?.ok_or_else(|| self.fault(format_args!("the field `{name}` is missing")))
    }

    /// The items of an array.
    pub(crate) fn items(&self) -> Result<Vec<Self>, ScanError> {
        let Value::Array(items) = self.value else { return Err(self.fault("not an array")) };
        let item = |(n, value)| Self {
            value,
            place: Rc::new(Step::Item(Rc::clone(&self.place), n)),
            ..self.clone()
        };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The items of an array in a field; none if the field is absent or null.
    pub(crate) fn list(&self, name: &'a str) -> Result<Vec<Self>, ScanError> {
        self.field(name)?.map_or_else(|| Ok(Vec::new()), |list| list.items())
    }

    /// The text of this value.
    pub(crate) fn str(&self) -> Result<&'a str, ScanError> {
        self.value.as_str().ok_or_else(|| self.fault("not a text"))
    }

    /// A text in a field; `None` if the field is absent, null or blank.
    pub(crate) fn text(&self, name: &'a str) -> Result<Option<&'a str>, ScanError> {
        let text = self.field(name)?.map(|field| field.str()).transpose()?;
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    /// A text that has to be there.
    pub(crate) fn need_text(&self, name: &'a str) -> Result<&'a str, ScanError> {
        self.text(name)?.ok_or_else(|| self.fault(format_args!("the field `{name}` is missing or blank")))
    }

    /// The number of this value. Many tools write numbers as texts.
    pub(crate) fn number(&self) -> Result<f64, ScanError> {
        let number = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| number.is_finite()).ok_or_else(|| self.fault("not a number"))
    }

    /// A line number in a field, counted from 1; `None` if it is absent, or 0, which many tools write for the whole file.
    pub(crate) fn line(&self, name: &'a str) -> Result<Option<u32>, ScanError> {
        self.field(name)?.map_or(Ok(None), |field| field.as_line())
    }

    /// The line number of this value.
    pub(crate) fn as_line(&self) -> Result<Option<u32>, ScanError> {
        let line = self.value.as_u64().and_then(|line| u32::try_from(line).ok());
        let line = line.ok_or_else(|| self.fault(format_args!("not a line number up to {}", u32::MAX)))?;
        Ok(Some(line).filter(|line| *line > 0))
    }

    /// A place in a list of the report.
    pub(crate) fn index(&self, name: &'a str) -> Result<Option<usize>, ScanError> {
        let Some(field) = self.field(name)? else { return Ok(None) };
        // SARIF writes -1 for "no index".
        if field.value.as_i64() == Some(-1) {
            return Ok(None);
        }
        let index = field.value.as_u64().and_then(|index| usize::try_from(index).ok());
        index.map(Some).ok_or_else(|| field.fault("not an index"))
    }

    /// A truth value in a field.
    pub(crate) fn flag(&self, name: &'a str) -> Result<Option<bool>, ScanError> {
        let Some(field) = self.field(name)? else { return Ok(None) };
        field.value.as_bool().map(Some).ok_or_else(|| field.fault("neither true nor false"))
    }

    /// The texts among the items of an array or the values of an object. Read what many entries share once.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (items, fields) = match self.value {
            Value::Array(items) => (Some(items.iter()), None),
            Value::Object(fields) => (None, Some(fields.values())),
            _ => (None, None),
        };
        let values = items.into_iter().flatten().chain(fields.into_iter().flatten());
        values.filter_map(Value::as_str)
    }

    /// The text, if the value is one.
    pub(crate) fn as_str(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// Whether the value is an array.
    pub(crate) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    fn at(&self, name: &'a str, value: &'a Value) -> Self {
        Self { what: self.what, value, place: Rc::new(Step::Field(Rc::clone(&self.place), name)) }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Field(above, name) => write!(f, "{above}.{}", shown(name)),
            Self::Item(above, n) => write!(f, "{above}[{n}]"),
        }
    }
}

/// A key as an error may print it.
fn shown(name: &str) -> String {
    evidence::document::text(name, 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_json() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let deeper = "[".repeat(1_000_000);
        let many = format!("[{}0]", "0,".repeat(VALUES_MAX));
        let bad = [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"\u0062":2}}"#,
            "{",
            "[1]]",
            "[1e999]",
            r#"["\ud800"]"#,
            "[01]",
            "NaN",
        ];
        for text in bad.iter().copied().chain([deep.as_str(), &deeper, &many]) {
            let error = parse("x", text).unwrap_err().to_string();
            assert!(error.starts_with("x: not sound JSON: "), "{error}");
            assert!(error.len() < 300, "{error}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        let value = parse("x", r#"{"runs":[{"a":1},{"a":"2","line":-1}]}"#).unwrap();
        let runs = Node::root("x", &value).list("runs").unwrap();
        assert_eq!(runs[0].text("a").unwrap_err().to_string(), "x: $.runs[0].a: not a text");
        assert_eq!(runs[1].text("a").unwrap(), Some("2"));
        assert_eq!(
            runs[1].line("line").unwrap_err().to_string(),
            "x: $.runs[1].line: not a line number up to 4294967295"
        );
        assert_eq!(runs[1].need("b").unwrap_err().to_string(), "x: $.runs[1]: the field `b` is missing");
    }
}
