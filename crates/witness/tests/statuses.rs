//! Statuses over real HTTP: strangers' bytes, a state that cannot be read, and a restart.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evidence::relayed_status::{BYTES_MAX, RelayedStatus};
use evidence::status::{Status, StatusFile};
use evidence::{Id, Moment};
use tlog::CosignatureKey;
use witness::{StatusJudge, StatusRefusal, Statuses, Store, StoreError, serve};

/// Believes everything of its installation.
#[derive(Debug)]
struct Anything(Id);

impl StatusJudge for Anything {
    fn installation(&self) -> Id {
        self.0
    }

    fn replaces(&self, _: &RelayedStatus, _: Option<&RelayedStatus>) -> Result<bool, StatusRefusal> {
        Ok(true)
    }
}

fn judges() -> Vec<Box<dyn StatusJudge>> {
    vec![Box::new(Anything(Id::from_random([1; 16])))]
}

#[tokio::test]
async fn attack_strangers_bytes_are_refused_before_anything_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let key = CosignatureKey::from_seed("witness.example/w", &[2; 32]).unwrap();
    let store = Store::open(dir.path(), vec![key], Vec::new()).unwrap();
    let statuses = Statuses::open(dir.path(), judges()).unwrap();
    let (ready, url) = tokio::sync::oneshot::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let listen = "127.0.0.1:0".parse().unwrap();
    let served = serve(
        (store, statuses),
        listen,
        (None, Box::new(|| None)),
        |at| drop(ready.send(at.url.clone())),
        async {
            drop(stopped.await);
        },
    );
    let serving = tokio::spawn(served);
    let (url, http) = (url.await.unwrap(), reqwest::Client::new());
    for (body, status) in [
        (Vec::new(), 400),
        (br#"{"roots":[],"status":{},"v":1}"#.to_vec(), 400),
        (vec![b'['; 100_000], 400),
        (vec![b' '; BYTES_MAX + 1], 413),
    ] {
        let sent = http.post(format!("{url}/status")).body(body).send().await;
        // A body that is too long may meet a closed connection.
        assert!(sent.map_or(status == 413, |answer| answer.status().as_u16() == status), "{status}");
    }
    for at in ["01010101010101010101010101010101", "no-id", "02020202020202020202020202020202"] {
        let answer = http.get(format!("{url}/status/{at}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404);
        assert_eq!(answer.text().await.unwrap(), "no status of this installation is kept here\n");
    }
    drop(stop);
    serving.await.unwrap().unwrap();
}

#[test]
fn a_witness_that_cannot_read_what_it_kept_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("01010101010101010101010101010101.status");
    std::fs::write(&kept, "{}").unwrap();
    let error = Statuses::open(dir.path(), judges()).unwrap_err();
    assert!(matches!(&error, StoreError::DamagedStatus(path) if *path == kept), "{error}");
    assert!(error.to_string().contains("have the newest status sent here again"), "{error}");
    std::fs::remove_file(&kept).unwrap();
    Statuses::open(dir.path(), judges()).unwrap();
}

/// Begins to decide, and decides once it is told to.
#[derive(Debug)]
struct Slow(Sender<()>, Mutex<Receiver<()>>);

impl StatusJudge for Slow {
    fn installation(&self) -> Id {
        Id::from_random([1; 16])
    }

    fn replaces(&self, _: &RelayedStatus, _: Option<&RelayedStatus>) -> Result<bool, StatusRefusal> {
        self.0.send(()).unwrap();
        self.1.lock().unwrap().recv().unwrap();
        Ok(true)
    }
}

fn given(number: u64) -> RelayedStatus {
    let time = |millis| Moment::from_millis(millis).unwrap();
    let status = Status {
        v: 1,
        installation: Id::from_random([1; 16]),
        number,
        base: None,
        issued: time(1_000),
        expires: time(2_000),
        minimum_root: 1,
        revoked: Vec::new(),
        withdrawn: Vec::new(),
        barred: Vec::new(),
        frozen: Vec::new(),
    };
    let base = status.envelope().unwrap();
    RelayedStatus::new(StatusFile { base: base.clone(), tightening: None }, vec![base])
}

/// A stranger's status takes the time of its signatures, and whoever asks for the freeze does not wait for it.
#[test]
fn attack_a_status_that_is_decided_slowly_holds_up_nobody_who_asks() {
    let dir = tempfile::tempdir().unwrap();
    let ((begun, begins), (decide, decided)) = (channel(), channel());
    let slow = Slow(begun, Mutex::new(decided));
    let statuses = Arc::new(Statuses::open(dir.path(), vec![Box::new(slow)]).unwrap());
    let installation = Id::from_random([1; 16]);
    let add = |number| {
        let at = Arc::clone(&statuses);
        std::thread::spawn(move || at.add(given(number)).unwrap().unwrap())
    };
    let first = add(1);
    begins.recv().unwrap();
    decide.send(()).unwrap();
    first.join().unwrap();
    let second = add(2);
    begins.recv().unwrap();
    let (answer, answered) = channel();
    let at = Arc::clone(&statuses);
    std::thread::spawn(move || answer.send(at.newest(installation)));
    let newest = answered.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(newest.unwrap(), given(1).encode().unwrap());
    decide.send(()).unwrap();
    second.join().unwrap();
    assert_eq!(statuses.newest(installation).unwrap(), given(2).encode().unwrap());
}
