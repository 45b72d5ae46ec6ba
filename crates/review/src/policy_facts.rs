//! A policy as people read it at one place: its rules with what each does there, its limits, the reports that it reads, and
//! what differs from the policy before it.
//!
//! Input: the files of a policy and a gate input. Output: values. Invariant: pure, and bounded by the gate; nothing here decides
//! anything, and a policy that describes itself falsely misleads its reader alone.

use std::collections::{BTreeMap, BTreeSet};

use policy::{Bundle, Effect, Gate, Pack, Read, Rule, test_names};
use serde_json::{Value, json};

use crate::differences::Difference;
use crate::differences::{of_texts, of_values};
use crate::policy_controls::{self, Regulation};

/// A policy at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFacts {
    /// The pack of this program whose files it has, if it has those of one.
    pub pack: Option<&'static str>,
    /// Names of its files.
    pub files: Vec<String>,
    /// Its rules, those that block first.
    pub rules: Vec<Rule>,
    /// Whether the policy says what each rule does here. Otherwise the effects are those that its text shows.
    pub explains: bool,
    /// Values that it sets: numbers of approvals and runners, and its table of limits.
    pub limits: Vec<(String, String)>,
    /// Regulations that it has rules of.
    pub regulations: Vec<Regulation>,
    /// The reports that it reads.
    pub reads: Vec<Read>,
    /// Names of the tests in its files.
    pub own_tests: Vec<String>,
    /// Number of the tests that this program has for its pack; 0 for another policy.
    pub pack_tests: usize,
}

/// Why a policy cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadablePolicy(String);

impl std::fmt::Display for UnreadablePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the policy cannot be read: {}", self.0)
    }
}

impl std::error::Error for UnreadablePolicy {}

impl PolicyFacts {
    /// A policy for an input in JSON.
    ///
    /// # Errors
    /// `UnreadablePolicy` if the files are no policy of this program.
    pub fn of(files: &BTreeMap<String, String>, input: &str) -> Result<Self, UnreadablePolicy> {
        let unreadable = |error: &dyn std::fmt::Display| UnreadablePolicy(error.to_string());
        let bundle = Bundle::new(files.clone()).map_err(|error| unreadable(&error))?;
        let gate = Gate::compile(&bundle).map_err(|error| unreadable(&error))?;
        let rules = gate.explain(input).map_err(|error| unreadable(&error))?;
        let reads = gate.reads(input).map_err(|error| unreadable(&error))?;
        let pack = policy::PACKS.into_iter().find(|pack| pack.files() == *files);
        let explains = rules.is_some();
        let mut rules: Vec<Rule> = rules.unwrap_or_else(|| gate.rules_by_text()).into_iter().collect();
        rules.sort_by(|one, other| (one.effect, &one.code).cmp(&(other.effect, &other.code)));
        Ok(Self {
            pack: pack.map(|pack| pack.name),
            files: files.keys().cloned().collect(),
            explains,
            regulations: policy_controls::regulations(&gate, &rules, input),
            rules,
            limits: limits(&gate, input),
            reads: reads.into_iter().collect(),
            own_tests: test_names(files),
            pack_tests: pack.map_or(0, |pack| test_names(&Pack::tests(&pack)).len()),
        })
    }

    /// Its name: that of its pack, if it is one.
    #[must_use]
    pub fn name(&self) -> String {
        self.pack.map_or_else(
            || "a policy that is no pack of this program".to_owned(),
            |pack| format!("the pack `{pack}`"),
        )
    }

    /// Number of rules with an effect.
    #[must_use]
    pub fn count(&self, effect: Effect) -> usize {
        self.rules.iter().filter(|rule| rule.effect == effect).count()
    }

    /// Everything that differs from the policy before: effects of rules, limits, and lines of files.
    #[must_use]
    pub fn since(
        &self,
        files: &BTreeMap<String, String>,
        before: (&Self, &BTreeMap<String, String>),
    ) -> Vec<Difference> {
        let (old, old_files) = before;
        let effects = of_values(&old.effects(), &self.effects());
        let values = |facts: &Self| facts.limits.iter().cloned().collect::<BTreeMap<_, _>>();
        let limits = of_values(&values(old), &values(self));
        let mut found: Vec<Difference> = Vec::new();
        let mut add = |is_notable, title: String, lines| {
            found.extend(Difference::of(is_notable, title, String::new(), lines));
        };
        add(true, "Rules have another effect here".to_owned(), effects);
        add(true, "Limits differ".to_owned(), limits);
        found.extend(of_files(files, old_files));
        found
    }

    fn effects(&self) -> BTreeMap<String, String> {
        self.rules.iter().map(|rule| (rule.code.clone(), effect_word(rule.effect).to_owned())).collect()
    }
}

/// The lines of files that differ from those of the policy before.
#[must_use]
pub fn of_files(files: &BTreeMap<String, String>, before: &BTreeMap<String, String>) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.keys().chain(files.keys()).collect();
    let text = |files: &BTreeMap<String, String>, name: &str| files.get(name).cloned().unwrap_or_default();
    let of_file = |name: &String| {
        let lines = of_texts(&text(before, name), &text(files, name));
        Difference::of(false, format!("file {name}"), String::new(), lines)
    };
    names.into_iter().filter_map(of_file).collect()
}

/// An effect in a word.
#[must_use]
pub const fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Block => "blocks",
        Effect::Warn => "warns",
        Effect::Off => "off",
    }
}

/// The part of a gate input that says where a policy is asked, for a place without a release.
#[must_use]
pub fn bare_input(mode: &str, place: &evidence::Place, after: Option<&str>, automatic: bool) -> String {
    let place = json!({
        "project": place.project.as_str(),
        "service": place.service.as_str(),
        "environment": place.environment.as_str(),
        "after": after,
        "automatic": automatic,
    });
    json!({ "mode": mode, "place": place }).to_string()
}

/// The values of the rules in [`VALUES`] and of the members of `limits`.
fn limits(gate: &Gate, input: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, title) in VALUES {
        found.extend(gate.value(name, input).map(|value| (title.to_owned(), words(&value))));
    }
    if let Some(Value::Object(limits)) = gate.value("limits", input) {
        found.extend(limits.iter().map(|(name, value)| (name.replace('_', " "), words(value))));
    }
    found
}

/// A value in words, bounded.
fn words(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(all) if all.is_empty() => "none".to_owned(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(all) if all.is_empty() => "none".to_owned(),
        Value::Object(all) => {
            let parts = all.iter().map(|(name, value)| match value {
                Value::Object(_) => format!("{name} ({})", words(value)),
                other => format!("{name} {}", words(other)),
            });
            parts.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    shown::brief(&text, VALUE_CHARS)
}

/// Rules whose values people ask for, with their titles.
const VALUES: [(&str, &str); 3] = [
    ("approvals_needed", "approvals needed"),
    ("approver", "role of approvers"),
    ("runners_needed", "runners needed"),
];
const VALUE_CHARS: usize = 200;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use policy::{Effect, Pack};

    use super::{PolicyFacts, bare_input, of_files};

    #[test]
    fn a_pack_is_read_at_each_environment() {
        let files = Pack::DEFAULT.files();
        let at = |environment: &str| {
            let place = format!("shop/api/{environment}").parse().unwrap();
            PolicyFacts::of(&files, &bare_input("team", &place, None, true)).unwrap()
        };
        let (dev, production) = (at("dev"), at("production"));
        assert_eq!((production.name(), production.own_tests.len()), ("the pack `default`".to_owned(), 0));
        assert!(production.pack_tests > 40, "{}", production.pack_tests);
        let value = |facts: &PolicyFacts, name: &str| {
            facts.limits.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap()
        };
        assert_eq!(value(&production, "approvals needed"), "1");
        assert_eq!(value(&dev, "approvals needed"), "0");
        assert_eq!(value(&dev, "role of approvers"), "release-manager");
        assert_eq!(value(&dev, "fix days"), "critical 30, exploited 14, high 60");
        assert!(production.count(Effect::Block) > dev.count(Effect::Block));
        assert_eq!(production.reads.len(), 7);
        let first = production.rules.first().unwrap();
        assert_eq!(first.effect, Effect::Block, "those that block come first");
        assert!(production.since(&files, (&production, &files)).is_empty());
    }

    #[test]
    fn a_changed_policy_tells_effects_limits_and_lines() {
        let old = Pack::DEFAULT.files();
        let mut new = old.clone();
        let gate = new.get_mut("gate.rego").unwrap();
        *gate = gate.replace("approvals_needed := 1 if", "approvals_needed := 2 if") + "\ntest_two if true\n";
        let limits = new.get_mut("limits.rego").unwrap();
        *limits = limits.replace(
            "\"tests-missing\": {\"production\": \"warn\"",
            "\"tests-missing\": {\"production\": \"block\"",
        );
        let input = bare_input("team", &"shop/api/production".parse().unwrap(), Some("staging"), false);
        let [before, now] = [&old, &new].map(|files| PolicyFacts::of(files, &input).unwrap());
        assert_eq!((now.pack, now.own_tests.as_slice()), (None, ["test_two".to_owned()].as_slice()));
        let said: String = now.since(&new, (&before, &old)).iter().map(super::Difference::text).collect();
        for line in [
            "\nRules have another effect here\n  ~ tests-missing: warns to blocks",
            "\nLimits differ\n  ~ approvals needed: 1 to 2",
            "\nFile gate.rego\n  - approvals_needed := 1 if production else := 0\n  + approvals_needed := 2 if",
            "\nFile limits.rego\n  - \t\"tests-missing\"",
        ] {
            assert!(said.contains(&line.replace('\t', "\\t")) || said.contains(line), "{line}: {said}");
        }
    }

    #[test]
    fn files_that_are_no_policy_are_named() {
        let files = [("gate.rego".to_owned(), "package countersign.gate\n".to_owned())].into();
        let said = PolicyFacts::of(&files, "{}").unwrap_err().to_string();
        let lines: String =
            of_files(&Pack::DEFAULT.files(), &files).iter().map(super::Difference::text).collect();
        assert!(
            lines.contains("\nFile limits.rego\n  + ") && lines.contains("\nFile gate.rego\n"),
            "{lines}"
        );
        assert!(said.starts_with("the policy cannot be read: policy: "), "{said}");
    }
}
