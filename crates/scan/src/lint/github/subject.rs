//! A workflow or an action of GitHub as rules see it
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax>).
//!
//! Invariant: names of triggers, repositories and inputs are compared in small letters, because GitHub does not tell their case apart.

use std::cell::OnceCell;

use super::expression::{Expression, inserted};
use crate::lint::marked::Marked;
use crate::lint::shell::Script;

/// A workflow or an action.
#[derive(Debug)]
pub struct Workflow {
    /// The whole file.
    pub node: Marked,
    /// Whether it is an action, which a workflow runs as one of its steps.
    pub is_action: bool,
    /// The events that start it, in small letters.
    pub triggers: Vec<String>,
    text: String,
    scripts: OnceCell<Vec<Script>>,
}

/// A job of a workflow. The steps of an action are those of a job without a name.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Its name in the file.
    pub id: &'a str,
    /// The job.
    pub node: &'a Marked,
    /// Its file.
    pub workflow: &'a Workflow,
    /// Number of steps of the jobs before it.
    before: usize,
}

/// A step of a job.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The step.
    pub node: &'a Marked,
    /// Its job.
    pub job: Job<'a>,
    /// Its place among those of the job, from 0.
    pub index: usize,
}

/// An action, or a workflow, that a step or job uses.
#[derive(Clone, Debug)]
pub struct Uses<'a> {
    /// Where it is named.
    pub node: &'a Marked,
    /// Owner and repository, with a path in it, in small letters: `actions/cache/restore`.
    pub name: String,
    /// Branch, tag or commit.
    pub reference: Option<&'a str>,
}

impl Workflow {
    /// A file whose document is this one.
    #[must_use]
    pub fn of(node: &Marked, text: &str, is_action: bool) -> Self {
        let on = node.get("on");
        let triggers = match on {
            Some(on) if on.is_map() => on.entries().map(|(name, _)| name.to_ascii_lowercase()).collect(),
            Some(on) => {
                on.one_or_more().iter().filter_map(Marked::text).map(str::to_ascii_lowercase).collect()
            }
            None => Vec::new(),
        };
        Self { node: node.clone(), is_action, triggers, text: text.to_owned(), scripts: OnceCell::new() }
    }

    /// Its jobs.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job<'_>> {
        let named: Vec<(&str, &Marked)> = if self.is_action {
            self.node.get("runs").map(|node| ("", node)).into_iter().collect()
        } else {
            self.node.get("jobs").into_iter().flat_map(Marked::entries).collect()
        };
        let mut before = 0;
        let mut jobs = Vec::new();
        for (id, node) in named {
            jobs.push(Job { id, node, workflow: self, before });
            before += node.get("steps").map_or(0, |steps| steps.items().len());
        }
        jobs
    }

    /// The steps of all jobs.
    #[must_use]
    pub fn steps(&self) -> Vec<Step<'_>> {
        self.jobs().iter().flat_map(Job::steps).collect()
    }

    /// Whether one of these triggers starts it.
    #[must_use]
    pub fn is_started_by(&self, triggers: &[&str]) -> bool {
        self.triggers.iter().any(|own| triggers.contains(&own.as_str()))
    }

    /// Whether people without any right to the repository can start it, while it has its secrets and a token that may write.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.is_started_by(PRIVILEGED)
    }

    /// Whether people without any right to the repository can start it.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.is_privileged() || self.is_started_by(PUBLIC)
    }

    /// The line of a part of a value.
    #[must_use]
    pub fn line_of(&self, node: &Marked, part: &str) -> u32 {
        let first = part.lines().next().unwrap_or_default();
        let before = usize::try_from(node.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let length = node.text().unwrap_or_default().lines().count() + 1;
        let lines = self.text.lines().skip(before).take(length);
        let found = lines.zip(node.line..).find(|(line, _)| line.contains(first));
        found.map_or(node.line, |(_, line)| line)
    }

    /// The line of a trigger.
    #[must_use]
    pub fn line_of_entry(&self, on: &Marked, trigger: &str) -> u32 {
        let named = on.entries().find(|(name, _)| name.eq_ignore_ascii_case(trigger));
        let listed =
            on.items().iter().find(|item| item.text().is_some_and(|text| text.eq_ignore_ascii_case(trigger)));
        named.map(|(_, node)| node).or(listed).unwrap_or(on).line
    }

    /// The shell text that a step runs.
    #[must_use]
    pub fn script(&self, step: &Step<'_>) -> Option<&Script> {
        let scripts = self.scripts.get_or_init(|| {
            let lines: Vec<&str> = self.text.lines().collect();
            let script = |step: &Step<'_>| step.node.get("run").map(|run| Script::of_node(&lines, run));
            self.steps().iter().map(|step| script(step).unwrap_or_default()).collect()
        });
        step.node.get("run").and(scripts.get(step.job.before + step.index))
    }
}

impl<'a> Job<'a> {
    /// Its name for people.
    #[must_use]
    pub fn about(&self) -> String {
        if self.workflow.is_action { "the action".to_owned() } else { format!("job {}", self.id) }
    }

    /// Its steps.
    #[must_use]
    pub fn steps(&self) -> Vec<Step<'a>> {
        let items = self.node.get("steps").map(Marked::items).unwrap_or_default();
        items.iter().enumerate().map(|(index, node)| Step { node, job: *self, index }).collect()
    }

    /// The workflow that it calls, if it has no steps itself.
    #[must_use]
    pub fn uses(&self) -> Option<Uses<'a>> {
        uses(self.node)
    }

    /// The rights of its token: its own, else those of the workflow.
    #[must_use]
    pub fn permissions(&self) -> Option<&'a Marked> {
        self.node.get("permissions").or_else(|| self.workflow.node.get("permissions"))
    }

    /// Whether its token may write something.
    #[must_use]
    pub fn may_write(&self) -> bool {
        match self.permissions() {
            None => true,
            Some(rights) if rights.is_map() => {
                rights.entries().any(|(_, right)| right.text() == Some("write"))
            }
            Some(rights) => rights.text() != Some("read-all"),
        }
    }

    /// Whether it can get a token of the cloud or a registry without a key that is kept.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        let rights = self.permissions();
        rights.is_some_and(|rights| {
            rights.text_at("id-token") == Some("write") || rights.text() == Some("write-all")
        })
    }
}

impl<'a> Step<'a> {
    /// Its name for people.
    #[must_use]
    pub fn about(&self) -> String {
        let named = ["name", "id"].into_iter().find_map(|key| self.node.text_at(key));
        let name = named.map_or_else(|| format!("{}", self.index + 1), str::to_owned);
        format!("{}, step {name}", self.job.about())
    }

    /// The action that it uses.
    #[must_use]
    pub fn uses(&self) -> Option<Uses<'a>> {
        uses(self.node)
    }

    /// Whether it uses one of these actions.
    #[must_use]
    pub fn is_one_of(&self, names: &[&str]) -> bool {
        self.uses().is_some_and(|uses| names.contains(&uses.name.as_str()))
    }

    /// An input that it gives to its action.
    #[must_use]
    pub fn with(&self, input: &str) -> Option<&'a Marked> {
        let inputs = self.node.get("with")?.entries();
        inputs.filter(|(name, _)| name.eq_ignore_ascii_case(input)).map(|(_, value)| value).next()
    }

    /// The text that it runs, as it is written.
    #[must_use]
    pub fn run(&self) -> Option<&'a Marked> {
        self.node.get("run")
    }

    /// The shell text that it runs.
    #[must_use]
    pub fn script(&self) -> Option<&'a Script> {
        self.job.workflow.script(self)
    }

    /// The value of a variable that the step, its job or its workflow sets, from the nearest one.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&'a Marked> {
        let maps = [self.node, self.job.node, &self.job.workflow.node];
        maps.into_iter().find_map(|map| map.get("env")?.get(name))
    }
}

/// The action or workflow that a step or a job uses, unless it stands in the repository itself or is an image.
fn uses(node: &Marked) -> Option<Uses<'_>> {
    let node = node.get("uses")?;
    let text = node.text()?.trim();
    if text.starts_with('.') || text.starts_with("$/") || text.starts_with("docker://") {
        return None;
    }
    let (name, reference) = text.split_once('@').map_or((text, None), |(name, at)| (name, Some(at)));
    Some(Uses { node, name: name.trim_end_matches('/').to_ascii_lowercase(), reference })
}

/// A condition as one expression, if it is one: its braces may be left out.
#[must_use]
pub fn condition(node: &Marked) -> Option<Expression> {
    let text = node.get("if")?.text()?;
    match inserted(text).as_slice() {
        [] => Some(Expression::of(text)),
        [one] if text.trim() == one.source => Some(one.expression.clone()),
        // The parts become a text, and its truth is a matter of another rule; its paths still count.
        parts => Some(Expression::Call(
            "format".to_owned(),
            parts.iter().map(|part| part.expression.clone()).collect(),
        )),
    }
}

/// Triggers that run the workflow of the default branch, with its secrets and a token that may write, for people without rights
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows>).
pub const PRIVILEGED: &[&str] = &[
    "pull_request_target",
    "workflow_run",
    "issue_comment",
    "issues",
    "discussion",
    "discussion_comment",
    "fork",
    "watch",
];
/// Triggers of people without rights, with a token that may only read.
const PUBLIC: &[&str] = &["pull_request", "pull_request_review", "pull_request_review_comment"];
