//! `countersign rescan`: has what runs and what waits judged again.
//!
//! Invariant: nothing is executed. Alerts are recorded by the server alone, and by its own advisories; with a file of one's own, this
//! command judges by itself, and records nothing.

use std::path::PathBuf;

use clap::Args;
use client::request::{self, Parts};
use client::rescan::{self, Judged};
use client::session;
use evidence::Place;
use serde_json::json;
use wire::RescanView;

use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `rescan`.
#[derive(Debug, Args)]
pub struct Rescan {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place: PROJECT/SERVICE/ENVIRONMENT; default: every place that you may read about.
    place: Option<Place>,
    /// Judge by this database of advisories, on this machine, and record nothing; `countersign osv sync` makes one; default: the
    /// server judges by its own advisories, and records alerts.
    #[arg(long, value_name = "FILE", requires = "place")]
    advisories: Option<PathBuf>,
}

/// Asks, or judges, and prints.
pub fn run(verb: &Rescan, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    if let (Some(file), Some(place)) = (&verb.advisories, &verb.place) {
        let releases = runtime()?.block_on(client.watched(place))?;
        return output.print(&rescan::judge(file, releases)?, judged);
    }
    let signed = request::sign(&access, "rescan", json!({ "place": verb.place }), Parts::default())?;
    let view = runtime()?.block_on(client.rescan(signed.envelope().clone()))?;
    output.print(&view, text)
}

fn text(view: &RescanView) -> String {
    let RescanView { releases, packages, snapshot, source, opened, changed, closed, left, .. } = view;
    let by = match (snapshot, source) {
        (Some(date), Some(source)) => format!("by the advisories of {date} from {}", shown::line(source)),
        _ => "without advisories (`countersign server --advisories FILE`): only ended statements were looked at".to_owned(),
    };
    let mut lines = vec![
        format!("{releases} releases with {packages} packages were judged again {by}"),
        format!(
            "alerts: {opened} opened, {changed} changed, {closed} closed; `countersign alerts` lists them"
        ),
    ];
    lines.extend((*left > 0).then(|| {
        format!("{left} more are due and were not opened: as many are open as `most` of alerts.json allows")
    }));
    lines.extend(
        view.not_held
            .iter()
            .map(|(name, count)| format!("not judged: {count} packages of {}", shown::line(name))),
    );
    lines.extend(view.unlisted.iter().map(|place| format!("not judged: {place} has no list of packages")));
    lines.extend((view.unread > 0).then(|| format!("{} documents could not be read", view.unread)));
    lines.join("\n")
}

fn judged(all: &Judged) -> String {
    let date = &all.advisories.modified;
    let mut lines = vec![format!(
        "{} new problems by the advisories of {date} from {}; nothing was recorded",
        all.problems.len(),
        shown::line(&all.advisories.source)
    )];
    lines.extend(all.problems.iter().map(|problem| {
        let fixed = problem.fixed.as_ref().map(|fixed| format!("; fixed in {fixed}")).unwrap_or_default();
        let exploited = if problem.exploited { ", known to be exploited" } else { "" };
        let release = problem.release.map(|number| format!("release {number}: ")).unwrap_or_default();
        let text = format!("{release}{} in {}: {}{fixed}", problem.rule, problem.component, problem.message);
        format!("  {}{exploited} {}", problem.severity, shown::line(&text))
    }));
    lines.extend(
        all.not_held
            .iter()
            .map(|(name, count)| format!("not judged: {count} packages of {}", shown::line(name))),
    );
    lines.extend(all.unlisted.then(|| "not judged: a release there has no list of packages".to_owned()));
    lines.join("\n")
}
