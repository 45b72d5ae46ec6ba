//! Evidence in words: the page that a person reads before a signature.
//!
//! Input: evidence that was checked. Output: text. Invariant: each line of a summary comes from verified bytes.

use std::collections::BTreeSet;

use evidence::CommitId;
use evidence::plan::Plan;
use evidence::trust_root::Mode;
use judge::{Checked, ProvenStatement};

use crate::differences::{database_words, rollout_words, secret_words, ssh_words};
use crate::findings;
use crate::ids::short;

/// A summary of evidence; every line of it is verified.
#[must_use]
pub fn summary(checked: &Checked<'_>) -> String {
    let bundle = checked.bundle;
    let mode: Mode = checked.trust.root.mode;
    let place = if checked.ledger.proven.same_machine { ", same machine" } else { "" };
    let mut lines = vec![
        format!("trust root: {} (version {})", checked.trust.root_digest, checked.trust.root.version),
        format!("mode: {}", assurance(mode)),
        format!(
            "witnessed by {}{place}, at {}",
            checked.ledger.proven.witnesses, checked.ledger.proven.quorum_time
        ),
        format!("release {} of {} to {}", bundle.release, bundle.plan.artifact, checked.place),
        format!("artifact: {}", bundle.artifact()),
        format!("commit: {}", bundle.source.commit),
        changes(checked),
    ];
    for id in oldest_first(&checked.source.pack.id, &checked.source.range, |id| {
        checked.source.pack.commits.get(id).map(|commit| commit.parents.as_slice()).unwrap_or_default()
    }) {
        let Some(commit) = checked.source.pack.commits.get(id) else { continue };
        let signer = checked
            .people
            .enrolled
            .signer(commit, &checked.ledger.records.pack)
            .map_or("nobody enrolled".to_owned(), |person| shown::line(&person.name));
        let subject = commit.message.lines().next().unwrap_or_default();
        lines.push(format!(
            "  {} {} <{}>, signed by {signer}: {}",
            short(id.as_str()),
            shown::line(&commit.author.name),
            shown::line(&commit.author.email),
            shown::brief(subject, SUBJECT_CHARS)
        ));
    }
    let runners: Vec<_> = checked.build.runners.iter().map(ToString::to_string).collect();
    lines.push(match runners.as_slice() {
        [one] => format!("built by 1 runner: {one}"),
        all => format!("built by {} runners with the same result: {}", all.len(), all.join(", ")),
    });
    let steps: Vec<_> = checked.build.pipeline.order().iter().map(ToString::to_string).collect();
    lines.push(format!("steps that passed: {}", steps.join(", ")));
    lines.push(format!("files: {} in the commit", bundle.tree.files().len()));
    lines.extend(planned(&bundle.plan));
    if let Some(before) = &checked.before {
        let word = if before.runs_it { "runs" } else { "does NOT run" };
        lines.push(format!("{}: {word} this artifact", before.environment));
    }
    lines.extend(checked.lanes.statements.iter().flat_map(|proven| stated(proven, checked)));
    for vote in &checked.approvals.votes {
        let void = if vote.void.is_empty() {
            String::new()
        } else {
            format!(" (does not count: {})", shown::line(&vote.void.join("; ")))
        };
        let (name, reason) = (shown::line(&vote.name), shown::line(&vote.reason));
        lines.push(format!("{:?} by {name}: {reason}{void}", vote.decision));
    }
    lines.join("\n")
}

/// The plan, in lines.
fn planned(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let target = serde_json::to_string(&plan.target).unwrap_or_default();
    lines.push(format!(
        "plan: {target}, probe {}",
        serde_json::to_string(&plan.probe.ask).unwrap_or_default()
    ));
    if !plan.variables.is_empty() {
        lines.push(format!("variables: {}", serde_json::to_string(&plan.variables).unwrap_or_default()));
    }
    lines.extend(rollout_words(plan).into_iter().map(|(name, value)| format!("{name}: {value}")));
    let secrets = plan.secrets.iter();
    lines.extend(secrets.map(|(name, secret)| format!("secret {name}: {}", secret_words(secret))));
    lines.extend(
        plan.databases
            .iter()
            .map(|(name, database)| format!("database {name}: {}", database_words(database))),
    );
    lines.extend(plan.database.iter().map(|name| format!("it runs with a role of database {name}")));
    for step in &plan.before {
        let command = shown::line(&step.command.join(" "));
        let role =
            step.database.as_ref().map(|name| format!(" with a role of database {name}")).unwrap_or_default();
        let seconds = step.stop_ms.div_ceil(1_000);
        lines.push(format!("before it, `{}` runs for at most {seconds} s{role}: {command}", step.name));
        let certificates = step.ssh.iter();
        lines.extend(
            certificates.map(|(name, ssh)| format!("  with an SSH certificate `{name}`: {}", ssh_words(ssh))),
        );
    }
    lines
}

/// A person's statement in one line, and a line for each thing of this release that it settles.
fn stated(proven: &ProvenStatement, checked: &Checked<'_>) -> Vec<String> {
    let statement = &proven.statement;
    let void = match proven.void.as_slice() {
        [] => String::new(),
        void => format!(" (does not count: {})", shown::line(&void.join("; "))),
    };
    let (kind, until, about) =
        (statement.kind().as_str(), statement.expires, shown::line(&statement.body.summary()));
    let (name, reason) = (shown::line(&proven.name), shown::line(&statement.reason));
    let mut lines = vec![format!("{kind}: {about}, by {name} until {until} in UTC: {reason}{void}")];
    if proven.void.is_empty() {
        let settled = findings::all(checked).filter(|(id, found)| statement.settles(id, found));
        lines.extend(each("settles", settled.map(|(id, found)| findings::named(id, found)).collect()));
        let outgrown = findings::all(checked).filter_map(|(id, found)| {
            let why = statement.outgrown(id, found)?;
            Some(format!("{}: the {kind} {why}", findings::named(id, found)))
        });
        lines.extend(each("does not settle", outgrown.collect()));
    }
    lines
}

/// A line for each finding, and one about those that are not shown.
fn each(does: &str, findings: Vec<String>) -> Vec<String> {
    let more = findings.len().saturating_sub(EACH_MAX);
    let shown = findings.iter().take(EACH_MAX).map(|finding| format!("  {does} {finding}"));
    shown.chain((more > 0).then(|| format!("  {does} {}", shown::many(more, "more finding")))).collect()
}

/// The line above the commits, which names their base.
fn changes(checked: &Checked<'_>) -> String {
    let (count, base) = (checked.source.range.len(), short(checked.source.base.as_str()));
    let is_first =
        checked.ledger.proven.proposals.first().is_some_and(|proposal| proposal.replaces.is_none());
    let files = shown::many(checked.bundle.tree.files().len(), "file");
    match (is_first, count) {
        (true, 0) => {
            format!(
                "first release here: {files}, and no commit after {base}, with which this place began{TAKEN_OVER}"
            )
        }
        (true, _) => {
            let commits = shown::many(count, "commit");
            format!(
                "first release here: {commits}, {files}; after {base}, with which this place began{TAKEN_OVER}\ncommits after {base}:"
            )
        }
        (false, 0) => format!("changes since {base}: none, it is the commit that runs there"),
        (false, _) => format!("changes since {base}, the oldest first:"),
    }
}

/// A warning for a first approval: only the founders of a place vouch for the commits before its baseline.
const TAKEN_OVER: &str = "\nnot reviewed here: everything up to that commit. The signers of this place's statement took it over as \
                          it was; its authors may approve, and its commits need no signature. Read the whole source before you sign";

/// Commits of a range, starting from the tip, sorted so that each comes after its parents.
#[must_use]
pub fn oldest_first<'a>(
    tip: &'a CommitId,
    range: &'a BTreeSet<CommitId>,
    parents: impl Fn(&CommitId) -> &'a [CommitId],
) -> Vec<&'a CommitId> {
    let (mut ordered, mut met) = (Vec::new(), BTreeSet::new());
    let mut open = vec![(tip, false)];
    while let Some((id, are_parents_done)) = open.pop() {
        if are_parents_done {
            ordered.push(id);
        } else if range.contains(id) && met.insert(id) {
            open.push((id, true));
            // The stack is last in, first out, so that the first parent is popped first.
            open.extend(parents(id).iter().rev().map(|parent| (parent, false)));
        }
    }
    ordered
}

/// The meaning of a mode for the reader of a verdict; printed with every verdict.
#[must_use]
pub const fn assurance(mode: Mode) -> &'static str {
    match mode {
        Mode::Solo => "solo: one person, second-person rules are off",
        Mode::Team => "team",
        Mode::Rehearsal => "rehearsal: team rules, roles share a host",
    }
}

/// Most characters of a commit's subject.
const SUBJECT_CHARS: usize = 72;
/// Most findings of one statement that a page lists.
const EACH_MAX: usize = 5;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::collections::{BTreeMap, BTreeSet};

    use evidence::bundle::Bundle;
    use evidence::document::findings::Severity;
    use evidence::statements::{Body, Statement, Waiver};
    use evidence::{CommitId, Digest};
    use judge::{VerificationContext, judge_checked};
    use lab::{Lab, assemble, forgery};

    use super::{oldest_first, summary};
    use crate::results::Results;

    /// The page that an approver reads of a release with a statement of a kind of the lab: the evidence and its results.
    fn shown(kind: usize, change: impl Fn(&mut Statement)) -> String {
        let (lab, parts): (Lab, _) = forgery::KINDS.get(kind).unwrap().stated(change);
        let (bundle, _): (Bundle, _) = assemble(&lab, &parts);
        let seen = VerificationContext { root: 1, ..VerificationContext::default() };
        let checked = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
        let results = Results::of(&checked, &judge_checked(&checked));
        summary(&checked) + &results.text()
    }

    #[test]
    fn an_approver_reads_every_id_of_a_statement_whose_subject_is_not_in_the_release() {
        let text = shown(2, |statement| {
            statement.subjects = vec![Digest::of(b"something else")];
            if let Body::NotAffected(body) = &mut statement.body {
                body.finding.rule = "CVE-2020-1".into();
                body.finding.aliases = ["CVE-2026-1".to_owned(), "GHSA-9".to_owned()].into();
            }
        });
        let claimed =
            "\nnot-affected: CVE-2020-1 (CVE-2026-1, GHSA-9) in pkg:cargo/serde@1.0.0, seen as critical";
        assert!(
            text.contains(claimed) && text.contains("\n  settles CVE-2026-1 at pkg:cargo/serde"),
            "{text}"
        );
    }

    #[test]
    fn an_approver_reads_why_a_waiver_does_not_settle_what_became_worse() {
        let text = shown(0, |statement| {
            if let Body::Waiver(Waiver::Finding(seen)) = &mut statement.body {
                seen.severity = Some(Severity::Medium);
            }
        });
        let why = "waiver was signed when it was medium; it is critical now";
        assert!(
            text.contains("\n  does not settle sql at src/main.rs:1, critical, finding sha256:"),
            "{text}"
        );
        assert!(text.contains(&format!(": the {why}\n")) && text.contains(&format!("; its {why}")), "{text}");
        assert!(text.contains("blocks: finding-critical") && !text.contains(", waived until"), "{text}");
        assert!(!shown(0, |_| ()).contains(why));
    }

    #[test]
    fn commits_come_after_their_parents_whatever_their_ids_are() {
        let id = |digit: &str| digit.repeat(40).parse::<CommitId>().unwrap();
        // `9` is the base; `1` merges `5` and `3`, both of which come from `8`.
        let graph = [("8", vec!["9"]), ("5", vec!["8"]), ("3", vec!["8"]), ("1", vec!["5", "3"])];
        let graph: BTreeMap<_, Vec<_>> =
            graph.map(|(name, parents)| (id(name), parents.into_iter().map(id).collect())).into();
        let range: BTreeSet<_> = graph.keys().cloned().collect();
        let tip = id("1");
        let ordered = oldest_first(&tip, &range, |id| graph.get(id).map(Vec::as_slice).unwrap_or_default());
        let names: Vec<_> = ordered.iter().map(|id| &id.as_str()[..1]).collect();
        assert_eq!(names, ["8", "5", "3", "1"]);
    }
}
