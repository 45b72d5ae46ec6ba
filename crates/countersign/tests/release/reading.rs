//! Reading needs a right outside solo mode: attempts of strangers on the same machine, and the ways to read.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use ::evidence::Id;
use ::evidence::dsse::{Envelope, Signature};
use ::evidence::request::{NAMESPACE, Request, UNNAMED};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::shop::Shop;
use crate::support::{Home, Up};

/// Ada and Bob in a rehearsal, with the shop's service; commits are Ada's.
pub fn rehearsal() -> (Shop, Value) {
    rehearsal_with(&["developer", "release-manager"])
}

/// The same; Ada and Bob have these roles.
pub fn rehearsal_with(roles: &[&str]) -> (Shop, Value) {
    rehearsal_of(roles, Shop::quick_pipeline)
}

/// The same; the files of the first commit are written before the places are made.
pub fn rehearsal_of(roles: &[&str], write: impl FnOnce(&Shop)) -> (Shop, Value) {
    let home = Home::new();
    for key in ["ada", "ada-in", "bob", "bob-in", "eve", "eve-in"] {
        home.ssh_key(key);
    }
    let person = |name: &str| {
        json!({ "name": name, "emails": [format!("{name}@example.com")], "key": name,
                "sign_in_key": format!("{name}-in"), "roles": roles })
    };
    let people = home.dir.path().join("people.json");
    std::fs::write(&people, json!([person("ada"), person("bob")]).to_string()).unwrap();
    let shop = Shop::of(home);
    shop.config("user.signingkey", shop.home.dir.path().join("ada-in").to_str().unwrap());
    write(&shop);
    shop.commit("the beginning, by Ada");
    let init = ["init", "--mode", "rehearsal", "--people", people.to_str().unwrap(), "--project", "shop"];
    let made = shop.in_repository(&init, 0);
    shop.commit("a quick pipeline");
    (shop, made)
}

/// The home of another person of the same installation.
pub fn colleague(shop: &Shop, made: &Value, name: &str, person: &str, data: &str) -> Home {
    let (home, at) = (Home::new(), shop.home.dir.path());
    let file = |key: String| at.join(key).to_str().unwrap().to_owned();
    let (approval, sign_in) = (file(name.into()), file(format!("{name}-in")));
    let adopt = ["key", "use", "--pin", made["pin"].as_str().unwrap(), "--person", person, "--data"];
    let keys = [data, "--key", &approval, "--sign-in-key", &sign_in];
    home.ok(&[&adopt[..], &keys].concat());
    home
}

/// A directory that names a server's URL and is not the server's own: commands go over TCP, as on another machine or as
/// another user.
pub fn elsewhere(shop: &Shop, name: &str, url: &str) -> String {
    let dir = shop.home.dir.path().join(name);
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("server.url"), url).unwrap();
    dir.to_str().unwrap().to_owned()
}

fn session(home: &Home, installation: &str) -> (std::path::PathBuf, String) {
    let file = home.dir.path().join(".config/countersign").join(installation).join("session.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let kept: Value = serde_json::from_str(&text).unwrap();
    (file, kept["session"]["token"].as_str().unwrap().to_owned())
}

fn get(up: &Up, path: &str, header: &str) -> (u16, String) {
    let (status, body) = up.send(&format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{header}\r\n"));
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[test]
fn attack_reading_without_a_right_gets_nothing_but_hashes() {
    let (shop, made) = rehearsal();
    let up = shop.home.up();
    // The owner of the data directory reads over its Unix socket, and signs nothing for it.
    let status = shop.ok(&["status"]);
    let installation = status["installation"].as_str().unwrap();
    let config = shop.home.dir.path().join(".config/countersign").join(installation);
    assert!(!config.join("session.json").exists());
    let blob = status["status"]["file"].as_str().unwrap();
    let run = "0".repeat(32);
    let closed = [
        "installation".to_owned(),
        "entries?from=0".into(),
        "releases/shop/ledger-api/production/1".into(),
        format!("blobs/{blob}"),
        format!("enrolments/{blob}"),
        "runs".into(),
        format!("runs/{run}"),
        "places".into(),
        "evidence/shop/ledger-api/dev".into(),
        format!("logs/{run}/step/test/runner-1"),
        "service-logs/shop/ledger-api/dev".into(),
        "consistency?old=1&new=2".into(),
        "wait?past=0".into(),
        "secrets".into(),
        "secrets?project=shop".into(),
        "secrets/vault".into(),
        "secrets/uses".into(),
        "secrets/grants?project=shop".into(),
        "proofs/0".into(),
        "work/runner?now=true".into(),
        format!("work/orders/{run}"),
        "work/agent/shop/ledger-api/dev".into(),
    ];
    let size: u64 = get(&up, "/checkpoint", "").1.lines().nth(1).unwrap().parse().unwrap();
    let bundle = format!("entries/000.p/{size}");
    let spellings = ["entries", "%65ntries", "entrie%73", "%65%6e%74%72%69%65%73"];
    let bundles = spellings.map(|word| format!("/tile/{}", bundle.replace("entries", word)));
    let watched = ["alerts", "where?what=serde", "watched/shop/ledger-api/dev"].map(str::to_owned);
    let closed = closed.iter().chain(&watched).map(|path| format!("/api/v1/{path}"));
    let paths: Vec<String> = closed.chain(bundles).collect();
    let bearers =
        ["", "Authorization: Bearer x\r\n", "Authorization: Countersign e30=\r\n", "Cookie: a=b\r\n"];
    for path in &paths {
        for header in bearers {
            let (found, body) = get(&up, path, header);
            assert_eq!(found, 401, "{path} with {header:?}: {body}");
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(problem["type"], "tag:countersign,2026:unauthenticated", "{path}");
        }
        assert_eq!(up.send(&format!("HEAD {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")).0, 401, "{path}");
    }
    let said = get(&up, &paths[0], "").1;
    assert!(said.contains("countersign key use LINE"), "it names the remedy: {said}");
    // Only data that proves a history without revealing it stays open.
    for open in ["/checkpoint".to_owned(), format!("/tile/0/000.p/{size}"), "/health".into()] {
        assert_eq!(get(&up, &open, "").0, 200, "{open}");
    }

    // Over TCP a person signs in once, and the session is stored in a private file.
    let tcp = elsewhere(&shop, "elsewhere", &up.url);
    assert_eq!(shop.ok(&["status", "--data", &tcp])["installation"], installation);
    let (file, token) = session(&shop.home, installation);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    shop.ok(&["status", "--data", &tcp]);
    assert_eq!(session(&shop.home, installation).1, token, "the same session serves the next command");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(get(&up, "/api/v1/runs", &bearer).0, 200);
    assert_eq!(get(&up, &format!("/tile/{bundle}"), &bearer).0, 200);
    // A token with one changed letter is unknown.
    assert_eq!(get(&up, "/api/v1/runs", &format!("{}x\r\n", bearer.trim_end())).0, 401);
    // A session that the server no longer knows is renewed silently.
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace(&token, "gone")).unwrap();
    shop.ok(&["status", "--data", &tcp]);
    assert_ne!(session(&shop.home, installation).1, "gone");

    who_is_not_enrolled_is_told_so(&shop, &made, &tcp, installation);
    assert!(up.stop());
}

/// A person who is not enrolled gets no session, and is told so.
fn who_is_not_enrolled_is_told_so(shop: &Shop, made: &Value, tcp: &str, installation: &str) {
    let config = shop.home.dir.path().join(".config/countersign").join(installation);
    let profile = ".config/countersign/profile.json";
    let own = std::fs::read_to_string(shop.home.dir.path().join(profile)).unwrap();
    let nobody = Home::new();
    std::fs::create_dir_all(nobody.dir.path().join(profile).parent().unwrap()).unwrap();
    let person = made["people"][0]["person"].as_str().unwrap();
    std::fs::write(nobody.dir.path().join(profile), own.replace(person, &"1f".repeat(16))).unwrap();
    let adopted = nobody.dir.path().join(".config/countersign").join(installation);
    let refused = nobody.json(&["status", "--data", tcp], 1);
    assert!(refused["error"].as_str().unwrap().contains("you have pinned nothing"), "{refused}");
    std::fs::create_dir_all(&adopted).unwrap();
    std::fs::copy(config.join("pin"), adopted.join("pin")).unwrap();
    let refused = nobody.json(&["status", "--data", tcp], 1);
    assert!(refused["error"].as_str().unwrap().contains("is not enrolled here"), "{refused}");
}

#[test]
fn attack_a_colleague_of_another_project_reads_nothing_of_this_one() {
    let (shop, made) = rehearsal();
    let up = shop.home.up();
    let eve_key = |key: &str| shop.home.dir.path().join(key).to_str().unwrap().to_owned();
    let (approval, sign_in) = (eve_key("eve"), eve_key("eve-in"));
    let out = eve_key("eve.json");
    let enrol = ["trust", "enrol", "--name", "Eve", "--email", "eve@example.com", "--key", &approval];
    let rest = ["--sign-in-key", &sign_in, "--role", "developer@elsewhere", "--yes", "--out", &out];
    shop.ok(&[&enrol[..], &rest].concat());
    shop.ok(&["trust", "send", &out]);
    let status = shop.ok(&["status"]);
    let installation = status["installation"].as_str().unwrap();
    let people = status["people"].as_array().unwrap();
    let eve = people.iter().find(|person| person["roles"] == json!(["developer"])).unwrap();
    let ran = shop.ok(&["run"]);
    let run = ran["run"].as_str().unwrap();
    let tcp = elsewhere(&shop, "elsewhere", &up.url);
    let home = colleague(&shop, &made, "eve", eve["person"].as_str().unwrap(), &tcp);
    let seen = home.ok(&["status"]);
    assert_eq!(
        (&seen["places"], &seen["runs"]),
        (&json!([]), &json!([])),
        "only her own projects are listed"
    );
    for asked in [&["logs", run][..], &["secret", "list", "shop"], &["secret", "who-can", "shop/token"]] {
        let refused = home.json(asked, 1);
        assert!(refused["error"].as_str().unwrap().contains("no role in project `shop`"), "{refused}");
    }
    assert_eq!(home.ok(&["secret", "used", "shop/token"])["lines"], json!([]));
    let bearer = format!("Authorization: Bearer {}\r\n", session(&home, installation).1);
    let entries: Vec<Value> = serde_json::from_str(&get(&up, "/api/v1/entries", &bearer).1).unwrap();
    let of_shop: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == "source.taken").collect();
    assert_eq!(of_shop.len(), 1);
    assert_eq!((&of_shop[0]["facts"], of_shop[0].get("particulars")), (&json!(null), None), "its head alone");
    assert!(entries.iter().any(|entry| entry["kind"] == "identity.enrolled" && entry["facts"].is_object()));
    // Ada's own view lists the blobs: source, log, artifact.
    shop.ok(&["status", "--data", &tcp]);
    let ada = format!("Authorization: Bearer {}\r\n", session(&shop.home, installation).1);
    let mine: Vec<Value> = serde_json::from_str(&get(&up, "/api/v1/entries", &ada).1).unwrap();
    let facts = |kind: &str| mine.iter().find(|entry| entry["kind"] == kind).unwrap()["facts"].clone();
    let blobs = [
        facts("source.taken")["pack"].clone(),
        facts("build.reported")["log"].clone(),
        facts("artifact.built")["layer"].clone(),
        facts("gate.environment-set")["configuration"].clone(),
    ];
    for blob in blobs {
        let path = format!("/api/v1/blobs/{}", blob.as_str().unwrap());
        assert_eq!((get(&up, &path, &bearer).0, get(&up, &path, &ada).0), (403, 200), "{blob}");
    }
    for path in [
        format!("runs/{run}"),
        format!("logs/{run}/step/test/runner-1"),
        "evidence/shop/ledger-api/production".into(),
    ] {
        let path = format!("/api/v1/{path}");
        let (found, body) = get(&up, &path, &bearer);
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((found, &problem["type"]), (403, &json!("tag:countersign,2026:forbidden")), "{path}");
    }

    // A withdrawal ends her session at once, and no new one is opened.
    assert_eq!(get(&up, "/api/v1/runs", &bearer).0, 200);
    shop.ok(&["trust", "status", "--yes", "--withdraw", eve["enrolment"].as_str().unwrap()]);
    assert_eq!(get(&up, "/api/v1/runs", &bearer).0, 401);
    assert!(home.json(&["status"], 1)["error"].as_str().unwrap().contains("is not enrolled here"));
    // A revocation of the key that signed in does the same.
    assert_eq!(get(&up, "/api/v1/runs", &ada).0, 200);
    let key = shop.ok(&["key", "show", &eve_key("ada-in")])["fingerprint"].clone();
    shop.ok(&["trust", "status", "--yes", "--revoke", key.as_str().unwrap()]);
    assert_eq!(get(&up, "/api/v1/runs", &ada).0, 401);
    assert!(up.stop());
}

/// A process at a port, which records each request and answers it with `answers`; returns the recorded requests.
fn somebody(
    listener: TcpListener,
    answers: impl Fn(&str) -> Vec<u8> + Send + 'static,
) -> std::sync::mpsc::Receiver<String> {
    let (hears, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let answer = answers(&head);
            hears.send(head).unwrap();
            // The asker may have gone.
            drop(stream.write_all(&answer));
        }
    });
    heard
}

/// A server's answer to a request, unchanged.
fn passed_on(server: &str, head: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// A process that takes over the port of a crashed server must not get a request that opens a session later, and one that
/// forwards everything must not read with the person.
#[test]
fn attack_who_answers_in_the_servers_place_gets_nothing_that_is_signed() {
    let (shop, _) = rehearsal();
    let up = shop.home.up();
    let (address, url) = (up.address().to_owned(), up.url.clone());
    let nothing_signed = |heard: &std::sync::mpsc::Receiver<String>, what: &str| {
        let heard: Vec<_> = heard.try_iter().collect();
        assert!(!heard.is_empty(), "{what}");
        for head in heard {
            assert!(!head.to_ascii_lowercase().contains("authorization"), "{what}: {head}");
        }
    };
    let status = |data: &str| {
        let said = shop.in_repository(&["status", "--data", data], 1);
        said["error"].as_str().unwrap().to_owned()
    };
    // Between the person and the genuine server, at another port.
    let (listener, to) = (TcpListener::bind("127.0.0.1:0").unwrap(), address.clone());
    let between = elsewhere(&shop, "between", &format!("http://{}", listener.local_addr().unwrap()));
    let heard = somebody(listener, move |head| passed_on(&to, head));
    let said = status(&between);
    assert!(said.contains("it is of a server at"), "{said}");
    nothing_signed(&heard, "between");
    // The server has a session of the person, which the next process at its port would like to get.
    let tcp = elsewhere(&shop, "elsewhere", &url);
    shop.ok(&["status", "--data", &tcp]);
    let question = "GET /api/v1/introduction HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let introduction = passed_on(&address, question);
    assert!(introduction.starts_with(b"HTTP/1.1 200"));
    assert!(up.stop());
    // In its place: first with nothing, then with the public answers of the genuine server.
    let listener = TcpListener::bind(&address).unwrap();
    let shows = std::sync::Arc::new(std::sync::Mutex::new(
        b"HTTP/1.1 401 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
    ));
    let shown = std::sync::Arc::clone(&shows);
    let heard = somebody(listener, move |_| shown.lock().unwrap().clone());
    let said = status(&tcp);
    assert!(said.contains("did not prove that it is the server") && said.contains("status 401"), "{said}");
    nothing_signed(&heard, "with nothing");
    *shows.lock().unwrap() = introduction;
    let said = status(&tcp);
    assert!(said.contains("cannot sign what it says"), "{said}");
    nothing_signed(&heard, "with the introduction");
    // The owner of the data directory does not use TCP at all, whatever a killed server left there.
    drop(UnixListener::bind(shop.home.data().join("server.sock")).unwrap());
    std::fs::write(shop.home.data().join("server.url"), &url).unwrap();
    let said = status(shop.home.data().to_str().unwrap());
    assert!(said.contains("no server runs on"), "{said}");
    assert_eq!(heard.try_iter().count(), 0);
}

/// A stolen request for a session.
#[test]
fn attack_a_signed_request_opens_one_session_and_only_where_it_was_asked_for() {
    let (shop, made) = rehearsal();
    let up = shop.home.up();
    let installation = shop.ok(&["status"])["installation"].clone();
    let introduced: Value = serde_json::from_str(&get(&up, "/api/v1/introduction", "").1).unwrap();
    let ada: Id = made["people"][0]["person"].as_str().unwrap().parse().unwrap();
    let fingerprint = |key: &str| {
        let file = shop.home.dir.path().join(key);
        shop.ok(&["key", "show", file.to_str().unwrap()])["fingerprint"].as_str().unwrap().to_owned()
    };
    // A request by this person, signed by the first key, under the fingerprint of the second one.
    let signed_by = |person: Id, key: &str, claimed: &str, arguments: Value| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let issued = ::evidence::Moment::default().later_by(now);
        let request = Request {
            v: 1,
            installation: installation.as_str().unwrap().parse().unwrap(),
            person,
            issued,
            expires: issued.later_by(std::time::Duration::from_mins(5)),
            nonce: lab::id(77),
            action: "open-session".parse().unwrap(),
            arguments,
        };
        let mut envelope: Envelope = request.envelope().unwrap();
        let (key, file) = (shop.home.dir.path().join(key), shop.home.dir.path().join("pae"));
        std::fs::write(&file, envelope.pae()).unwrap();
        let sign = ["-q", "-Y", "sign", "-n", NAMESPACE, "-f", key.to_str().unwrap(), file.to_str().unwrap()];
        assert!(shop.home.program("ssh-keygen").args(sign).status().unwrap().success());
        let text = std::fs::read_to_string(file.with_extension("sig")).unwrap();
        std::fs::remove_file(file.with_extension("sig")).unwrap();
        let sig: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        envelope.add(Signature { keyid: fingerprint(claimed), sig: STANDARD.decode(sig).unwrap() });
        format!("Authorization: Countersign-Request {}\r\n", STANDARD.encode(envelope.encode().unwrap()))
    };
    let signed = |arguments: Value| signed_by(ada, "ada-in", "ada-in", arguments);
    let url = &up.url;
    let opened = |header: &str| up.post("/api/v1/sessions", header, "");
    for (arguments, why) in [
        (json!({ "server": url }), "answers no challenge"),
        (json!({ "server": url, "challenge": "AAAA" }), "answers no challenge"),
        (json!({ "server": "http://127.0.0.1:1", "challenge": introduced["challenge"] }), "and this is http"),
        (json!({ "server": "unix", "challenge": introduced["challenge"] }), "and this is http"),
    ] {
        let (status, said) = opened(&signed(arguments));
        assert!(status == 401 && said.contains(why), "{status} {said}");
    }
    let right = json!({ "server": url, "challenge": introduced["challenge"] });
    let header = signed(right.clone());
    assert_eq!(opened(&header).0, 200);
    // Neither the same request again, nor another one with the same challenge.
    for header in [header, signed(right)] {
        let (status, said) = opened(&header);
        assert!(status == 401 && said.contains("has opened a session before"), "{status} {said}");
    }
    // Who does not know their own id is found by the key that signed, and by no other key.
    let unnamed = |key: &str, claimed: &str| {
        let introduced: Value = serde_json::from_str(&get(&up, "/api/v1/introduction", "").1).unwrap();
        let right = json!({ "server": url, "challenge": introduced["challenge"] });
        opened(&signed_by(UNNAMED, key, claimed, right))
    };
    for (key, claimed) in [("eve-in", "eve-in"), ("ada", "ada"), ("eve-in", "ada-in"), ("ada-in", "bob-in")] {
        assert_eq!(unnamed(key, claimed).0, 401, "{key} as {claimed}");
    }
    let (status, said) = unnamed("ada-in", "ada-in");
    let session: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &session["person"]), (200, &json!(ada)));
    assert!(up.stop());
}
