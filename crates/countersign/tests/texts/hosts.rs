//! Founding and joining over distance: lines of machines, foundings that wait, and mistakes with both.

use std::fs;

use serde_json::json;

use super::Page;
use crate::support::Home;

#[test]
fn lines_of_machines() {
    let home = Home::solo();
    let pin = home.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let mut page = Page::new(&home);
    let runner = ["runner", "key", "--data", "runner"];
    let with = |rest: &[&'static str]| [&runner[..], rest].concat();
    page.fails("a runner without a name", &runner);
    page.fails("a host with a bad name", &with(&["--name", "runner-3", "--host", "build_1"]));
    page.fails("an operator without a name", &with(&["--name", "runner-3", "--operator", " "]));
    page.fails(
        "the next key before the first",
        &with(&["--name", "runner-3", "--host", "build-1", "--renew"]),
    );
    page.shows("a runner", &with(&["--name", "runner-3", "--host", "build-1", "--operator", "Build team"]));
    page.shows("the same again", &runner);
    page.fails("another name", &with(&["--name", "runner-4"]));
    page.fails(
        "another name when it joins",
        &["runner", "join", "--data", "runner", "--name", "runner-4", "--pin", &pin],
    );
    page.shows("it joins", &["runner", "join", "--data", "runner", "--pin", &pin]);
    page.shows("its next key", &with(&["--renew"]));
    let agent = ["agent", "key", "--data", "agent", "--name", "agent-1", "--host", "prod-1"];
    page.shows("an agent", &agent);
    page.shows("it joins", &["agent", "join", "--data", "agent", "--place", "shop/api/dev", "--pin", &pin]);
    fs::write(home.dir.path().join("agent/machine.json"), "{").unwrap();
    page.fails("a damaged description", &agent);
    let root = |rest: [&'static str; 2]| [&["trust", "root", "--yes", "--out", "x.json"][..], &rest].concat();
    page.fails(
        "a host with a bad name in the root",
        &root(["--runner", "a=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=@-"]),
    );
    page.fails("a pool for a runner that the root does not name", &root(["--pool", "runner-9=fork"]));
    page.fails("a pool that is none", &root(["--pool", "runner-1=prod"]));
    page.fails("a ref that is not protected", &root(["--unprotect", "refs/heads/main"]));
    page.fails("a line of an agent without a place", &["init", "--agent", "agent-1"]);
    page.end("machine-lines");
}

#[test]
fn machines_that_have_joined() {
    let home = Home::solo();
    let pin = home.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let at = ["trust", "pin", "--address", "http://127.0.0.1:7411"];
    let line = home.ok(&at)["pin"].as_str().unwrap().to_owned();
    let theirs = Home::solo().ok(&at)["pin"].as_str().unwrap().to_owned();
    let mut page = Page::new(&home);
    let runner = ["runner", "join", "--data", "runner", "--pin"];
    let with = |rest: &[&'static str]| [&runner[..], &[line.as_str()], rest].concat();
    page.shows("a runner", &[&runner[..], &[pin.as_str(), "--name", "runner-3"]].concat());
    page.shows("it joins by a line with an address", &with(&[]));
    let kept = fs::read_to_string(home.dir.path().join("runner/server.json")).unwrap();
    assert!(kept.contains("127.0.0.1:7411"), "{kept}");
    page.fails("the first line again", &[&runner[..], &[pin.as_str()]].concat());
    page.fails("a line of another installation", &[&runner[..], &[theirs.as_str()]].concat());
    let known: ::evidence::pin::Pin = line.parse().unwrap();
    let forged = ::evidence::pin::Pin { root: ::evidence::Digest::of(b"another root"), ..known }.to_string();
    page.fails("a line of another root", &[&runner[..], &[forged.as_str()]].concat());
    page.fails("another name", &with(&["--name", "runner-4"]));
    let device = "pkcs11:object=a?module-path=/usr/lib/none.so&pin-source=/pin";
    page.fails("another key", &with(&["--key", device]));
    assert_eq!(fs::read_to_string(home.dir.path().join("runner/server.json")).unwrap(), kept);
    let agent = |place, line| ["agent", "join", "--data", "agent", "--place", place, "--pin", line];
    page.shows("an agent", &[&agent("shop/api/dev", &pin)[..], &["--name", "agent-1"]].concat());
    page.shows("it joins by a line with an address", &agent("shop/api/dev", &line));
    page.fails("for another place", &agent("shop/api/staging", &line));
    page.end("machines-joined");
}

#[test]
fn remotes_of_a_runner() {
    let home = Home::solo();
    let mut page = Page::new(&home);
    let of = |verb: &'static str, rest: &[&'static str]| {
        [&["runner", "remote", verb, "--data", "runner"][..], rest].concat()
    };
    page.fails("no directory", &of("list", &[]));
    home.ok(&["runner", "key", "--data", "runner", "--name", "runner-3", "--host", "build-1"]);
    page.shows("none", &of("list", &[]));
    page.fails("a check of one that is not set", &of("check", &["shop"]));
    let https = "https://git.example/shop.git";
    page.fails("a URL with a password", &of("add", &["shop", "https://ada:secret@git.example/shop.git"]));
    page.fails("another kind", &of("add", &["shop", "http://git.example/shop.git"]));
    page.fails("SSH without files", &of("add", &["shop", "ssh://git@git.example/shop.git"]));
    page.fails("a key for HTTPS", &of("add", &["shop", https, "--identity-file", "/etc/key"]));
    page.fails("a path that is no repository", &of("add", &["shop", "/"]));
    page.shows("one", &of("add", &["shop", https, "--token-file", "/etc/countersign/token"]));
    page.shows("all", &of("list", &[]));
    page.fails("no token", &of("check", &[]));
    page.end("runner-remotes");
}

#[test]
fn witnesses_that_join() {
    let home = Home::solo();
    let at = |name: &str| home.dir.path().join(name);
    let pin = home.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    home.ok(&["trust", "root", "--out", "root.json"]);
    let other = Home::solo();
    other.ok(&["trust", "root", "--out", at("other.json").to_str().unwrap()]);
    let mut page = Page::new(&home);
    let join = ["witness", "join", "--data", "witness", "--pin", &pin];
    let with = |file: &'static str| [&join[..], &["--trust-root", file]].concat();
    page.fails("a witness without a key", &["witness", "--data", "witness"]);
    page.shows("a witness", &["witness", "key", "--data", "witness", "--host", "witness-1"]);
    page.fails("another name", &["witness", "key", "--data", "witness", "--name", "witness/second"]);
    page.fails("a witness that has not joined", &["witness", "--data", "witness"]);
    page.fails("neither root nor server", &join);
    page.fails("no file", &with("gone.json"));
    fs::write(at("text.json"), "{}").unwrap();
    page.fails("no root", &with("text.json"));
    page.fails("the root of another installation", &with("other.json"));
    page.shows("it joins", &with("root.json"));
    page.shows("the same again", &with("root.json"));
    let logs = fs::read_to_string(at("witness/logs")).unwrap();
    let (origin, _) = logs.split_once('+').unwrap();
    let key = tlog::NoteSigner::from_seed(origin, tlog::SignatureKind::Ed25519, &[9; 32]).unwrap();
    fs::write(at("witness/logs"), format!("{}\n", key.verifier())).unwrap();
    page.fails("another key of the same ledger", &with("root.json"));
    page.end("witnesses-join");
}

#[test]
fn foundings_that_wait() {
    let home = Home::new();
    let key = |file: &str| fs::read_to_string(home.dir.path().join(file)).unwrap().trim().to_owned();
    for name in ["bob", "bob-in", "ada-in"] {
        home.ssh_key(name);
    }
    let person = |name: &str, file: &str| {
        json!({ "name": name, "emails": [format!("{name}@example.com")], "key": key(file),
                "sign_in_key": key(&format!("{name}-in.pub")), "roles": ["developer"] })
    };
    let people = json!([person("ada", ".ssh/id_ed25519.pub"), person("bob", "bob.pub")]);
    fs::write(home.dir.path().join("people.json"), people.to_string()).unwrap();
    let mut page = Page::new(&home);
    let init = ["init", "--mode", "team", "--people", "people.json", "--host", "server", "--data", "here"];
    let with = |rest: &[&'static str]| [&init[..], rest].concat();
    page.fails("nothing waits", &["init", "--continue", "--data", "here"]);
    page.fails(
        "a runner without a host",
        &with(&["--runner", "runner-1=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]),
    );
    page.fails(
        "an agent of no place",
        &with(&["--agent", "shop/api/dev=a=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=@b"]),
    );
    page.shows("one of two signs at once", &init);
    page.fails("the same again", &init);
    page.fails("it is not founded", &["up", "--data", "here"]);
    let go_on = ["init", "--continue", "--data", "here"];
    page.fails("too few signatures", &go_on);
    fs::copy(home.dir.path().join("here.founding/founding.json"), home.dir.path().join("founding.json"))
        .unwrap();
    page.fails("a person who has signed", &["trust", "sign", "founding.json", "--yes"]);
    fs::write(home.dir.path().join("text.json"), "{\"enrolments\":[]}").unwrap();
    page.fails("a damaged copy", &["trust", "sign", "text.json", "--yes"]);
    page.fails("the same when it is sent back", &[&go_on[..], &["text.json"]].concat());
    page.fails("a copy that nobody confirms", &["trust", "sign", "founding.json", "--key", "bob"]);
    page.shows("the other one signs", &["trust", "sign", "founding.json", "--key", "bob", "--yes"]);
    page.fails("the key of nobody", &{
        fs::rename(home.dir.path().join(".ssh"), home.dir.path().join("away")).unwrap();
        ["trust", "sign", "founding.json", "--yes"]
    });
    let other = Home::new();
    let theirs = home.dir.path().join("people.json");
    let second = ["init", "--mode", "team", "--people", theirs.to_str().unwrap(), "--data", "there"];
    other.ok(&second);
    fs::copy(other.dir.path().join("there.founding/founding.json"), home.dir.path().join("other.json"))
        .unwrap();
    page.fails("a copy of another founding", &[&go_on[..], &["other.json"]].concat());
    page.shows("it is founded", &[&go_on[..], &["founding.json"]].concat());
    page.fails("a runner without a host", &{
        [
            "trust",
            "root",
            "--yes",
            "--data",
            "here",
            "--out",
            "x.json",
            "--runner",
            "runner-3=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ]
    });
    fs::remove_dir_all(home.dir.path().join("here.witness")).unwrap();
    page.fails("all roles of a host without its witness", &["up", "--data", "here"]);
    page.end("foundings");
}
