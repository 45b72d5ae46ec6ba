//! The rules of a policy, for people: the effect of each one by the set `explain`, and the fields that it reads.
//!
//! Invariant: this decides nothing. Verdicts come from `deny` and `warn` alone, so a policy that describes itself falsely
//! misleads its reader, and lets nothing through.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::fields::ReasonReading;

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Code of its reasons.
    pub code: String,
    /// Its effect in this place.
    pub effect: Effect,
    /// Fields of the input that its conditions read, such as `findings[].severity`.
    pub reads: BTreeSet<String>,
    /// Its sentence, with `…` for what differs from release to release. Absent if the policy computes it.
    pub what: Option<String>,
    /// Its remedy. Absent if the policy computes it.
    pub remedy: Option<String>,
}

/// Effect of a rule in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Its reasons stop the release.
    Block,
    /// Its reasons are warnings.
    Warn,
    /// It has no effect.
    Off,
}

/// An element of the set `explain`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explained {
    code: String,
    effect: Effect,
}

/// The rules: those that the policy explains, and those with these readings. A rule that it does not explain blocks; of two
/// effects the stronger one counts.
pub(crate) fn rules(
    explained: BTreeSet<Explained>,
    readings: BTreeMap<String, ReasonReading>,
) -> BTreeSet<Rule> {
    let mut effects: BTreeMap<String, Effect> = BTreeMap::new();
    for Explained { code, effect } in explained {
        let strongest = effects.entry(code).or_insert(effect);
        *strongest = (*strongest).min(effect);
    }
    for code in readings.keys() {
        effects.entry(code.clone()).or_insert(Effect::Block);
    }
    let rule = |(code, effect): (String, Effect)| {
        let ReasonReading { fields, what, remedy } = readings.get(&code).cloned().unwrap_or_default();
        Rule { code, effect, reads: fields, what, remedy }
    };
    effects.into_iter().map(rule).collect()
}

/// Why the rules of a policy are unknown.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ExplainError(pub(crate) String);
