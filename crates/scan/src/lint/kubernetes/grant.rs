//! A rule of a role: what it grants (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/>).

use crate::lint::marked::Marked;

/// What a rule of a role grants.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// The rule.
    pub node: &'a Marked,
}

impl<'a> Grant<'a> {
    /// Whether it allows a verb on one of these resources of a group. A wildcard of subresources is for each resource that has them.
    pub fn allows(self, group: &str, resources: &[&str], verb: &str) -> bool {
        let is_granted = |granted: &str| {
            let below = |resource: &&str| resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
            granted == "*"
                || resources.contains(&granted)
                || resources.iter().filter_map(below).any(|all| all == granted)
        };
        self.texts("apiGroups").any(|text| text == "*" || text == group)
            && self.texts("verbs").any(|text| text == "*" || text.eq_ignore_ascii_case(verb))
            && self.texts("resources").any(is_granted)
    }

    /// Whether it is about objects that it names.
    pub fn is_named(self) -> bool {
        self.texts("resourceNames").next().is_some()
    }

    /// Whether it has a wildcard.
    pub fn has_wildcard(self) -> bool {
        let is_wildcard = |text: &str| text == "*" || text.starts_with("*/");
        KEYS.iter().any(|key| self.texts(key).any(is_wildcard))
    }

    /// Whether it has nothing but wildcards.
    pub fn has_wildcards(self) -> bool {
        !self.is_named() && KEYS.iter().all(|key| self.texts(key).any(|text| text == "*"))
    }

    fn texts(self, key: &str) -> impl Iterator<Item = &'a str> {
        let items = self.node.get(key).map(Marked::items).unwrap_or_default();
        items.iter().filter_map(Marked::text)
    }
}

const KEYS: &[&str] = &["apiGroups", "resources", "verbs"];
