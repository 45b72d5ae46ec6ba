//! Ways from a direct dependency down to a component.
//!
//! Invariant: of several ways the shortest counts, then the first by the alphabet. A longer one than a finding may have
//! is omitted.

use std::collections::{BTreeMap, VecDeque};

use evidence::document::ComponentsDocument;

/// The component before each component, on the way from a direct dependency.
pub(super) struct Paths<'c>(BTreeMap<&'c str, Option<&'c str>>);

impl<'c> Paths<'c> {
    pub(super) fn of(document: &'c ComponentsDocument) -> Self {
        let direct = document.components.iter().filter(|(_, component)| component.direct == Some(true));
        let mut queue: VecDeque<&str> = direct.map(|(purl, _)| purl.as_str()).collect();
        let mut before: BTreeMap<&str, Option<&str>> = queue.iter().map(|purl| (*purl, None)).collect();
        while let Some(purl) = queue.pop_front() {
            let needs = document.components.get(purl).into_iter().flat_map(|component| &component.needs);
            for need in needs {
                if !before.contains_key(need.as_str()) {
                    before.insert(need, Some(purl));
                    queue.push_back(need);
                }
            }
        }
        Self(before)
    }

    /// Package URLs from a direct dependency down to this one; empty if no way is known.
    pub(super) fn to(&self, purl: &str) -> Vec<String> {
        let mut path = Vec::new();
        let mut at = self.0.get_key_value(purl);
        while let Some((purl, before)) = at {
            path.push((*purl).to_owned());
            if path.len() > THROUGH_MAX {
                return Vec::new();
            }
            at = before.and_then(|before| self.0.get_key_value(before));
        }
        path.reverse();
        path
    }
}

/// Longest way that a finding may have.
const THROUGH_MAX: usize = 64;
