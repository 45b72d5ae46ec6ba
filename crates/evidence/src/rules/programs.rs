//! Programs that steps start with, as far as they are known before a run.
//!
//! Invariant: a program that is reported missing is missing in every run of the same files. For programs of the
//! runner's machine, this module only lists the names.

use std::collections::BTreeSet;

use super::Problem;
use crate::Name;
use crate::pipeline::{PATH, Pipeline, Run, Step};
use crate::release_file::{self, ReleaseFile};

/// Programs in the workspace that neither the tree nor the outputs of needed steps contain.
#[must_use]
pub fn missing(pipeline: &Pipeline, tree: &BTreeSet<String>) -> Vec<Problem> {
    let lacks = |(name, step): (&Name, &Step)| {
        let program = first(step)?;
        let path = in_workspace(program)?;
        let covers = |output: &String| {
            path.strip_prefix(output.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let needed = step.needs.iter().filter_map(|need| pipeline.steps.get(need));
        if is_held(&path, tree) || needed.flat_map(|step| &step.outputs).any(covers) {
            return None;
        }
        let what = format!(
            "begins with `{program}`, which neither the repository nor an output of a step that it needs holds"
        );
        Some(Problem::new(PATH, format!("steps.{name}.run"), what))
    };
    pipeline.steps.iter().filter_map(lacks).collect()
}

/// Programs of checks in the workspace that the tree does not contain.
#[must_use]
pub fn missing_of_checks(file: &ReleaseFile, tree: &BTreeSet<String>) -> Vec<Problem> {
    let checks = file.services.iter().flat_map(|(service, described)| {
        described.checks.iter().map(move |(check, described)| (service, check, described.step()))
    });
    let lacks = |(service, check, step): (&Name, &Name, Step)| {
        let program = first(&step)?;
        let path = in_workspace(program)?;
        let what = format!("begins with `{program}`, which the repository does not hold");
        let place = format!("services.{service}.checks.{check}.run");
        (!is_held(&path, tree)).then(|| Problem::new(release_file::PATH, place, what))
    };
    checks.filter_map(lacks).collect()
}

/// A program's path in the tree. `None` for a program that is searched by its name or lies outside the workspace.
fn in_workspace(program: &str) -> Option<String> {
    let parts: Vec<_> = program.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let is_inside = program.contains('/') && !program.starts_with('/') && !parts.contains(&"..");
    is_inside.then(|| parts.join("/"))
}

/// Whether the tree contains a path, or may contain it. An entry above the path may be a link to a directory, whose
/// contents this module cannot see.
fn is_held(path: &str, tree: &BTreeSet<String>) -> bool {
    let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    above.chain([path]).any(|path| tree.contains(path))
}

/// Programs of the machine that steps start with: names to search, or absolute paths. A step in an image uses those of
/// the image.
#[must_use]
pub fn of_host(pipeline: &Pipeline) -> Vec<(&Name, &str)> {
    let asked = |(name, step)| {
        if pipeline.image_of(step).is_some() {
            return None;
        }
        let program = first(step).filter(|word| word.starts_with('/') || !word.contains('/'))?;
        (!BUILT_IN.contains(&program)).then_some((name, program))
    };
    pipeline.steps.iter().filter_map(asked).collect()
}

/// The first word of a program, or of a script whose first line is one plain command.
fn first(step: &Step) -> Option<&str> {
    match step.run.as_ref()? {
        Run::Program(words) => words.first().map(String::as_str),
        Run::Script(text) => {
            let lines = text.lines().map(str::trim);
            let line = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).take(1).next()?;
            let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_./:,@+%".contains(c);
            let word = line.split(' ').next().filter(|_| line.chars().all(is_plain))?;
            (!word.is_empty()).then_some(word)
        }
    }
}

/// Words that a shell interprets itself (POSIX, XCU 2.9, 2.14 and 4).
const BUILT_IN: [&str; 32] = [
    ".", ":", "alias", "break", "case", "cd", "command", "continue", "do", "echo", "eval", "exec", "exit",
    "export", "false", "for", "getopts", "if", "printf", "pwd", "read", "return", "set", "shift", "test",
    "trap", "true", "ulimit", "umask", "unset", "until", "while",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::missing;
    use crate::pipeline::Pipeline;

    #[test]
    fn programs_are_missed_under_whatever_spelling_and_only_where_they_are() {
        let tree = ["ci/run", "tools", "deep/a/b"].map(str::to_owned).into();
        let is_missed = |program: &str| {
            let text = format!(
                "version: 1\nsteps:\n  make: {{ run: x, outputs: [bin] }}\n  use: {{ needs: [make], run: [\"{program}\"] }}\n"
            );
            !missing(&Pipeline::parse(text.as_bytes()).unwrap(), &tree).is_empty()
        };
        for there in [
            "ci/run",
            "./ci/run",
            ".//ci/run",
            "ci//run",
            "ci/./run",
            "./deep//a/./b",
            // `tools` may be a link to a directory.
            "tools/lint",
            "./tools/./deep/lint",
            "bin/made",
            "./bin//made",
            // Outside the workspace.
            "sh",
            "/bin/sh",
            "../outside",
            "ci/../../outside",
        ] {
            assert!(!is_missed(there), "{there}");
        }
        for gone in
            ["./run", "ci/gone", "ci//gone", "./ci/./gone", "deep/a/c", "tool/lint", "bin2/made", "./"]
        {
            assert!(is_missed(gone), "{gone}");
        }
    }
}
