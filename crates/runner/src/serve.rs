//! The runner's process: asks for work, executes it, and sends the results.
//!
//! Invariant: requests to the server carry signed claims, and every answer of the server is checked here. Work in progress
//! is known by its nonce, so nothing is executed twice at once; after a crash it is simply still due. Work whose result
//! cannot be reported is given up after a limited number of attempts, and the server is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::build::Due;
use evidence::relayed_status::RelayedStatus;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tracing::{Instrument as _, Span, error, error_span, info, warn};
use wire::{Client, RunnerWork, StatusRelay, WantedSecrets, follow_statuses};

use crate::deliver::{deliver, until_answered};
use crate::leases::LOOK_EVERY;
use crate::lent::Lend;
use crate::origin_error::OriginError;
use crate::origins::{Download, Offered};
use crate::slots::{After, Desk, Slots};
use crate::store_logins::reap;
use crate::work::Bench;
use crate::work_error::ReportError;

/// Works until `stop` resolves, and asks witnesses for the newest status meanwhile.
pub async fn serve(
    bench: Arc<Bench>,
    client: Client,
    slots: Slots,
    relays: Vec<StatusRelay>,
    stop: impl Future<Output = ()>,
) {
    let (at, installation) = (Arc::clone(&bench), bench.installation);
    let take = move |given: &RelayedStatus| at.trust.take(given);
    let own = Arc::clone(&bench);
    tokio::select! {
        // These never end by themselves.
        () = follow_statuses(&relays, installation, take) => {}
        () = reap(Arc::new(move || own.reap_leases())) => {}
        () = revoke_left(&bench) => {}
        () = work(Arc::clone(&bench), client, slots, stop) => {}
    }
    // Steps that run end with this process; their roles do not.
    drop(tokio::task::spawn_blocking(move || bench.revoke_all()).await);
}

/// Revokes roles that a step left, also one of an earlier process.
async fn revoke_left(bench: &Arc<Bench>) {
    loop {
        let bench = Arc::clone(bench);
        drop(tokio::task::spawn_blocking(move || bench.revoke_left()).await);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn work(bench: Arc<Bench>, client: Client, slots: Slots, stop: impl Future<Output = ()>) {
    let hall = Arc::new(Hall { bench, client, desk: Mutex::new(Desk::new(slots)), freed: Notify::new() });
    tokio::pin!(stop);
    let mut complained = false;
    loop {
        let (waits, mine) = {
            let desk = hall.desk();
            (desk.is_idle(), desk.nonces())
        };
        let asked = tokio::select! {
            () = &mut stop => return,
            // While work is running, the server may cancel it, so the request is always open.
            asked = hall.client.runner_work(waits, &mine) => asked,
        };
        let pause = match asked {
            Ok(works) => {
                complained = false;
                let begun = {
                    let mut desk = hall.desk();
                    desk.due(&works);
                    desk.begin(works, Instant::now())
                };
                // An idle runner's request waits at the server, so that no pause is needed.
                let pause = if begun.is_empty() && waits { Duration::ZERO } else { LOOK_AGAIN };
                begun.into_iter().for_each(|(work, wanted)| begin(&hall, work, wanted));
                pause
            }
            Err(error) => {
                if !complained {
                    warn!("{error}; asking again");
                    complained = true;
                }
                ASK_AGAIN
            }
        };
        tokio::select! {
            () = &mut stop => return,
            // A slot is free: ask at once for the work that may now begin.
            () = hall.freed.notified(), if !pause.is_zero() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// State that the running pieces of work share.
struct Hall {
    bench: Arc<Bench>,
    client: Client,
    desk: Mutex<Desk>,
    freed: Notify,
}

impl Hall {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a piece of work that has a slot.
fn begin(hall: &Arc<Hall>, work: RunnerWork, wanted: Arc<AtomicBool>) {
    let hall = Arc::clone(hall);
    let (nonce, named) = (work.due.nonce, named(&work.due));
    // Each log line about this work has its run.
    let span = error_span!("work", run = %work.due.run);
    let doing = async move {
        info!("{named} has begun");
        let vitals = hall.client.vitals();
        vitals.count("work_begun", "Pieces of work that were begun");
        match carry_out(&hall.bench, &hall.client, work, &wanted, ASK_AGAIN).await {
            Ok(()) => {
                info!("{named} is done");
                vitals.count("work_done", "Pieces of work whose result the server has");
                hall.desk().done(&nonce);
            }
            Err(what) => {
                warn!("{named}: {what}");
                let after = hall.desk().failed(nonce, Instant::now());
                if after == After::GiveUp {
                    vitals.count("work_given_up", "Pieces of work that were given up");
                    error!("{named} is given up, so its run is lost: {what}");
                    let told = || hall.client.give_up_work(&nonce);
                    if let Err(error) = until_answered(told, &wanted, ASK_AGAIN).await {
                        error!(
                            "the server could not be told that {named} is given up: {error}; trying again later"
                        );
                    }
                }
            }
        }
        hall.freed.notify_one();
    };
    tokio::spawn(doing.instrument(span));
}

/// Executes work and sends its receipt; if the server refuses it, sends a receipt of a failure instead.
async fn carry_out(
    bench: &Arc<Bench>,
    client: &Client,
    work: RunnerWork,
    wanted: &Arc<AtomicBool>,
    pause: Duration,
) -> Result<(), ReportError> {
    let run = work.due.run;
    let order = match until_answered(|| client.run_order(run), wanted, pause).await {
        Ok(Some(order)) => Ok(order),
        Ok(None) => return Ok(()),
        // The error leads to giving the work up, so the run ends and its followers are told.
        Err(error) => Err(error),
    };
    let (pieces, receiver) = mpsc::channel::<Vec<u8>>(PIECES_MAX);
    let (kind, name) = (work.due.work.kind(), work.due.work.label());
    let path = format!("{run}/{kind}/{name}/{}", bench.runner);
    let following = tokio::spawn(follow(client.clone(), path, receiver));
    let (at, due, still) = (Arc::clone(bench), work.due.clone(), Arc::clone(wanted));
    let (span, handle, from) = (Span::current(), Handle::current(), client.clone());
    let done = tokio::task::spawn_blocking(move || {
        let _inside = span.enter();
        let log = |_, piece: &[u8]| {
            // If the reader is too slow, pieces of the live log are dropped; the stored log is complete.
            drop(pieces.try_send(piece.to_vec()));
        };
        match order {
            Ok(order) => {
                let wanted = || still.load(Ordering::Relaxed);
                let download = || {
                    let digest = work.upload.ok_or_else(|| OriginError::Download("it names none".into()))?;
                    let pack = handle.block_on(from.upload(run, &digest));
                    pack.map_err(|error| OriginError::Download(error.to_string()))
                };
                let upload = work.upload.map(|_| &download as &Download<'_>);
                let claim = |claim: &WantedSecrets| {
                    let claimed = until_answered(|| from.borrow_secrets(&due.nonce, claim), &still, pause);
                    handle.block_on(claimed)
                };
                let lend = Some(&claim as &Lend<'_>);
                let offered = Offered { repository: work.repository.as_deref(), upload, lend };
                at.work(&due, &order, &offered, &log, &wanted)
            }
            Err(error) => at.give_up(&due, &error.to_string(), &log),
        }
    });
    let done = done.await??;
    drop(following.await);
    let Err(error) = deliver(client, done, wanted, pause).await else { return Ok(()) };
    if bench.answered(&work.due)?.is_some() {
        // A step or check that has begun has one receipt, so no receipt of a failure is sent instead.
        return Err(error.into());
    }
    warn!("{}: the server did not accept the report: {error}; reporting a failure instead", named(&work.due));
    let instead = format!("the server did not accept the report of this work: {error}");
    let failed = bench.give_up(&work.due, &instead, &|_, _| {})?;
    Ok(deliver(client, failed, wanted, pause).await?)
}

/// Description of a piece of work, for messages.
fn named(due: &Due) -> String {
    format!("{} `{}` of run {}", due.work.kind(), due.work.label(), due.run)
}

/// Sends the live log as it grows, a few pieces at a time.
async fn follow(client: Client, path: String, mut pieces: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut piece) = pieces.recv().await {
        while piece.len() < PIECE_BYTES_MAX {
            let Ok(more) = pieces.try_recv() else { break };
            piece.extend(more);
        }
        if client.send_log(&path, piece).await.is_err() {
            // The live log is only for convenience: the stored one is sent with the report.
            pieces.close();
            return;
        }
    }
}

const ASK_AGAIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const PIECES_MAX: usize = 1024;
const PIECE_BYTES_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    use std::collections::BTreeMap;

    use evidence::dsse::Envelope;

    use wire::AnchorError;

    use super::*;
    use crate::stored_answer::CompletedWork;

    /// A server that gives each request the next of these answers, or none; returns its URL and the received requests.
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
    const FULL: (&str, &str) = (
        "507 Insufficient Storage",
        r#"{"type":"tag:countersign,2026:full","title":"full","status":507,"detail":"later"}"#,
    );
    const FAILED: (&str, &str) = (
        "500 Internal Server Error",
        r#"{"type":"tag:countersign,2026:failed","title":"failed","status":500,"detail":"evidence"}"#,
    );
    const LARGE: (&str, &str) = (
        "413 Payload Too Large",
        r#"{"type":"tag:countersign,2026:too-large","title":"too large","status":413,"detail":"x"}"#,
    );
    const EXPIRED: (&str, &str) = (
        "401 Unauthorized",
        r#"{"type":"tag:countersign,2026:unauthenticated","title":"who","status":401,"detail":"clock"}"#,
    );
    const NOT_DUE: (&str, &str) = (
        "403 Forbidden",
        r#"{"type":"tag:countersign,2026:refused","title":"refused","status":403,"detail":"x",
            "reasons":[{"code":"nothing-due","what":"x","remedy":"x"}]}"#,
    );
    const DIFFERS: (&str, &str) = (
        "403 Forbidden",
        r#"{"type":"tag:countersign,2026:refused","title":"refused","status":403,"detail":"receipt-differs",
            "reasons":[{"code":"receipt-differs","what":"x","remedy":"x"}]}"#,
    );
    const MALFORMED: (&str, &str) = (
        "400 Bad Request",
        r#"{"type":"tag:countersign,2026:malformed","title":"bad","status":400,"detail":"x"}"#,
    );
    const GONE: (&str, &str) = (
        "404 Not Found",
        r#"{"type":"tag:countersign,2026:not-found","title":"none","status":404,"detail":"it has ended"}"#,
    );
    const SILENCE: (&str, &str) = ("", "");

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn kinds(asked: &[String]) -> Vec<&str> {
        asked.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect()
    }

    fn delivered(answers: Vec<(&'static str, &'static str)>) -> (Result<(), String>, Vec<String>) {
        let (url, asked) = answering(answers);
        let receipt = Envelope::new("application/x", b"{}".to_vec());
        let done = CompletedWork { receipt, blobs: vec![b"a log".to_vec()] };
        let client = Client::new(&url).unwrap();
        let result = runtime().block_on(deliver(&client, done, &AtomicBool::new(true), Duration::ZERO));
        (result.map_err(|error| error.to_string()), asked.join().unwrap())
    }

    #[test]
    fn what_was_done_is_sent_until_somebody_answers() {
        let (result, asked) = delivered(vec![
            SILENCE, NONE, BUSY, NONE, SILENCE, NONE, CREATED, SILENCE, BUSY, FULL, FAILED, TAKEN,
        ]);
        result.unwrap();
        let (look, put, post) = ("HEAD blobs", "PUT blobs", "POST receipts");
        assert_eq!(kinds(&asked), [look, look, put, look, put, look, put, post, post, post, post, post]);
        let sizes: Vec<_> = asked.iter().map(|line| line.rsplit_once(' ').unwrap()).collect();
        assert!(sizes.iter().filter(|(kind, _)| *kind == put).all(|(_, bytes)| *bytes == "5"));
        assert!(sizes[7..].iter().all(|(_, bytes)| *bytes == sizes[7].1), "the same receipt");
        let (refused, _) = delivered(vec![NONE, CREATED, NOT_DUE]);
        refused.unwrap();
    }

    /// A report that is refused for good is not sent again.
    #[test]
    fn attack_each_answer_that_stays_ends_the_sending() {
        for answer in [MALFORMED, DIFFERS, EXPIRED, LARGE, GONE] {
            let (result, asked) = delivered(vec![NONE, CREATED, answer]);
            assert!(result.is_err(), "{answer:?}");
            assert_eq!(asked.len(), 3);
        }
        let (result, _) = delivered(vec![NONE, LARGE]);
        assert!(result.unwrap_err().contains("too large"), "a blob that is too large");
        let mut failing = vec![NONE, CREATED];
        failing.extend([FAILED; 9]);
        let (result, asked) = delivered(failing);
        assert_eq!((result.unwrap_err().as_str(), asked.len()), ("failed: evidence", 11));
    }

    fn bench(dir: &std::path::Path) -> Bench {
        let lab = lab::forgery::runs::in_team();
        Bench {
            installation: lab::id(1),
            runner: lab::name("runner-1"),
            root: 1,
            signer: lab.runners[0].clone(),
            toolchain: crate::Toolchain::of(Vec::new(), BTreeMap::new()).unwrap(),
            keep: crate::Keep::open(dir, 1 << 20).unwrap(),
            answers: crate::Answers::open(&dir.join("answers"), 1 << 20).unwrap(),
            isolation: Box::new(crate::Sandbox::new(
                || std::process::Command::new("false"),
                sandbox::Egress::default(),
                crate::Caps::default(),
            )),
            leases: crate::Leases::of(dir),
            trust: crate::Trust::open(dir, &lab.pin()).unwrap(),
            now: || lab::at(0),
            sources: crate::Sources::default(),
            origins: crate::Origins::open(dir, false),
            stores: crate::StoreLogins::of(dir),
        }
    }

    fn carried_out(answers: Vec<(&'static str, &'static str)>) -> (Result<(), String>, Vec<String>) {
        let (url, asked) = answering(answers);
        let wanted = Arc::new(AtomicBool::new(true));
        let result = carried_out_with(Client::new(&url).unwrap(), &wanted);
        (result, asked.join().unwrap())
    }

    fn carried_out_with(client: Client, wanted: &Arc<AtomicBool>) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let work =
            RunnerWork { due: lab::forgery::runs::in_team().asked().due, repository: None, upload: None };
        let bench = Arc::new(bench(dir.path()));
        runtime()
            .block_on(carry_out(&bench, &client, work, wanted, Duration::ZERO))
            .map_err(|error| error.to_string())
    }

    /// A pin under which no server here can prove its identity.
    #[derive(Debug)]
    struct Pin;

    impl wire::Anchor for Pin {
        fn installation(&self) -> evidence::Id {
            lab::id(1)
        }

        fn ledger_key(
            &self,
            _: &[Envelope],
            _: u32,
        ) -> Result<(evidence::machine::MachineKey, u32), AnchorError> {
            Err(AnchorError::Roots("no root of this installation".into()))
        }

        fn keep_root(&self, _: u32) -> Result<(), AnchorError> {
            Ok(())
        }

        fn now(&self) -> evidence::Moment {
            lab::at(0)
        }

        fn nonce(&self) -> Result<evidence::Id, AnchorError> {
            Ok(lab::id(9))
        }
    }

    /// A program that takes over the server's port must not get a signed failure for work that the server never gave up.
    #[test]
    fn attack_who_took_the_servers_port_gets_no_receipt() {
        let (url, asked) = answering(vec![GONE, LARGE, MALFORMED, EXPIRED]);
        let machine = wire::Machine {
            installation: lab::id(1),
            name: lab::name("runner-1"),
            signer: lab::forgery::runs::in_team().runners[0].clone(),
            now: || lab::at(0),
        };
        let client = Client::new(&url).unwrap().with_machine(machine, Box::new(Pin));
        let wanted = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&wanted);
        let heard = std::thread::spawn(move || {
            let heard = asked.join().unwrap();
            still.store(false, Ordering::Relaxed);
            heard
        });
        carried_out_with(client, &wanted).unwrap();
        let heard = heard.join().unwrap();
        assert_eq!(
            kinds(&heard),
            ["GET introduction"; 4],
            "it goes on asking who answers, and signs nothing"
        );
    }

    /// If the server has no run order to send, a receipt of a failure ends the run.
    #[test]
    fn work_without_an_order_fails_and_does_not_wait() {
        let (result, asked) = carried_out(vec![GONE, CREATED, NONE, CREATED, NONE, CREATED, TAKEN]);
        result.unwrap();
        let (look, put) = ("HEAD blobs", "PUT blobs");
        assert_eq!(kinds(&asked), ["GET work", "POST logs", look, put, look, put, "POST receipts"]);
    }

    /// For every answer of a server to a report, a recorded failure follows, or the work is given up.
    #[test]
    fn attack_a_report_that_is_refused_is_followed_by_a_failure_that_is_taken() {
        let begun = [GONE, CREATED];
        let (sent, known) = ([NONE, CREATED, NONE, CREATED], [CREATED, CREATED]);
        for answer in [DIFFERS, MALFORMED, LARGE] {
            // The second receipt has another log, and the same empty list of files.
            let answers = [&begun[..], &sent, &[answer, NONE, CREATED, CREATED, TAKEN]].concat();
            let (result, asked) = carried_out(answers);
            result.unwrap();
            assert_eq!(kinds(&asked).iter().filter(|kind| **kind == "POST receipts").count(), 2);
        }
        let answers = [&begun[..], &sent, &[MALFORMED], &known, &[MALFORMED]].concat();
        let (result, _) = carried_out(answers);
        assert!(result.is_err(), "this is tried again later, less and less often, and then given up");
    }
}
