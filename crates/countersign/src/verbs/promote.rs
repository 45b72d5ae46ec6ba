//! `countersign promote` and `rollback`: a person asks for a release to go ahead, or for what ran before.

use std::path::PathBuf;

use clap::Args;
use domain::Place as At;
use serde::Serialize;
use serde_json::json;
use wire::{Client, LastView, PlaceView};

use super::run::why;
use super::trust::write_file;
use super::{Place, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::request::{self, With};

/// Arguments of `promote`.
#[derive(Debug, Args)]
pub struct Promote {
    #[command(flatten)]
    place: Place,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; found out when only one can be meant.
    at: Option<At>,
    /// Where to write the evidence; a file in this directory when left away.
    #[arg(long)]
    bundle: Option<PathBuf>,
    /// Wait for the gate alone, not for the agent.
    #[arg(long)]
    no_wait: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    place: Place,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; found out when only one can be meant.
    at: Option<At>,
}

#[derive(Debug, Serialize)]
struct Done {
    place: At,
    release: u64,
    outcome: String,
    entry: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<PathBuf>,
    next: String,
}

/// Asks for the open release to go ahead, and follows it to its agent's report.
pub fn run(verb: &Promote, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    let client = home.client()?;
    let runtime = runtime()?;
    let view = waiting(runtime.block_on(client.places())?, verb.at.as_ref())?;
    let open = view.open.as_ref().ok_or_else(|| nothing_open(&view.place))?;
    let number = open.release;
    let arguments = json!({ "place": view.place, "release": number, "artifact": open.artifact });
    let sent = request::send(&home, "promote", arguments, With::default())?;
    let mut progress = Progress::new(output);
    progress.say(format!("release {number} to {}: being judged", view.place));
    if verb.no_wait {
        let due = runtime.block_on(gate(&client, &view.place, number, sent.outcome.entry))?;
        let place = view.place;
        return match due {
            Ok(entry) => output.print(&json!({ "place": place, "release": number, "due": entry }), |_| {
                format!("release {number} is due at the agent of {place}, by entry {entry}")
            }),
            Err(view) => Err(runtime.block_on(why(&client, &view))?),
        };
    }
    let (after, bundle) =
        runtime.block_on(settle(&client, &view.place, number, sent.outcome.entry, &mut progress))?;
    let last = outcome(&after)?;
    if last.outcome != "running" {
        return Err(runtime.block_on(why(&client, &after))?);
    }
    let file = match bundle {
        Some(digest) => {
            let bytes = runtime.block_on(client.blob(&digest, evidence::bundle::BYTES_MAX))?;
            let name = format!("{}-{number}.bundle", view.place.to_string().replace('/', "-"));
            let file = verb.bundle.clone().unwrap_or_else(|| PathBuf::from(name));
            write_file(&file, &bytes)?;
            Some(file)
        }
        None => None,
    };
    let next = file.as_ref().map_or_else(
        || "countersign status".to_owned(),
        |file| format!("countersign verify {}", file.display()),
    );
    let outcome = last.outcome.clone();
    let done = Done { place: view.place, release: number, outcome, entry: last.entry, bundle: file, next };
    output.print(&done, |done| format!("{} runs release {}\nnext: {}", done.place, done.release, done.next))
}

/// Asks for a return to what ran before, and waits for the agent's report.
pub fn turn_back(verb: &Rollback, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    let client = home.client()?;
    let runtime = runtime()?;
    let places = runtime.block_on(client.places())?;
    let view = match &verb.at {
        Some(at) => places.into_iter().find(|view| view.place == *at).ok_or_else(|| unknown(at))?,
        None => only(places, |view| view.running.is_some(), "runs something")?,
    };
    let (Some(running), Some(before)) = (&view.running, &view.before) else {
        return Err(Failure::error(format!("nothing ran at {} before what runs now", view.place)));
    };
    let arguments = json!({ "place": view.place, "from": running.artifact, "to": before.artifact });
    let sent = request::send(&home, "rollback", arguments, With::default())?;
    let after = runtime.block_on(async {
        let mut seen = 0;
        loop {
            let after = look(&client, &view.place).await?;
            if after.last.as_ref().is_some_and(|last| last.entry > sent.outcome.entry) {
                return Ok::<_, Failure>(after);
            }
            seen = client.wait_past(seen).await?;
        }
    })?;
    let last = outcome(&after)?.clone();
    if last.outcome != "running" {
        return Err(runtime.block_on(why(&client, &after))?);
    }
    let next = "countersign status".to_owned();
    let done = Done {
        place: view.place,
        release: last.release,
        outcome: last.outcome,
        entry: last.entry,
        bundle: None,
        next,
    };
    output.print(&done, |done| format!("{} runs again what ran before\nnext: {}", done.place, done.next))
}

/// Follows a release until its gate holds it or its agent has reported; answers its evidence too.
async fn settle(
    client: &Client,
    place: &At,
    number: u64,
    since: u64,
    progress: &mut Progress,
) -> Result<(PlaceView, Option<evidence::Digest>), Failure> {
    let (mut seen, mut bundle) = (0, None);
    loop {
        let view = look(client, place).await?;
        if let Some(last) = view.last.as_ref().filter(|last| last.entry > since && last.release == number) {
            if let (Some(digest), "pass") = (last.bundle, last.outcome.as_str()) {
                bundle = Some(digest);
                progress.once(format!("release {number}: the gate let it pass; the agent judges for itself"));
            } else {
                return Ok((view, bundle.or(entry_bundle(client, since, place, number).await?)));
            }
        }
        seen = client.wait_past(seen).await?;
    }
}

/// Number of the entry by which a release became due, or the place where it is held.
async fn gate(
    client: &Client,
    place: &At,
    number: u64,
    since: u64,
) -> Result<Result<u64, PlaceView>, Failure> {
    let mut seen = 0;
    loop {
        let mine = |entry: &&wire::EntryView| {
            entry.facts.get("place") == Some(&json!(place))
                && entry.facts.get("release") == Some(&json!(number))
        };
        let entries = client.entries(since).await?;
        for entry in entries.iter().filter(mine) {
            match entry.kind.as_str() {
                "release.due" => return Ok(Ok(entry.entry)),
                "release.held" => return Ok(Err(look(client, place).await?)),
                _ => {}
            }
        }
        seen = client.wait_past(seen).await?;
    }
}

/// The evidence that the gate let pass, from the ledger's own entries.
async fn entry_bundle(
    client: &Client,
    since: u64,
    place: &At,
    number: u64,
) -> Result<Option<evidence::Digest>, Failure> {
    let entries = client.entries(since).await?;
    let due = entries.iter().find(|entry| {
        entry.kind == "release.due"
            && entry.facts.get("place") == Some(&json!(place))
            && entry.facts.get("release") == Some(&json!(number))
    });
    let text = due.and_then(|entry| entry.facts.get("bundle")?.as_str());
    Ok(text.and_then(|text| text.parse().ok()))
}

async fn look(client: &Client, place: &At) -> Result<PlaceView, Failure> {
    let places = client.places().await?;
    places.into_iter().find(|view| view.place == *place).ok_or_else(|| unknown(place))
}

fn outcome(view: &PlaceView) -> Result<&LastView, Failure> {
    view.last.as_ref().ok_or_else(|| Failure::error("the server does not say what became of it"))
}

/// The place that is meant: the one given, else the only one whose release waits for people.
pub fn waiting(places: Vec<PlaceView>, at: Option<&At>) -> Result<PlaceView, Failure> {
    if let Some(at) = at {
        let found = places.into_iter().find(|view| view.place == *at).ok_or_else(|| unknown(at))?;
        return if found.open.is_some() { Ok(found) } else { Err(nothing_open(at)) };
    }
    let waits = |view: &PlaceView| {
        let open = view.open.as_ref();
        !view.automatic && open.is_some_and(|open| ["proposed", "held"].contains(&open.stage.as_str()))
    };
    only(places, waits, "has a release that waits for people")
}

fn only(places: Vec<PlaceView>, fits: impl Fn(&PlaceView) -> bool, what: &str) -> Result<PlaceView, Failure> {
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

fn unknown(place: &At) -> Failure {
    Failure::error(format!("there is no place {place}; see `countersign status`"))
}

fn nothing_open(place: &At) -> Failure {
    Failure::error(format!("no release stands open at {place}; see `countersign status`"))
}
