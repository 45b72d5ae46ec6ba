//! JSON reports, read with the place of each value at hand.
//!
//! Invariant: a key stands once in an object, nesting and the number of values are bounded, and each error names the
//! place of the value. The formats know the meaning of a value.

use std::fmt;
use std::rc::Rc;

use evidence::document::text;

use crate::ScanError;
/// A value without its place.
pub(crate) use crate::components::node::Node as Value;

/// Highest number of values in one report.
const VALUES_MAX: u32 = 2_000_000;
/// Bytes of an unknown version that an error shows.
pub(crate) const VERSION_SHOWN: usize = 40;
/// Bytes of a reason that an error shows: a report chooses parts of it.
const REASON_SHOWN: usize = 300;

/// Parses a report. Nesting is limited to 128 levels by `serde_json`.
pub(crate) fn parse(what: &'static str, input: &str) -> Result<Value, ScanError> {
    Value::json_of(input, VALUES_MAX).map_err(|fault| {
        let fault = text(&fault.to_string(), 200);
        ScanError::Format { what, why: format!("not sound JSON: {fault}; is the file cut?") }
    })
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
        let why = text(&why.to_string(), REASON_SHOWN);
        ScanError::Format { what: self.what, why: format!("{}: {why}", self.place) }
    }

    /// The value itself.
    pub(crate) const fn value(&self) -> &'a Value {
        self.value
    }

    /// The fields of an object.
    pub(crate) fn fields(&self) -> Result<Vec<(&'a str, Self)>, ScanError> {
        let Value::Map(fields) = self.value else { return Err(self.fault("not an object")) };
        Ok(fields.iter().map(|(name, value)| (name.as_str(), self.at(name, value))).collect())
    }

    /// A field of an object; `None` if it is absent or null.
    pub(crate) fn field(&self, name: &'a str) -> Result<Option<Self>, ScanError> {
        let Value::Map(fields) = self.value else { return Err(self.fault("not an object")) };
        Ok(fields.get(name).filter(|value| **value != Value::Null).map(|value| self.at(name, value)))
    }

    /// A field that has to be there.
    pub(crate) fn need(&self, name: &'a str) -> Result<Self, ScanError> {
        self.field(name)?.ok_or_else(|| self.fault(format_args!("the field `{name}` is missing")))
    }

    /// The items of an array.
    pub(crate) fn items(&self) -> Result<Vec<Self>, ScanError> {
        let Value::List(items) = self.value else { return Err(self.fault("not an array")) };
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
        self.as_str().ok_or_else(|| self.fault("not a text"))
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
            Value::Number(text) | Value::Text(text) => text.trim().parse::<f64>().ok(),
            _ => None,
        };
        number.filter(|number| number.is_finite()).ok_or_else(|| self.fault("not a number"))
    }

    /// The probability of this value, in hundredths of a percent.
    pub(crate) fn probability(&self) -> Result<u16, ScanError> {
        let number = self.number()?;
        if !(0.0..=1.0).contains(&number) {
            return Err(self.fault("not a probability from 0 to 1"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
        Ok((number * 10_000.0).round() as u16)
    }

    /// A line number in a field, counted from 1; `None` if it is absent, or 0, which many tools write for the whole file.
    pub(crate) fn line(&self, name: &'a str) -> Result<Option<u32>, ScanError> {
        self.field(name)?.map_or(Ok(None), |field| field.as_line())
    }

    /// The line number of this value.
    pub(crate) fn as_line(&self) -> Result<Option<u32>, ScanError> {
        let line = self.digits().and_then(|digits| digits.parse::<u32>().ok());
        let line = line.ok_or_else(|| self.fault(format_args!("not a line number up to {}", u32::MAX)))?;
        Ok(Some(line).filter(|line| *line > 0))
    }

    /// A place in a list of the report.
    pub(crate) fn index(&self, name: &'a str) -> Result<Option<usize>, ScanError> {
        let Some(field) = self.field(name)? else { return Ok(None) };
        // SARIF writes -1 for "no index".
        if field.digits() == Some("-1") {
            return Ok(None);
        }
        let index = field.digits().and_then(|digits| digits.parse::<usize>().ok());
        index.map(Some).ok_or_else(|| field.fault("not an index"))
    }

    /// A truth value in a field.
    pub(crate) fn flag(&self, name: &'a str) -> Result<Option<bool>, ScanError> {
        let Some(field) = self.field(name)? else { return Ok(None) };
        match field.value {
            Value::Flag(flag) => Ok(Some(*flag)),
            _ => Err(field.fault("neither true nor false")),
        }
    }

    /// The texts among the items of an array or the values of an object. Read what many entries share once.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (items, fields) = match self.value {
            Value::List(items) => (Some(items.iter()), None),
            Value::Map(fields) => (None, Some(fields.values())),
            _ => (None, None),
        };
        let values = items.into_iter().flatten().chain(fields.into_iter().flatten());
        values.filter_map(|value| value.as_text().ok())
    }

    /// The text, if the value is one.
    pub(crate) fn as_str(&self) -> Option<&'a str> {
        self.value.as_text().ok()
    }

    /// Whether the value is an array.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    /// Whether the object has a field of this name, which may be null.
    pub(crate) fn has(&self, name: &str) -> bool {
        matches!(self.value, Value::Map(fields) if fields.contains_key(name))
    }

    /// The text of a number.
    fn digits(&self) -> Option<&'a str> {
        match self.value {
            Value::Number(text) => Some(text),
            _ => None,
        }
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
    text(name, 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_json() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let deeper = "[".repeat(1_000_000);
        let many = format!("[{}0]", "0,".repeat(VALUES_MAX as usize));
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
