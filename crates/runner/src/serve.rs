//! The runner's process: asks for work, does it, sends what came of it.
//!
//! Invariant: the server is asked in signed claims and believed in nothing that is not checked here. Work in
//! progress is known by its nonce, so nothing is done twice at once; after a crash it is simply still due.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evidence::Id;
use evidence::receipt::Work;
use tokio::sync::{Semaphore, mpsc};
use wire::{Client, ClientError, RunnerWork};

use crate::work::Bench;

/// Works until `stop` resolves.
pub async fn serve(bench: Arc<Bench>, client: Client, stop: impl Future<Output = ()>) {
    let busy = Arc::new(Mutex::new(BTreeSet::new()));
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    tokio::pin!(stop);
    let mut complained = false;
    loop {
        let asked = tokio::select! {
            () = &mut stop => return,
            asked = client.runner_work() => asked,
        };
        match asked {
            Ok(works) => {
                complained = false;
                let mut started = false;
                for work in works {
                    started |= begin(&bench, &client, work, &busy, &slots);
                }
                // All that is due is being done: look again in a moment, for what becomes due next.
                if !started && !is_idle(&busy) {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
            Err(error) => {
                if !complained {
                    shown::say(&format!("warning: {error}; asking again"));
                    complained = true;
                }
                tokio::select! {
                    () = &mut stop => return,
                    () = tokio::time::sleep(ASK_AGAIN) => {}
                }
            }
        }
    }
}

type Busy = Arc<Mutex<BTreeSet<Id>>>;

fn is_idle(busy: &Busy) -> bool {
    busy.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
}

/// Begins a piece of work unless it is being done; says whether it began.
fn begin(bench: &Arc<Bench>, client: &Client, work: RunnerWork, busy: &Busy, slots: &Arc<Semaphore>) -> bool {
    let nonce = work.due.nonce;
    if !busy.lock().unwrap_or_else(PoisonError::into_inner).insert(nonce) {
        return false;
    }
    let (bench, client, busy, slots) =
        (Arc::clone(bench), client.clone(), Arc::clone(busy), Arc::clone(slots));
    tokio::spawn(async move {
        let slot = slots.acquire_owned().await;
        if let Err(what) = carry_out(bench, &client, work).await {
            shown::say(&format!("warning: {what}"));
            tokio::time::sleep(ASK_AGAIN).await;
        }
        drop(slot);
        busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&nonce);
    });
    true
}

async fn carry_out(bench: Arc<Bench>, client: &Client, work: RunnerWork) -> Result<(), String> {
    let (pieces, receiver) = mpsc::channel::<Vec<u8>>(PIECES_MAX);
    let (kind, name) = match &work.due.work {
        Work::Step(name) => ("step", name),
        Work::Artifact(name) => ("artifact", name),
    };
    let path = format!("{}/{kind}/{name}/{}", work.due.run, bench.runner);
    let following = tokio::spawn(follow(client.clone(), path, receiver));
    let done = tokio::task::spawn_blocking(move || {
        bench.work(&work.due, work.repository.as_deref(), &|_, piece| {
            // A reader that is too slow misses pieces of the live log; the stored one is whole.
            drop(pieces.try_send(piece.to_vec()));
        })
    });
    let done = done.await.map_err(|error| error.to_string())??;
    drop(following.await);
    for blob in done.blobs {
        client.put_blob(blob).await.map_err(|error| error.to_string())?;
    }
    match client.report_receipt(done.receipt).await {
        Ok(_) => Ok(()),
        // Somebody decided meanwhile that this is not wanted any more.
        Err(ClientError::Problem(problem)) if !problem.reasons.is_empty() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Sends the log as it comes, a few pieces at a time.
async fn follow(client: Client, path: String, mut pieces: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut piece) = pieces.recv().await {
        while piece.len() < PIECE_BYTES_MAX {
            let Ok(more) = pieces.try_recv() else { break };
            piece.extend(more);
        }
        if client.send_log(&path, piece).await.is_err() {
            // The live log is a courtesy: the stored one is sent with the report.
            pieces.close();
            return;
        }
    }
}

/// Most pieces of work at once.
const AT_ONCE: usize = 4;
const ASK_AGAIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const PIECES_MAX: usize = 1024;
const PIECE_BYTES_MAX: usize = 256 * 1024;
