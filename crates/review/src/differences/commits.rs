//! The commits of a release since the commit that runs.

use std::collections::BTreeMap;

use evidence::CommitId;
use evidence::git::Commit;
use judge::Checked;

use super::difference::{Difference, LINES_MAX, Line, Sign};
use crate::ids::short;
use crate::summary::oldest_first;

/// The commits of the range, the newest first.
pub(super) fn difference(checked: &Checked<'_>) -> Difference {
    let source = &checked.source;
    let parents = |id: &CommitId| {
        source.pack.commits.get(id).map(|commit| commit.parents.as_slice()).unwrap_or_default()
    };
    let mut ids = oldest_first(&source.pack.id, &source.range, parents);
    ids.reverse();
    let commits: Vec<(&CommitId, &Commit)> =
        ids.into_iter().filter_map(|id| Some((id, source.pack.commits.get(id)?))).collect();
    let signer = |commit: &Commit| checked.people.enrolled.signer(commit, &checked.ledger.records.pack);
    let unsigned = commits.iter().filter(|(_, commit)| signer(commit).is_none()).count();
    let base = short(source.base.as_str());
    let is_first =
        checked.ledger.proven.proposals.first().is_some_and(|proposal| proposal.replaces.is_none());
    let since = match is_first {
        true => format!("first release here, after {base}, with which this place began"),
        false => format!("since {base}"),
    };
    let title = match (commits.len(), unsigned) {
        (0, _) if is_first => "First release here, without a new commit".to_owned(),
        (0, _) => "No new commit: it is the commit that runs there".to_owned(),
        (count, 0) => format!("{}, all signed by enrolled people", shown::many(count, "commit")),
        (count, unsigned) => {
            format!("{}, {unsigned} not signed by enrolled people", shown::many(count, "commit"))
        }
    };
    let more = commits.len().saturating_sub(LINES_MAX);
    let line = |(id, commit): &(&CommitId, &Commit)| {
        let author = shown::line(&commit.author.name);
        Line::new(Sign::Added, &format!("{} {} ({author})", short(id.as_str()), subject(commit)))
    };
    let lines = commits.iter().take(LINES_MAX).map(line).collect();
    Difference { is_notable: unsigned > 0, title, detail: detail(&commits, &since), lines, more }
}

/// The authors with the number of their commits, those with the most first.
fn detail(commits: &[(&CommitId, &Commit)], since: &str) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, commit) in commits {
        *counts.entry(&commit.author.name).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let more = counts.len().saturating_sub(AUTHORS_MAX);
    let named = counts.iter().take(AUTHORS_MAX);
    let named: Vec<_> =
        named.map(|(name, count)| format!("{} {count}", shown::brief(name, AUTHOR_CHARS))).collect();
    let more = if more == 0 { String::new() } else { format!(" and {}", shown::many(more, "more author")) };
    match named.is_empty() {
        true => since.to_owned(),
        false => format!("{since}; {}{more}", named.join(", ")),
    }
}

/// The first line of a commit's message.
#[must_use]
pub(super) fn subject(commit: &Commit) -> &str {
    commit.message.lines().next().unwrap_or_default()
}

/// Most authors that are named.
const AUTHORS_MAX: usize = 5;
const AUTHOR_CHARS: usize = 40;
