//! Joins by lines that were changed on their way, by machines of other names, and with clocks that jump: each is a mutation
//! of a join after which the machine is answered.

use std::time::Duration;

use ::evidence::pin::Pin;
use ::evidence::{Digest, Moment};
use client::clock;
use serde_json::json;

use super::hosts::Hosts;
use super::raw_tls::{Machine, asked, asked_at};
use super::transport_attacks::Reached;
use crate::support::Home;

/// The line that a machine would join with.
pub fn line(reached: &Reached) -> Pin {
    let authority = reached.server.authority.as_ref().map(|digest| digest.parse().unwrap());
    reached.pin.clone().reached_at(reached.server.addresses.clone(), authority).unwrap()
}

#[test]
fn attack_a_line_that_was_changed_on_its_way_leads_to_no_server() {
    let (reached, other) = (Reached::new(), Reached::new());
    let (genuine, foreign) = (line(&reached), line(&other));
    let [one, two] = reached.runners();
    let asks = |what: &str, pin: &Pin, of: &Machine, reason: &str| {
        let dir = tempfile::tempdir().unwrap();
        let said = asked(pin, of, dir.path()).unwrap_err().to_string();
        assert!(said.contains(reason), "{what}: {said}");
    };
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(asked(&genuine, &one, dir.path()).unwrap(), 0);
    let not_the_server = "did not prove that it is the server";
    let elsewhere =
        |addresses: &[String], authority| genuine.clone().reached_at(addresses.to_vec(), authority).unwrap();
    asks("of another installation", &foreign, &one, "is not signed by");
    asks("another id", &Pin { installation: foreign.installation, ..genuine.clone() }, &one, not_the_server);
    asks("another root", &Pin { root: foreign.root, ..genuine.clone() }, &one, "root-not-pinned");
    asks(
        "a root that is not there",
        &Pin { root: Digest::of(b"x"), ..genuine.clone() },
        &one,
        "root-not-pinned",
    );
    asks("a newer version", &Pin { root_version: 2, ..genuine.clone() }, &one, "root");
    // The address of somebody else's server, with its authority or with the genuine one.
    asks("another address", &elsewhere(&foreign.addresses, genuine.authority), &one, not_the_server);
    asks("another server", &elsewhere(&foreign.addresses, foreign.authority), &one, not_the_server);
    // The plain listener of the genuine one is no address of other machines.
    let plain = [reached.server.url.replace("http:", "https:")];
    asks("its plain listener", &elsewhere(&plain, genuine.authority), &one, "cannot reach the server");
    // The root names the authority, so another one in the line changes nothing.
    let swapped = Pin { authority: foreign.authority, ..genuine.clone() };
    assert_eq!(asked(&swapped, &one, dir.path()).unwrap(), 0);
    // The key of one runner under the name of the other, and names that nobody has.
    let as_other = Machine { name: "runner-2", signer: one.signer.clone() };
    asks("the key of another runner", &genuine, &as_other, "is not signed by");
    asks(
        "a name that nobody has",
        &genuine,
        &Machine { name: "runner-3", signer: two.signer },
        "names `runner-3`",
    );
    asks("an agent's key", &genuine, &Machine { name: "runner-1", ..reached.agent() }, "is not signed by");
}

/// The former authority was stolen: its certificates are valid for a day, and count at once no more.
#[test]
fn attack_the_authority_that_people_replaced_is_nobodys() {
    let reached = Reached::new();
    let (pin, [one, _], dir) = (line(&reached), reached.runners(), tempfile::tempdir().unwrap());
    assert_eq!(asked(&pin, &one, dir.path()).unwrap(), 0);
    let other = Digest::of(b"another authority").to_string();
    reached.hosts.both_sign(&["trust", "root", "--authority", &other]);
    let said = asked(&pin, &one, dir.path()).unwrap_err().to_string();
    assert!(said.contains("no certificate that it shows is the pinned one"), "{said}");
}

/// The clock of the machine jumps; the server's clock and its certificate are right.
#[test]
fn attack_clocks_that_jump_by_a_day_get_nothing_signed() {
    let reached = Reached::new();
    let (pin, [one, _]) = (line(&reached), reached.runners());
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(asked_at(&pin, &one, dir.path(), clock::moment).unwrap(), 0);
    let behind =
        || Moment::from_millis(clock::moment().millis() - u64::try_from(DAY.as_millis()).unwrap()).unwrap();
    let ahead = || clock::moment().later_by(DAY);
    for (now, reason) in [(behind as fn() -> Moment, "it has expired"), (ahead, "from the future")] {
        let said = asked_at(&pin, &one, dir.path(), now).unwrap_err().to_string();
        assert!(said.contains(reason) && said.contains("check the clock"), "{said}");
    }
    assert_eq!(asked_at(&pin, &one, dir.path(), clock::moment).unwrap(), 0, "the right time again");
}

/// A line serves one join of a directory, and a machine's name and key are of one machine.
#[test]
fn attack_a_machine_that_joins_again_or_with_anothers_key() {
    let (hosts, pin) = Hosts::founded();
    let (other, foreign) = Hosts::founded();
    let error = |home: &Home, arguments: &[&str]| {
        home.json(arguments, 1)["error"].as_str().unwrap_or_default().to_owned()
    };
    let runner = &hosts.builds[0];
    runner.ok(&["runner", "join", "--data", "runner", "--pin", &pin]);
    for line in [&pin, &foreign] {
        let again = error(runner, &["runner", "join", "--data", "runner", "--pin", line]);
        assert!(again.contains("has joined already") && again.contains("nothing was changed"), "{again}");
    }
    let agent = &hosts.agents[2];
    let place = "shop/ledger-api/production";
    agent.ok(&["agent", "join", "--data", "production", "--place", place, "--pin", &pin]);
    for line in [&pin, &foreign] {
        let again = ["agent", "join", "--data", "production", "--place", place, "--pin", line];
        let again = error(agent, &again);
        assert!(again.contains("has joined already") && again.contains("nothing was changed"), "{again}");
    }
    // A witness gets a root that is not the pinned one.
    let root = |of: &Hosts, name: &str| {
        of.server.ok(&["trust", "root", "--out", "root.json"]);
        hosts.witnesses[0].receive(&of.server.dir.path().join("root.json"), name).display().to_string()
    };
    let (own, strange) = (root(&hosts, "own.json"), root(&other, "strange.json"));
    let witness = &hosts.witnesses[0];
    for (line, root) in [(&pin, &strange), (&foreign, &own)] {
        let refused =
            error(witness, &["witness", "join", "--data", "witness", "--pin", line, "--trust-root", root]);
        assert!(refused.contains("and the line pins"), "{refused}");
    }
    witness.ok(&["witness", "join", "--data", "witness", "--pin", &pin, "--trust-root", &own]);
    // One key is one machine: people cannot name it twice.
    let named = hosts.server.ok(&["trust", "root"])["statement"]["runners"].clone();
    let line = format!("runner-2={}@build-2", named[0]["key"].as_str().unwrap());
    let twice = ["trust", "root", "--yes", "--runner", &line, "--out", "twice.json"];
    let refused = hosts.ada.in_repository(&twice, 1).to_string();
    assert!(refused.contains("a runner's name or key stands twice"), "{refused}");
    assert_eq!(hosts.server.ok(&["trust", "root"])["statement"]["runners"], named);
    assert_eq!(hosts.server.ok(&["trust", "root"])["statement"]["version"], json!(1));
}

const DAY: Duration = Duration::from_hours(24);
