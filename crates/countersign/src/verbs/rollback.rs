//! `countersign rollback`: a person returns a place to the release that ran before. The place refuses the artifact that
//! was rolled back until a person runs its commit with `--again`.
//!
//! Invariant: before the person signs, the target is named: artifact, commit and release, since when it has not run, and
//! which pending releases end.

use std::path::PathBuf;

use clap::Args;
use client::access::Access;
use client::request::Parts;
use client::rollback::{self, EndedRelease, Target};
use client::{places, session, waiting};
use evidence::Place;
use review::ids::short;
use review::place_words::review_codes;
use serde::Serialize;
use wire::ReleaseStage;

use super::{DataDir, release, rollback_out, runtime, words};
use crate::consent::ask_for;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;
use crate::waiting::unless_interrupted;

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place where a release runs.
    place: Option<Place>,
    /// Number of the release to return to; default: the latest one that ran there and was not rolled back.
    #[arg(long, value_name = "RELEASE", value_parser = release)]
    to: Option<u64>,
    /// Reason for the rollback; it is signed and recorded; default: none.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    /// Roll back without asking; default: show the rollback and ask.
    #[arg(long)]
    yes: bool,
    /// Write the signed rollback into this file while the server is away; `countersign agent apply` on the agent's host carries it out; default: send it to the server.
    #[arg(long, value_name = "FILE", requires = "agent")]
    out: Option<PathBuf>,
    /// Directory of the place's agent on this host, or a file with the output of `countersign agent show -o json`; needed for `--out`.
    #[arg(long, value_name = "PATH", requires = "out")]
    agent: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct RollbackReport {
    place: Place,
    /// Number of the rollback.
    release: u64,
    outcome: ReleaseStage,
    entry: u64,
    /// The release that runs again.
    to: Target,
    /// The release that ran; only `run --again` releases it again.
    from: Target,
    /// Pending releases that ended with the rollback.
    ended: Vec<EndedRelease>,
    /// Codes of what is against the release that runs again; it is due for review if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    review: Vec<String>,
    next: String,
}

/// Asks for the rollback, and waits for the agent's report.
pub fn run(verb: &Rollback, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    if let (Some(out), Some(agent)) = (&verb.out, &verb.agent) {
        let (place, to, reason, yes) = (verb.place.as_ref(), verb.to, verb.reason.as_deref(), verb.yes);
        let asked = rollback_out::Asked { place, to, reason, yes, out, agent };
        return rollback_out::run(&access, asked, output);
    }
    let places = runtime()?.block_on(session::client(&access)?.places())?;
    let view = match &verb.place {
        Some(place) => places::named(places, place)?,
        None => places::only(places, |view| view.running.is_some(), "runs a release")?,
    };
    let rollback = rollback::Rollback::of(&view, verb.to)?;
    ask_for("Roll back?", "nothing was rolled back", &rollback.page(&view), verb.yes, output)?;
    carry_out(&access, &view.place, rollback, verb.reason.as_deref(), output)
}

/// Sends the signed request and waits for the agent's report.
pub fn carry_out(
    access: &Access,
    place: &Place,
    rollback: rollback::Rollback,
    reason: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    let (client, runtime) = (session::client(access)?, runtime()?);
    let sent = sending::send(access, "rollback", rollback.arguments(place, reason), Parts::default())?;
    let goes_on = format!("the rollback of {place} continues; `countersign status` shows its progress");
    let reported = async { Ok(rollback::reported(&client, place, sent.outcome.entry).await?) };
    let release = runtime.block_on(unless_interrupted(reported, &goes_on))?;
    if release.stage != ReleaseStage::Running {
        return Err(runtime.block_on(waiting::why(&client, &release))?.into());
    }
    let report = RollbackReport {
        place: place.clone(),
        release: release.release.unwrap_or_default(),
        outcome: release.stage,
        entry: release.entry,
        to: rollback.to(),
        from: rollback.from,
        ended: rollback.ends,
        review: release.reasons,
        next: "countersign status".into(),
    };
    output.print(&report, RollbackReport::text)
}

impl RollbackReport {
    fn text(&self) -> String {
        let ended: String =
            self.ended.iter().map(|ended| format!("\n{}", ended.words("has ended"))).collect();
        let review = match review_codes(&self.review) {
            codes if codes.is_empty() => String::new(),
            codes => format!("\ndue for review: {codes}"),
        };
        format!(
            "{} runs commit {} again, as release {}. To release the replaced commit again, run `countersign run --again {}` \
             while no newer commit runs in the first environment; otherwise commit on top of the running commit{ended}{review}\nnext: {}",
            self.place,
            short(self.to.commit.as_str()),
            self.release,
            self.from.commit,
            self.next
        )
    }
}
