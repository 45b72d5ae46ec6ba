//! Our own files as rules see them: steps and services with their scripts.

use crate::lint::marked::Marked;
use crate::lint::shell::Script;

/// A pipeline file or a release file.
#[derive(Debug)]
pub struct Description {
    /// The whole file.
    pub root: Marked,
    /// Scripts of steps and checks, with the name of each.
    pub scripts: Vec<(String, Script)>,
}

impl Description {
    /// The file with this text and values.
    pub fn of(text: &str, root: &Marked) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut scripts = Vec::new();
        for (name, step) in entries(root, "steps") {
            scripts.extend(step.get("run").map(|run| (name.to_owned(), script(&lines, run))));
        }
        for (service, node) in entries(root, "services") {
            for (name, check) in entries(node, "checks") {
                scripts.extend(
                    check.get("run").map(|run| (format!("{service}, check {name}"), script(&lines, run))),
                );
            }
        }
        Self { root: root.clone(), scripts }
    }

    /// Whether it is a pipeline file.
    pub fn is_pipeline(&self) -> bool {
        self.root.get("steps").is_some()
    }

    /// Steps, by their names.
    pub fn steps(&self) -> impl Iterator<Item = (&str, &Marked)> {
        entries(&self.root, "steps")
    }

    /// Services, by their names.
    pub fn services(&self) -> impl Iterator<Item = (&str, &Marked)> {
        entries(&self.root, "services")
    }

    /// Variables of steps and services: holder, name and value.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str, &Marked)> {
        let holders = self.steps().chain(self.services());
        holders
            .flat_map(|(holder, node)| entries(node, "env").map(move |(name, value)| (holder, name, value)))
    }

    /// Scans by the runner.
    pub fn scans(&self) -> impl Iterator<Item = &str> {
        self.texts("scan")
    }

    /// Kinds of the reports of steps.
    pub fn reports(&self) -> impl Iterator<Item = &str> {
        let reports = self.steps().filter_map(|(_, step)| step.get("reports")).flat_map(Marked::items);
        reports.filter_map(|report| report.text_at("kind"))
    }

    fn texts<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.steps()
            .filter_map(move |(_, step)| step.get(key))
            .flat_map(Marked::items)
            .filter_map(Marked::text)
    }
}

fn entries<'a>(node: &'a Marked, key: &str) -> impl Iterator<Item = (&'a str, &'a Marked)> {
    node.get(key).into_iter().flat_map(Marked::entries)
}

/// A script, or a program with its arguments.
fn script(lines: &[&str], run: &Marked) -> Script {
    match run.items() {
        [] => Script::of_node(lines, run),
        words => Script::of_words(words.iter().filter_map(Marked::text), run.line),
    }
}
