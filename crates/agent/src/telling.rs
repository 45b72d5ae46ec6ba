//! What the agent tells its server about the service: how it is, and what it prints.
//!
//! Invariant: it is a courtesy beside the agent's work, bounded in rate and size: whatever happens here holds up
//! nothing. It is said again now and then, so that a server which was started anew knows it, too.

use std::time::Duration;

use evidence::Place;
use evidence::{Bytes, Moment};
use sandbox::Hold;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use wire::{Client, LogPiece, ServiceReport, ServiceView};

use crate::deployer::Condition;
use crate::probe::LastAnswer;
use crate::service_log::ServiceLog;

/// Tells the server for as long as it is asked to.
pub async fn tell(
    client: &Client,
    place: &Place,
    log: &ServiceLog,
    mut conditions: watch::Receiver<Condition>,
    said: &LastAnswer,
    stream: Moment,
) {
    let mut sent = 0;
    let mut told: Option<(ServiceView, Instant)> = None;
    loop {
        let mut view = view_of(&conditions.borrow_and_update());
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
                // The agent's own work says so when the server cannot be reached.
                Err(_) => sleep(ASK_AGAIN).await,
            }
        }
        tokio::select! {
            // It ends with the agent.
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
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// The server forgets what it was not told for three times as long.
const SAY_AGAIN: Duration = Duration::from_secs(10);
/// The last answer to a probe is told in brief.
const SAID_CHARS_MAX: usize = 300;
const PIECE_BYTES_MAX: usize = 128 * 1024;
