//! What goes wrong around the program: its input files, its output, and the versions that it has seen.

use std::fs;
use std::process::{Command, Stdio};

use evidence::Digest;
use evidence::pin::Pin;
use serde_json::{Value, json};

use super::Page;
use crate::release::shop::Shop;
use crate::support::Home;

#[test]
fn people_files_that_cannot_be_used() {
    let home = Home::new();
    for key in ["ada", "ada-in", "bob", "bob-in"] {
        home.ssh_key(key);
    }
    let person = |name: &str, roles: &[&str]| {
        json!({ "name": name, "emails": [format!("{name}@example.com")], "key": name,
                "sign_in_key": format!("{name}-in"), "roles": roles })
    };
    let ada = person("ada", &["developer"]);
    let mut page = Page::new(&home);
    page.fails("no name", &["init", "--email", "a@example.com"]);
    page.fails("no email address", &["init", "--name", "Ada"]);
    let init = ["init", "--mode", "team", "--people", "people.json"];
    page.fails("no file", &init);
    for (what, text) in [
        ("no JSON", "people".to_owned()),
        ("a slip in a field", json!([{ "nmae": "ada" }]).to_string()),
        ("one person", json!([ada]).to_string()),
        ("a slip in a role", json!([ada, person("bob", &["relase-manager"])]).to_string()),
        ("no role", json!([ada, person("bob", &[])]).to_string()),
        ("a key that is not there", json!([ada, person("carol", &["developer"])]).to_string()),
        ("a person twice", json!([ada, ada]).to_string()),
    ] {
        fs::write(home.dir.path().join("people.json"), text).unwrap();
        page.fails(what, &init);
    }
    page.end("people");
}

#[test]
fn outputs_that_cannot_be_written() {
    let home = Home::solo();
    let mut page = Page::new(&home);
    let mut given = |what: &str, words: &[&str], change: &dyn Fn(&mut Command)| {
        let mut command = home.command(words);
        change(command.stdin(Stdio::null()));
        page.entry(what, words, &command.output().unwrap());
    };
    given("no home", &["status"], &|command| {
        command.env_remove("HOME");
    });
    let full = |command: &mut Command| {
        command.stdout(fs::File::create("/dev/full").unwrap());
    };
    given("an answer that cannot be written", &["trust", "root"], &full);
    given("a statement that cannot be shown", &["trust", "root", "--renew", "--yes"], &full);
    page.end("outputs");
}

#[test]
fn what_was_seen_before_is_not_forgotten() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let line = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let pin: Pin = line.parse().unwrap();
    let replace = |pin: &Pin| drop(shop.ok(&["trust", "pin", "--replace", "--set", &pin.to_string()]));
    let mut page = Page::within(&shop.home, shop.repository());
    let other = Pin { root: Digest::of(b"another"), ..pin.clone() };
    page.fails("another root of the same version", &["trust", "pin", "--set", &other.to_string()]);
    replace(&other);
    page.fails("a root that the directory does not hold", &["trust", "root"]);
    replace(&Pin { status: 9, ..pin.clone() });
    page.fails("a newer status", &["freeze", "shop", "--yes"]);
    let mut places = pin.environments.clone();
    places.iter_mut().for_each(|place| place.number = 9);
    replace(&Pin { environments: places, ..pin.clone() });
    let place = ["trust", "environment", "shop/ledger-api/dev", "--yes"];
    page.fails("a newer statement of a place", &place);
    page.fails(
        "the same for a statement made anew",
        &[&place[..], &["--anew", "--agent", "a=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]].concat(),
    );
    replace(&pin);
    shop.ok(&["trust", "status", "--save", "old.json"]);
    shop.ok(&["freeze", "shop", "--yes"]);
    let newer = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let foreign = Home::solo().ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    for (dir, line) in [("newer", newer), ("foreign", foreign)] {
        let join = ["agent", "join", "--data", dir, "--name", "a", "--place", "shop/a/dev", "--pin", &line];
        shop.ok(&join);
        page.fails("a status for another agent", &["agent", "status", "--data", dir, "old.json"]);
    }
    let strange = json!({ "payload": "e30=", "payloadType": "application/x",
                          "signatures": [{ "keyid": "a", "sig": "AA==" }] });
    fs::write(shop.repository().join("strange.json"), strange.to_string()).unwrap();
    page.fails("a statement of another kind", &["trust", "sign", "strange.json"]);
    page.fails("the same when it is sent", &["trust", "send", "strange.json"]);
    strangers(&mut page, &shop);
    page.end("seen-before");
    assert!(up.stop());
}

/// People who are not known here, or have pinned nothing.
fn strangers(page: &mut Page<'_>, shop: &Shop) {
    shop.ok(&["unfreeze", "shop", "--yes"]);
    shop.ok(&["run"]);
    let config = shop.home.dir.path().join(".config/countersign");
    let away = config.with_file_name("away");
    let profile: Value =
        serde_json::from_str(&fs::read_to_string(config.join("profile.json")).unwrap()).unwrap();
    let (person, installation) =
        (profile["person"].as_str().unwrap(), profile["installation"].as_str().unwrap());
    fs::rename(config.join(installation).join("pin"), config.join("pin")).unwrap();
    page.fails("an approval without a pin", &["approve", "--show"]);
    fs::rename(config.join("pin"), config.join(installation).join("pin")).unwrap();
    fs::rename(&config, &away).unwrap();
    page.fails("an approval by nobody", &["approve", "--show"]);
    fs::rename(&away, &config).unwrap();
    let line = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    shop.home.ssh_key("shop/bob");
    page.fails("another key than the enrolled one", &{
        ["key", "use", "--pin", &line, "--person", person, "--key", "bob"]
    });
}

#[test]
fn ledgers_that_do_not_verify_say_where() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.home.witnessed(&up);
    assert!(up.stop());
    let data = shop.home.data();
    let change = |file: &str, change: &str| {
        rusqlite::Connection::open(data.join(file)).unwrap().execute(change, []).unwrap();
    };
    let mut page = Page::within(&shop.home, shop.repository());
    page.shows("a ledger that replays", &["audit", "replay"]);
    change("views.db", "UPDATE run SET state = 'failed'");
    page.fails("a view that was changed", &["audit", "verify"]);
    page.shows("the same, mended", &["audit", "verify", "--rebuild-views"]);
    change("ledger.db", "UPDATE entry SET facts = CAST('{}' AS BLOB) WHERE seq = 9");
    page.fails("an entry that was changed", &["audit", "verify"]);
    page.fails("the same when it is decided again", &["audit", "replay"]);
    page.fails("the same when the server starts", &["up"]);
    page.end("audit");
}

#[test]
fn an_installation_without_projects_says_so() {
    let shop = Shop::new();
    shop.quick_pipeline();
    shop.commit("a quick pipeline");
    shop.ok(&["init", "--bare"]);
    let up = shop.home.up();
    let mut page = Page::within(&shop.home, shop.repository());
    page.shows("nothing is there", &["status"]);
    page.fails("no project", &["run"]);
    page.fails("no run", &["logs"]);
    page.fails("no place", &["approve", "shop/ledger-api/dev", "--reason", "x"]);
    let lock = shop.repository().join(".git/config.lock");
    fs::write(&lock, "").unwrap();
    page.fails("a name that git cannot keep", &["project", "add", "--project", "books"]);
    page.end("no-projects");
    assert!(up.stop());
}
