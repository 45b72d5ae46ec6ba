//! A sheet: the model of every page that is lists and facts, such as a service, trust, findings and the system.

use serde::Serialize;

use super::curves::Curves;
use super::ledger::Choice;
use super::release::Change;
use super::shared::{Badge, Command, Fact, Link, State, Time};

/// A page of lists and facts. A part that has nothing to show stays empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Sheet {
    /// How things stand, in words.
    pub headline: String,
    /// Its state, if it has one.
    pub badge: Option<Badge>,
    /// Facts of the line below the headline.
    pub sub: Vec<String>,
    /// The form that narrows the page.
    pub form: Option<SheetForm>,
    /// The way from commit to production, where the page is about one.
    pub way: Vec<Link>,
    /// Differences of two releases, where the page compares them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, serde(default))]
    pub changes: Vec<Change>,
    /// Figures over time.
    pub charts: Vec<Chart>,
    /// Curves over time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, serde(default))]
    pub curves: Vec<Curves>,
    /// Milliseconds after which the page is read again, where it shows what no entry of the ledger tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, serde(default))]
    pub poll_ms: Option<u32>,
    /// Tables, before the lists.
    pub tables: Vec<SheetTable>,
    /// Lists, in order.
    pub lists: Vec<SheetList>,
    /// Facts beside the lists, by title.
    pub facts: Vec<(String, Vec<Fact>)>,
}

/// A list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct SheetList {
    /// Its title.
    pub title: String,
    /// Its items.
    pub rows: Vec<SheetRow>,
    /// Number of further items.
    pub more: usize,
    /// The sentence for a list without items.
    pub empty: String,
    /// The command that fills it, where there is one.
    pub fill: Option<Command>,
}

/// An item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct SheetRow {
    /// Its state, if it has one.
    pub badge: Option<Badge>,
    /// A sentence or a name.
    pub title: String,
    /// The page about it.
    pub href: Option<String>,
    /// More about it, each a short text.
    pub notes: Vec<String>,
    /// Its time or its end.
    pub time: Option<Time>,
    /// Commands about it.
    pub commands: Vec<Command>,
}

/// A form that asks for an address with its fields as the query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct SheetForm {
    /// Path of the address.
    pub path: String,
    /// Its fields.
    pub fields: Vec<SheetField>,
    /// Word of its button: `Search`, `Compare`.
    pub button: String,
    /// Whether any field is set.
    pub narrowed: bool,
}

/// A field of a form: words to search for, or one of several values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct SheetField {
    /// Name of the parameter in the query, which is never a text by others.
    pub parameter: String,
    /// Its title.
    pub title: String,
    /// The words that were asked for.
    pub words: String,
    /// An example of such words.
    pub example: String,
    /// The values, where the field is a choice; its first one stands for no choice.
    pub choices: Vec<Choice>,
}

/// A figure over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Chart {
    /// Its title: `Lead time`.
    pub title: String,
    /// The figure now: `3 h 12 min`.
    pub value: String,
    /// Its state, if it has one.
    pub state: Option<State>,
    /// The picture in words: what is counted, and over which time.
    pub sentence: String,
    /// Its points, the oldest first.
    pub points: Vec<ChartPoint>,
}

/// A point of a figure over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct ChartPoint {
    /// Its time or its name.
    pub label: String,
    /// Its height.
    pub height: u64,
    /// Its value in words.
    pub value: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct SheetTable {
    /// Its title.
    pub title: String,
    /// Titles of its columns. The first one names the rows.
    pub columns: Vec<String>,
    /// Its rows, each with a cell for each column.
    pub rows: Vec<Vec<SheetCell>>,
    /// Number of further rows.
    pub more: usize,
    /// The sentence for a table without rows.
    pub empty: String,
    /// The command that fills it, where there is one.
    pub fill: Option<Command>,
}

/// A stretch of time within the one that its column covers, in thousandths of that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Span {
    /// Its begin.
    pub from: u16,
    /// Its end.
    pub to: u16,
    /// The present.
    pub today: u16,
    /// Its state.
    pub state: State,
    /// The picture in words.
    pub sentence: String,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct SheetCell {
    /// Its state, if it has one.
    pub badge: Option<Badge>,
    /// Its text.
    pub text: String,
    /// The page about it.
    pub href: Option<String>,
    /// More about it, each a short text.
    pub notes: Vec<String>,
    /// Its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, serde(default))]
    pub time: Option<Time>,
    /// A stretch of time, drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, serde(default))]
    pub span: Option<Span>,
    /// Commands about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, serde(default))]
    pub commands: Vec<Command>,
}
