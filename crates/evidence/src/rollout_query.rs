//! Queries to Prometheus in a deployment plan: numbers that must hold at each step, and the servers that are asked.
//!
//! Invariant: the repository says what is asked, the place says where: every source of a plan is an address of the place's
//! configuration, on this machine or over TLS. Limits are integers. The file asks nobody.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amounts::Number;
use crate::{Name, address};

/// Highest number of Prometheus queries, and of servers that are asked.
pub const QUERIES_MAX: usize = 16;
/// Longest Prometheus query in bytes.
pub const QUERY_BYTES_MAX: usize = 4_096;
/// The source of a query that names none.
pub const SOURCE: &str = "prometheus";

/// Servers of Prometheus by name.
pub type Sources = BTreeMap<Name, String>;

/// A query to Prometheus whose answer must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Name of the number.
    pub name: Name,
    /// Name of the source in the configuration of the place.
    pub source: Name,
    /// The query.
    pub query: String,
    /// Highest value, in millionths; `NO_LIMIT` where only a lowest one counts.
    pub at_most: u64,
    /// Lowest value, in millionths; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
}

/// A query to Prometheus in the release file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceQuery {
    /// Name of the number, for people.
    #[schemars(with = "String")]
    pub name: Name,
    /// The query: an instant vector with one number, such as `max(queue_length)`.
    pub query: String,
    /// Highest value, such as `100` or `0.5`; a release that is over it returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Number>,
    /// Lowest value; a release that is under it returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Number>,
    /// Name of the server in the configuration of the place; `prometheus` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub source: Option<Name>,
}

impl Query {
    /// Whether the query can be asked.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let limits = [Some(self.at_most), self.at_least];
        (1..=QUERY_BYTES_MAX).contains(&self.query.len())
            && limits.into_iter().flatten().all(|limit| limit <= NO_LIMIT)
            && self.at_least.unwrap_or(0) <= self.at_most
            && (self.at_most < NO_LIMIT || self.at_least.is_some())
    }
}

impl ServiceQuery {
    /// The broken rule, with the remedy.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let name = &self.name;
        if self.over.is_none() && self.under.is_none() {
            return Some(format!("query `{name}` needs a limit: `over: 100`, or `under: 1`"));
        }
        let of = |number: Option<Number>| number.map(Number::millionths);
        if of(self.over).zip(of(self.under)).is_some_and(|(over, under)| under > over) {
            return Some(format!("query `{name}` can never hold: `under` is above `over`"));
        }
        (!(1..=QUERY_BYTES_MAX).contains(&self.query.len()))
            .then(|| format!("query `{name}` needs a `query` of 1 to {QUERY_BYTES_MAX} bytes"))
    }

    /// The query of the plan; absent if the name of the usual source were none.
    #[must_use]
    pub fn planned(&self) -> Option<Query> {
        Some(Query {
            name: self.name.clone(),
            source: self.source.clone().or_else(|| SOURCE.parse().ok())?,
            query: self.query.clone(),
            at_most: self.over.map_or(NO_LIMIT, Number::millionths),
            at_least: self.under.map(Number::millionths),
        })
    }
}

/// The sources that queries name, as far as a place has them; the first name that it does not have is an error.
///
/// # Errors
/// The name of the source that is missing.
pub fn asked<'a>(queries: &'a [Query], known: &Sources) -> Result<Sources, &'a Name> {
    let address = |query: &'a Query| {
        let address = known.get(&query.source).map(|address| (query.source.clone(), address.clone()));
        address.ok_or(&query.source)
    };
    queries.iter().map(address).collect()
}

/// Why sources cannot be asked.
#[must_use]
pub fn sources_fault(sources: &Sources) -> Option<&'static str> {
    if sources.len() > QUERIES_MAX {
        return Some("it names more than 16 servers of Prometheus");
    }
    (!sources.values().all(|source| address::check(source).is_ok()))
        .then_some("the address of Prometheus is not `https://HOST`, `https://HOST:PORT` or plain HTTP on a loopback address")
}

/// A highest value that every number keeps: the largest integer of canonical JSON.
pub const NO_LIMIT: u64 = 1 << 53;
