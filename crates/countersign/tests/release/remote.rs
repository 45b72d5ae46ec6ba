//! People on other machines: every command that a person uses, without the server's data directory.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::reading::rehearsal_with;
use super::reports::tomorrow;
use super::shop::Shop;
use super::vex::reported;
use crate::support::{Home, Up, copy_dir};

const PLACE: &str = "shop/ledger-api/production";
const DEV: &str = "shop/ledger-api/dev";

/// Commands that work on the server's files, or make them.
const ON_THE_HOST: [&str; 7] =
    ["up", "server", "audit verify", "audit replay", "policy dry-run", "trust origin", "secret rotate-root"];
/// Commands that need no installation, or make one, or belong to machines, with the reason why they are in no story here.
const OF_NO_INSTALLATION: [&str; 35] = [
    "demo",
    "init",
    "scan",
    "osv sync",
    "calendar compile",
    "calendar import",
    "hook install",
    "hook remove",
    "sbom",
    "pipeline run",
    "policy check",
    "policy test",
    "policy copy",
    "key show",
    "witness",
    "runner",
    "runner key",
    "runner join",
    "runner image",
    "runner image list",
    "runner image load",
    "runner image pull",
    "runner image remove",
    "runner remote",
    "runner remote add",
    "runner remote check",
    "runner remote list",
    "witness key",
    "witness join",
    "agent",
    "agent key",
    "agent join",
    "agent show",
    "agent apply",
    "agent status",
];

/// A person on another machine, who knows a line and has two keys and a clone.
pub struct Far {
    pub home: Home,
    /// Commands that were used.
    done: RefCell<BTreeSet<String>>,
}

impl Far {
    /// A machine with the keys of a person and a clone of the shop. Nothing on it names the server's directories.
    pub fn new(shop: &Shop, name: &str) -> Self {
        let home = Home::new();
        let config = std::fs::read_to_string(shop.home.dir.path().join(".gitconfig")).unwrap();
        let (here, there) = (shop.home.dir.path().to_str().unwrap(), home.dir.path().to_str().unwrap());
        let key = |key: &str| format!("{there}/.ssh/id_{key}");
        let signing = config.replace(&format!("{here}/ada-in"), &key(&format!("{name}-in")));
        std::fs::write(home.dir.path().join(".gitconfig"), signing.replace("ada", name)).unwrap();
        for of in [name.to_owned(), format!("{name}-in")] {
            for ending in ["", ".pub"] {
                std::fs::copy(format!("{here}/{of}{ending}"), format!("{}{ending}", key(&of))).unwrap();
            }
        }
        copy_dir(&shop.repository(), &home.dir.path().join("shop"));
        Self { home, done: RefCell::default() }
    }

    /// The same, who has taken a line.
    pub fn using(shop: &Shop, name: &str, line: &str) -> Self {
        let far = Self::new(shop, name);
        far.adopt(name, line);
        far
    }

    pub fn adopt(&self, name: &str, line: &str) -> Value {
        let ssh = self.home.dir.path().join(".ssh");
        let (key, sign_in) = (ssh.join(format!("id_{name}")), ssh.join(format!("id_{name}-in")));
        self.ok(&[
            "key",
            "use",
            line,
            "--key",
            key.to_str().unwrap(),
            "--sign-in-key",
            sign_in.to_str().unwrap(),
        ])
    }

    pub fn repository(&self) -> PathBuf {
        self.home.dir.path().join("shop")
    }

    pub fn json(&self, arguments: &[&str], code: i32) -> Value {
        let verb = verbs().into_iter().filter(|verb| is_begun_by(arguments, verb)).max_by_key(String::len);
        self.done.borrow_mut().extend(verb);
        self.home.json_in(&self.repository(), arguments, code)
    }

    pub fn ok(&self, arguments: &[&str]) -> Value {
        self.json(arguments, 0)
    }

    pub fn refused(&self, arguments: &[&str]) -> String {
        self.json(arguments, 1)["error"].as_str().unwrap().to_owned()
    }

    /// A commit of this person in their own clone.
    pub fn commit(&self, message: &str) {
        let mut git = self.home.program("git");
        git.args(["commit", "-q", "--allow-empty", "-a", "-S", "-m", message]).current_dir(self.repository());
        assert!(git.status().unwrap().success());
    }
}

fn is_begun_by(arguments: &[&str], verb: &str) -> bool {
    let words: Vec<_> = verb.split(' ').collect();
    arguments.starts_with(&words)
}

/// Every command of the program, as its page lists them; a group of commands is none.
fn verbs() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = std::fs::read_to_string(page).unwrap();
    let titles = page.lines().filter_map(|line| line.strip_prefix("## `countersign ")?.strip_suffix('`'));
    let all: BTreeSet<String> = titles.map(str::to_owned).collect();
    let groups = [
        "project", "osv", "hook", "pipeline", "policy", "trust", "audit", "key", "secret", "calendar",
        "rollout", "preview",
    ];
    all.into_iter().filter(|verb| !groups.contains(&verb.as_str())).collect()
}

/// The line with the address of a server on loopback.
pub fn line_of(shop: &Shop, up: &Up) -> String {
    shop.ok(&["trust", "pin", "--address", &up.url])["pin"].as_str().unwrap().to_owned()
}

/// Two people on machines of their own take a commit to production and change trust, and a third one joins. A new command
/// belongs into this story or into one of the lists.
#[test]
fn every_command_of_a_person_works_without_the_data_directory() {
    let (shop, _) = rehearsal_with(&["developer", "release-manager", "security", "secret-owner"]);
    reported(&shop);
    shop.commit("a scanner that finds something");
    let up = shop.home.up();
    let line = line_of(&shop, &up);
    assert!(line.starts_with("cs2."), "{line}");
    let (ada, bob) = (Far::using(&shop, "ada", &line), Far::using(&shop, "bob", &line));
    release(&ada, &bob);
    let both = Both { ada: &ada, bob: &bob };
    stopping(both);
    trust(&shop, both);
    project(both);
    secrets(both);
    files(&ada);
    for verb in ON_THE_HOST {
        let arguments: Vec<_> = verb.split(' ').collect();
        let out = match verb {
            "trust origin" => &["--out", "origin.json"][..],
            "policy dry-run" => &["policy"],
            _ => &[],
        };
        let said = ada.refused(&[&arguments[..], out].concat());
        assert!(said.contains("on another machine: type it on the server's host"), "{verb}: {said}");
    }
    let done: BTreeSet<String> = ada.done.borrow().union(&bob.done.borrow()).cloned().collect();
    let listed = ON_THE_HOST.iter().chain(&OF_NO_INSTALLATION).map(|verb| (*verb).to_owned());
    let all: BTreeSet<String> = done.iter().cloned().chain(listed).collect();
    assert_eq!(all, verbs(), "each command is in the story, or in a list with its reason");
    let kept = std::fs::read_to_string(ada.home.dir.path().join(".config/countersign/profile.json")).unwrap();
    assert!(!kept.contains(shop.home.dir.path().to_str().unwrap()), "{kept}");
    assert!(up.stop());
}

#[derive(Clone, Copy)]
struct Both<'a> {
    ada: &'a Far,
    bob: &'a Far,
}

/// A secret is put, granted, read and destroyed.
fn secrets(Both { ada, bob }: Both<'_>) {
    let file = |name: &str, text: &str| {
        let path = ada.home.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let token = "shop/registry/token";
    assert_eq!(ada.ok(&["secret", "put", "--file", &file("value", "far-away"), token])["number"], 1);
    let listed = file("listed.json", "{\"db\": {\"password\": \"far-away\"}}");
    let imported = ada.ok(&["secret", "import", "--to", "shop", "--format", "json", &listed]);
    assert_eq!(imported["secrets"][0]["secret"], "shop/db/password");
    assert_eq!(bob.ok(&["secret", "list", "shop"])["secrets"].as_array().unwrap().len(), 2);
    let recipe = format!("version: 1\nsecret: {token}\nsource: {{ command: [printf, far-away] }}\n");
    let recipe = file("recipe.yaml", &recipe);
    let rotated = ada.ok(&["secret", "rotate", &recipe, "--reason", "every quarter", "--yes"]);
    assert_eq!((&rotated["number"], &rotated["retired"]), (&json!(2), &json!(false)));
    let bounds = ["--ref", "refs/heads/main", "--pool", "branch", "--reason", "it publishes", "--yes"];
    bob.ok(&[&["secret", "grant", token, "--to-step", "publish"], &bounds[..]].concat());
    assert_eq!(ada.ok(&["secret", "who-can", token])["grants"].as_array().unwrap().len(), 1);
    let out = bob.home.dir.path().join("read");
    bob.ok(&["secret", "get", token, "--reason", "to see it", "--out", out.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(out).unwrap(), "far-away");
    let given = format!("{token}=TOKEN");
    ada.ok(&[
        "secret",
        "exec",
        &given,
        "--reason",
        "to try it",
        "--",
        "sh",
        "-c",
        "test \"$TOKEN\" = far-away",
    ]);
    let used = ada.ok(&["secret", "used", token])["lines"].as_array().unwrap().clone();
    assert_eq!(used.iter().filter(|line| line["allowed"] == true).count(), 2, "{used:?}");
    let short = ada.refused(&["secret", "leaked", "--offline"]);
    assert!(short.contains("below 6 bytes"), "the standard input is empty: {short}");
    ada.ok(&["secret", "destroy", token, "--number", "1", "--yes"]);
}

/// Everything in force becomes files, which declare it.
fn files(ada: &Far) {
    let dir = ada.home.dir.path().join("files");
    let dir = dir.to_str().unwrap();
    ada.ok(&["apply", "--export", dir]);
    assert_eq!(ada.ok(&["apply", "--check", dir])["differences"], json!([]));
    let traced = ada.ok(&["explain", PLACE, "policy", "--dir", dir]);
    assert_eq!(traced[0]["is_same"], true, "{traced}");
}

/// From a commit to production, and back.
fn release(ada: &Far, bob: &Far) {
    assert_eq!(ada.ok(&["status"])["mode"], "rehearsal");
    assert_eq!(ada.ok(&["key", "list"]).as_array().unwrap().len(), 2);
    let checked = ada.ok(&["pipeline", "check"]);
    assert_eq!(checked["places"].as_array().map(Vec::len), Some(3), "{checked}");
    let run = ada.ok(&["run"])["run"].as_str().unwrap().to_owned();
    assert!(ada.ok(&["logs", &run])["logs"].as_object().is_some_and(|logs| !logs.is_empty()));
    ada.ok(&["tests"]);
    ada.ok(&["policy", "explain", PLACE]);
    ada.ok(&["record", DEV]);
    bob.ok(&["status", PLACE]);
    assert_eq!(bob.ok(&["calendar", "show", PLACE])["calendars"][0]["open"], true, "it has no windows");
    states(bob);
    bob.ok(&["tag", "--yes", "--reason", "the first", "--place", PLACE, &pending(bob), "1.0.0"]);
    bob.ok(&["override", "--yes", "--reason", "if it has to be tonight", "--place", PLACE, &pending(bob)]);
    let lifts = ["lift", "--yes", "--reason", "the link was down", "--place", PLACE];
    let said = bob.refused(&lifts);
    assert!(said.contains(PLACE), "nothing is barred there, as the server's view of the place says: {said}");
    let said = bob.refused(&["parity", "staging", PLACE]);
    assert!(said.contains("so there is nothing to compare") && said.contains(PLACE), "{said}");
    bob.ok(&["approve", "--yes", "--reason", "read it on my laptop"]);
    assert_eq!(ada.ok(&["promote"])["outcome"], "running");
    let compared = bob.ok(&["parity", "staging", PLACE]);
    assert_eq!((&compared["differences"], &compared["equal"]), (&json!([]), &json!(true)), "{compared}");
    bob.ok(&["parity", "--check", "staging", PLACE]);
    assert!(
        bob.refused(&["parity", PLACE, PLACE]).contains("is one place; name two environments of a service")
    );
    watching(bob);
    assert_eq!(bob.ok(&["preview", "list"]), json!([]), "nobody has made one");
    let none = bob.json(&["preview", "remove", "pr-1", "--yes"], 2)["error"].clone();
    assert!(none.as_str().unwrap().contains("`pr-1` names no preview"), "{none}");
    let saved = bob.ok(&["evidence", PLACE])["bundle"].as_str().unwrap().to_owned();
    assert_eq!(bob.ok(&["verify", &saved])["outcome"], "pass");
    let opened = bob.ok(&["open"]);
    assert!(opened["url"].as_str().unwrap().starts_with("http"), "{opened}");
    for order in ["show", "pause", "resume", "promote", "abort"] {
        // Nothing is rolled out there; the answer comes from the server's view of the place.
        let said = bob.refused(&["rollout", order, DEV]);
        assert!(said.contains("no release is pending at") && said.contains(DEV), "{order}: {said}");
    }
    ada.commit("a second release");
    ada.ok(&["run"]);
    bob.ok(&["reject", "--yes", "--reason", "not yet"]);
    assert_eq!(bob.ok(&["rollback", "--yes", DEV])["outcome"], "running");
    ada.commit("a third");
    let run = ada.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    // It may have ended before: then the request is still decided by the server that was reached.
    let cancelled = ada.home.run_in(&ada.repository(), &["cancel", &run]);
    assert!(matches!(cancelled.status.code(), Some(0 | 3)), "{cancelled:?}");
    ada.done.borrow_mut().insert("cancel".into());
}

/// What is known of what runs.
fn watching(bob: &Far) {
    let found = bob.ok(&["where", "CVE-2019-10906"]);
    assert!(found["running"].as_u64().is_some_and(|count| count > 0), "{found}");
    assert!(bob.refused(&["where", "a<"]).contains("ask for a package URL"));
    let judged = bob.ok(&["rescan"]);
    assert!(judged["releases"].as_u64().is_some_and(|count| count > 0), "{judged}");
    assert!(judged["snapshot"].is_null(), "the server has no advisories: {judged}");
    assert_eq!(bob.ok(&["alerts"]), json!([]));
    assert_eq!(bob.ok(&["alerts", "list", "--all"]), json!([]));
    let said = bob.refused(&["alerts", "acknowledge", "ffff", "--reason", "it is mine"]);
    assert!(said.contains("no alert begins with `ffff`"), "{said}");
}

/// What a person says about the findings and tests of the release that waits.
fn states(bob: &Far) {
    let shown = bob.ok(&["approve", "--show"]);
    let worst = shown["findings"]["worst"].as_array().unwrap();
    let finding = |name: &str| {
        let found = worst.iter().find(|finding| finding.to_string().contains(name)).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let (yaml, templates, end) = (finding("pyyaml"), finding("jinja2"), tomorrow());
    let why = ["--yes", "--reason", "read it", "--until", &end];
    bob.ok(&[&["waive", &yaml], &why[..]].concat());
    let justified = ["--justification", "component_not_present"];
    bob.ok(&[&["not-affected", &templates], &why[..], &justified].concat());
    bob.ok(&[&["sign-off"], &why[..]].concat());
}

/// Number of the release that waits in production, as the person sees it.
fn pending(far: &Far) -> String {
    let places = far.ok(&["status"])["places"].clone();
    let view = places.as_array().unwrap().iter().find(|view| view["place"] == PLACE).unwrap().clone();
    view["open"]["release"].to_string()
}

/// A freeze by one person, lifted by two.
fn stopping(Both { ada, bob }: Both<'_>) {
    let number = bob.ok(&["trust", "status"])["statement"]["number"].as_u64().unwrap();
    bob.ok(&["freeze", "--yes", "shop"]);
    let frozen = ada.ok(&["trust", "status"])["statement"].clone();
    assert_eq!(
        (frozen["number"].as_u64(), frozen["frozen"].as_array().map(Vec::len)),
        (Some(number + 1), Some(1))
    );
    let file = ada.home.dir.path().join("status.json");
    let file = file.to_str().unwrap();
    ada.ok(&["unfreeze", "--yes", "shop", "--out", file]);
    assert_eq!(bob.ok(&["trust", "sign", "--yes", file])["signatures"], 2);
    bob.ok(&["trust", "send", file]);
    assert_eq!(ada.ok(&["status"])["frozen"], json!([]));
}

/// Root, statement and enrolment; each page compares with what the server showed and the pin proves.
fn trust(shop: &Shop, Both { ada, bob }: Both<'_>) {
    let file = |name: &str| ada.home.dir.path().join(name).to_str().unwrap().to_owned();
    let (root, place) = (file("root.json"), file("place.json"));
    assert_eq!(ada.ok(&["trust", "root"])["statement"]["version"], 1);
    ada.ok(&["trust", "root", "--renew", "--yes", "--out", &root]);
    let page = bob.ok(&["trust", "sign", "--show", &root]);
    let rests = "version 1, which is in force by the trust root that you have pinned";
    assert_eq!(page["compared_with"], rests);
    bob.ok(&["trust", "sign", "--yes", &root]);
    bob.ok(&["trust", "send", &root]);
    assert_eq!(bob.ok(&["trust", "root"])["statement"]["version"], 2);
    ada.ok(&["trust", "environment", "--yes", DEV, "--variable", "COLOUR=blue", "--out", &place]);
    let page = bob.ok(&["trust", "sign", "--show", &place])["changes"].as_str().unwrap().to_owned();
    assert!(page.contains("+    \"COLOUR\": \"blue\""), "{page}");
    bob.ok(&["trust", "sign", "--yes", &place]);
    bob.ok(&["trust", "send", &place]);
    let public = |key: &str| shop.home.dir.path().join(format!("{key}.pub")).to_str().unwrap().to_owned();
    let enrol =
        ["trust", "enrol", "--yes", "--name", "Eve", "--email", "eve@example.com", "--role", "developer"];
    let keys = ["--key", &public("eve"), "--sign-in-key", &public("eve-in")];
    let enrolled = ada.home.run_in(&ada.repository(), &[&enrol[..], &keys].concat());
    let said = String::from_utf8(enrolled.stdout).unwrap();
    ada.done.borrow_mut().insert("trust enrol".into());
    let typed = said.lines().find_map(|line| line.trim().strip_prefix("countersign ")).unwrap().to_owned();
    assert!(typed.starts_with("key use cs2."), "{said}");
    let eve = Far::new(shop, "eve");
    eve.ok(&typed.split_whitespace().collect::<Vec<_>>());
    assert_eq!(eve.ok(&["status"])["people"].as_array().unwrap().len(), 3);
    // Her own line has the newest numbers and the same addresses, and a colleague can take it.
    let hers = eve.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let taken = bob.ok(&["trust", "pin", "--set", &hers]);
    assert_eq!((&taken["root_version"], &taken["v"]), (&json!(2), &json!(2)));
}

/// A second project whose agents are on hosts of their own.
fn project(Both { ada, bob }: Both<'_>) {
    let dir = ada.home.dir.path().join("second");
    copy_dir(&ada.repository(), &dir);
    let mut unset = ada.home.program("git");
    assert!(unset.args(["config", "--unset", "countersign.project"]).current_dir(&dir).status().is_ok());
    let add = [
        "project",
        "add",
        "--repository",
        dir.to_str().unwrap(),
        "--project",
        "second",
        "--out",
        "statements",
    ];
    let said = ada.json(&add, 2)["error"].as_str().unwrap().to_owned();
    assert!(
        said.contains("second/ledger-api/dev, second/ledger-api/staging, second/ledger-api/production"),
        "{said}"
    );
    let lines: Vec<_> = ["dev", "staging", "production"]
        .map(|environment| {
            let data = ada.home.dir.path().join(format!("agent-{environment}"));
            let key = [
                "agent",
                "key",
                "--data",
                data.to_str().unwrap(),
                "--name",
                "agent-1",
                "--host",
                environment,
            ];
            let line = ada.home.ok(&key)["line"].as_str().unwrap().to_owned();
            format!("second/ledger-api/{environment}={line}")
        })
        .into();
    let named: Vec<_> = lines.iter().flat_map(|line| ["--agent", line]).collect();
    let added = ada.ok(&[&add[..], &named].concat());
    let files = added["statements"].as_array().unwrap();
    assert_eq!(files.len(), 3, "{added}");
    for file in files {
        let file = ada.repository().join(file.as_str().unwrap());
        bob.ok(&["trust", "sign", "--yes", file.to_str().unwrap()]);
        bob.ok(&["trust", "send", file.to_str().unwrap()]);
    }
    let places = bob.ok(&["status"])["places"].clone();
    let second = places
        .as_array()
        .unwrap()
        .iter()
        .filter(|view| view["place"].as_str().unwrap().starts_with("second/"));
    assert_eq!(second.count(), 3);
    let unknown = format!("third/ledger-api/dev={}", lines[0].split_once('=').unwrap().1);
    let said =
        ada.json(&[&add[..], &["--agent", &unknown]].concat(), 2)["error"].as_str().unwrap().to_owned();
    assert!(said.contains("which is not a new place of project second"), "{said}");
}
