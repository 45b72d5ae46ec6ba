//! `countersign promote`: a person asks for a release to go ahead, and follows that very release.

use std::path::PathBuf;

use clap::Args;
use client::request::Parts;
use client::session;
use client::shell;
use evidence::Place;
use serde::Serialize;
use serde_json::json;
use wire::{Client, PlaceView, ReleaseStage, ReleaseView};

use super::evidence::save;
use super::{DataDir, follow, runtime, status};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::sending;
use crate::waiting::unless_interrupted;

/// Arguments of `promote`.
#[derive(Debug, Args)]
pub struct Promote {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place whose release waits for people.
    place: Option<Place>,
    /// File for the evidence; default: a file in the current directory, which git is told to ignore.
    #[arg(long)]
    bundle: Option<PathBuf>,
    /// Wait only for the gate; default: wait for the agent's report too.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Serialize)]
struct PromotionReport {
    place: Place,
    release: u64,
    outcome: ReleaseStage,
    /// Number of the entry with the agent's report.
    entry: u64,
    /// File in which the evidence was saved.
    bundle: PathBuf,
    next: String,
}

/// Promotes the pending release, and follows it to its agent's report.
pub fn run(verb: &Promote, output: Output) -> Result<(), Failure> {
    let home = verb.data_dir.home()?;
    let client = session::client(&home)?;
    let runtime = runtime()?;
    let places = runtime.block_on(client.places())?;
    let view = waiting(places.clone(), verb.place.as_ref())?;
    for line in elsewhere(&places, &view) {
        shown::say(&format!("note: {line}"));
    }
    let open = view.open.as_ref().ok_or_else(|| nothing_open(&view.place))?;
    let number = open.release;
    let arguments = json!({ "place": view.place, "release": number, "artifact": open.artifact });
    sending::send(&home, "promote", arguments, Parts::default())?;
    let mut progress = Progress::new(output);
    progress.say(format!("release {number} to {}: being judged", view.place));
    let goes_on =
        format!("release {number} of {} continues; `countersign status` shows its progress", view.place);
    let settled = settle(&client, &view.place, number, verb.no_wait, &mut progress);
    let release = runtime.block_on(unless_interrupted(settled, &goes_on))?;
    let place = view.place;
    if verb.no_wait && [ReleaseStage::Due, ReleaseStage::Running].contains(&release.stage) {
        let entry = release.entry;
        return output.print(&json!({ "place": place, "release": number, "due": entry }), |_| {
            format!("release {number} is due at the agent of {place}, by entry {entry}")
        });
    }
    if release.stage != ReleaseStage::Running {
        return Err(runtime.block_on(follow::why(&client, &release))?);
    }
    let bundle = runtime.block_on(save(&home, &client, &release, verb.bundle.as_deref())).map_err(|failure| {
        Failure::error(format!(
            "{place} runs release {number}, but its evidence was not saved: {}; `countersign evidence {place} {number}` \
             fetches it",
            failure.message()
        ))
    })?;
    let bundle = bundle.1;
    let next = format!("countersign verify {}", shell::path(&bundle));
    let report = PromotionReport {
        place,
        release: number,
        outcome: release.stage,
        entry: release.entry,
        bundle,
        next,
    };
    output.print(&report, |report| {
        format!(
            "{} runs release {}\nevidence: {}\nnext: {}",
            report.place,
            report.release,
            report.bundle.display(),
            report.next
        )
    })
}

/// Warnings about the pending release from other places of its service: it was rolled back there, or the service does
/// not stay up.
pub fn elsewhere(places: &[PlaceView], view: &PlaceView) -> Vec<String> {
    let Some(open) = &view.open else { return Vec::new() };
    let others = places.iter().filter(|other| {
        let (at, here) = (&other.place, &view.place);
        at.project == here.project && at.service == here.service && at != here
    });
    let said = |other: &PlaceView| {
        let bars =
            other.rolled_back.iter().filter(|bar| bar.artifact == open.artifact || bar.commit == open.commit);
        let mut lines: Vec<_> = bars.map(|bar| status::rolled_back(other, bar)).collect();
        let runs_it = other.running.as_ref().is_some_and(|running| running.artifact == open.artifact);
        let falls =
            |service: &&wire::ServiceView| runs_it && (service.restarts > 0 || service.down.is_some());
        let service = other.service.as_ref().filter(falls).map(status::service_text).unwrap_or_default();
        if let Some(service) = service.strip_prefix("; ") {
            lines.push(format!("{}: {service}", other.place));
        }
        lines
    };
    others.flat_map(said).collect()
}

/// Follows a release until it has ended, or, if the caller does not wait for the agent, until its gate lets it pass.
async fn settle(
    client: &Client,
    place: &Place,
    number: u64,
    for_the_gate: bool,
    progress: &mut Progress,
) -> Result<ReleaseView, Failure> {
    let mut seen = 0;
    loop {
        let view = look(client, place).await?;
        let release = view.releases.iter().find(|release| release.release == Some(number));
        let release = release.ok_or_else(|| gone(place, number))?;
        match release.stage {
            ReleaseStage::Proposed | ReleaseStage::Judging => {}
            ReleaseStage::Due if !for_the_gate => {
                progress.once(format!("release {number}: the gate let it pass; the agent judges on its own"));
                follow::agent(&view)?;
            }
            _ => return Ok(release.clone()),
        }
        seen = client.wait_past(seen).await?;
    }
}

pub async fn look(client: &Client, place: &Place) -> Result<PlaceView, Failure> {
    named(client.places().await?, place)
}

/// The place of this name; an unknown name is an error that lists the known places.
pub fn named(places: Vec<PlaceView>, place: &Place) -> Result<PlaceView, Failure> {
    let known: Vec<_> = places.iter().map(|view| view.place.to_string()).collect();
    let found = places.into_iter().find(|view| view.place == *place);
    found.ok_or_else(|| unknown(place, &known))
}

fn gone(place: &Place, number: u64) -> Failure {
    Failure::error(format!(
        "the server does not show the outcome of release {number} of {place}; see `countersign status`"
    ))
}

/// The place to act on: the one given, else the only one whose release waits for people.
pub fn waiting(places: Vec<PlaceView>, at: Option<&Place>) -> Result<PlaceView, Failure> {
    if let Some(at) = at {
        let found = named(places, at)?;
        return if found.open.is_some() { Ok(found) } else { Err(nothing_open(at)) };
    }
    let waits = |view: &PlaceView| {
        let open = view.open.as_ref();
        !view.automatic
            && open.is_some_and(|open| [ReleaseStage::Proposed, ReleaseStage::Held].contains(&open.stage))
    };
    only(places, waits, "has a release that waits for people")
}

pub fn only(
    places: Vec<PlaceView>,
    fits: impl Fn(&PlaceView) -> bool,
    what: &str,
) -> Result<PlaceView, Failure> {
    let mut found: Vec<_> = places.into_iter().filter(|view| fits(view)).collect();
    match (found.pop(), found.len()) {
        (Some(view), 0) => Ok(view),
        (None, _) => Err(Failure::error(format!("no place {what}; see `countersign status`"))),
        (Some(last), _) => {
            let names: Vec<_> = found.iter().chain([&last]).map(|view| view.place.to_string()).collect();
            Err(Failure::usage(format!("more than one place {what}: name one of {}", names.join(", "))))
        }
    }
}

fn unknown(place: &Place, known: &[String]) -> Failure {
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Failure::error(format!("there is no place `{place}`; known are {known}"))
}

fn nothing_open(place: &Place) -> Failure {
    Failure::error(format!("no release is pending at {place}; see `countersign status`"))
}
