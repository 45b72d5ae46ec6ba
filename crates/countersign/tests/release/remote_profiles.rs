//! People on other machines: the line, the addresses and the profile by which they reach their server.

use std::path::Path;

use serde_json::json;

use super::reading::rehearsal_with;
use super::remote::{Far, line_of};
use super::shop::Shop;
use crate::support::Home;

#[test]
fn the_addresses_are_tried_in_order_and_who_proves_nothing_is_passed_over() {
    let (shop, other) = (Shop::solo(), Home::solo());
    let (up, stranger) = (shop.home.up(), other.up());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}");
    let (secured, authority) = ("https://127.0.0.1:1", format!("sha256:{}", "5a".repeat(32)));
    let addresses =
        ["--address", &closed, "--address", secured, "--address", &stranger.url, "--address", &up.url];
    let alone = shop.in_repository(&[&["trust", "pin"][..], &addresses].concat(), 1);
    assert!(alone["error"].as_str().unwrap().contains("no authority that secures it"), "{alone}");
    let plain = shop.in_repository(&["trust", "pin", "--address", "http://192.0.2.7:8080"], 2);
    assert!(plain["error"].as_str().unwrap().contains("is plain HTTP, which is for loopback"), "{plain}");
    let given = [&["trust", "pin"][..], &addresses, &["--authority", &authority]].concat();
    let line = shop.ok(&given)["pin"].as_str().unwrap().to_owned();
    let far = Home::new();
    for ending in ["", ".pub"] {
        let key = format!(".ssh/id_ed25519{ending}");
        std::fs::copy(shop.home.dir.path().join(&key), far.dir.path().join(&key)).unwrap();
    }
    let used = far.ok(&["key", "use", &line]);
    assert_eq!((&used["v"], used.get("data")), (&json!(2), None));
    assert_eq!(far.ok(&["status"])["installation"], shop.ok(&["status"])["installation"]);
    assert!(up.stop());
    let said = far.json(&["status"], 1)["error"].as_str().unwrap().to_owned();
    for words in [
        "no address of your server leads to it",
        &closed,
        "is `countersign server --tls` up there",
        "did not prove that it is the server",
        "key use LINE",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(stranger.stop());
}

/// Commands that run at the same time read, raise and write one pin.
#[test]
fn commands_of_one_person_at_the_same_time_lose_no_number() {
    let shop = Shop::solo();
    let line = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let pin: ::evidence::pin::Pin = line.parse().unwrap();
    let lines = (0..12_u64).map(|number| {
        let mut seen = pin.environments[0].clone();
        seen.environment = lab::name(&format!("place-{number}"));
        let environments = seen.beside(&pin.environments);
        ::evidence::pin::Pin { environments, status: pin.status + number, ..pin.clone() }.to_string()
    });
    let home = shop.home.dir.path();
    let children: Vec<_> =
        lines.map(|line| shop.home.spawn_in(home, &["trust", "pin", "--set", &line])).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let kept = shop.ok(&["trust", "pin", "--set", &line]);
    assert_eq!(kept["status"], json!(pin.status + 11));
    assert_eq!(kept["environments"].as_array().unwrap().len(), pin.environments.len() + 12);
}

/// What a person without a line, an address or a right profile reads.
#[test]
fn a_person_elsewhere_is_told_what_is_missing() {
    let (shop, made) = rehearsal_with(&["developer", "release-manager"]);
    let up = shop.home.up();
    let line = line_of(&shop, &up);
    let ada = Far::new(&shop, "ada");
    let key = |name: &str| ada.home.dir.path().join(".ssh").join(name).to_str().unwrap().to_owned();
    let (own, sign_in) = (key("id_ada"), key("id_ada-in"));
    let stranger = key("id_ed25519");
    let said = ada.refused(&["key", "use", &line, "--key", &own, "--sign-in-key", &stranger]);
    assert!(said.contains("nobody is enrolled with the key that signed this for sign-in"), "{said}");
    let said = ada.refused(&["key", "use", &line, "--key", &stranger, "--sign-in-key", &sign_in]);
    assert!(said.contains("is not the key that") && said.contains("--key"), "{said}");
    assert!(!ada.home.dir.path().join(".config/countersign/profile.json").exists(), "nothing was half done");
    let twice = ada.json(&["key", "use", &line, "--pin", &line], 2);
    assert!(twice["error"].as_str().unwrap().contains("cannot be used with"), "{twice}");
    // A whole id needs no server.
    assert!(up.stop());
    let person = made["people"][0]["person"].as_str().unwrap();
    ada.ok(&["key", "use", &line, "--person", person, "--key", &own, "--sign-in-key", &sign_in]);
    let profile = ada.home.dir.path().join(".config/countersign/profile.json");
    let text = std::fs::read_to_string(&profile).unwrap();
    for (from, to, words) in [
        ("\"v\": 2", "\"v\": 3", "of version 3, which this program does not know"),
        ("\"v\": 2", "\"v\": 1", "missing field `data`"),
        ("\"v\": 2", "\"v\": 2, \"data\": \"/srv\"", "names no `data`"),
        ("\"v\": 2", "\"v\": 9, \"way\": \"new\"", "of version 9, which this program does not know"),
    ] {
        std::fs::write(&profile, text.replace(from, to)).unwrap();
        let said = ada.refused(&["status"]);
        assert!(said.contains(words), "{said}");
    }
    std::fs::write(&profile, &text).unwrap();
    let installation = made["installation"].as_str().unwrap();
    let pin = profile.with_file_name(installation).join("pin");
    std::fs::write(&pin, made["pin"].as_str().unwrap()).unwrap();
    let said = ada.refused(&["status"]);
    assert!(said.contains("your pin names no address of the server"), "{said}");
    std::fs::remove_file(&pin).unwrap();
    let said = ada.refused(&["freeze", "shop", "--yes"]);
    assert!(said.contains("you have pinned nothing"), "{said}");
}

/// The example of docs/operating/people.md, with the address of a real server and the files of a real person.
#[test]
fn the_documented_way_from_ones_own_machine() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating/people.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("## From your own machine\n").nth(1).unwrap();
    let lines: Vec<_> = section.split("```\n").nth(1).unwrap().lines().collect();
    let (shop, _) = rehearsal_with(&["developer", "release-manager"]);
    let up = shop.home.up();
    let ada = Far::new(&shop, "ada");
    let ssh = ada.home.dir.path().join(".ssh");
    for (key, name) in [("id_ada", "id_ed25519"), ("id_ada-in", "id_sign_in")] {
        for ending in ["", ".pub"] {
            std::fs::rename(ssh.join(format!("{key}{ending}")), ssh.join(format!("{name}{ending}"))).unwrap();
        }
    }
    let typed = |line: &str, pin: &str| -> Vec<String> {
        let line = line.replace("http://127.0.0.1:7411", &up.url).replace("LINE", pin);
        let line = line.replace("~/.ssh", ssh.to_str().unwrap());
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    let run = |line: &str, pin: &str, more: &[&str]| {
        let words = typed(line, pin);
        ada.ok(&words.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let words = typed(lines[0], "");
    let pin =
        shop.ok(&words.iter().map(String::as_str).collect::<Vec<_>>())["pin"].as_str().unwrap().to_owned();
    run(lines[1], &pin, &[]);
    assert_eq!(run(lines[2], &pin, &[])["mode"], "rehearsal");
    run(lines[3], &pin, &["--yes"]);
    assert_eq!(run(lines[2], &pin, &[])["frozen"].as_array().unwrap().len(), 1);
    assert_eq!(lines.len(), 4);
    assert!(up.stop());
}
