//! Witnesses are asked and told all at once: here, each one answers only after all of them have been reached.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use evidence::Id;
use evidence::dsse::{Envelope, Signature};
use evidence::relayed_status::RelayedStatus;
use evidence::status::StatusFile;
use wire::{StatusRelay, follow_statuses, give_to_all, newest_of_all};

const INSTALLATION: Id = Id::from_random([1; 16]);
const COUNT: usize = 3;

/// Witnesses at ports.
struct Witnesses {
    urls: Vec<String>,
    /// Requests that came to all of them.
    requests: Arc<AtomicUsize>,
}

impl Witnesses {
    fn start() -> Self {
        let (all, requests) = (Arc::new(Barrier::new(COUNT)), Arc::new(AtomicUsize::new(0)));
        let one = |_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let (all, requests) = (Arc::clone(&all), Arc::clone(&requests));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    read(&mut BufReader::new(&stream));
                    requests.fetch_add(1, Ordering::Relaxed);
                    all.wait();
                    let body = status().encode().unwrap();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    // Its client may have given up, which the test sees.
                    drop(stream.write_all(&[head.as_bytes(), &body].concat()));
                }
            });
            url
        };
        Self { urls: (0..COUNT).map(one).collect(), requests }
    }

    fn relays(&self) -> Vec<StatusRelay> {
        self.urls.iter().map(|url| StatusRelay::new(url, None).unwrap()).collect()
    }

    /// Nobody had to be asked again.
    fn asked_once(&self) {
        assert_eq!(self.requests.load(Ordering::Relaxed), COUNT);
    }
}

/// A request, to its end.
fn read(from: &mut impl BufRead) {
    let mut length = 0;
    for line in from.by_ref().lines() {
        let line = line.unwrap().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        length = line.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
    }
    from.read_exact(&mut vec![0; length]).unwrap();
}

fn status() -> RelayedStatus {
    let mut envelope = Envelope::new("application/json", b"{}".to_vec());
    envelope.add(Signature { keyid: "key".to_owned(), sig: vec![1] });
    RelayedStatus::new(StatusFile { base: envelope.clone(), tightening: None }, vec![envelope])
}

#[tokio::test]
async fn witnesses_are_asked_all_at_once() {
    let witnesses = Witnesses::start();
    let answers = newest_of_all(&witnesses.relays(), INSTALLATION).await;
    let found: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
    assert_eq!(found, [status(), status(), status()]);
    witnesses.asked_once();
}

#[tokio::test]
async fn witnesses_are_told_all_at_once() {
    let witnesses = Witnesses::start();
    let mut urls = witnesses.urls.clone();
    urls.push("no URL".to_owned());
    let answers = give_to_all(&urls, &[], &status()).await;
    let took: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(took, [true, true, true, false], "in the order of the URLs");
    witnesses.asked_once();
}

#[tokio::test]
async fn a_role_follows_all_witnesses_at_once_and_takes_their_statuses_in_turn() {
    let witnesses = Witnesses::start();
    let (said, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let busy = Arc::new(AtomicUsize::new(0));
    let take = move |given: &RelayedStatus| {
        let others = busy.fetch_add(1, Ordering::SeqCst);
        // Room for another one to come in between.
        std::thread::yield_now();
        said.send((given.clone(), others)).unwrap();
        busy.fetch_sub(1, Ordering::SeqCst);
        Ok::<_, Infallible>(Some(1))
    };
    let relays = witnesses.relays();
    tokio::select! {
        () = follow_statuses(&relays, INSTALLATION, take) => {}
        () = async {
            for _ in 0..COUNT {
                assert_eq!(taken.recv().await.unwrap(), (status(), 0));
            }
        } => {}
    }
    witnesses.asked_once();
}
