//! All faults of a file that does not parse. A parser stops at the first error, but a person wants to mend all of them
//! at once.
//!
//! Invariant: the parser's own error comes first, with its line. This module never accepts a file that does not parse.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Problem;
use crate::Name;
use crate::pipeline::{self, Artifact, Image, Pipeline, PipelineError, Step, yaml_words};
use crate::release_file::{self, ReleaseFile, ReleaseFileError, Service};

/// The common form of both files, read part by part.
#[derive(Debug, Default, Deserialize)]
struct Loose {
    #[serde(default)]
    version: u8,
    #[serde(default)]
    image: Option<Value>,
    #[serde(default)]
    steps: BTreeMap<Name, Value>,
    #[serde(default)]
    artifacts: BTreeMap<Name, Value>,
    #[serde(default)]
    services: BTreeMap<Name, Value>,
}

/// Parts that can be read, and the errors of the others.
struct Parts<T> {
    sound: BTreeMap<Name, T>,
    unsound: Vec<(Name, String)>,
}

/// Problems of a pipeline file. The parser reported the first one.
pub fn of_pipeline(bytes: &[u8], first: &PipelineError) -> Vec<Problem> {
    let text = first.to_string();
    let mut problems = vec![problem(pipeline::PATH, &text)];
    let Some(loose) = loose(bytes) else { return problems };
    let (steps, artifacts) = (parts::<Step>(loose.steps), parts::<Artifact>(loose.artifacts));
    add_unsound(&mut problems, pipeline::PATH, "steps", &steps.unsound);
    add_unsound(&mut problems, pipeline::PATH, "artifacts", &artifacts.unsound);
    let is_whole = steps.unsound.is_empty();
    // The parser's error names an image that cannot be read, unless it stopped before it.
    let image = loose.image.map(serde_json::from_value::<Image>);
    let said = |text: &String| !problems.iter().any(|problem| problem.what.contains(text));
    let wrong = image.iter().filter_map(|image| image.as_ref().err()).map(ToString::to_string);
    let wrong: Vec<_> = wrong.filter(said).collect();
    problems.extend(wrong.into_iter().map(|text| Problem::new(pipeline::PATH, "image".to_owned(), text)));
    let mut rest = Pipeline {
        version: loose.version,
        image: image.and_then(Result::ok),
        steps: steps.sound,
        artifacts: artifacts.sound,
    };
    if !is_whole {
        // Without a missing step, nobody can say whether the artifacts fit the steps.
        rest.artifacts.clear();
        for step in rest.steps.values_mut() {
            step.needs.retain(|need| !steps.unsound.iter().any(|(name, _)| name == need));
        }
    }
    let faults = if rest.steps.is_empty() { Vec::new() } else { rest.faults() };
    problems.extend(faults.iter().map(|fault| problem(pipeline::PATH, &fault.to_string())));
    problems.extend(super::of_pipeline(&rest));
    each_once(problems)
}

/// Problems of a release file. The parser reported the first one.
pub fn of_release(bytes: &[u8], first: &ReleaseFileError) -> Vec<Problem> {
    let mut problems = vec![problem(release_file::PATH, &first.to_string())];
    let Some(loose) = loose(bytes) else { return problems };
    let services = parts::<Service>(loose.services);
    add_unsound(&mut problems, release_file::PATH, "services", &services.unsound);
    let rest = ReleaseFile { version: loose.version, services: services.sound };
    let faults = if rest.services.is_empty() { Vec::new() } else { rest.faults() };
    problems.extend(faults.iter().map(|fault| problem(release_file::PATH, &fault.to_string())));
    problems.extend(super::release::problems(&rest));
    each_once(problems)
}

fn loose(bytes: &[u8]) -> Option<Loose> {
    serde_saphyr::from_str(std::str::from_utf8(bytes).ok()?).ok()
}

fn parts<T: DeserializeOwned>(all: BTreeMap<Name, Value>) -> Parts<T> {
    let mut parts = Parts { sound: BTreeMap::new(), unsound: Vec::new() };
    for (name, value) in all {
        match serde_json::from_value(value) {
            Ok(part) => drop(parts.sound.insert(name, part)),
            Err(error) => parts.unsound.push((name, error.to_string())),
        }
    }
    parts
}

/// Adds the parts that cannot be read. The parser's first error has a line number, so it is not repeated without one.
fn add_unsound(problems: &mut Vec<Problem>, file: &'static str, section: &str, unsound: &[(Name, String)]) {
    let words = |error: &str| yaml_words(file, error);
    let first = problems.first().map(|problem| problem.what.clone()).unwrap_or_default();
    let is_first = |error: &str| first.contains(words(error).split(',').next().unwrap_or_default());
    let said = unsound.iter().position(|(_, error)| is_first(error));
    for (number, (name, error)) in unsound.iter().enumerate() {
        if Some(number) != said {
            problems.push(Problem::new(file, format!("{section}.{name}"), words(error)));
        }
    }
}

/// Makes a problem from an error. Errors of parsers already begin with the file's name, which is cut off.
fn problem(file: &'static str, error: &str) -> Problem {
    let what = error.strip_prefix(file).map_or(error, |rest| rest.trim_start_matches(": "));
    Problem::new(file, String::new(), what)
}

/// Removes duplicates and keeps the first occurrence.
fn each_once(problems: Vec<Problem>) -> Vec<Problem> {
    let mut kept: Vec<Problem> = Vec::new();
    for problem in problems {
        if !kept.iter().any(|known| known.to_string() == problem.to_string()) {
            kept.push(problem);
        }
    }
    kept
}
