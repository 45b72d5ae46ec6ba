//! `countersign rollout`: shows the rollout of a release under way, pauses it, lets it go on, begins its next step, or ends it.
//!
//! Invariant: an order is signed after the person saw the rollout that it is about, and it names release, plan and step.

use std::time::Duration;

use clap::{Args, Subcommand};
use client::access::Access;
use client::dossier::Dossier;
use client::profile::Profile;
use client::request::Parts;
use client::rollout::{RolloutUnderWay, answered};
use client::{places, rollback, session};
use evidence::Place;
use evidence::request::AdvanceDo;
use serde::Serialize;
use wire::PlaceView;

use super::{DataDir, rollback as back, runtime, words};
use crate::consent::ask_for;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;
use crate::waiting::unless_interrupted;

/// Verbs about the rollout of a release under way.
#[derive(Debug, Subcommand)]
pub enum RolloutVerb {
    /// Show its steps, its numbers, and how far it is.
    Show(Show),
    /// Keep the step in force until `resume`; a number that fails still undoes the rollout.
    Pause(Order),
    /// Let it go on; the step in force is watched anew.
    Resume(Order),
    /// Begin the next step now. A number that fails, or a failing probe, still undoes the rollout.
    Promote(Promote),
    /// End it: what ran before gets all requests again. The place refuses the artifact from then on.
    Abort(Order),
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place with a release in progress.
    place: Option<Place>,
}

/// Arguments of an order.
#[derive(Debug, Args)]
pub struct Order {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place with a release in progress.
    place: Option<Place>,
    /// Reason for the order; it is signed and recorded; default: none.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    /// Order it without asking; default: show the rollout and ask.
    #[arg(long)]
    yes: bool,
}

/// Arguments of `promote`.
#[derive(Debug, Args)]
pub struct Promote {
    #[command(flatten)]
    order: Order,
    /// The step that begins, counted from 1; default: the one after the step in force. The one after the last
    /// step ends the rollout.
    #[arg(long)]
    step: Option<u8>,
}

#[derive(Debug, Serialize)]
struct OrderReport {
    place: Place,
    release: u64,
    step: u8,
    /// Number of the entry with the order.
    entry: u64,
    /// Whether the agent carried it out; false if it has not answered yet.
    carried_out: bool,
    next: String,
}

/// Runs the verb.
pub fn run(verb: &RolloutVerb, output: Output) -> Result<(), Failure> {
    match verb {
        RolloutVerb::Show(verb) => show(verb, output),
        RolloutVerb::Pause(order) => send(order, None, Some(AdvanceDo::Pause), output),
        RolloutVerb::Resume(order) => send(order, None, Some(AdvanceDo::Resume), output),
        RolloutVerb::Promote(promote) => send(&promote.order, promote.step, None, output),
        RolloutVerb::Abort(order) => abort(order, output),
    }
}

fn show(verb: &Show, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let (_, under_way) = look(&access, verb.place.as_ref())?;
    output.print(&under_way, RolloutUnderWay::page)
}

/// The place, and the rollout under way there.
fn look(access: &Access, place: Option<&Place>) -> Result<(PlaceView, RolloutUnderWay), Failure> {
    let (client, runtime) = (session::client(access)?, runtime()?);
    let view = places::rolling(runtime.block_on(client.places())?, place)?;
    let profile = Profile::of(access)?;
    let dossier = runtime.block_on(Dossier::fetch(&profile, &client, &view.place))?;
    let under_way = RolloutUnderWay::of(&view, &dossier.bundle)?;
    Ok((view, under_way))
}

fn send(order: &Order, step: Option<u8>, what: Option<AdvanceDo>, output: Output) -> Result<(), Failure> {
    let access = order.data_dir.access()?;
    let (_, under_way) = look(&access, order.place.as_ref())?;
    step.map_or(Ok(()), |step| under_way.has(step))?;
    let step = step.unwrap_or_else(|| if what.is_none() { under_way.next() } else { under_way.step() });
    let question = match what {
        None => format!("Begin step {step} now?"),
        Some(AdvanceDo::Pause) => "Pause it?".to_owned(),
        Some(AdvanceDo::Resume) => "Let it go on?".to_owned(),
    };
    ask_for(&question, "nothing was ordered", &under_way.page(), order.yes, output)?;
    let arguments = under_way.arguments(step, what, order.reason.as_deref());
    let sent = sending::send(&access, "advance", arguments, Parts::default())?;
    let (entry, place) = (sent.outcome.entry, &under_way.place);
    let goes_on = format!(
        "order {entry} is recorded; `countersign rollout show {place}` shows what its agent does with it"
    );
    let client = session::client(&access)?;
    let answer = async { Ok(answered(&client, place, &sent.envelope, ANSWER_WAIT).await?) };
    let answer = runtime()?.block_on(unless_interrupted(answer, &goes_on))?;
    if let Some(answer) = answer.as_ref().filter(|answer| !answer.against.is_empty()) {
        let what = format!("{place}: its agent does not carry out the order of entry {entry}");
        return Err(Failure::counted(what, answer.against.clone()));
    }
    let report = OrderReport {
        place: under_way.place.clone(),
        release: under_way.release,
        step,
        entry,
        carried_out: answer.is_some(),
        next: format!("countersign rollout show {}", under_way.place),
    };
    output.print(&report, |report| {
        let OrderReport { place, release, entry, carried_out, next, .. } = report;
        let done = if *carried_out {
            "its agent carries it out"
        } else {
            "its agent has not answered yet, and judges it by itself"
        };
        format!("ordered for release {release} of {place}, by entry {entry}; {done}\nnext: {next}")
    })
}

/// The rollback of a release under way.
fn abort(order: &Order, output: Output) -> Result<(), Failure> {
    let access = order.data_dir.access()?;
    let (view, under_way) = look(&access, order.place.as_ref())?;
    let rollback = rollback::Rollback::of(&view, None)?;
    let page = format!("{}\n{}", under_way.page(), rollback.page(&view));
    ask_for("End it, and roll back?", "nothing was rolled back", &page, order.yes, output)?;
    back::carry_out(&access, &view.place, rollback, order.reason.as_deref(), output)
}

/// Time for which an order waits for its agent's answer. An agent asks for orders twice a second, but not while it starts the
/// processes of a step; a person who does not want to wait ends the command, and the order stays.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
