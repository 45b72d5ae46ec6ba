//! `countersign promote`: a person asks for a release to go ahead, and follows that very release.

use std::path::PathBuf;

use clap::Args;
use client::evidence_file::save;
use client::promotion::Promotion;
use client::request::Parts;
use client::{places, session, waiting};
use evidence::Place;
use review::place_words;
use serde::Serialize;
use serde_json::json;
use shown::shell;
use wire::ReleaseStage;

use super::{DataDir, runtime};
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
    /// File for the evidence, which replaces an existing one; default: a file in the current directory, which git is told to
    /// ignore.
    #[arg(long)]
    bundle: Option<PathBuf>,
    /// Wait only for the gate; default: wait for the agent's report too.
    #[arg(long)]
    no_wait: bool,
    /// Changes nothing, because nothing is asked: `approve` asks before it signs. It is here for scripts that give it to every
    /// command.
    #[arg(long)]
    yes: bool,
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
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let runtime = runtime()?;
    let known = runtime.block_on(client.places())?;
    let view = places::waiting(known.clone(), verb.place.as_ref())?;
    for line in place_words::elsewhere(&known, &view) {
        shown::say(&format!("note: {line}"));
    }
    let promotion = Promotion::of(&view)?;
    let (place, number) = (&promotion.place, promotion.release);
    sending::send(&access, "promote", promotion.arguments.clone(), Parts::default())?;
    let mut progress = Progress::new(output);
    progress.say(format!("release {number} to {place}: being judged"));
    let goes_on = format!("release {number} of {place} continues; `countersign status` shows its progress");
    let settled = async { Ok(promotion.settled(&client, verb.no_wait, |line| progress.once(line)).await?) };
    let release = runtime.block_on(unless_interrupted(settled, &goes_on))?;
    if verb.no_wait && [ReleaseStage::Due, ReleaseStage::Running].contains(&release.stage) {
        let entry = release.entry;
        return output.print(&json!({ "place": place, "release": number, "due": entry }), |_| {
            format!("release {number} is due at the agent of {place}, by entry {entry}")
        });
    }
    if release.stage != ReleaseStage::Running {
        return Err(runtime.block_on(waiting::why(&client, &release))?.into());
    }
    let bundle = runtime.block_on(save(&access, &client, &release, verb.bundle.as_deref())).map_err(|error| {
        Failure::error(format!(
            "{place} runs release {number}, but its evidence was not saved: {error}; `countersign evidence {place} {number}` \
             fetches it"
        ))
    })?;
    let bundle = bundle.file;
    let next = format!("countersign verify {}", shell::path(&bundle));
    let report = PromotionReport {
        place: place.clone(),
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
