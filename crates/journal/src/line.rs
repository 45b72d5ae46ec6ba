//! One line: text for people, or a JSON object (RFC 8259) for machines.
//!
//! Invariant: nothing in it moves a cursor, hides, or begins a line: that is `shown`'s part for both formats. The length of
//! a line is bounded, because a role has few fields, and each text in them is cut.

use std::fmt::{self, Write as _};

use serde_json::Value;
use tracing::Level;
use tracing::field::{Field, Visit};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `server: warning: what happened run=... place=...`, without a time: journald has one.
    #[default]
    Text,
    /// One object for each line, with `time`, `level`, `target`, `message`, and each field by its name.
    Json,
}

/// The role that writes all lines of a process.
#[derive(Clone, Debug, Default)]
pub struct LogSource {
    /// As text has it before each line; several roles may share one terminal.
    pub title: String,
    /// As JSON has it: `role`, and the names of the role.
    pub fields: Vec<(&'static str, String)>,
}

/// One event of the log, with its fields in order.
pub struct LogEvent<'a> {
    pub level: Level,
    pub target: &'a str,
    pub message: String,
    pub fields: Vec<(&'static str, Value)>,
}

/// Fields of an event or a span, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Fields(Vec<(&'static str, Value)>);

impl LogEvent<'static> {
    /// An error of the process itself.
    pub fn error(message: String) -> Self {
        Self { level: Level::ERROR, target: "countersign", message: bounded(message), fields: Vec::new() }
    }
}

impl LogEvent<'_> {
    /// The line, with its end.
    pub fn line(&self, source: &LogSource, format: Format) -> String {
        match format {
            Format::Text => self.text(source),
            Format::Json => self.json(source),
        }
    }

    fn text(&self, source: &LogSource) -> String {
        let mut line = String::new();
        if !source.title.is_empty() {
            line = format!("{}: ", shown::line(&source.title));
        }
        line += match self.level {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            Level::INFO => "",
            Level::DEBUG => "debug: ",
            Level::TRACE => "trace: ",
        };
        line += &shown::below(&self.message);
        for (name, value) in &self.fields {
            let _ = write!(line, " {name}={}", word(value));
        }
        line.push('\n');
        line
    }

    fn json(&self, source: &LogSource) -> String {
        let time = jiff::Timestamp::now();
        let mut line = format!("{{\"time\":\"{time:.3}\"");
        let mut add = |name: &str, value: &Value| {
            let name = Value::from(name);
            let _ = write!(line, ",{name}:{value}");
        };
        add("level", &self.level.as_str().to_ascii_lowercase().into());
        add("target", &self.target.into());
        for (name, value) in &source.fields {
            add(name, &value.as_str().into());
        }
        add("message", &self.message.as_str().into());
        for (name, value) in &self.fields {
            // A name that is taken would make an object with two members of one name.
            if !source.fields.iter().any(|(taken, _)| taken == name) && !OWN.contains(name) {
                add(name, value);
            }
        }
        format!("{}}}\n", shown::json(&line))
    }
}

/// A value within a line of text: in quotes where it could be taken for more than one word.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() || text.contains([' ', '"', '=', '\n', '\t']) => {
            shown::line(&value.to_string())
        }
        Value::String(text) => shown::line(text),
        other => other.to_string(),
    }
}

/// A text of bounded length; the end of a longer one is replaced by the number of its bytes.
pub fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let (end, all) = (text.floor_char_boundary(TEXT_BYTES_MAX), text.len());
        text.truncate(end);
        let _ = write!(text, "... ({} bytes more)", all - end);
    }
    text
}

impl Fields {
    /// Adds what these do not name yet.
    pub fn below(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            if !self.0.iter().any(|(own, _)| own == name) {
                self.0.push((name, value.clone()));
            }
        }
    }

    pub fn take_message(&mut self) -> String {
        let at = self.0.iter().position(|(name, _)| *name == "message");
        match at.map(|at| self.0.remove(at).1) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    pub fn into_inner(self) -> Vec<(&'static str, Value)> {
        self.0
    }

    fn set(&mut self, field: &Field, value: Value) {
        let value = if let Value::String(text) = value { bounded(text).into() } else { value };
        match self.0.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, old)) => *old = value,
            None => self.0.push((field.name(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
}

/// Most bytes of a message or a field: errors quote texts of others, which may be large.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Members that each JSON line has.
const OWN: [&str; 4] = ["time", "level", "target", "message"];
