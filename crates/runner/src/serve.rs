//! The runner's process: asks for work, does it, sends what came of it.
//!
//! Invariant: the server is asked in signed claims and believed in nothing that is not checked here. Work in
//! progress is known by its nonce, so nothing is done twice at once; after a crash it is simply still due.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evidence::dsse::Envelope;
use evidence::receipt::Work;
use evidence::{Digest, Id};
use tokio::sync::{Semaphore, mpsc};
use wire::{Client, ClientError, Outcome, RUNNER_WORK_MAX, RunnerWork};

use crate::work::{Bench, Done};

/// Works until `stop` resolves.
pub async fn serve(bench: Arc<Bench>, client: Client, stop: impl Future<Output = ()>) {
    let busy = Busy::default();
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    tokio::pin!(stop);
    let mut complained = false;
    loop {
        let asked = tokio::select! {
            () = &mut stop => return,
            // While something is being done, it may be taken back.
            asked = client.runner_work(is_idle(&busy)) => asked,
        };
        match asked {
            Ok(works) => {
                complained = false;
                take_back(&busy, &works);
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

/// What is being done, by its nonce, and whether it is still wanted.
type Busy = Arc<Mutex<BTreeMap<Id, Arc<AtomicBool>>>>;

fn is_idle(busy: &Busy) -> bool {
    busy.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
}

/// Ends what is being done and is not due any more: its run was cancelled, or something else of it has failed.
fn take_back(busy: &Busy, works: &[RunnerWork]) {
    if works.len() >= RUNNER_WORK_MAX {
        // There may be more than these.
        return;
    }
    let due: BTreeSet<Id> = works.iter().map(|work| work.due.nonce).collect();
    for (nonce, wanted) in busy.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        if !due.contains(nonce) {
            wanted.store(false, Ordering::Relaxed);
        }
    }
}

/// Begins a piece of work unless it is being done; says whether it began.
fn begin(bench: &Arc<Bench>, client: &Client, work: RunnerWork, busy: &Busy, slots: &Arc<Semaphore>) -> bool {
    let nonce = work.due.nonce;
    let wanted = Arc::new(AtomicBool::new(true));
    match busy.lock().unwrap_or_else(PoisonError::into_inner).entry(nonce) {
        Entry::Occupied(_) => return false,
        Entry::Vacant(free) => drop(free.insert(Arc::clone(&wanted))),
    }
    let (bench, client, busy, slots) =
        (Arc::clone(bench), client.clone(), Arc::clone(busy), Arc::clone(slots));
    tokio::spawn(async move {
        let slot = slots.acquire_owned().await;
        if let Err(what) = carry_out(bench, &client, work, wanted).await {
            shown::say(&format!("warning: {what}"));
            tokio::time::sleep(ASK_AGAIN).await;
        }
        drop(slot);
        busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&nonce);
    });
    true
}

async fn carry_out(
    bench: Arc<Bench>,
    client: &Client,
    work: RunnerWork,
    wanted: Arc<AtomicBool>,
) -> Result<(), String> {
    let order = match client.run_order(work.due.run).await {
        // Whoever waits for this run is told: it is not asked for again and again.
        Err(error) if !error.is_passing() => Err(error.to_string()),
        asked => Ok(asked.map_err(|error| error.to_string())?),
    };
    let (pieces, receiver) = mpsc::channel::<Vec<u8>>(PIECES_MAX);
    let (kind, name) = match &work.due.work {
        Work::Step(name) => ("step", name),
        Work::Artifact(name) => ("artifact", name),
    };
    let path = format!("{}/{kind}/{name}/{}", work.due.run, bench.runner);
    let following = tokio::spawn(follow(client.clone(), path, receiver));
    let done = tokio::task::spawn_blocking(move || {
        let log = |_, piece: &[u8]| {
            // A reader that is too slow misses pieces of the live log; the stored one is whole.
            drop(pieces.try_send(piece.to_vec()));
        };
        match order {
            Ok(order) => {
                let wanted = || wanted.load(Ordering::Relaxed);
                bench.work(&work.due, &order, work.repository.as_deref(), &log, &wanted)
            }
            Err(what) => bench.give_up(&work.due, &what, &log),
        }
    });
    let done = done.await.map_err(|error| error.to_string())??;
    drop(following.await);
    deliver(client, done, ASK_AGAIN).await.map_err(|error| error.to_string())
}

/// Sends what came of a piece of work, as often as it takes: it may have taken long, and is not done again because
/// the server is just being started anew.
async fn deliver(client: &Client, done: Done, pause: Duration) -> Result<(), ClientError> {
    for blob in done.blobs.into_iter().map(bytes::Bytes::from) {
        until_answered(|| put_blob(client.clone(), blob.clone()), pause).await?;
    }
    match until_answered(|| report(client.clone(), done.receipt.clone()), pause).await {
        Ok(_) => Ok(()),
        // Somebody decided meanwhile that this is not wanted any more.
        Err(ClientError::Problem(problem)) if !problem.reasons.is_empty() => Ok(()),
        Err(error) => Err(error),
    }
}

async fn put_blob(client: Client, bytes: bytes::Bytes) -> Result<Digest, ClientError> {
    client.put_blob(bytes).await
}

async fn report(client: Client, receipt: Envelope) -> Result<Outcome, ClientError> {
    client.report_receipt(receipt).await
}

async fn until_answered<T, F>(send: impl Fn() -> F, pause: Duration) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let mut complained = false;
    loop {
        match send().await {
            Err(error) if error.is_passing() => {
                if !complained {
                    shown::say(&format!("warning: {error}; sending again"));
                    complained = true;
                }
                tokio::time::sleep(pause).await;
            }
            answered => return answered,
        }
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A server that answers each request with the next of these, or not at all; its URL, and what it was asked.
    fn answering(
        answers: Vec<(&'static str, &'static str)>,
    ) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let asked = answers.iter().map(|(status, text)| {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(&stream);
                let (mut head, mut length) = (String::new(), 0);
                while !head.ends_with("\r\n\r\n") {
                    let at = head.len();
                    reader.read_line(&mut head).unwrap();
                    if let Some(value) = head[at..].to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                if !status.is_empty() {
                    let head =
                        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}", text.len());
                    (&stream).write_all(format!("{head}\r\n\r\n{text}").as_bytes()).unwrap();
                }
                let line: Vec<&str> = head.lines().next().unwrap().split(['/', ' ']).collect();
                format!("{} {} {}", line[0], line[4], String::from_utf8(body).unwrap().len())
            });
            asked.collect()
        });
        (url, asked)
    }

    const NONE: (&str, &str) = ("404 Not Found", "");
    const CREATED: (&str, &str) = ("201 Created", "");
    const TAKEN: (&str, &str) = ("200 OK", r#"{"accepted":true,"entry":1,"repeated":false}"#);
    const BUSY: (&str, &str) = (
        "503 Service Unavailable",
        r#"{"type":"tag:countersign,2026:busy","title":"busy","status":503,"detail":"later"}"#,
    );
    const NOT_DUE: (&str, &str) = (
        "403 Forbidden",
        r#"{"type":"tag:countersign,2026:refused","title":"refused","status":403,"detail":"x",
            "reasons":[{"code":"nothing-due","what":"x","remedy":"x"}]}"#,
    );
    const MALFORMED: (&str, &str) = (
        "400 Bad Request",
        r#"{"type":"tag:countersign,2026:malformed","title":"bad","status":400,"detail":"x"}"#,
    );
    const SILENCE: (&str, &str) = ("", "");

    fn delivered(answers: Vec<(&'static str, &'static str)>) -> (Result<(), ClientError>, Vec<String>) {
        let (url, asked) = answering(answers);
        let receipt = Envelope::new("application/x", b"{}".to_vec());
        let done = Done { receipt, blobs: vec![b"a log".to_vec()] };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let result = runtime.block_on(deliver(&Client::new(&url).unwrap(), done, Duration::ZERO));
        (result, asked.join().unwrap())
    }

    #[test]
    fn what_was_done_is_sent_until_somebody_answers() {
        let (result, asked) =
            delivered(vec![SILENCE, NONE, BUSY, NONE, SILENCE, NONE, CREATED, SILENCE, BUSY, TAKEN]);
        result.unwrap();
        let asked: Vec<_> = asked.iter().map(|line| line.rsplit_once(' ').unwrap()).collect();
        let kinds: Vec<_> = asked.iter().map(|(kind, _)| *kind).collect();
        let (look, put, post) = ("HEAD blobs", "PUT blobs", "POST receipts");
        assert_eq!(kinds, [look, look, put, look, put, look, put, post, post, post]);
        assert!(asked.iter().filter(|(kind, _)| *kind == put).all(|(_, bytes)| *bytes == "5"));
        assert_eq!((asked[7].1, asked[8].1), (asked[9].1, asked[9].1), "the same receipt");
        let (refused, _) = delivered(vec![NONE, CREATED, NOT_DUE]);
        refused.unwrap();
        let (malformed, _) = delivered(vec![NONE, CREATED, MALFORMED]);
        assert!(malformed.is_err(), "what nobody will ever take is not sent for ever");
    }

    /// The server has nothing to show for it: whoever waits for the run is told, by a receipt.
    #[test]
    fn work_without_an_order_fails_and_does_not_wait() {
        const GONE: (&str, &str) = (
            "404 Not Found",
            r#"{"type":"tag:countersign,2026:not-found","title":"none","status":404,"detail":"it has ended"}"#,
        );
        let (url, asked) = answering(vec![GONE, CREATED, NONE, CREATED, NONE, CREATED, TAKEN]);
        let (dir, lab) = (tempfile::tempdir().unwrap(), lab::forgery::runs::in_team());
        let bench = Bench {
            installation: lab::id(1),
            runner: lab::name("runner-1"),
            root: 1,
            signer: lab.runners[0].clone(),
            toolchain: crate::Toolchain::of(Vec::new(), BTreeMap::new()).unwrap(),
            keep: crate::Keep::open(dir.path(), 1 << 20).unwrap(),
            isolation: Box::new(crate::Sandbox { init: || std::process::Command::new("false") }),
            trust: crate::Trust::open(dir.path(), &lab.pin()).unwrap(),
            now: || lab::at(0),
            sources: crate::Sources::default(),
        };
        let work = RunnerWork { due: lab.asked().due, repository: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime
            .block_on(carry_out(
                Arc::new(bench),
                &Client::new(&url).unwrap(),
                work,
                Arc::new(AtomicBool::new(true)),
            ))
            .unwrap();
        let asked = asked.join().unwrap();
        let kinds: Vec<_> = asked.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
        let (look, put) = ("HEAD blobs", "PUT blobs");
        assert_eq!(kinds, ["GET work", "POST logs", look, put, look, put, "POST receipts"]);
    }
}
