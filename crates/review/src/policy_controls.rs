//! Controls of regulations in a policy: which have a rule, with its effect here, and which no release shows.
//!
//! Invariant: a control counts as having a rule only if the policy says what that rule does here. Texts come from the policy, and are
//! shown in part where they are long.

use std::collections::{BTreeMap, BTreeSet};

use policy::{Effect, Gate, Rule};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A regulation that a policy has rules of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regulation {
    /// Its name.
    pub name: String,
    /// The part of it that the policy is about.
    pub scope: String,
    /// Controls with a rule, in the order of their names.
    pub controls: Vec<RuledControl>,
    /// Controls that no release shows, with the reason.
    pub beyond: Vec<(String, String)>,
}

/// A control with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledControl {
    /// Its id in the regulation.
    pub control: String,
    /// The demand of the regulation.
    pub asks: String,
    /// Code of the rule.
    pub code: String,
    /// The effect of the rule here.
    pub effect: Effect,
}

impl Regulation {
    /// Number of controls whose rule has an effect.
    #[must_use]
    pub fn count(&self, effect: Effect) -> usize {
        self.controls.iter().filter(|control| control.effect == effect).count()
    }
}

#[derive(Deserialize)]
struct Whole {
    regulation: String,
    scope: String,
}

#[derive(Deserialize)]
struct Control {
    regulation: String,
    control: String,
    code: String,
    asks: String,
}

#[derive(Deserialize)]
struct Beyond {
    regulation: String,
    controls: Vec<String>,
    why: String,
}

/// The regulations of a policy; none for a policy without such tables, or with tables of another form.
#[must_use]
pub fn regulations(gate: &Gate, rules: &[Rule], input: &str) -> Vec<Regulation> {
    let effects: BTreeMap<&str, Effect> =
        rules.iter().map(|rule| (rule.code.as_str(), rule.effect)).collect();
    let controls: Vec<Control> =
        ["controls", "controls_elsewhere"].iter().flat_map(|name| table(gate, name, input)).collect();
    let beyond: Vec<Beyond> = table(gate, "beyond", input);
    let wholes: Vec<Whole> = table(gate, "regulations", input);
    let of_whole = |whole: Whole| {
        let own = controls.iter().filter(|control| control.regulation == whole.regulation);
        let ruled: BTreeSet<(String, String, String, Effect)> = own
            .filter_map(|control| {
                let effect = *effects.get(control.code.as_str())?;
                Some((brief(&control.control), brief(&control.code), brief(&control.asks), effect))
            })
            .collect();
        let others = beyond.iter().filter(|row| row.regulation == whole.regulation);
        let of_row = |row: &Beyond| -> Vec<_> {
            row.controls.iter().map(|control| (brief(control), brief(&row.why))).collect()
        };
        Regulation {
            name: brief(&whole.regulation),
            scope: brief(&whole.scope),
            controls: ruled
                .into_iter()
                .map(|(control, code, asks, effect)| RuledControl { control, asks, code, effect })
                .collect(),
            beyond: others.flat_map(of_row).collect(),
        }
    };
    let mut found: Vec<Regulation> = wholes.into_iter().map(of_whole).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn table<T: DeserializeOwned>(gate: &Gate, name: &str, input: &str) -> Vec<T> {
    let value = gate.value(name, input);
    value.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

fn brief(text: &str) -> String {
    shown::brief(text, TEXT_CHARS)
}

const TEXT_CHARS: usize = 200;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use policy::{Bundle, Effect, Gate, Pack};

    use serde_json::json;

    use super::regulations;

    #[test]
    fn the_controls_of_a_pack_have_the_effects_of_its_rules() {
        let input =
            |environment: &str| json!({"mode": "team", "place": {"environment": environment}}).to_string();
        let of = |pack: &str, environment: &str| {
            let bundle = Bundle::new(Pack::named(pack).unwrap().files()).unwrap();
            let gate = Gate::compile(&bundle).unwrap();
            let rules: Vec<_> = gate.explain(&input(environment)).unwrap().unwrap().into_iter().collect();
            regulations(&gate, &rules, &input(environment))
        };
        let production = of("soc2", "production");
        let [soc2] = production.as_slice() else { panic!("one regulation") };
        assert!(soc2.count(Effect::Block) >= 5 && !soc2.beyond.is_empty(), "{soc2:?}");
        assert!(soc2.controls.iter().all(|control| control.code.starts_with("soc2-")));
        assert_eq!(of("soc2", "dev")[0].count(Effect::Block), 0);
        assert!(of("default", "production").is_empty());
    }
}
