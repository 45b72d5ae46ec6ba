//! Differences of the secrets that steps of two pipelines get.
//!
//! A change of the pipeline that adds a secret to a step is easily overlooked among its lines, so it is named by itself.

use std::collections::BTreeMap;

use evidence::bundle::Bundle;
use evidence::pipeline::{self, Pipeline};

use super::difference::Difference;
use super::lines::of_maps;

/// The difference of two releases' steps.
pub(super) fn difference(new: &Bundle, old: &Bundle) -> Option<Difference> {
    let (old, new) = (secrets(old)?, secrets(new)?);
    let lines = of_maps(
        &old,
        &new,
        |at, got| format!("{at}: {got}"),
        |at, before, after| format!("{at}: {before} to {after}"),
    );
    Difference::of(true, "Steps get other secrets".to_owned(), String::new(), lines)
}

/// The secrets of each step by step and file. A pipeline that cannot be read has none to compare: its lines are told.
fn secrets(bundle: &Bundle) -> Option<BTreeMap<String, String>> {
    let file = bundle.source.files.get(pipeline::PATH)?;
    let pipeline = Pipeline::parse(&file.0).ok()?;
    let all = pipeline.steps.iter().flat_map(|(step, described)| {
        described.secrets.iter().map(move |(own, asked)| {
            let secret = asked.secret.in_project(&bundle.plan.project);
            let variable = asked.env.as_ref().map(|name| format!(", also in the variable {name}"));
            let at = format!("step {step}, file {own}");
            (at, format!("{secret}{}", variable.unwrap_or_default()))
        })
    });
    Some(all.collect())
}
