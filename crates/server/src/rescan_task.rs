//! Judges what runs and what waits again: when the ledger has grown, when the advisories are new, and from time to time, because
//! statements end and deadlines pass.
//!
//! Invariant: a judgement that fails changes no alert, and its reason is in the log once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::secret::Reading;
use evidence::Place;
use tracing::{info, warn};
use wire::RescanView;

use crate::alert_rules::FILE;
use crate::clock;
use crate::http::problem::Failure;
use crate::rescan;
use crate::shared::Shared;

/// Judges for as long as the server runs.
pub async fn run(shared: Arc<Shared>) {
    let mut changes = shared.intake.changes();
    let (mut failed, mut is_full) = (String::new(), false);
    loop {
        changes.borrow_and_update();
        let began = Instant::now();
        match judge(&shared, |_| true).await {
            Ok(view) => {
                failed.clear();
                let RescanView { opened, changed, closed, left, releases, .. } = view;
                if left > 0 && !is_full {
                    warn!(left, "as many alerts are open as `most` of {FILE} allows: no more are opened");
                }
                is_full = left > 0;
                if opened + changed + closed > 0 {
                    info!(opened, changed, closed, "{releases} releases were judged again");
                }
            }
            Err(error) => {
                let error = error.to_string();
                if error != failed {
                    warn!("releases that run or wait cannot be judged again: {error}");
                }
                failed = error;
            }
        }
        // Most of the time is left to those who ask.
        tokio::time::sleep(PAUSE.max(began.elapsed() * REST)).await;
        match tokio::time::timeout(EVERY, changes.changed()).await {
            Ok(Err(_)) => return,
            Ok(Ok(())) | Err(_) => {}
        }
    }
}

/// Judges the releases at some places again, and records what changed.
///
/// # Errors
/// `Failure` if nothing could be judged, or the lines could not be recorded.
pub async fn judge(
    shared: &Arc<Shared>,
    covers: impl Fn(&Place) -> bool + Send + 'static,
) -> Result<RescanView, Failure> {
    let turn = Arc::clone(&shared.rescanning).lock_owned().await;
    let shared = Arc::clone(shared);
    // A caller who goes away ends neither the judgement nor its turn.
    let judged = tokio::spawn(async move {
        let _turn = turn;
        let at = Arc::clone(&shared);
        let judged = tokio::task::spawn_blocking(move || rescan::judge(&at, clock::now(), &covers));
        let (lines, view) = judged.await.map_err(Failure::failed)??;
        for part in lines.chunks(LINES_MAX) {
            shared.intake.read(Reading::Note(part.to_vec())).await?;
        }
        Ok::<_, Failure>(view)
    });
    judged.await.map_err(Failure::failed)?
}

/// Least pause between two judgements.
const PAUSE: Duration = Duration::from_secs(1);
/// So many times as long as a judgement took, nothing is judged.
const REST: u32 = 9;
const EVERY: Duration = Duration::from_mins(1);
/// Most lines of one commit.
const LINES_MAX: usize = 1_000;
