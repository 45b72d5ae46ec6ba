//! Direct connections of a step: named destinations are reached at their own names and addresses, and nothing else is.

use std::collections::BTreeMap;
use std::net::{TcpListener, ToSocketAddrs as _};

use sandbox::Destination;

use crate::supervise::own_addresses;
use crate::trial::Trial;

/// What a step asks for, what it names, what the operator allows, and whether it gets through.
type Ask = (&'static str, String, Vec<String>, Vec<String>, bool);

/// Runs all of them; prints a line for each.
pub fn all(environment: &BTreeMap<String, String>) -> bool {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Answers until this process ends.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut heard = [0; 4];
            if std::io::Read::read_exact(&mut stream, &mut heard).is_ok() {
                std::io::Write::write_all(&mut stream, &heard.to_ascii_uppercase()).unwrap();
            }
        }
    });
    let mut good = true;
    for (name, target, named, allowed, through) in asks(port) {
        let connect: Vec<Destination> = named.iter().map(|text| text.parse().unwrap()).collect();
        let command = ["/work/probe", "ask", &target, "ping"].map(str::to_owned).to_vec();
        let done = Trial { connect, allowed, ..Trial::new(command, environment) }.run();
        let verdict = match done {
            Ok((outcome, log)) => {
                let counted = outcome.reached.iter().map(|to| (to.sent, to.received)).collect::<Vec<_>>();
                let expected = if through { vec![(4, 4)] } else { vec![] };
                let answered = if through { log == "PING" } else { log.is_empty() || log == "refused" };
                // A destination that is not named leads nowhere, so nobody hears of it.
                let told = through || named.contains(&target) != outcome.refused.is_empty();
                if answered && counted == expected && told {
                    "ok".to_owned()
                } else {
                    format!("WRONG: {log:?} {outcome:?}")
                }
            }
            Err(error) => format!("did not run: {error}"),
        };
        good &= verdict == "ok";
        println!("{name}: {verdict}");
    }
    good
}

fn asks(port: u16) -> Vec<Ask> {
    let at = |host: &str| format!("{host}:{port}");
    let everything = || ["0.0.0.0/0", "::/0", "169.254.169.254:80"].map(str::to_owned).to_vec();
    let own = at("127.0.0.1");
    let mut asks = vec![
        ("connects to what is named", own.clone(), vec![own.clone()], vec![own.clone()], true),
        ("connects to a name", at("localhost"), vec![at("localhost")], everything(), true),
        (
            "attack: connects to the loopback that nobody allows",
            own.clone(),
            vec![own.clone()],
            vec![],
            false,
        ),
        (
            "attack: connects to the loopback by a name",
            at("localhost"),
            vec![at("localhost")],
            vec![own.clone()],
            false,
        ),
        (
            "attack: connects to a port that is not named",
            "127.0.0.1:22".into(),
            vec![own.clone()],
            everything(),
            false,
        ),
        (
            "attack: connects by another name of the host",
            at("localhost"),
            vec![at("other.example")],
            everything(),
            false,
        ),
        (
            "attack: connects to an address that is not named",
            at("192.0.2.1"),
            vec![at("192.0.2.2")],
            everything(),
            false,
        ),
        (
            "attack: connects to metadata",
            "169.254.169.254:80".into(),
            vec!["169.254.169.254:80".into()],
            everything(),
            false,
        ),
        (
            "attack: connects to metadata over IPv6",
            "[fd00:ec2::254]:80".into(),
            vec!["[fd00:ec2::254]:80".into()],
            everything(),
            false,
        ),
        (
            "attack: connects to the link",
            "169.254.7.7:80".into(),
            vec!["169.254.7.7:80".into()],
            vec![],
            false,
        ),
    ];
    asks.extend(of_this_machine(port));
    asks
}

/// The same by the addresses and the name of this machine.
fn of_this_machine(port: u16) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for own in own_addresses(port).into_iter().take(1) {
        asks.push(("connects to another address", own.clone(), vec![own.clone()], vec![own.clone()], true));
        asks.push(("attack: connects to this machine", own.clone(), vec![own], vec![], false));
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let named = format!("{}:{port}", host.trim().to_ascii_lowercase());
    if named.to_socket_addrs().is_ok_and(|mut all| all.any(|address| address.is_ipv4())) {
        asks.push((
            "connects to a name that only the host knows",
            named.clone(),
            vec![named],
            vec!["0.0.0.0/0".to_owned()],
            true,
        ));
    }
    asks
}
