//! Forgeries against the programs that people run: `verify`, and `approve` with a lying server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ::evidence::bundle::Bundle;
use ::evidence::dsse::Envelope;
use ::evidence::environment::{self, Environment};
use ::evidence::pin::{EnvironmentPin, Pin};
use ::evidence::{Digest, Moment};
use lab::Reader;
use lab::forgery::{self, ForgedEvidence};
use serde_json::json;

use super::{PLACE, Shop, at};
use crate::support::Home;

/// The current answers of the lying server.
type Shown = Arc<Mutex<Option<(Bundle, Vec<tlog::Hash>)>>>;

/// A server that shows the given evidence, with a summary in which everything is fine.
fn liar(socket: &Path) -> Shown {
    let listener = UnixListener::bind(socket).unwrap();
    let shown: Shown = Arc::default();
    let told = Arc::clone(&shown);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            if reader.read_line(&mut line).unwrap() == 0 {
                // A connection without a request only checks whether anybody listens.
                continue;
            }
            let mut header = line.clone();
            while header.trim() != "" {
                header.clear();
                reader.read_line(&mut header).unwrap();
            }
            let told = told.lock().unwrap();
            let (bundle, leaves) = told.as_ref().unwrap();
            let body = answer(line.split(' ').nth(1).unwrap(), bundle, leaves);
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json";
            write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    shown
}

fn answer(path: &str, bundle: &Bundle, leaves: &[tlog::Hash]) -> Vec<u8> {
    if path.contains("/places") {
        let digest = ::evidence::Digest::of(b"all is well");
        let place = json!({
            "place": "shop/api/production", "after": "staging", "automatic": false, "statement": 1,
            "envelope": digest, "running": null, "before": null, "base": "a".repeat(40),
            "open": { "release": 7, "artifact": digest, "commit": "a".repeat(40), "stage": "proposed",
                "run": lab::id(5), "approvals": 2 },
            "wanted": false, "last": null,
        });
        return json!([place]).to_string().into_bytes();
    }
    if path.ends_with("/installation") {
        let digest = ::evidence::Digest::of(b"all is well");
        let view = json!({
            "installation": lab::id(1), "root_version": 1, "root": digest, "mode": "team", "origin": "origin",
            "entries": 1, "snapshot": 0, "misfits": 0, "status": null, "people": [],
        });
        return view.to_string().into_bytes();
    }
    if path.contains("/evidence") {
        return bundle.encode().unwrap();
    }
    let number = |name: &str| -> Option<u64> {
        path.split(['?', '&']).find_map(|part| part.strip_prefix(name))?.parse().ok()
    };
    let (old, new) = (number("old=").unwrap_or(0), number("new=").unwrap_or(0));
    let proof = if (1..=new).contains(&old) && new <= leaves.len() as u64 {
        lab::assemble::proof_between(leaves, old, new)
    } else {
        Vec::new()
    };
    serde_json::to_vec(&proof).unwrap()
}

/// Bob's home: his profile, his pin, and the data directory of the lying server.
fn home_of(made: &ForgedEvidence, socket: &Path) -> Home {
    let home = Home::new();
    let config = home.dir.path().join(".config/countersign");
    let installation = lab::id(1).to_string();
    std::fs::create_dir_all(config.join(&installation)).unwrap();
    std::fs::create_dir_all(home.data()).unwrap();
    std::os::unix::fs::symlink(socket, home.data().join("server.sock")).unwrap();
    std::fs::write(home.data().join("server.url"), "http://127.0.0.1:1\n").unwrap();
    let key = home.dir.path().join(".ssh/id_ed25519");
    let profile = json!({
        "v": 1, "installation": installation, "person": made.lab.bob.id, "data": home.data(),
        "sign_in_key": key, "approval_key": key,
    });
    std::fs::write(config.join("profile.json"), profile.to_string()).unwrap();
    std::fs::write(config.join(installation).join("pin"), format!("{}\n", made.lab.pin())).unwrap();
    home
}

#[test]
fn people_who_are_shown_forgeries_are_told_so() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    lab::judged_at(Moment::from_millis(u64::try_from(now.as_millis()).unwrap()).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("liar");
    let shown = liar(&socket);
    let mut wrong = Vec::new();
    let rows: Vec<_> = forgery::all().into_iter().filter(forgery::Forgery::is_plain).collect();
    assert!(rows.len() > 100);
    for row in &rows {
        let made = row.forged();
        let home = home_of(&made, &socket);
        std::fs::write(home.dir.path().join("bundle.json"), made.bundle.encode().unwrap()).unwrap();
        let root = made.lab.signed_root(&made.lab.root(), &[0, 1]).encode().unwrap();
        std::fs::write(home.dir.path().join("root.json"), root).unwrap();
        *shown.lock().unwrap() = Some((made.bundle.clone(), made.leaves.clone()));
        let verify = ["verify", "bundle.json", "--trust-root", "root.json"];
        let approve = ["approve", "--yes", "--show", "shop/api/production"];
        for (reader, arguments) in [(Reader::Verify, &verify[..]), (Reader::Approve, &approve[..])] {
            let output = home.run(arguments);
            let said = [output.stdout.as_slice(), b"\n", output.stderr.as_slice()].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            let right = match row.expected(reader) {
                Some(code) => said.contains(code),
                None => output.status.success(),
            };
            if !right {
                wrong.push(format!("{} / {reader:?}: {said}", row.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Text in the evidence can neither move the cursor nor begin a new line.
#[test]
fn words_of_others_are_shown_as_words() {
    let lab = lab::Lab::default();
    let mut parts = lab.honest();
    let mut signed = lab::yes(&parts, lab.bob.id);
    signed.said.reason = "read it\u{1b}[2J\u{202e}\nproduction: runs this artifact".into();
    parts.approvals = vec![lab.approval(&signed, &lab.bob.approve)];
    let (bundle, _) = lab::assemble(&lab, &parts);
    let home = Home::new();
    std::fs::write(home.dir.path().join("bundle.json"), bundle.encode().unwrap()).unwrap();
    let root = lab.signed_root(&lab.root(), &[0, 1]).encode().unwrap();
    std::fs::write(home.dir.path().join("root.json"), root).unwrap();
    let output = home.run(&["verify", "bundle.json", "--trust-root", "root.json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains(r"read it\u{1b}[2J\u{202e}\nproduction: runs"), "{said}");
}

/// Until the evidence is valid, nobody has vouched for the size of a layer, so the layer is not fetched.
#[test]
fn a_layer_is_asked_for_only_when_it_may_be_applied() {
    let lab = lab::Lab::default();
    let dir = tempfile::tempdir().unwrap();
    let deployer = || {
        let signer = ::evidence::machine::MachineSigner::from_seed([125; 32]).unwrap();
        let dir = dir.path().to_path_buf();
        agent::Deployer::new(dir, lab.agent(), signer, Box::new(lab::NoServices), || lab::at(0)).unwrap()
    };
    let shown = |parts: &lab::Parts| {
        let (bundle, leaves) = lab::assemble(&lab, parts);
        let proof = lab::proof_for(&bundle, &leaves, &lab.agent().checkpoint.parse().unwrap());
        (bundle, proof)
    };
    let mut parts = lab.honest();
    let ((honest, proof), mut willing) = (shown(&parts), deployer());
    let wanted = willing.wants(&honest, &proof).unwrap().unwrap();
    let manifest = ::evidence::oci::Manifest::decode(&honest.manifest.0).unwrap();
    assert_eq!(Some(&wanted), manifest.layers.first());
    // A release that was refused a moment ago and may be applied now stays due; it is not noted as begun.
    willing.release(&honest, &proof, &agent::Layer::Unasked).unwrap_err();
    assert_eq!((willing.memory().seen_release, &willing.memory().begun), (lab.agent().seen_release, &None));
    parts.approvals.clear();
    let ((refused, proof), mut unwilling) = (shown(&parts), deployer());
    assert_eq!(unwilling.wants(&refused, &proof).unwrap(), None);
    let report = unwilling.release(&refused, &proof, &agent::Layer::Unasked).unwrap();
    let report = ::evidence::report::AgentReport::read(&report).unwrap();
    assert_eq!(report.reasons, ["approvals-missing"]);
}

/// A person signs the next statement only on top of a signed one that is no older than the pinned numbers: a lying server
/// gets no signature.
#[test]
fn nobody_signs_what_follows_a_forgery_or_what_was_left_behind() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let says = |arguments: &[&str], what: &str| {
        let said = shop.in_repository(arguments, 1);
        assert!(said["error"].as_str().unwrap().contains(what), "{said}");
    };
    let statement: Digest = at(&up, "production")["envelope"].as_str().unwrap().parse().unwrap();
    let (_, bytes) = up.get_bytes(&format!("/api/v1/blobs/{statement}"));
    let signed = Environment::read(&Envelope::decode(&bytes).unwrap()).unwrap();
    // A statement that was seen before, and is withheld now.
    let line = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let pin: Pin = line.parse().unwrap();
    let seen = EnvironmentPin {
        project: signed.project.clone(),
        service: signed.service.clone(),
        environment: signed.environment.clone(),
        number: signed.number + 1,
        release: 0,
    };
    let hidden = EnvironmentPin { environment: lab::name("elsewhere"), ..seen.clone() };
    let environments = hidden.beside(&seen.beside(&pin.environments));
    let more = Pin { status: pin.status + 1, environments, ..pin };
    shop.ok(&["trust", "pin", "--set", &more.to_string()]);
    says(&["trust", "status", "--yes", "--renew"], "you have seen 2");
    says(&["trust", "environment", "--yes", PLACE, "--port", "8081"], "you have seen 2");
    says(&["trust", "environment", "--yes", PLACE, "--anew", "--agent", AGENT], "you have seen 2");
    says(
        &["trust", "environment", "--yes", "shop/ledger-api/elsewhere", "--agent", AGENT],
        "you have seen 2",
    );
    shop.ok(&["trust", "pin", "--set", &line, "--replace"]);
    // Signed by nobody with the right.
    let lab = lab::Lab::default();
    let mut forged = Environment { automatic: !signed.automatic, ..signed.clone() }.envelope().unwrap();
    lab.mallory.approve.sign(&mut forged, environment::NAMESPACE);
    // Only the server's own owner can put himself between.
    let (socket, aside) = (shop.home.data().join("server.sock"), shop.home.data().join("aside.sock"));
    std::fs::rename(&socket, &aside).unwrap();
    relay(&socket, up.address().to_owned(), statement, forged.encode().unwrap());
    says(
        &["trust", "environment", "--yes", PLACE, "--port", "8081"],
        "this key is not among those that may sign this",
    );
    std::fs::rename(&aside, &socket).unwrap();
    // Nothing was recorded, and the honest way works.
    assert_eq!(at(&up, "production")["statement"], json!(signed.number));
    shop.ok(&["trust", "environment", "--yes", PLACE, "--port", "8081"]);
    assert_eq!(at(&up, "production")["statement"], json!(signed.number + 1));
    // Nobody signs on the word of a directory alone.
    let config = shop.home.dir.path().join(".config/countersign").join(signed.installation.to_string());
    std::fs::remove_file(config.join("pin")).unwrap();
    for amend in [&["trust", "status", "--yes", "--renew"][..], &["trust", "root", "--yes", "--renew"]] {
        says(amend, "you have pinned nothing");
    }
    assert!(up.stop());
}

/// A server between a person and the genuine one, which replaces one statement with another.
fn relay(socket: &Path, to: String, statement: Digest, forged: Vec<u8>) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut header) = (String::new(), "-".to_owned());
            if reader.read_line(&mut line).unwrap() == 0 {
                continue;
            }
            while header.trim() != "" {
                header.clear();
                reader.read_line(&mut header).unwrap();
            }
            assert!(line.starts_with("GET "), "something was signed: {line}");
            let path = line.split(' ').nth(1).unwrap();
            let body = if path.ends_with(&Digest::of(&forged).to_string()) {
                forged.clone()
            } else {
                let mut server = std::net::TcpStream::connect(&to).unwrap();
                write!(server, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
                let mut answer = Vec::new();
                server.read_to_end(&mut answer).unwrap();
                let at = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
                let text = String::from_utf8(answer.split_off(at + 4)).unwrap();
                text.replace(&statement.to_string(), &Digest::of(&forged).to_string()).into_bytes()
            };
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json";
            write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
}

/// Some agent's name and key.
const AGENT: &str = "a=ZMMIFf8m1cSv+OESdKOO1t0FUwSdpMEDcqlXW3p3aQk=";
