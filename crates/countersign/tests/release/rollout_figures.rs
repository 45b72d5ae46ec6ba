//! The time from the first request that a bad version fails until everything is as before (`cargo x bench rollback`): a real agent,
//! a real splitter, and a canary that begins well and answers with errors later. Without `COUNTERSIGN_FIGURES` it takes a short
//! form, in which times have no limit.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::evidence::Moment;
use client::clock;
use serde_json::{Value, json};

use super::rollouts::{ask, change, port, port_of, rolled};
use crate::codes;
use crate::support::Up;

fn measured() -> bool {
    std::env::var_os("COUNTERSIGN_FIGURES").is_some()
}

/// A failing answer to a client: when its request was sent, and when the answer was there.
type Failing = (Moment, Moment);

/// Runs a command while clients ask both places; the failing answers of the first one, and when the command ended.
fn beside_clients<T: Send>(ports: [u16; 2], work: impl FnOnce() -> T + Send) -> (T, Vec<Failing>) {
    let (failing, ended) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let client = |port: u16, is_judged: bool| {
        while !ended.load(Ordering::Relaxed) {
            let sent = clock::moment();
            let (status, _) = ask(port).unwrap();
            if is_judged && status == "500" {
                failing.lock().unwrap().push((sent, clock::moment()));
            }
            std::thread::sleep(BETWEEN_REQUESTS);
        }
    };
    let done = std::thread::scope(|scope| {
        scope.spawn(|| client(ports[0], true));
        scope.spawn(|| client(ports[1], false));
        let worked = scope.spawn(work).join();
        ended.store(true, Ordering::Relaxed);
        worked.unwrap()
    });
    let mut failing = failing.into_inner().unwrap();
    failing.sort();
    (done, failing)
}

/// The number of the next entry.
fn next_entry(up: &Up) -> u64 {
    let installation: Value = serde_json::from_str(&up.get("/api/v1/installation").1).unwrap();
    installation["entries"].as_u64().unwrap()
}

/// The time at which the server recorded the newest report of dev, from this entry on.
fn reported(up: &Up, from: u64) -> Moment {
    let entries: Vec<Value> =
        serde_json::from_str(&up.get(&format!("/api/v1/entries?from={from}")).1).unwrap();
    let is_it = |entry: &&Value| entry["kind"] == "release.reported" && entry["facts"]["place"] == json!(DEV);
    let newest = entries.iter().rfind(is_it).unwrap();
    newest["time"].as_str().unwrap().parse().unwrap()
}

fn print(figure: &str, spans: &[Duration]) {
    let mut spans = spans.to_vec();
    spans.sort();
    let (median, longest) = (spans[spans.len() / 2], spans[spans.len() - 1]);
    println!("{figure:58} {median:>9.2?} {longest:>9.2?}   the longest of {}", spans.len());
}

#[test]
fn figure_a_bad_canary_is_back() {
    let rounds = if measured() { 10 } else { 1 };
    let shop = rolled("(200, 'first')");
    let up = shop.home.up();
    assert_eq!(shop.ok(&["run"])["state"], json!("passed"));
    let ports = [port(&shop), port_of(&shop, "staging")];
    let (mut evident, mut back, mut told, mut failed) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        // It begins well, and then fails every request.
        change(&shop, &format!("($main::asked++ < 25 ? 200 : 500, 'bad {round}')"));
        let next = next_entry(&up);
        let (ran, failing) = beside_clients(ports, || shop.in_repository(&["run"], 3));
        assert_eq!(codes(&ran), ["rollout-failed"], "{ran}");
        let after = |to: Moment| Duration::from_millis(to.millis() - failing[0].0.millis());
        evident.push(after(failing.get(SAMPLES - 1).or(failing.last()).unwrap().1));
        back.push(after(failing.iter().map(|(_, answered)| *answered).max().unwrap()));
        told.push(after(reported(&up, next)));
        failed += failing.len();
        assert_eq!(ask(ports[0]).unwrap().1, "first");
    }
    println!("{:58} {:>9} {:>9}", "from the first failing request of a bad canary", "median", "longest");
    print("to the answer after which it could be judged at all", &evident);
    print("to the last failing answer: all requests go to the old one", &back);
    print("to the report of the rollback", &told);
    println!("{:58} {:>9}", "failed requests, in each", failed / rounds);
    let longest = told.iter().max().unwrap();
    assert!(!measured() || *longest <= BACK_WITHIN, "{longest:?}");
    assert!(up.stop());
}

const DEV: &str = "shop/ledger-api/dev";
const BETWEEN_REQUESTS: Duration = Duration::from_millis(5);
/// Requests that a canary has to have before it is judged (`rolled`).
const SAMPLES: usize = 20;
const BACK_WITHIN: Duration = Duration::from_secs(2);
