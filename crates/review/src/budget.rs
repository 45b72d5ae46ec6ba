//! Findings of a release against the budget of its place.
//!
//! Invariant: the findings that count are those which the rule `budget-exceeded` of the packs counts: open ones of the build that a
//! tool is sure of, secrets aside.

use evidence::document::findings::{Class, Severity};
use policy::{Budget, Effect};

use crate::contents::Found;
use crate::standing::Standing;

/// A budget and how much of it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The severities with a limit: name, findings, highest number; the severest first.
    pub rows: Vec<(String, u64, u64)>,
    /// Effect of a higher number.
    pub effect: Effect,
}

impl Spent {
    /// The use of a budget by findings as they stand.
    #[must_use]
    pub fn of<'a>(budget: &Budget, findings: impl IntoIterator<Item = (&'a Found, &'a Standing)>) -> Self {
        let counts = |(found, standing): &(&Found, &Standing)| {
            let finding = &found.finding;
            let of_build = found.before.is_none() && finding.class != Class::Secret;
            of_build && standing.is_open() && !finding.unconfirmed
        };
        let counted: Vec<Severity> =
            findings.into_iter().filter(counts).map(|(found, _)| found.finding.severity).collect();
        let count = |name: &str| counted.iter().filter(|severity| severity.as_str() == name).count() as u64;
        let mut rows: Vec<_> =
            budget.most.iter().map(|(name, most)| (name.clone(), count(name), *most)).collect();
        rows.sort_by_key(|(name, ..)| SEVEREST_FIRST.iter().position(|known| known.as_str() == name));
        Self { rows, effect: budget.effect }
    }

    /// Whether a number is higher than allowed.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.rows.iter().any(|(_, found, most)| found > most)
    }

    /// Each severity in words: `critical: 1 of 0`.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.rows
            .iter()
            .map(|(name, found, most)| format!("{}: {found} of {most}", shown::brief(name, NAME_CHARS)))
            .collect()
    }
}

const SEVEREST_FIRST: [Severity; 6] =
    [Severity::Critical, Severity::High, Severity::Unknown, Severity::Medium, Severity::Low, Severity::None];
const NAME_CHARS: usize = 40;

#[cfg(test)]
mod tests {
    use evidence::Digest;
    use evidence::document::findings::Finding;
    use lab::documents;

    use super::*;

    fn found(rule: &str, change: impl Fn(&mut Finding)) -> Found {
        let one = documents::findings(&[(rule, Class::Code, Severity::High)]).findings.pop_first();
        let (id, mut finding) = one.unwrap_or_else(|| unreachable!("the lab makes one"));
        change(&mut finding);
        Found { id, shown: id.hex(), finding, owner: None, before: None }
    }

    #[test]
    fn what_the_rule_counts_is_counted() {
        let waived = Standing::Waived(evidence::Moment::from_millis(1).unwrap(), Digest::of(b"statement"));
        let all = [
            (found("a", |_| ()), Standing::Open),
            (found("b", |_| ()), Standing::Outgrown("its waiver".into())),
            (found("waived", |_| ()), waived),
            (found("secret", |finding| finding.class = Class::Secret), Standing::Open),
            (found("suspected", |finding| finding.unconfirmed = true), Standing::Open),
            (Found { before: Some(lab::name("staging")), ..found("check", |_| ()) }, Standing::Open),
            (found("worse", |finding| finding.severity = Severity::Critical), Standing::Open),
        ];
        let budget = |critical: u64, high: u64| Budget {
            most: [("critical".to_owned(), critical), ("high".to_owned(), high)].into(),
            effect: Effect::Warn,
        };
        let spent =
            |budget: &Budget| Spent::of(budget, all.iter().map(|(found, standing)| (found, standing)));
        let kept = spent(&budget(1, 2));
        assert_eq!(kept.words(), ["critical: 1 of 1", "high: 2 of 2"]);
        assert!(!kept.is_exceeded());
        assert!(spent(&budget(0, 2)).is_exceeded() && spent(&budget(1, 1)).is_exceeded());
    }
}
