//! Figures of an installation of several hosts, each beside its floor of the same run (`cargo x bench hosts`). Without
//! `COUNTERSIGN_FIGURES` each takes a short form, in which times have no limit: a busy machine says nothing about them.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ::evidence::dsse::Envelope;
use ::evidence::machine::MachineKey;
use ::evidence::{Digest, Id, Moment};
use client::{clock, pinned_root::PinnedRoot};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use wire::{Anchor, AnchorError, Client};

use super::hosts::{Homes, Hosts, PLACES, Role};
use super::join_attacks::line;
use super::raw_tls::{Listener, Machine, asked};
use super::shop::Shop;
use super::tls::over_tls;
use super::transport_attacks::Reached;
use crate::support::Home;
use crate::support::neighbours::Neighbour;

/// Whether figures are measured and have to meet their targets.
fn measured() -> bool {
    std::env::var_os("COUNTERSIGN_FIGURES").is_some()
}

fn print(figure: &str, ours: &[Duration], floor: &[Duration], what: &str) {
    let (ours, floor) = (sorted(ours), sorted(floor));
    let (median, floor_median) = (ours[ours.len() / 2], floor[floor.len() / 2]);
    println!(
        "{figure:52} {:>10} {:>10}   {what}: {floor_median:.2?} / {:.2?}; {:.3} times that",
        format!("{median:.2?}"),
        format!("{:.2?}", ours[0]),
        floor[0],
        median.as_secs_f64() / floor_median.as_secs_f64()
    );
}

fn sorted(spans: &[Duration]) -> Vec<Duration> {
    let mut spans = spans.to_vec();
    spans.sort();
    spans
}

/// What the server's owner reads of it over its socket.
fn read(home: &Home, path: &str) -> Value {
    let mut socket = UnixStream::connect(home.data().join("server.sock")).unwrap();
    socket.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1)
        .unwrap_or_else(|_| unreachable!("{answer}"))
}

/// One commit to production. The time is the machines': from the commit that a runner took to staging, and from the promotion
/// to production. People's commands are between them.
fn release(hosts: &Hosts) -> Duration {
    let next = read(&hosts.server, "/api/v1/installation")["entries"].as_u64().unwrap();
    hosts.ada.commit("a change");
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "measured"]);
    assert_eq!(hosts.ada.ok(&["promote"])["outcome"], json!("running"));
    let entries = read(&hosts.server, &format!("/api/v1/entries?from={next}"));
    let of = |kind: &str| -> Vec<u64> {
        let entries = entries.as_array().unwrap().iter().filter(|entry| entry["kind"] == kind);
        let times = entries.map(|entry| entry["time"].as_str().unwrap().parse::<Moment>().unwrap());
        times.map(Moment::millis).collect()
    };
    let (taken, promoted, reports) = (of("source.taken"), of("release.promoted"), of("release.reported"));
    let [.., staging, production] = reports.as_slice() else { unreachable!("{entries}") };
    Duration::from_millis(staging - taken[0] + production - promoted.last().unwrap())
}

#[test]
fn figure_production_over_tls_beside_plain_http() {
    let [plain, secured] = [(); 2].map(|()| Hosts::founded());
    let _roles = (plain.0.running(&plain.1), over_tls(&secured.0, &secured.1));
    let (mut over_http, mut over_tls) = (Vec::new(), Vec::new());
    // The first of each is not measured: it makes caches.
    for round in 0..if measured() { 16 } else { 2 } {
        let spans = [release(&plain.0), release(&secured.0)];
        if round > 0 {
            over_http.push(spans[0]);
            over_tls.push(spans[1]);
        }
    }
    print("commit to production over mutual TLS", &over_tls, &over_http, "over plain HTTP");
    let [http, tls] = [&over_http, &over_tls].map(|spans| sorted(spans)[spans.len() / 2].as_secs_f64());
    assert!(!measured() || tls <= http * 1.1, "at most a tenth more: {tls} and {http}");
}

#[test]
fn figure_a_freeze_over_tls_beside_ten_thousand_connections() {
    let (users, connections, times) = if measured() { (20, 10_000, 15) } else { (4, 200, 1) };
    // The laptop is an ordinary user, to whom the server's listener owes no place.
    let person = |_| Home::of_ordinary_user().unwrap_or_else(Home::new);
    let home = |_| Home::new();
    let hosts = Hosts::of(Homes {
        server: Home::new(),
        people: std::array::from_fn(person),
        builds: std::array::from_fn(home),
        agents: std::array::from_fn(home),
        witnesses: (0..2).map(home).collect(),
    });
    hosts.found();
    let server = Role::start(&hosts.server, &["server", "--tls", "127.0.0.1:0"]);
    let line = hosts.server.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let key = ["key", "use", &line, "--key", ".ssh/id_ed25519", "--sign-in-key", ".ssh/id_in"];
    hosts.bob.ok(&key);
    let mut next = 0;
    let mut freezes = || -> Vec<Duration> {
        let mut spans = Vec::new();
        for _ in 0..times {
            next += 1;
            let begun = Instant::now();
            hosts.bob.ok(&["trust", "status", "--yes", "--bar", &format!("sha256:{next:064}")]);
            spans.push(begun.elapsed());
        }
        spans
    };
    let alone = freezes();
    let port = server.addresses[0].rsplit(':').next().unwrap();
    let (flood, held) = Neighbour::strangers(&hosts.server, port, users, connections);
    let beside = freezes();
    for one in flood {
        assert!(one.end().is_empty(), "it held them all the time");
    }
    let what = format!("a freeze over TLS beside {held} connections of {users} users");
    print(&what, &beside, &alone, "alone");
    let (median, longest) = (sorted(&alone)[alone.len() / 2], *beside.iter().max().unwrap());
    println!("{:52} {longest:>10.2?}   at most a second later than alone", "its longest");
    assert!(!measured() || longest <= median + Duration::from_secs(1), "{longest:?} and {median:?}");
    let status = hosts.server.ok(&["trust", "status"])["statement"].clone();
    assert_eq!(status["barred"].as_array().map(Vec::len), Some(2 * times), "{status}");
}

/// An anchor whose clock is ahead by some milliseconds.
#[derive(Clone, Debug)]
struct Ahead {
    pinned: PinnedRoot,
    by: Arc<AtomicUsize>,
}

impl Anchor for Ahead {
    fn installation(&self) -> Id {
        self.pinned.installation()
    }

    fn ledger_key(&self, roots: &[Envelope], least: u32) -> Result<(MachineKey, u32), AnchorError> {
        self.pinned.ledger_key(roots, least)
    }

    fn authority(&self, roots: &[Envelope], least: u32) -> Result<Option<Digest>, AnchorError> {
        self.pinned.authority(roots, least)
    }

    fn keep_root(&self, root: u32) -> Result<(), AnchorError> {
        self.pinned.keep_root(root)
    }

    fn now(&self) -> Moment {
        let by = self.by.load(Ordering::Relaxed).try_into().unwrap();
        self.pinned.now().later_by(Duration::from_millis(by))
    }

    fn nonce(&self) -> Result<Id, AnchorError> {
        self.pinned.nonce()
    }
}

/// Claims that were signed: one for each request, and one for each certificate.
static CLAIMS: AtomicUsize = AtomicUsize::new(0);

fn counted() -> Moment {
    CLAIMS.fetch_add(1, Ordering::Relaxed);
    clock::moment()
}

/// Clients that share a certificate send requests at once, while the clock of its renewal goes through a day in fifty requests:
/// it is renewed at two thirds, again at two thirds of what is left, and so on.
#[test]
fn figure_renewal_loses_no_request() {
    let reached = Reached::new();
    let (pin, [one, _]) = (line(&reached), reached.runners());
    let (days, each, at_once) = (if measured() { 200 } else { 4 }, 50, 8);
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut failed, begun) = (Vec::new(), Instant::now());
    for _ in 0..days {
        let by = Arc::new(AtomicUsize::new(0));
        let pinned = PinnedRoot::of(&pin, pin.root_version, dir.path()).unwrap();
        let anchor = Ahead { pinned, by: Arc::clone(&by) };
        let machine = wire::Machine {
            installation: pin.installation,
            name: one.name.parse().unwrap(),
            signer: one.signer.clone(),
            now: counted,
        };
        let client = Client::over_tls(&pin.addresses, pin.installation, pin.authority).unwrap();
        let client = Arc::new(client.with_machine(machine, Box::new(anchor)));
        let left = Arc::new(AtomicUsize::new(each - 1));
        runtime.block_on(async {
            // The server proves itself at its own time, from which the clock goes on.
            failed.extend(client.runner_work(false, &[]).await.err());
            let mut asking = JoinSet::new();
            for _ in 0..at_once {
                let (client, by, left) = (Arc::clone(&client), Arc::clone(&by), Arc::clone(&left));
                asking.spawn(async move {
                    let mut failed = Vec::new();
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                        .is_ok()
                    {
                        by.fetch_add(DAY_MILLIS / each, Ordering::Relaxed);
                        failed.extend(client.runner_work(false, &[]).await.err());
                    }
                    failed
                });
            }
            while let Some(some) = asking.join_next().await {
                failed.extend(some.unwrap());
            }
        });
    }
    let (requests, took) = (days * each, begun.elapsed());
    let certificates = CLAIMS.load(Ordering::Relaxed) - requests;
    let lost = failed.len();
    println!(
        "{:52} {lost:>10}   of {requests}, with {certificates} certificates, {at_once} at once, in {took:.1?}",
        "requests lost to renewal"
    );
    assert!(failed.is_empty(), "{lost} of {requests}: {}", failed[0]);
    assert!(certificates >= days * 3, "the first one and two renewals a day: {certificates}");
}

/// Machines of each kind join an installation that is there: what is typed on their hosts, and what by people.
#[test]
fn figure_joining_is_one_command_on_each_side() {
    let shop = Shop::solo();
    let server = Role::start(&shop.home, &["server", "--tls", "127.0.0.1:0"]);
    let line = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let url = &server.addresses[0];
    let (place, data) = (format!("shop/ledger-api/{}", PLACES[0]), "machine");
    let joins: [(&str, Vec<&str>, Vec<&str>); 3] = [
        ("runner", vec!["--name", "runner-9"], vec!["trust", "root", "--runner"]),
        (
            "agent",
            vec!["--name", "agent-9", "--place", &place],
            vec!["trust", "environment", &place, "--agent"],
        ),
        ("witness", vec!["--server", url], vec!["trust", "root", "--witness-quorum", "2", "--witness"]),
    ];
    for (role, more, names) in joins {
        let (host, mut typed) = (Home::new(), [0, 0]);
        let join = [&[role, "join", "--data", data, "--pin", &line], more.as_slice()].concat();
        typed[0] += 1;
        let said = host.ok(&join);
        let machines = said["line"].as_str().unwrap_or_else(|| unreachable!("{said}"));
        typed[1] += 1;
        shop.ok(&[names.as_slice(), &[machines, "--yes"]].concat());
        // It is known: the server answers its claim, or the root has its key.
        match role {
            "runner" => {
                let machine = Machine::of(&host, data, "runner-9");
                asked(&line.parse().unwrap(), &machine, host.dir.path()).unwrap();
            }
            "agent" => {
                let installation = line.parse::<::evidence::pin::Pin>().unwrap().installation;
                Listener::new(url, installation).certified(&Machine::of(&host, data, "agent-9"));
            }
            _ => {
                let root = shop.ok(&["trust", "root"])["statement"]["witnesses"].to_string();
                assert!(root.contains(machines.split('@').next().unwrap()), "{root}");
            }
        }
        println!(
            "{:52} {:>10}   on its host, and {} by people",
            format!("commands by which a {role} joins"),
            typed[0],
            typed[1]
        );
        assert_eq!(typed, [1, 1]);
    }
}

const DAY_MILLIS: usize = 24 * 60 * 60 * 1000;
