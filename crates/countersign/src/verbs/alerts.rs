//! `countersign alerts`: what runs or waits and is judged worse now than when it was released.
//!
//! Invariant: an acknowledgement closes nothing. The cause has to go: by a fix, or by a statement of a person who may sign it.

use clap::{Args, Subcommand};
use client::request::{self, Parts};
use client::session;
use evidence::Place;
use serde_json::json;
use wire::{AlertState, AlertView};

use super::{DataDir, runtime, words};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `alerts`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Alerts {
    #[command(subcommand)]
    verb: Option<AlertsVerb>,
    #[command(flatten)]
    list: List,
}

/// Verbs about alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsVerb {
    /// List alerts: open ones first, the most urgent of them first.
    List(List),
    /// Say that you look after an alert, and why. It stays open until its cause is gone.
    Acknowledge(Acknowledge),
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    data_dir: DataDir,
    /// Only alerts of this place: PROJECT/SERVICE/ENVIRONMENT.
    #[arg(long)]
    place: Option<Place>,
    /// Show closed alerts, too.
    #[arg(long)]
    all: bool,
}

/// Arguments of `acknowledge`.
#[derive(Debug, Args)]
pub struct Acknowledge {
    #[command(flatten)]
    data_dir: DataDir,
    /// The alert: its first digits.
    alert: String,
    /// Why, or what you do about it; recorded with your name.
    #[arg(long, value_parser = words)]
    reason: String,
}

/// Runs the verb.
pub fn run(verb: &Alerts, output: Output) -> Result<(), Failure> {
    match &verb.verb {
        Some(AlertsVerb::Acknowledge(verb)) => acknowledge(verb, output),
        Some(AlertsVerb::List(verb)) => list(verb, output),
        None => list(&verb.list, output),
    }
}

fn list(verb: &List, output: Output) -> Result<(), Failure> {
    let client = session::client(&verb.data_dir.access()?)?;
    let mut alerts = runtime()?.block_on(client.alerts())?;
    alerts.retain(|alert| verb.place.as_ref().is_none_or(|place| alert.place == *place));
    alerts.retain(|alert| verb.all || alert.state != AlertState::Closed);
    output.print(&alerts, |alerts| match alerts.as_slice() {
        [] => "no alert is open".to_owned(),
        alerts => alerts.iter().map(text).collect::<Vec<_>>().join("\n"),
    })
}

fn acknowledge(verb: &Acknowledge, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let arguments = json!({ "digits": verb.alert, "reason": verb.reason });
    let signed = request::sign(&access, "alert-acknowledge", arguments, Parts::default())?;
    let answered = runtime()?.block_on(client.acknowledge_alert(signed.envelope().clone()))?;
    output.print(&answered.alert, |alert| format!("{}\nit stays open until its cause is gone", text(alert)))
}

fn text(alert: &AlertView) -> String {
    let AlertView { place, subject, what, severity, remedy, due, opened, .. } = alert;
    let digits: String = alert.alert.hex().chars().take(ID_CHARS).collect();
    let state = match (alert.state, alert.overdue) {
        (AlertState::Closed, _) => "closed",
        (_, Some(_)) => "overdue",
        (AlertState::Acknowledged, _) => "acknowledged",
        (AlertState::Open, _) => "open",
    };
    let exploited = if alert.exploited { ", known to be exploited" } else { "" };
    let at = alert.component.as_ref().map(|purl| format!(" in {purl}")).unwrap_or_default();
    let release = alert.release.map(|number| format!(", release {number}")).unwrap_or_default();
    let owner = alert.owner.as_deref().unwrap_or("not known");
    let champion = alert.champion.as_ref().map(|name| format!(", champion {name}")).unwrap_or_default();
    let mut lines = vec![
        format!("{digits}  {state}, {severity}{exploited}: {}", shown::line(&format!("{subject}{at}"))),
        format!("    {place}{release}: {}", shown::line(what)),
        format!(
            "    {}; owner {}; opened {opened}, due {due}",
            shown::line(remedy),
            shown::line(&format!("{owner}{champion}"))
        ),
    ];
    lines.extend(alert.acknowledged.as_ref().map(|answer| {
        let by = answer.by.name.clone().unwrap_or_else(|| answer.by.person.to_string());
        format!("    {} looks after it: {}", shown::line(&by), shown::line(&answer.reason))
    }));
    lines.extend(alert.why_closed.as_ref().map(|why| format!("    closed: {why}")));
    lines.join("\n")
}

const ID_CHARS: usize = 12;
