//! Differences of a release from the release that runs at its place, or from any other one of its service: commits, files,
//! dependencies, findings, secrets of steps, pipeline file, policy, configuration and plan.
//!
//! Input: checked evidence of the release, and the bundle of the release that runs, or its checked evidence. Output: one
//! value for each sort that differs, with lines. Invariant: the new side comes from verified bytes; the number and length of lines is bounded, and the
//! lines that are not shown are counted.

mod commits;
mod components;
mod difference;
mod findings;
mod history;
mod lines;
mod plan;
mod rollout;
mod step_secrets;

use std::collections::BTreeMap;

use evidence::bundle::Bundle;
use evidence::configuration::Configuration;
use evidence::environment::Environment;
use evidence::{Digest, pipeline};
use judge::Checked;

use crate::ids::short;
pub(crate) use components::versions as component_versions;
pub use difference::{Difference, LINES_MAX, Line, Sign};
pub use findings::NEW_FINDING;
use lines::of_maps;
pub(crate) use lines::{of_texts, of_values};
pub use plan::{database_words, secret_words, ssh_words};
pub use rollout::rollout_words;

/// The differences of a release from the one that runs; `None` if nothing runs, or its evidence is not stored.
#[must_use]
pub fn between(checked: &Checked<'_>, running: Option<&Bundle>) -> Vec<Difference> {
    let new = checked.bundle;
    let mut found = vec![commits::difference(checked)];
    found.extend(components::difference(new, running));
    let Some(old) = running else { return found };
    found.extend(of_bundles(checked, old));
    notable_first(found)
}

/// The differences of any two releases of a service, from the first one to the second one.
#[must_use]
pub fn of_two(from: &Checked<'_>, to: &Checked<'_>) -> Vec<Difference> {
    let mut found = Vec::new();
    found.extend(history::difference(from, to));
    found.extend(components::difference(to.bundle, Some(from.bundle)));
    found.extend(findings::difference(from, to));
    found.extend(of_bundles(to, from.bundle));
    notable_first(found)
}

fn of_bundles(checked: &Checked<'_>, old: &Bundle) -> Vec<Difference> {
    let new = checked.bundle;
    let mut found = Vec::new();
    found.extend(files(new, old));
    found.extend(step_secrets::difference(new, old));
    found.extend(pipeline_file(new, old));
    found.extend(policy(checked, old));
    found.extend(configuration(new, old));
    found.extend(plan::difference(&new.plan, &old.plan));
    found
}

/// Notable sorts first; otherwise the order stays.
fn notable_first(mut found: Vec<Difference>) -> Vec<Difference> {
    found.sort_by_key(|difference| !difference.is_notable);
    found
}

fn files(new: &Bundle, old: &Bundle) -> Option<Difference> {
    let all = |bundle: &Bundle| -> BTreeMap<String, Digest> {
        bundle.tree.files().iter().map(|file| (file.path.clone(), file.sha256)).collect()
    };
    let lines = of_maps(&all(old), &all(new), |path, _| path.to_owned(), |path, _, _| path.to_owned());
    let title = format!("{} changed", shown::many(lines.len(), "file"));
    Difference::of(false, title, String::new(), lines)
}

fn pipeline_file(new: &Bundle, old: &Bundle) -> Option<Difference> {
    let text = |bundle: &Bundle| {
        let file = bundle.source.files.get(pipeline::PATH);
        file.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default()
    };
    let lines = of_texts(&text(old), &text(new));
    Difference::of(true, "The pipeline file changed".to_owned(), pipeline::PATH.to_owned(), lines)
}

fn policy(checked: &Checked<'_>, old: &Bundle) -> Option<Difference> {
    let now = checked.trust.environment.policy;
    let statement = old.environments.last().and_then(|envelope| Environment::read(envelope).ok())?;
    if statement.policy == now {
        return None;
    }
    let [one, other] = [statement.policy, now].map(|digest| short(&digest.hex()).to_owned());
    let (old, new) = (&old.policy.files, &checked.bundle.policy.files);
    let lines = of_maps(old, new, |path, _| path.to_owned(), |path, _, _| path.to_owned());
    Difference::of(true, "The policy changed".to_owned(), format!("{one} to {other}"), lines)
}

fn configuration(new: &Bundle, old: &Bundle) -> Option<Difference> {
    let values = |bundle: &Bundle| -> Option<BTreeMap<String, String>> {
        let Configuration { port, variables, bounds, drift, baseline, parity, .. } =
            Configuration::decode(&bundle.configuration.0).ok()?;
        let parity = parity.map(|rules| rules.ignore.into_iter().collect::<Vec<_>>().join(", "));
        let parity = parity.map(|ignored| ("may differ from the environment before".to_owned(), ignored));
        let port = port.map(|port| ("port".to_owned(), port.to_string()));
        let bounds = bounds.and_then(|bounds| serde_json::to_string(&bounds).ok());
        let bounds = bounds.map(|bounds| ("bounds".to_owned(), bounds));
        let drift = drift.and_then(|drift| serde_json::to_string(&drift).ok());
        let drift = drift.map(|drift| ("drift".to_owned(), drift));
        let baseline = baseline.and_then(|baseline| serde_json::to_string(&baseline).ok());
        let baseline = baseline.map(|baseline| ("baseline".to_owned(), baseline));
        let variables = variables.into_iter().map(|(name, value)| (format!("variable {name}"), value));
        Some(variables.chain(port).chain(bounds).chain(drift).chain(baseline).chain(parity).collect())
    };
    let lines = of_values(&values(old)?, &values(new)?);
    let title = "The configuration of the environment changed".to_owned();
    Difference::of(true, title, String::new(), lines)
}

#[cfg(test)]
mod tests;
