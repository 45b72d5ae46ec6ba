//! Rollouts with the real binary: a canary gets its share of real requests and everything by its numbers, and a bad one goes back
//! and does not come again.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::{Value, json};

use super::console::get;
use super::{Shop, at};
use crate::codes;
use crate::support::{Up, until};

/// A service that answers with a word, or with an error.
pub fn service(answer: &str) -> String {
    format!(
        r#"#!/usr/bin/perl
use strict;
use IO::Socket::INET;
$SIG{{PIPE}} = 'IGNORE';
my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{{PORT}}, Listen => 128, ReuseAddr => 1) or die "$!";
while (my $client = $listen->accept) {{
  my $asked = <$client>;
  while (my $line = <$client>) {{ last if $line =~ /^\r?$/ }}
  my ($status, $text) = $asked =~ m{{ /health }} ? (200, 'well') : {answer};
  print $client "HTTP/1.1 $status X\r\nConnection: close\r\nContent-Length: " . length($text) . "\r\n\r\n" . $text;
  close $client;
}}
"#
    )
}

pub fn rolled(answer: &str) -> Shop {
    rolled_in(answer, "[50]")
}

/// The same, with these steps.
pub fn rolled_in(answer: &str, steps: &str) -> Shop {
    let shop = Shop::new();
    shop.quick_pipeline();
    shop.write("service.sh", &service(answer));
    shop.write(
        ".countersign/release.yaml",
        &format!(
            "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: {{ command: [bin/ledger-api], port: 8080, listen: variable, stop-seconds: 1 }}
    probe: {{ http: /health, attempts: 100, interval-ms: 50 }}
    rollout:
      strategy: canary
      steps: {steps}
      pause: 1s
      drain: 1s
      budget: {{errors: 5%, over: 1m, samples: 20}}
      comparison: {{samples: 20}}
"
        ),
    );
    shop.in_repository(&["init", "--project", "shop"], 0);
    shop.commit(answer);
    shop
}

pub fn change(shop: &Shop, answer: &str) {
    shop.write("service.sh", &service(answer));
    shop.commit(answer);
}

/// The port of dev, as its agent knows it.
pub fn port(shop: &Shop) -> u16 {
    port_of(shop, "dev")
}

pub fn port_of(shop: &Shop, environment: &str) -> u16 {
    let dir = shop.home.data().with_file_name(format!("data.agent-ledger-api-{environment}"));
    let memory: Value = serde_json::from_slice(&std::fs::read(dir.join("memory.json")).unwrap()).unwrap();
    let port = &memory["running"]["plan"]["target"]["process"]["port"];
    u16::try_from(port.as_u64().unwrap()).unwrap()
}

/// The answer to one request: its status and its text.
pub fn ask(port: u16) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let status = text.split(' ').nth(1)?.to_owned();
    Some((status, text.split("\r\n\r\n").nth(1)?.to_owned()))
}

/// Runs a command while clients ask dev and staging, where nothing can be judged without requests; every answer of dev, and how
/// many requests got none.
pub fn under_load<T>(
    [dev, staging]: [u16; 2],
    work: impl FnOnce() -> T + Send,
) -> (T, Vec<(String, String)>, usize)
where
    T: Send,
{
    let (dev_goes, dev_ends) = mpsc::channel::<()>();
    let (staging_goes, staging_ends) = mpsc::channel::<()>();
    let asked = |port, ends: mpsc::Receiver<()>| {
        let (mut answers, mut lost) = (Vec::new(), 0);
        // Clients that ask without a pause would take the processor from what they wait for.
        while ends.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
            match ask(port) {
                Some(answer) => answers.push(answer),
                None => lost += 1,
            }
        }
        (answers, lost)
    };
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || asked(dev, dev_ends));
        let beside = scope.spawn(move || asked(staging, staging_ends));
        let worked = scope.spawn(move || {
            let _load = (dev_goes, staging_goes);
            work()
        });
        let worked = worked.join();
        let (answers, lost) = asking.join().unwrap();
        let (_, lost_beside) = beside.join().unwrap();
        (worked.unwrap(), answers, lost + lost_beside)
    })
}

#[test]
fn a_canary_gets_everything_by_its_numbers_and_a_bad_one_goes_back() {
    let shop = rolled("(200, 'first')");
    let up = shop.home.up();
    assert_eq!(shop.ok(&["run"])["state"], json!("passed"));
    let (port, staging) = (port(&shop), port_of(&shop, "staging"));
    assert_eq!(ask(port).unwrap().1, "first", "the first release has nothing to be beside");
    let differ = shop.in_repository(&["parity", "--check", "dev", "shop/ledger-api/staging"], 3);
    assert_eq!(codes(&differ), ["environments-differ"], "both are on one host: {differ}");
    let remedy = differ["reasons"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("countersign trust environment --parity FILE"), "{differ}");

    change(&shop, "(200, 'second')");
    let (ran, answers, lost) = under_load([port, staging], || shop.ok(&["run"]));
    assert_eq!(ran["state"], json!("passed"), "{ran}");
    let count = |word: &str| answers.iter().filter(|(_, text)| text == word).count();
    let (first, second) = (count("first"), count("second"));
    assert!(first > 20 && second > 20, "{first} and {second} answers");
    assert_eq!(lost, 0);
    until(|| (ask(port)?.1 == "second").then_some(()));

    change(&shop, "(500, 'third')");
    let (ran, answers, lost) = under_load([port, staging], || shop.in_repository(&["run"], 3));
    assert_eq!(codes(&ran), ["rollout-failed"], "{ran}");
    assert!(ran["error"].as_str().unwrap().contains("release 3 failed its judgement"), "{ran}");
    let reason = &ran["reasons"][0];
    assert!(reason["what"].as_str().unwrap().starts_with("at step 1 of 2: errors: "), "{ran}");
    for part in
        ["barred at shop/ledger-api/dev", "countersign lift --place shop/ledger-api/dev", "`budget.samples`"]
    {
        assert!(reason["remedy"].as_str().unwrap().contains(part), "{part}: {ran}");
    }
    let failed = answers.iter().filter(|(status, _)| status == "500").count();
    assert!(failed > 0 && failed < answers.len() / 2 + 20, "{failed} of {} answers", answers.len());
    assert!(answers.iter().all(|(status, text)| status == "500" || text == "second"), "{answers:?}");
    assert_eq!(lost, 0);
    assert_eq!(ask(port).unwrap().1, "second");
    let dev = at(&up, "dev");
    assert_eq!(dev["running"]["artifact"].as_str().map(str::len), Some(71), "{dev}");
    promoted_and_failed_pages(&up);
    assert!(up.stop());
}

/// The page of a rollout of dev.
fn page(up: &Up, release: u64) -> Value {
    let path = format!("/releases/shop/ledger-api/dev/{release}/rollout.json");
    let answer = get(up, up.address(), &path, "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// The cells of a column of the table with this title.
fn column(page: &Value, title: &str, column: usize) -> Vec<Value> {
    let tables = page["tables"].as_array().unwrap();
    let table = tables.iter().find(|table| table["title"].as_str().unwrap().starts_with(title));
    assert!(table.is_some(), "no table {title}: {page}");
    let rows = table.unwrap()["rows"].as_array().unwrap();
    rows.iter().map(|row| row[column].clone()).collect()
}

fn words(cells: &[Value]) -> Vec<&str> {
    cells.iter().map(|cell| cell["badge"]["word"].as_str().unwrap()).collect()
}

/// The pages of the release that was promoted, whose numbers are those that were signed, and of the one that failed, whose agent
/// still tells what it measured.
fn promoted_and_failed_pages(up: &Up) {
    let promoted = page(up, 2);
    assert_eq!(promoted["badge"]["word"], json!("done"), "{promoted}");
    assert_eq!(promoted["poll_ms"], Value::Null, "nothing changes any more");
    assert_eq!(words(&column(&promoted, "Steps", 1)), ["passed", "passed"], "{promoted}");
    assert_eq!(promoted["curves"][0]["points"].as_array().unwrap().len(), 2, "one for each step: {promoted}");
    let failed = until(|| {
        let failed = page(up, 3);
        (failed["curves"][0]["points"][0]["label"] != json!("step 1")).then_some(failed)
    });
    assert_eq!(failed["badge"]["word"], json!("failed"), "{failed}");
    assert!(words(&column(&failed, "The verdict", 1)).contains(&"stops it"), "{failed}");
    let shares = failed["curves"][1]["points"].as_array().unwrap();
    assert!(shares.iter().any(|point| point["heights"][1] == json!(1_000_000)), "{failed}");
    assert!(shares.iter().all(|point| [json!(0), Value::Null].contains(&point["heights"][0])), "{failed}");
    assert_eq!(words(&column(&failed, "Steps", 1)), ["stopped"], "{failed}");
    let first = page(up, 1);
    assert_eq!(
        first["badge"]["word"],
        json!("no steps"),
        "the first release has nothing to be beside: {first}"
    );
}

/// The agent is killed in the middle of a rollout, which goes on with the step that was in force.
#[test]
fn attack_a_killed_installation_goes_on_with_the_step_in_force() {
    let shop = rolled("(200, 'first')");
    let up = shop.home.up();
    assert_eq!(shop.ok(&["run"])["state"], json!("passed"));
    let (port, staging) = (port(&shop), port_of(&shop, "staging"));
    change(&shop, "(200, 'second')");
    let mut run = shop.home.spawn_in(&shop.repository(), &["run"]);
    // Without more requests the step stays in force.
    until(|| (ask(port)?.1 == "second").then_some(()));
    up.kill();
    drop(run.kill());
    run.wait().unwrap();
    let up = shop.home.up();
    let both = until(|| {
        let words: Vec<_> = (0..4).filter_map(|_| ask(port)).map(|(_, text)| text).collect();
        (words.iter().any(|word| word == "first") && words.iter().any(|word| word == "second"))
            .then_some(words)
    });
    assert_eq!(both.len(), 4, "{both:?}");
    let shown = until(|| Some(page(&up, 2)).filter(|shown| shown["poll_ms"] == json!(2_000)));
    assert!(["watched", "undecided"].contains(&shown["badge"]["word"].as_str().unwrap()), "{shown}");
    let said = shop.ok(&["rollout", "show"])["now"].clone();
    assert_eq!((&said["step"], &said["percent"]), (&json!(1), &json!(50)), "{said}");
    let ((), ..) = under_load([port, staging], || {
        until(|| (at(&up, "dev")["running"]["release"] == json!(2)).then_some(()));
    });
    until(|| (ask(port)?.1 == "second").then_some(()));
    assert!(up.stop());
}
