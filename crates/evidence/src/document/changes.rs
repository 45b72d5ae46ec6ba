//! The `changes` document: what a plan does to infrastructure, and what that costs.
//!
//! Invariant: a resource has one action, and a resource that stays as it is stands in no document. Several runners must have planned the same,
//! because a plan that one of them did not see could be the one that is applied.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::form::{Document, DocumentError, TEXT_BYTES_MAX, Tool, check_tools, is_text};

/// Highest number of resources in one document.
pub const RESOURCES_MAX: usize = 10_000;
/// Highest number of attributes that are named of one resource.
pub const FIELDS_MAX: usize = 64;

/// A `changes` document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangesDocument {
    /// Version of this format; 1.
    pub v: u8,
    /// Tools that planned or priced.
    pub tools: BTreeSet<Tool>,
    /// Changes by the address of the resource.
    pub resources: BTreeMap<String, Change>,
    /// Costs by currency, a code of three letters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, Cost>,
}

/// The change of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Type of the resource, such as `aws_security_group`.
    pub sort: String,
    /// Provider.
    pub provider: String,
    /// The action on it.
    pub action: ChangeAction,
    /// Attributes that change, or that force a replacement; at most 64.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fields: BTreeSet<String>,
}

/// Actions on resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeAction {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It stays, and nobody manages it any more.
    Forget,
    /// It is destroyed and made anew.
    Replace,
    /// It is destroyed.
    Delete,
}

/// A cost for a month, in hundredths of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// After the changes.
    pub monthly: u64,
    /// Before them; absent if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Resources whose price the tool does not know.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unpriced: u64,
}

impl ChangeAction {
    /// All actions.
    pub const ALL: [Self; 5] = [Self::Create, Self::Update, Self::Forget, Self::Replace, Self::Delete];

    /// The name in documents and policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Forget => "forget",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

impl ChangesDocument {
    /// A document of no change.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Tool>) -> Self {
        Self { v: 1, tools: tools.into_iter().collect(), resources: BTreeMap::new(), costs: BTreeMap::new() }
    }

    fn count(&self, action: ChangeAction) -> u64 {
        self.resources.values().filter(|change| change.action == action).count() as u64
    }
}

impl Cost {
    fn with(self, other: Self) -> Self {
        Self {
            monthly: self.monthly.saturating_add(other.monthly),
            before: self.before.zip(other.before).map(|(one, other)| one.saturating_add(other)),
            unpriced: self.unpriced.saturating_add(other.unpriced),
        }
    }
}

impl Document for ChangesDocument {
    const TITLE: &'static str = "changes document";

    fn check(&self) -> Result<(), DocumentError> {
        let rule = |what: String| Err(DocumentError::Rule { document: Self::TITLE, what });
        if self.v != 1 {
            return rule("`v` is not 1, the version that this program knows".into());
        }
        check_tools(Self::TITLE, &self.tools)?;
        if self.resources.len() > RESOURCES_MAX {
            return rule(format!(
                "it has {} resources, at most {RESOURCES_MAX} are allowed",
                self.resources.len()
            ));
        }
        let short = |text: &String| is_text(text, TEXT_BYTES_MAX);
        let sound = |(address, change): &(&String, &Change)| {
            let fields = change.fields.len() <= FIELDS_MAX && change.fields.iter().all(short);
            short(address) && short(&change.sort) && short(&change.provider) && fields
        };
        if let Some((address, _)) = self.resources.iter().find(|row| !sound(row)) {
            return rule(format!("resource `{address}` has a text that is empty, long or not printable"));
        }
        let is_code = |code: &str| code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase());
        match self.costs.keys().find(|code| !is_code(code)) {
            Some(code) => rule(format!("`{code}` is no code of a currency, three capital letters")),
            None => Ok(()),
        }
    }

    fn tools(&self) -> &BTreeSet<Tool> {
        &self.tools
    }

    fn items(&self) -> BTreeMap<String, u64> {
        let counts = ChangeAction::ALL.map(|action| (action.as_str().to_owned(), self.count(action)));
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    fn facts(&self) -> Result<Option<Value>, serde_json::Error> {
        let resource = |(address, change): (&String, &Change)| {
            json!({
                "address": address, "sort": change.sort, "provider": change.provider,
                "action": change.action, "fields": change.fields,
            })
        };
        let resources: Vec<Value> = self.resources.iter().map(resource).collect();
        let cost = |(currency, cost): (&String, &Cost)| {
            json!({
                "currency": currency, "monthly": cost.monthly, "before": cost.before,
                "unpriced": cost.unpriced,
            })
        };
        let costs: Vec<Value> = self.costs.iter().map(cost).collect();
        let count: BTreeMap<_, _> =
            ChangeAction::ALL.map(|action| (action.as_str(), self.count(action))).into_iter().collect();
        Ok(Some(json!({ "count": count, "resources": resources, "costs": costs })))
    }

    fn merge(mut self, other: Self) -> Self {
        self.tools.extend(other.tools);
        for (address, change) in other.resources {
            match self.resources.remove(&address) {
                // Only texts can differ; see `contradiction`.
                Some(own) => {
                    self.resources.insert(address, if own.action >= change.action { own } else { change })
                }
                None => self.resources.insert(address, change),
            };
        }
        for (currency, cost) in other.costs {
            let known = self.costs.remove(&currency).map_or(cost, |known| known.with(cost));
            self.costs.insert(currency, known);
        }
        self
    }

    fn contradiction(&self, other: &Self) -> Option<String> {
        let unlike = |(address, change): &(&String, &Change)| {
            self.resources.get(*address).is_some_and(|own| own != *change)
        };
        other.resources.iter().find(unlike).map(|(address, _)| format!("resource `{address}`"))
    }

    fn join(mut self, other: Self) -> Result<Self, DocumentError> {
        let addresses: BTreeSet<_> = self.resources.keys().chain(other.resources.keys()).collect();
        let differs = |what: String| DocumentError::Differs { document: Self::TITLE, what };
        let unlike = addresses.into_iter().find(|at| self.resources.get(*at) != other.resources.get(*at));
        if let Some(address) = unlike {
            return Err(differs(format!("resource `{address}`")));
        }
        if self.costs != other.costs {
            return Err(differs("the costs".into()));
        }
        self.tools.extend(other.tools);
        Ok(self)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(changes: &[(&str, ChangeAction)]) -> ChangesDocument {
        let mut document = ChangesDocument::new([Tool::new("terraform", Some("1.9.0"))]);
        for (address, action) in changes {
            let change = Change {
                sort: "aws_instance".into(),
                provider: "aws".into(),
                action: *action,
                fields: BTreeSet::new(),
            };
            document.resources.insert((*address).to_owned(), change);
        }
        document
    }

    #[test]
    fn runners_must_have_planned_the_same_and_reports_add_up() {
        let (create, delete) = (ChangeAction::Create, ChangeAction::Delete);
        let one = document(&[("a", create)]);
        assert_eq!(one.clone().join(one.clone()).unwrap(), one);
        for other in [document(&[]), document(&[("a", delete)]), document(&[("a", create), ("b", delete)])] {
            assert!(one.clone().join(other).is_err());
        }
        let mut priced = one.clone();
        priced.costs.insert("USD".into(), Cost { monthly: 5, before: Some(1), unpriced: 0 });
        assert!(one.clone().join(priced.clone()).is_err());
        assert!(one.contradiction(&document(&[("a", delete)])).is_some());
        let both = priced.clone().merge(document(&[("b", delete)])).merge(priced.clone());
        assert_eq!(both.items(), BTreeMap::from([("create".into(), 1), ("delete".into(), 1)]));
        assert_eq!(both.costs["USD"], Cost { monthly: 10, before: Some(2), unpriced: 0 });
        let facts = both.facts().unwrap().unwrap();
        assert_eq!((&facts["count"]["delete"], &facts["count"]["update"]), (&json!(1), &json!(0)));
    }

    #[test]
    fn a_document_that_is_not_sound_is_refused() {
        let mut long = document(&[]);
        long.resources.extend(document(&[("a\u{1b}[2J", ChangeAction::Create)]).resources);
        assert!(long.encode().is_err());
        let mut currency = document(&[]);
        currency.costs.insert("usd".into(), Cost::default());
        assert!(currency.encode().is_err());
        assert!(ChangesDocument { v: 2, ..document(&[]) }.encode().is_err());
        let sound = document(&[("module.a[\"x\"].aws_instance.b[0]", ChangeAction::Replace)]);
        assert_eq!(ChangesDocument::decode(&sound.encode().unwrap()).unwrap(), sound);
    }
}
