//! The commits that lie between any two releases, from the commits in the evidence of both.
//!
//! Invariant: evidence holds the commits since the release before it, so two releases far apart may have commits between them
//! that neither holds. Then a number is a lower bound, or no number is told, and the text says so.

use std::collections::{BTreeMap, BTreeSet};

use evidence::CommitId;
use evidence::git::Commit;
use judge::Checked;

use super::commits::subject;
use super::difference::{Difference, LINES_MAX, Line, Sign};
use crate::ids::short;

/// Commits by id.
type Commits<'a> = BTreeMap<&'a CommitId, &'a Commit>;

/// The commits that only one of two commits has behind it, as far as they are known.
#[derive(Debug, PartialEq, Eq)]
struct Between<'a> {
    added: Vec<&'a CommitId>,
    removed: Vec<&'a CommitId>,
    /// How much of the history between both is known.
    known: Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// All of it.
    All,
    /// There may be more commits than these.
    AtLeast,
    /// Nobody can tell from these commits which of the two is behind the other.
    Unrelated,
}

/// The commits that only one of two releases has; `None` if both are of one commit.
pub(super) fn difference(from: &Checked<'_>, to: &Checked<'_>) -> Option<Difference> {
    let (old, new) = (&from.source.pack.id, &to.source.pack.id);
    let commits: Commits<'_> = from.source.pack.commits.iter().chain(&to.source.pack.commits).collect();
    if old == new {
        return None;
    }
    let found = between(old, new, &commits);
    let is_signed = |id: &CommitId| {
        [from, to].iter().any(|checked| {
            let commit = checked.source.pack.commits.get(id);
            let signer =
                |commit: &Commit| checked.people.enrolled.signer(commit, &checked.ledger.records.pack);
            commit.and_then(signer).is_some()
        })
    };
    let unsigned = found.added.iter().chain(&found.removed).filter(|id| !is_signed(id)).count();
    let line = |sign: Sign, id: &CommitId| {
        let commit = commits.get(id)?;
        let author = shown::line(&commit.author.name);
        Some(Line::new(sign, &format!("{} {} ({author})", short(id.as_str()), subject(commit))))
    };
    let mut lines: Vec<Line> = found.added.iter().filter_map(|id| line(Sign::Added, id)).collect();
    lines.extend(found.removed.iter().filter_map(|id| line(Sign::Removed, id)));
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    Some(Difference {
        is_notable: unsigned > 0,
        title: title(&found, unsigned),
        detail: detail(old, new, found.known),
        lines,
        more,
    })
}

fn between<'a>(old: &'a CommitId, new: &'a CommitId, commits: &Commits<'a>) -> Between<'a> {
    let [behind_old, behind_new] = [old, new].map(|tip| behind(tip, commits));
    let (is_before, is_after) = (behind_new.contains(old), behind_old.contains(new));
    let only = |these: &BTreeSet<&'a CommitId>, others: &BTreeSet<&'a CommitId>| {
        let (known, open): (Vec<_>, Vec<_>) =
            these.difference(others).copied().partition(|id| commits.contains_key(id));
        (known, !open.is_empty())
    };
    let ((added, is_new_open), (removed, is_old_open)) =
        (only(&behind_new, &behind_old), only(&behind_old, &behind_new));
    match (is_new_open || is_old_open, is_before || is_after) {
        (false, _) => Between { added, removed, known: Known::All },
        (true, true) => Between { added, removed, known: Known::AtLeast },
        // A commit of one side may be behind the other one by way of a commit that is not known.
        (true, false) => Between { added: Vec::new(), removed: Vec::new(), known: Known::Unrelated },
    }
}

fn title(found: &Between<'_>, unsigned: usize) -> String {
    let least = match found.known {
        Known::All => "",
        Known::AtLeast => "at least ",
        Known::Unrelated => return "Commits: other ones, and the evidence does not say which".to_owned(),
    };
    let counts = [(found.added.len(), "added"), (found.removed.len(), "taken back")];
    let parts = counts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, word)| format!("{least}{count} {word}")).collect();
    let signed = match unsigned {
        0 => "all signed by enrolled people".to_owned(),
        count => format!("{count} not signed by enrolled people"),
    };
    format!("Commits: {}; {signed}", parts.join(", "))
}

fn detail(old: &CommitId, new: &CommitId, known: Known) -> String {
    let [old, new] = [old, new].map(|id| short(id.as_str()));
    match known {
        Known::All => format!("{old} to {new}"),
        Known::AtLeast | Known::Unrelated => format!(
            "{old} to {new}; neither evidence holds all commits between them: `git log {old}...{new}` lists them"
        ),
    }
}

/// A commit with its ancestors, as far as they are known, and the ids of the parents that end this knowledge.
fn behind<'a>(tip: &'a CommitId, commits: &Commits<'a>) -> BTreeSet<&'a CommitId> {
    let (mut met, mut open) = (BTreeSet::new(), vec![tip]);
    while let Some(id) = open.pop() {
        if met.insert(id) {
            open.extend(commits.get(id).into_iter().flat_map(|commit| &commit.parents));
        }
    }
    met
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::collections::BTreeMap;

    use evidence::CommitId;
    use evidence::git::Commit;

    use super::{Known, between};

    fn id(digit: char) -> CommitId {
        digit.to_string().repeat(40).parse().unwrap()
    }

    /// Commits as `2>1 3>12`: each with its parents.
    fn of(text: &str) -> BTreeMap<CommitId, Commit> {
        let one = |part: &str| {
            let (own, parents) = part.split_once('>').unwrap();
            let parents: String = parents.chars().map(|digit| format!("parent {}\n", id(digit))).collect();
            let tree = "a".repeat(40);
            let who = "A <a@b.c> 1 +0000";
            let text = format!("tree {tree}\n{parents}author {who}\ncommitter {who}\n\nx\n");
            (id(own.chars().next().unwrap()), Commit::parse(text.as_bytes()).unwrap())
        };
        text.split(' ').map(one).collect()
    }

    #[test]
    fn commits_between_two_are_counted_as_far_as_they_are_known() {
        for (commits, old, new, added, removed, known) in [
            // Two releases that follow each other; the base `0` of both is not known.
            ("1>0 2>1 3>2", '1', '3', 2, 0, Known::All),
            ("1>0 2>1 3>2", '3', '1', 0, 2, Known::All),
            // A branch that was replaced by another one.
            ("1>0 2>1 3>1", '2', '3', 1, 1, Known::All),
            // A merge with a branch whose beginning is not known.
            ("1>0 2>1 3>29", '1', '3', 2, 0, Known::AtLeast),
            ("1>0 2>1 3>29", '3', '1', 0, 2, Known::AtLeast),
            // A gap: nobody knows whether `1` is behind `4`.
            ("1>0 4>3", '1', '4', 0, 0, Known::Unrelated),
        ] {
            let all = of(commits);
            let (old, new) = (id(old), id(new));
            let found = between(&old, &new, &all.iter().collect());
            assert_eq!(
                (found.added.len(), found.removed.len(), found.known),
                (added, removed, known),
                "{commits}"
            );
        }
    }
}
