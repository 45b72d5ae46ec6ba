//! `countersign preview`: lists previews and their templates, and removes a preview before its time.
//!
//! Invariant: a removal names the statement of the preview that the person saw. The agent judges the request, and removes
//! everything itself; `list` shows the preview until the agent has reported that.

use clap::{Args, Subcommand};
use client::request::Parts;
use client::{previews, session};
use evidence::{Moment, Name, Place};
use review::disk_size;
use serde::Serialize;
use serde_json::json;
use wire::PlaceView;

use super::{DataDir, runtime};
use crate::consent::ask_for;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;

/// Verbs about previews.
#[derive(Debug, Subcommand)]
pub enum PreviewVerb {
    /// List the templates with their previews: owner, port, disk, and when each is removed.
    List(List),
    /// Remove a preview now, with everything that it left.
    Remove(Remove),
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    data_dir: DataDir,
    /// Name of the project; default: all projects.
    #[arg(long)]
    project: Option<Name>,
}

/// Arguments of `remove`.
#[derive(Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    data_dir: DataDir,
    /// The preview: its name, or PROJECT/SERVICE/NAME if several services have one of that name.
    preview: String,
    /// Remove it without asking; default: show it and ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct TemplateReport {
    /// Its place.
    template: Place,
    /// Names that a preview may have; absent if the place is no template any more, and its previews end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    /// Highest number of previews.
    count: u32,
    /// Milliseconds from a request to the end.
    ttl_ms: u64,
    previews: Vec<PreviewReport>,
}

#[derive(Debug, Serialize)]
struct PreviewReport {
    place: Place,
    /// Name of the person who asked last.
    owner: Option<String>,
    slot: u32,
    /// When it is removed.
    until: Moment,
    /// Whether it is over, and its agent has not reported yet that it removed everything.
    ending: bool,
    /// The port of its service; absent if its agent has not told.
    port: Option<u16>,
    /// Bytes on the agent's disk; absent if its agent has not told.
    disk: Option<u64>,
    /// Number of the release that runs.
    release: Option<u64>,
    /// Its commit.
    commit: Option<evidence::CommitId>,
}

/// Runs the verb.
pub fn run(verb: &PreviewVerb, output: Output) -> Result<(), Failure> {
    match verb {
        PreviewVerb::List(verb) => list(verb, output),
        PreviewVerb::Remove(verb) => remove(verb, output),
    }
}

fn list(verb: &List, output: Output) -> Result<(), Failure> {
    let client = session::client(&verb.data_dir.access()?)?;
    let places = runtime()?.block_on(client.places())?;
    let is_it =
        |view: &&PlaceView| verb.project.as_ref().is_none_or(|project| view.place.project == *project);
    let templates = places.iter().filter(is_it).filter_map(|view| {
        let rules = view.previews.as_ref();
        let previews = previews::of_template(&places, &view.place).filter_map(|(view, _)| report(view));
        // Without a template each of them ends.
        let previews =
            previews.map(|one| PreviewReport { ending: one.ending || rules.is_none(), ..one }).collect();
        let report = TemplateReport {
            template: view.place.clone(),
            pattern: rules.map(|rules| rules.pattern.to_string()),
            count: rules.map_or(0, |rules| rules.count),
            ttl_ms: rules.map_or(0, |rules| rules.ttl_ms),
            previews,
        };
        (rules.is_some() || !report.previews.is_empty()).then_some(report)
    });
    let templates: Vec<_> = templates.collect();
    output.print(&templates, |templates| text(templates))
}

fn report(view: &PlaceView) -> Option<PreviewReport> {
    let made = view.preview.as_ref()?;
    let service = view.service.as_ref();
    Some(PreviewReport {
        place: view.place.clone(),
        owner: made.owner.clone(),
        slot: made.slot,
        until: made.until,
        ending: made.ending,
        port: service.and_then(|service| service.port),
        disk: service.and_then(|service| service.disk),
        release: view.running.as_ref().map(|running| running.release),
        commit: view.running.as_ref().map(|running| running.commit.clone()),
    })
}

fn text(templates: &[TemplateReport]) -> String {
    if templates.is_empty() {
        return "no template allows previews; policy signers make one with `countersign trust environment \
                PROJECT/SERVICE/preview --previews 'pr-*' --agent LINE`"
            .to_owned();
    }
    templates.iter().map(TemplateReport::text).collect::<Vec<_>>().join("\n")
}

impl TemplateReport {
    fn text(&self) -> String {
        let Self { template, pattern, count, previews, .. } = self;
        let head = match pattern {
            Some(pattern) => format!("{template}: {pattern}, {} of {count}", previews.len()),
            None => format!("{template}: allows none any more"),
        };
        let lines = previews.iter().map(PreviewReport::line);
        std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
    }
}

impl PreviewReport {
    fn line(&self) -> String {
        let Self { place, slot, until, .. } = self;
        let owner = self.owner.as_deref().unwrap_or("somebody who left");
        let end = if self.ending { "is being removed".to_owned() } else { format!("until {until}") };
        let runs = self
            .release
            .map_or_else(|| "nothing runs".to_owned(), |release| format!("runs release {release}"));
        let port = self.port.map(|port| format!(", port {port}")).unwrap_or_default();
        let disk =
            self.disk.map(|bytes| format!(", {} on disk", disk_size::words(bytes))).unwrap_or_default();
        format!("  {} of {owner}, slot {slot}: {end}; {runs}{port}{disk}", place.environment)
    }
}

fn remove(verb: &Remove, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let places = runtime()?.block_on(client.places())?;
    let view = named(&places, &verb.preview)?;
    let shown = report(view).map(|preview| preview.line()).unwrap_or_default();
    let page = format!("{}\n{}", view.place, shown.trim_start());
    ask_for("Remove it, with everything that it left?", "nothing was removed", &page, verb.yes, output)?;
    let arguments = json!({ "place": view.place, "number": view.statement });
    let entry = sending::send(&access, "preview-remove", arguments, Parts::default())?.outcome.entry;
    let place = view.place.clone();
    let report = json!({ "place": place, "entry": entry, "next": "countersign preview list" });
    output.print(&report, |_| {
        format!(
            "asked to remove {place}, by entry {entry}; its agent removes it, also if it is away now and comes back\n\
             next: countersign preview list"
        )
    })
}

/// The one preview of a name or place.
fn named<'a>(places: &'a [PlaceView], name: &str) -> Result<&'a PlaceView, Failure> {
    let previews = places.iter().filter(|view| view.preview.is_some());
    let is_it = |view: &&PlaceView| view.place.environment.as_str() == name || view.place.to_string() == name;
    let found: Vec<_> = previews.clone().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok(one),
        _ => {
            let known: Vec<_> = previews.map(|view| view.place.to_string()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(Failure::usage(format!("`{name}` names no preview, or several; there are {known}")))
        }
    }
}
