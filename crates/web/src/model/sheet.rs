//! A sheet: the model of every page that is lists and facts, such as a service, trust, findings and the system.

use serde::Serialize;

use super::shared::{Badge, Command, Fact, Link, Time};

/// A page of lists and facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Sheet {
    /// How things stand, in words.
    pub headline: String,
    /// Its state, if it has one.
    pub badge: Option<Badge>,
    /// Facts of the line below the headline.
    pub sub: Vec<String>,
    /// The way from commit to production, where the page is about one.
    pub way: Vec<Link>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
