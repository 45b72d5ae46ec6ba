//! Rules: data about a fault, and a function that finds it in a subject that was parsed before.
//!
//! Invariant: a rule is pure, and it cannot fail: what a subject does not say is either the tool's default, which the rule knows, or
//! the subject was not readable, which is no matter of rules.

use evidence::document::findings::Severity;

use super::marked::Marked;

/// The facts of a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    /// Id, which begins with the language: `k8s-privileged`.
    pub id: &'static str,
    /// Severity.
    pub severity: Severity,
    /// The fault, as a sentence without an end: `a container has all privileges of its host`.
    pub title: &'static str,
    /// The consequence.
    pub why: &'static str,
    /// The remedy, as an order.
    pub remedy: &'static str,
    /// Ids of the same rule in other tools.
    pub same: &'static [&'static str],
}

/// A rule about subjects of one sort.
#[derive(Debug)]
pub struct Rule<S> {
    /// Its facts.
    pub facts: Facts,
    /// Finds each place that breaks it.
    pub check: fn(&S, &mut Hits),
}

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Line, counted from 1; 0 if the place has none.
    pub line: u32,
    /// Name of the thing at fault, for people: `Deployment web, container app`.
    pub about: String,
    /// Path of the file, where the subject has several.
    pub path: Option<String>,
    /// Whether the line holds a secret. Then nothing that is written about the place is made from it.
    pub is_secret: bool,
}

/// The places that break a rule, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Hits {
    found: Vec<Hit>,
}

impl Hits {
    /// A place at a line; 0 if the place has none.
    pub fn at(&mut self, line: u32, about: impl Into<String>) {
        self.found.push(Hit { line, about: about.into(), path: None, is_secret: false });
    }

    /// A place whose line holds a secret, which the name does not.
    pub fn secret_at(&mut self, line: u32, about: impl Into<String>) {
        self.found.push(Hit { line, about: about.into(), path: None, is_secret: true });
    }

    /// A file of the subject.
    pub fn in_file(&mut self, path: &str, about: impl Into<String>) {
        let path = Some(path.to_owned());
        self.found.push(Hit { line: 0, about: about.into(), path, is_secret: false });
    }

    /// The place of a value.
    pub fn of(&mut self, node: &Marked, about: impl Into<String>) {
        self.at(node.line, about);
    }
}

/// A broken rule.
#[derive(Clone, Debug)]
pub struct Found {
    /// The rule.
    pub facts: &'static Facts,
    /// The place.
    pub hit: Hit,
}

/// Every place of a subject that breaks one of these rules.
pub fn broken<S>(rules: &'static [&'static Rule<S>], subject: &S) -> Vec<Found> {
    let mut all = Vec::new();
    for rule in rules {
        let mut hits = Hits::default();
        (rule.check)(subject, &mut hits);
        all.extend(hits.found.into_iter().map(|hit| Found { facts: &rule.facts, hit }));
    }
    all
}
