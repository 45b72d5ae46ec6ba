//! Records about one vulnerability of one component: they share an id, directly or through a third record.
//!
//! Invariant: groups and their order follow from the records alone, not from their order.

use std::collections::{BTreeMap, BTreeSet};

use super::error::AdvisoriesError;
use super::stored::StoredRecord;

/// Records of one vulnerability. The first id by the alphabet comes first.
pub(super) fn groups<T>(
    items: Vec<(&StoredRecord, T)>,
) -> Result<Vec<Vec<(&StoredRecord, T)>>, AdvisoriesError> {
    let mut parent: Vec<usize> = (0..items.len()).collect();
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, (record, _)) in items.iter().enumerate() {
        for id in ids(record) {
            let other = *first.entry(id).or_insert(n);
            let (one, other) = (root(&parent, n), root(&parent, other));
            if let Some(slot) = parent.get_mut(one.max(other)) {
                *slot = one.min(other);
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<(&StoredRecord, T)>> = BTreeMap::new();
    for (n, item) in items.into_iter().enumerate() {
        groups.entry(root(&parent, n)).or_default().push(item);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    for group in &mut groups {
        group.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
        if let Some((record, _)) = group.first().filter(|_| aliases(group).len() > ALIASES_MAX) {
            return Err(AdvisoriesError::Aliases { id: record.id.clone(), max: ALIASES_MAX + 1 });
        }
    }
    groups.sort_by(|one, other| rule(one).cmp(rule(other)));
    Ok(groups)
}

/// The id of a group: the first of its records' ids.
pub(super) fn rule<'r, T>(group: &[(&'r StoredRecord, T)]) -> &'r str {
    group.first().map_or("", |(record, _)| record.id.as_str())
}

/// All other ids of a group.
pub(super) fn aliases<T>(group: &[(&StoredRecord, T)]) -> BTreeSet<String> {
    let all = group.iter().flat_map(|(record, _)| ids(record));
    all.filter(|id| *id != rule(group)).map(str::to_owned).collect()
}

fn ids(record: &StoredRecord) -> impl Iterator<Item = &str> {
    record.aliases.iter().map(String::as_str).chain([record.id.as_str()])
}

fn root(parent: &[usize], mut at: usize) -> usize {
    while let Some(next) = parent.get(at).copied().filter(|next| *next != at) {
        at = next;
    }
    at
}

/// Highest number of aliases that a finding may have.
const ALIASES_MAX: usize = 64;
