//! The services of `examples/shop` behind a splitter: the faults that they are told to have are those that it counts.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use splitter::bucket_start;

use crate::support::{Splitter, body, group, table};

/// A process of the shop.
struct Service {
    child: Child,
    address: SocketAddr,
    _said: BufReader<ChildStderr>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The directory of the built services.
fn built() -> PathBuf {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shop");
    let mut build = Command::new("cargo");
    build
        .args(["build", "--quiet", "--offline", "--locked", "--manifest-path"])
        .arg(example.join("Cargo.toml"));
    // Tests may measure what they cover; the example is not theirs.
    build.arg("--target-dir").arg(&target).env_remove("CARGO_BUILD_BUILD_DIR").env_remove("RUSTFLAGS");
    assert!(build.status().unwrap().success());
    target.join("debug")
}

fn service(name: &str, fault: &str) -> Service {
    let mut command = Command::new(built().join(name));
    command.env("PORT", "0").env("SHOP_FAULT", fault).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    Service { child, address, _said: said }
}

#[test]
fn a_fault_of_one_version_is_seen_in_its_group_alone() {
    let (good, bad) = (service("catalog", ""), service("catalog", "errors=20 latency=30 slow=50 leak=1000"));
    let groups = [group("stable", 1, &[good.address]), group("canary", 1, &[bad.address])];
    let mut splitter = Splitter::start(&table(&groups));
    for _ in 0..100 {
        let answer = splitter.get("/items/1", "");
        let is_good = answer.starts_with("HTTP/1.1 200") && body(&answer) == "1 chair 12900\n";
        assert!(is_good || answer.starts_with("HTTP/1.1 500"), "{answer}");
    }
    assert!(splitter.get("/items/99", "").starts_with("HTTP/1.1 404"));
    let (stable, canary) = (splitter.settled("stable"), splitter.settled("canary"));
    assert_eq!(
        (stable.requests + canary.requests, stable.errors.total(), canary.errors.status),
        (101, 0, 10)
    );
    let slow = canary.latency.iter().filter(|(bucket, _)| bucket_start(*bucket) >= 25_000);
    // A busy machine may be slow with others, too.
    assert!(slow.map(|(_, count)| count).sum::<u64>() >= 25);
}

#[test]
fn a_service_that_crashes_loses_one_request_and_its_group_goes_on() {
    let (good, mut bad) = (service("checkout", ""), service("checkout", "crash=5"));
    let mut splitter = Splitter::start(&table(&[group("canary", 1, &[good.address, bad.address])]));
    let order =
        "POST /orders HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 7\r\n\r\n4990 2\n";
    let mut before = 0;
    while splitter.sent(order).starts_with("HTTP/1.1 201") {
        before += 1;
    }
    bad.child.wait().unwrap();
    for _ in 0..30 {
        let answer = splitter.sent(order);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    let figures = splitter.settled("canary");
    assert_eq!((figures.requests, figures.errors.broken, figures.errors.total()), (before + 31, 1, 1));
}
