//! Dependencies that a release adds, drops or brings in another version, from the lists of components in two bundles.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::Bundle;
use evidence::document::{ComponentsDocument, Document as _};

use super::difference::{Difference, LINES_MAX, Sign};
use super::lines;

/// Versions by the name of a component.
pub(crate) type Versions = BTreeMap<String, BTreeSet<String>>;

/// The difference of two bundles' lists; `None` if the policy reads no list, or both are the same.
pub(super) fn difference(new: &Bundle, running: Option<&Bundle>) -> Option<Difference> {
    let now = versions(new)?;
    let count = shown::counted(now.len(), "dependency", "dependencies");
    let Some(before) = running.and_then(versions) else {
        let detail = "the other release has no list to compare with".to_owned();
        return running.map(|_| Difference {
            is_notable: false,
            title: count,
            detail,
            lines: Vec::new(),
            more: 0,
        });
    };
    let mut lines = lines::of_maps(
        &before,
        &now,
        |name, versions| format!("{name} {}", joined(versions)),
        |name, old, new| format!("{name} {} to {}", joined(old), joined(new)),
    );
    let of = |sign: Sign| lines.iter().filter(|line| line.sign == sign).count();
    let parts = [(of(Sign::Added), "added"), (of(Sign::Removed), "removed"), (of(Sign::Changed), "changed")];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    let title = format!("Dependencies: {}", parts.join(", "));
    (!lines.is_empty()).then(|| Difference {
        is_notable: false,
        title,
        detail: format!("{count} in all"),
        lines,
        more,
    })
}

/// Versions of all components in the documents of a bundle; `None` if it holds no list of components.
pub(crate) fn versions(bundle: &Bundle) -> Option<Versions> {
    let documents = bundle.lanes.documents.values();
    let lists: Vec<_> = documents.filter_map(|bytes| ComponentsDocument::decode(&bytes.0).ok()).collect();
    let mut found = Versions::new();
    for (url, component) in lists.iter().flat_map(|list| &list.components) {
        found.entry(name(url, &component.name)).or_default().insert(component.version.clone());
    }
    (!lists.is_empty()).then_some(found)
}

/// The name of a component with its ecosystem, which two components of one name may differ in.
fn name(url: &str, name: &str) -> String {
    let ecosystem = url.strip_prefix("pkg:").and_then(|rest| rest.split_once('/'));
    ecosystem.map_or_else(|| name.to_owned(), |(ecosystem, _)| format!("{name} ({ecosystem})"))
}

fn joined(versions: &BTreeSet<String>) -> String {
    versions.iter().map(String::as_str).collect::<Vec<_>>().join(" and ")
}
