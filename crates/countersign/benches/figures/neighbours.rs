//! What another user of the machine can delay: a freeze, beside 10,000 connections. How a whole hostile project slows down
//! another one's runs is the figure of `release::hostile_project`, which `cargo x bench` runs after these.

use std::time::Duration;

use crate::support::Home;
use crate::support::neighbours::Neighbour;
use crate::{print, spans};

/// A freeze by the server's owner, over its socket.
pub fn freeze() {
    let home = Home::solo();
    let up = home.up();
    let mut next = 0;
    let mut freezes = || -> Vec<Duration> {
        spans(9, || {
            next += 1;
            home.ok(&["trust", "status", "--yes", "--bar", &format!("sha256:{next:064}")]);
        })
    };
    let alone = freezes();
    let (flood, connections) = Neighbour::holding(&home, &up, 10_000);
    let socket = home.data().join("server.sock");
    let beside = freezes();
    std::fs::rename(&socket, socket.with_extension("away")).unwrap();
    let over_tcp = freezes();
    drop(flood);
    let what = format!("a freeze, beside {connections} connections of others");
    print(&what, &beside, &alone, "alone");
    print("the same over TCP", &over_tcp, &alone, "alone, over the socket");
    let longest = over_tcp.iter().chain(&beside).max().unwrap();
    println!("{:44} {:>12}   at most a second later than alone", "its longest", format!("{longest:.2?}"));
    assert!(up.stop());
}
