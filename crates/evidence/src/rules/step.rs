//! Rules for steps and artifacts.
//!
//! Invariant: each rule names a fault that would otherwise appear only when a runner starts the step.

use super::{Problem, network, text_fault};
use crate::Name;
use crate::oci::is_layer_path;
use crate::pipeline::{Artifact, PATH, Run, Step, StepDatabase, StepLimits};

/// Problems of a step.
pub fn problems(name: &Name, step: &Step) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |field: &str, what: String| {
        found.push(Problem::new(PATH, format!("steps.{name}.{field}"), what));
    };
    match &step.run {
        // A script is passed as a file, so only the limit of the whole pipeline file applies to its length.
        Some(Run::Script(text)) if text.contains('\0') => say("run", "holds a NUL byte".into()),
        Some(Run::Program(words)) => {
            for why in words.iter().filter_map(|word| text_fault(word)) {
                say("run", format!("a word {why}"));
            }
        }
        _ => {}
    }
    for (variable, value) in &step.env {
        if let Some(why) = text_fault(value) {
            say("env", format!("the value of `{variable}` {why}"));
        }
    }
    for why in step.network.iter().filter_map(|text| network::fault(text)) {
        say("network", why);
    }
    for why in step.connect.iter().filter_map(|text| network::connect_fault(text)) {
        say("connect", why);
    }
    let database = step.database.as_ref().map(StepDatabase::destination);
    for why in database.iter().filter_map(|text| network::connect_fault(text)) {
        say("database", why);
    }
    for output in &step.outputs {
        if let Some(why) = output_fault(output) {
            say("outputs", format!("`{output}` {why}"));
        }
    }
    if let Some(approval) = &step.approval {
        if approval.count > PEOPLE_MAX {
            say("approval.count", format!("is above {PEOPLE_MAX}; nobody could ever release"));
        }
        if step.limits != StepLimits::default() {
            say("limits", "mean nothing for an approval; leave them out".into());
        }
    }
    found
}

/// Problems of an artifact.
pub fn of_artifact(name: &Name, artifact: &Artifact) -> Vec<Problem> {
    let place = format!("artifacts.{name}");
    let mut found = Vec::new();
    if !is_media_type(&artifact.artifact_type) {
        let what =
            format!("`{}` is not a media type such as `application/vnd.example.app`", artifact.artifact_type);
        found.push(Problem::new(PATH, format!("{place}.artifact-type"), what));
    }
    for target in artifact.files.keys() {
        let why = if !is_layer_path(target) {
            "does not fit a layer: a path has at most 100 bytes after a prefix of at most 155"
        } else if target.split('/').any(|part| part.starts_with(".wh.")) {
            "has a part that begins with `.wh.`, by which a layer deletes files"
        } else {
            continue;
        };
        found.push(Problem::new(PATH, format!("{place}.files"), format!("`{target}` {why}")));
    }
    found
}

/// The reason why no step can leave an output at this path; `None` if one can.
fn output_fault(path: &str) -> Option<&'static str> {
    if path.split('/').any(|part| part.len() > NAME_BYTES_MAX) {
        return Some("has a part of more than 255 bytes");
    }
    let reserved = path.split('/').next().is_some_and(|part| part.eq_ignore_ascii_case(".countersign"));
    reserved.then_some("lies in `.countersign`, which describes the project and is never an output")
}

/// Whether a text is a media type with type and subtype (<https://www.rfc-editor.org/rfc/rfc6838#section-4.2>).
fn is_media_type(text: &str) -> bool {
    let part = |part: &str| {
        (1..=127).contains(&part.len())
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| part(kind) && part(subtype))
}

/// Longest name of a directory entry (`NAME_MAX`).
const NAME_BYTES_MAX: usize = 255;
const PEOPLE_MAX: u32 = 64;
