//! People who can choose a text that a run provides (<https://docs.github.com/en/actions/concepts/security/script-injections>).

use super::expression::{Expression, inserted};
use super::subject::Job;
use crate::lint::marked::Marked;

/// People who can choose a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Those who may write to the repository, or call the workflow or action.
    Caller,
    /// Everybody.
    Anybody,
}

/// The people who can choose a part of an expression's text; those with the fewest rights count.
#[must_use]
pub fn origin(job: &Job<'_>, step: Option<&Marked>, expression: &Expression) -> Option<Origin> {
    origin_at(job, step, expression, 0)
}

/// The same for all expressions in a text.
#[must_use]
pub fn origin_of_text(job: &Job<'_>, step: Option<&Marked>, text: &str) -> Option<Origin> {
    texts(job, step, text, 0)
}

fn texts(job: &Job<'_>, step: Option<&Marked>, text: &str, depth: usize) -> Option<Origin> {
    inserted(text).iter().filter_map(|part| origin_at(job, step, &part.expression, depth)).max()
}

fn origin_at(job: &Job<'_>, step: Option<&Marked>, expression: &Expression, depth: usize) -> Option<Origin> {
    if depth > DEPTH_MAX {
        return None;
    }
    expression.flows().into_iter().filter_map(|path| of_path(job, step, path, depth)).max()
}

fn of_path(job: &Job<'_>, step: Option<&Marked>, path: &str, depth: usize) -> Option<Origin> {
    let parts: Vec<&str> = path.split('.').collect();
    match parts.as_slice() {
        ["github"] | ["github", "*" | "head_ref"] => Some(Origin::Anybody),
        ["github", "ref" | "ref_name" | "base_ref"] => Some(Origin::Caller),
        ["github", "event", "inputs", name] => {
            is_free(job, name, &["workflow_dispatch"]).then_some(Origin::Caller)
        }
        ["github", "event", rest @ ..] => of_event(rest),
        ["inputs"] => Some(Origin::Caller),
        ["inputs", name, ..] => {
            is_free(job, name, &["workflow_dispatch", "workflow_call"]).then_some(Origin::Caller)
        }
        ["env", name] => {
            let maps = step.into_iter().chain([job.node, &job.workflow.node]);
            let value = maps.filter_map(|map| entry(map.get("env")?, name)).next()?;
            texts(job, step, value.text()?, depth + 1)
        }
        ["matrix", name, ..] => of_matrix(job, name, depth),
        ["needs", other, "outputs", name] => {
            let jobs = job.workflow.jobs();
            let other = jobs.iter().find(|job| job.id.eq_ignore_ascii_case(other))?;
            let value = entry(other.node.get("outputs")?, name)?;
            texts(other, None, value.text()?, depth + 1)
        }
        ["steps", id, "outputs", ..] => {
            let steps = job.steps();
            let named = |node: &Marked| node.text_at("id").is_some_and(|own| own.eq_ignore_ascii_case(id));
            let step = steps.iter().find(|step| named(step.node))?;
            step.is_one_of(FOREIGN_OUTPUTS).then_some(Origin::Anybody)
        }
        _ => None,
    }
}

fn of_matrix(job: &Job<'_>, name: &str, depth: usize) -> Option<Origin> {
    let matrix = job.node.at(&["strategy", "matrix"])?;
    let own = entry(matrix, name).into_iter();
    let more = matrix.get("include").map(Marked::items).unwrap_or_default();
    let values = own.chain(more.iter().filter_map(|item| entry(item, name)));
    let all = values.flat_map(Marked::one_or_more).chain(matrix.text().map(|_| matrix));
    all.filter_map(|value| texts(job, None, value.text()?, depth + 1)).max()
}

/// An entry of a map whose names are not told apart by case.
fn entry<'a>(map: &'a Marked, name: &str) -> Option<&'a Marked> {
    map.entries().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Whether an input can be any text: it is declared, and its type neither limits it nor is it one of a list.
fn is_free(job: &Job<'_>, name: &str, triggers: &[&str]) -> bool {
    let workflow = job.workflow;
    if workflow.is_action {
        return workflow.node.get("inputs").is_some_and(|inputs| entry(inputs, name).is_some());
    }
    let declared = triggers.iter().filter_map(|trigger| {
        let on = workflow.node.get("on")?;
        entry(on.get(trigger)?.get("inputs")?, name)
    });
    let limits = |input: &Marked| {
        matches!(input.text_at("type"), Some("boolean" | "number" | "choice" | "environment"))
    };
    declared.into_iter().any(|input| !limits(input))
}

/// The people who can choose a field of the event that starts a run.
fn of_event(rest: &[&str]) -> Option<Origin> {
    let last = rest.last().copied().unwrap_or_default();
    let is_fixed = FIXED.contains(&last)
        || ["_at", "_url", "_id", "_sha", "_count", "_association"].iter().any(|end| last.ends_with(end));
    match rest {
        _ if is_fixed => None,
        ["inputs" | "client_payload", ..] => Some(Origin::Caller),
        ["ref" | "base_ref" | "ref_name"] | ["release" | "label" | "milestone" | "deployment", ..] => {
            Some(Origin::Caller)
        }
        ["pull_request", "commits"]
        | ["repository" | "organization" | "enterprise" | "installation" | "sender", ..] => None,
        ["workflow_run", "name" | "path" | "workflow", ..] | ["workflow", ..] => None,
        ["pull_request" | "issue", "milestone" | "labels", ..] => Some(Origin::Caller),
        ["pull_request", "base", ..] => (last == "ref" || last == "label").then_some(Origin::Caller),
        // The name of a repository has few letters to choose from.
        [.., "repo" | "head_repository", "name"] => None,
        _ => Some(Origin::Anybody),
    }
}

/// Fields that hold a number, a commit, or one of a few words or letters.
const FIXED: &[&str] = &[
    "action",
    "additions",
    "after",
    "before",
    "changed_files",
    "comments",
    "conclusion",
    "created",
    "deleted",
    "deletions",
    "draft",
    "event",
    "forced",
    "fork",
    "full_name",
    "id",
    "locked",
    "login",
    "merged",
    "mergeable",
    "number",
    "prerelease",
    "private",
    "review_comments",
    "run_attempt",
    "run_number",
    "schedule",
    "sha",
    "site_admin",
    "size",
    "state",
    "state_reason",
    "status",
    "type",
    "url",
    "visibility",
];
/// Actions whose outputs hold names of files or branches, or texts, that anybody can choose.
const FOREIGN_OUTPUTS: &[&str] = &[
    "tj-actions/changed-files",
    "tj-actions/branch-names",
    "step-security/changed-files",
    "jitterbit/get-changed-files",
    "trilom/file-changes-action",
    "lots0logs/gh-action-get-changed-files",
    "xt0rted/pull-request-comment-branch",
    "zentered/issue-forms-body-parser",
    "peter-murray/issue-forms-body-parser",
    "stefanbuck/github-issue-parser",
];
/// Variables that name variables nest no deeper.
const DEPTH_MAX: usize = 4;
