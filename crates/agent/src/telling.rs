//! The agent's reports to its server about the service: its state, and its output.
//!
//! Invariant: these reports are optional for the agent's work and bounded in rate and size: a failure here delays nothing.
//! They are repeated at intervals, so that a restarted server gets them too.

use std::path::PathBuf;
use std::time::Duration;

use evidence::Place;
use evidence::{Bytes, Moment, Name};
use sandbox::Hold;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use wire::{Client, LogPiece, ServiceReport, ServiceView, UnusedSecretView};

use crate::condition::Condition;
use crate::probe::LastAnswer;
use crate::rotations::UnusedVersion;
use crate::service_log::ServiceLog;
use crate::trees::size_of;

/// Reports to the server until this future is dropped.
pub async fn tell(
    client: &Client,
    place: &Place,
    log: &ServiceLog,
    mut conditions: watch::Receiver<Condition>,
    said: &LastAnswer,
    (stream, kept): (Moment, Option<&[PathBuf]>),
) {
    let mut sent = 0;
    let mut counted: Option<(u64, Instant)> = None;
    let mut told: Option<(ServiceView, Instant)> = None;
    loop {
        let mut view = view_of(&conditions.borrow_and_update());
        if let Some(dirs) = kept.filter(|_| counted.as_ref().is_none_or(|(_, at)| at.elapsed() >= SAY_AGAIN))
        {
            let dirs = dirs.to_vec();
            let found = tokio::task::spawn_blocking(move || size_of(&dirs).bytes).await.ok();
            counted = found.map(|bytes| (bytes, Instant::now()));
        }
        view.disk = counted.map(|(bytes, _)| bytes);
        view.probing = said.last().map(|said| said.chars().take(SAID_CHARS_MAX).collect());
        let (from, bytes) = log.since(sent, PIECE_BYTES_MAX);
        let is_known = told.as_ref().is_some_and(|(said, at)| *said == view && at.elapsed() < SAY_AGAIN);
        if !is_known || !bytes.is_empty() {
            let is_oldest = log.since(0, 0).0 == from;
            let piece = LogPiece { stream: stream.millis(), from, is_oldest, bytes: Bytes(bytes) };
            match client.tell_service(place, &ServiceReport { service: view.clone(), log: piece }).await {
                Ok(heard) => {
                    sent = heard.log;
                    told = Some((view, Instant::now()));
                }
                // The agent's main loop reports that the server cannot be reached.
                Err(_) => sleep(ASK_AGAIN).await,
            }
        }
        tokio::select! {
            // The channel closes when the agent ends.
            Ok(()) = conditions.changed() => {}
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

fn view_of(condition: &Condition) -> ServiceView {
    let (last, last_time) = condition.restarts.last.clone().unzip();
    let hold = condition.hold.map(|hold| match hold {
        Hold::Namespace => "namespace",
        Hold::NamespaceHostProc => "namespace-host-proc",
        Hold::Descendants => "descendants",
    });
    ServiceView {
        hold: hold.map(str::to_owned),
        down: condition.down.clone(),
        restarts: condition.restarts.count,
        since: condition.restarts.since,
        last,
        last_time,
        probing: None,
        release: condition.release,
        port: condition.port,
        disk: None,
        rollout: condition.rollout.as_deref().cloned(),
        secrets: condition.secrets.clone(),
        secret_refused: condition
            .secret_refused
            .as_ref()
            .map(|what| what.chars().take(SAID_CHARS_MAX).collect()),
        secrets_unused: condition.unused.iter().filter_map(unused_view).collect(),
    }
}

fn unused_view((name, unused): (&Name, &UnusedVersion)) -> Option<(Name, UnusedSecretView)> {
    let UnusedVersion { number, code, was_tried } = *unused;
    Some((name.clone(), UnusedSecretView { number, code: code.parse().ok()?, was_tried }))
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// The server forgets a state that was not reported for three times as long.
const SAY_AGAIN: Duration = Duration::from_secs(10);
/// Longest reported text of a probe's last answer.
const SAID_CHARS_MAX: usize = 300;
const PIECE_BYTES_MAX: usize = 128 * 1024;
