//! Reading needs a right outside solo mode: what strangers of the same machine try, and who reads how.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::shop::Shop;
use crate::support::{Home, Up};

/// Ada and Bob in a rehearsal, with the shop's service; commits are Ada's.
fn rehearsal() -> (Shop, Value) {
    let home = Home::new();
    for key in ["ada", "ada-in", "bob", "bob-in", "eve", "eve-in"] {
        home.ssh_key(key);
    }
    let person = |name: &str| {
        json!({ "name": name, "emails": [format!("{name}@example.com")], "key": name,
                "sign_in_key": format!("{name}-in"), "roles": ["developer", "release-manager"] })
    };
    let people = home.dir.path().join("people.json");
    std::fs::write(&people, json!([person("ada"), person("bob")]).to_string()).unwrap();
    let shop = Shop::of(home);
    shop.config("user.signingkey", shop.home.dir.path().join("ada-in").to_str().unwrap());
    shop.quick_pipeline();
    shop.commit("the beginning, by Ada");
    let init = ["init", "--mode", "rehearsal", "--people", people.to_str().unwrap(), "--project", "shop"];
    let made = shop.in_repository(&init, 0);
    shop.commit("a quick pipeline");
    (shop, made)
}

/// Somebody else's home, who is a person of the same installation.
fn colleague(shop: &Shop, made: &Value, name: &str, person: &str) -> Home {
    let (home, at) = (Home::new(), shop.home.dir.path());
    let file = |key: String| at.join(key).to_str().unwrap().to_owned();
    let (approval, sign_in, data) = (file(name.into()), file(format!("{name}-in")), shop.home.data());
    let adopt = ["key", "use", "--pin", made["pin"].as_str().unwrap(), "--person", person, "--data"];
    let keys = [data.to_str().unwrap(), "--key", &approval, "--sign-in-key", &sign_in];
    home.ok(&[&adopt[..], &keys].concat());
    home
}

/// Takes the Unix socket away, so that commands go over TCP, as those of another machine or user do.
fn without_socket(shop: &Shop) {
    let socket = shop.home.data().join("server.sock");
    std::fs::rename(&socket, socket.with_extension("away")).unwrap();
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
    // Whoever owns the data directory reads over its Unix socket, and signs nothing for it.
    let status = shop.ok(&["status"]);
    let installation = status["installation"].as_str().unwrap();
    let config = shop.home.dir.path().join(".config/countersign").join(installation);
    assert!(!config.join("session.json").exists());
    let blob = status["status"]["file"].as_str().unwrap();
    let run = "0".repeat(32);
    let closed = [
        "installation".to_owned(),
        "entries?from=0".into(),
        format!("blobs/{blob}"),
        "runs".into(),
        format!("runs/{run}"),
        "places".into(),
        "evidence/shop/ledger-api/dev".into(),
        format!("logs/{run}/step/test/runner-1"),
        "service-logs/shop/ledger-api/dev".into(),
        "consistency?old=1&new=2".into(),
        "wait?past=0".into(),
        "proofs/0".into(),
        "work/runner?now=true".into(),
        format!("work/orders/{run}"),
        "work/agent/shop/ledger-api/dev".into(),
    ];
    let size: u64 = get(&up, "/checkpoint", "").1.lines().nth(1).unwrap().parse().unwrap();
    let bundle = format!("entries/000.p/{size}");
    let spellings = ["entries", "%65ntries", "entrie%73", "%65%6e%74%72%69%65%73"];
    let bundles = spellings.map(|word| format!("/tile/{}", bundle.replace("entries", word)));
    let paths: Vec<String> = closed.iter().map(|path| format!("/api/v1/{path}")).chain(bundles).collect();
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
    assert!(said.contains("countersign key use --pin LINE --person ID"), "it names the remedy: {said}");
    // What stays open is what proves a history without telling it.
    for open in ["/checkpoint".to_owned(), format!("/tile/0/000.p/{size}"), "/health".into()] {
        assert_eq!(get(&up, &open, "").0, 200, "{open}");
    }

    // Over TCP a person signs in once, and the session is kept where others do not read it.
    without_socket(&shop);
    assert_eq!(shop.ok(&["status"])["installation"], installation);
    let (file, token) = session(&shop.home, installation);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    shop.ok(&["status"]);
    assert_eq!(session(&shop.home, installation).1, token, "the same session serves the next command");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(get(&up, "/api/v1/runs", &bearer).0, 200);
    assert_eq!(get(&up, &format!("/tile/{bundle}"), &bearer).0, 200);
    // A token that is one letter off is nobody's.
    assert_eq!(get(&up, "/api/v1/runs", &format!("{}x\r\n", bearer.trim_end())).0, 401);
    // A session that the server does not know any more is renewed without a word.
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace(&token, "gone")).unwrap();
    shop.ok(&["status"]);
    assert_ne!(session(&shop.home, installation).1, "gone");

    // Whoever is not enrolled gets no session, and is told so.
    let profile = ".config/countersign/profile.json";
    let own = std::fs::read_to_string(shop.home.dir.path().join(profile)).unwrap();
    let nobody = Home::new();
    std::fs::create_dir_all(nobody.dir.path().join(profile).parent().unwrap()).unwrap();
    let person = made["people"][0]["person"].as_str().unwrap();
    std::fs::write(nobody.dir.path().join(profile), own.replace(person, &"1f".repeat(16))).unwrap();
    let refused = nobody.json(&["status"], 1);
    assert!(refused["error"].as_str().unwrap().contains("is not enrolled here"), "{refused}");
    assert!(up.stop());
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
    without_socket(&shop);

    let home = colleague(&shop, &made, "eve", eve["person"].as_str().unwrap());
    let seen = home.ok(&["status"]);
    assert_eq!(
        (&seen["places"], &seen["runs"]),
        (&json!([]), &json!([])),
        "only her own projects are listed"
    );
    let logs = home.json(&["logs", run], 1);
    assert!(logs["error"].as_str().unwrap().contains("no role in project `shop`"), "{logs}");
    let bearer = format!("Authorization: Bearer {}\r\n", session(&home, installation).1);
    let entries: Vec<Value> = serde_json::from_str(&get(&up, "/api/v1/entries", &bearer).1).unwrap();
    let of_shop: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == "source.taken").collect();
    assert_eq!(of_shop.len(), 1);
    assert_eq!((&of_shop[0]["facts"], of_shop[0].get("particulars")), (&json!(null), None), "its head alone");
    assert!(entries.iter().any(|entry| entry["kind"] == "identity.enrolled" && entry["facts"].is_object()));
    // Ada's own look says which blobs there are: source, log, artifact.
    shop.ok(&["status"]);
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
    // So does a revocation of the key that signed in.
    assert_eq!(get(&up, "/api/v1/runs", &ada).0, 200);
    let key = shop.ok(&["key", "show", &eve_key("ada-in")])["fingerprint"].clone();
    shop.ok(&["trust", "status", "--yes", "--revoke", key.as_str().unwrap()]);
    assert_eq!(get(&up, "/api/v1/runs", &ada).0, 401);
    assert!(up.stop());
}
