//! Previews: made of a branch by a developer's request alone, evidence for nothing else, and removed with everything that
//! they left: on request, on time, after a kill of their agent, and when the template goes.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::console::get;
use super::hosts::Role;
use super::services::{QUICK, shop};
use super::{PLACE, Shop, at};
use crate::codes;
use crate::support::{Up, until};

const TEMPLATE: &str = "shop/ledger-api/preview";

/// Leaves a file, and runs.
const LEAVES: &str = "echo left > \"$STATE_DIRECTORY/left\"\nwhile :; do sleep 0.05; done";

/// A shop with a template for two previews, and the directory of its agent.
fn with_template(service: &str) -> (Shop, Up, PathBuf) {
    let shop = shop(service, "exit 0", QUICK);
    let up = shop.home.up();
    let dir = shop.home.data().with_file_name("previewer");
    let data = dir.to_str().unwrap();
    let made = shop.ok(&["agent", "key", "--data", data, "--name", "previewer"]);
    let line = made["line"].as_str().unwrap().to_owned();
    let sets = ["trust", "environment", "--yes", TEMPLATE, "--previews", "pr-*", "--preview-count", "2"];
    shop.ok(&[&sets[..], &["--agent", &line, "--baseline", "HEAD~1"]].concat());
    let pin = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    shop.ok(&["agent", "join", "--data", data, "--place", TEMPLATE, "--previews", "--pin", &pin]);
    (shop, up, dir)
}

fn agent(shop: &Shop, up: &Up, dir: &Path) -> Role {
    let data = dir.to_str().unwrap();
    Role::start(&shop.home, &["agent", "--data", data, "--server", &up.url, "--settle-seconds", "0"])
}

/// The previews that `preview list` shows.
fn listed(shop: &Shop) -> Vec<Value> {
    let templates = shop.ok(&["preview", "list"]);
    assert_eq!(templates[0]["template"], json!(TEMPLATE), "{templates}");
    templates[0]["previews"].as_array().unwrap().clone()
}

fn outcomes(ran: &Value) -> Vec<(String, String)> {
    let all = ran["outcomes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.map(|at| (text(&at["place"]), text(&at["outcome"]))).collect()
}

fn left(dir: &Path, name: &str) -> PathBuf {
    let mut base = dir.as_os_str().to_owned();
    base.push(".previews");
    PathBuf::from(base).join(name)
}

#[test]
fn a_preview_is_made_by_one_request_and_removed_with_everything_that_it_left() {
    let (shop, up, dir) = with_template(LEAVES);
    let role = agent(&shop, &up, &dir);
    let ran = shop.ok(&["run", "--preview", "pr-1"]);
    assert_eq!(outcomes(&ran), [("shop/ledger-api/pr-1".to_owned(), "running".to_owned())], "{ran}");
    assert_eq!(at(&up, "dev")["running"], json!(null), "the run of a preview goes nowhere else");
    let first = until(|| listed(&shop).pop().filter(|one| one["disk"].is_u64()));
    assert_eq!((&first["slot"], &first["owner"], &first["release"]), (&json!(1), &json!("Ada"), &json!(1)));
    let state = left(&dir, "pr-1").join("state/left");
    until(|| state.exists().then_some(()));
    stands_on_its_page_alone(&up);

    // The same commit, asked for anew, goes to the places that stay, and not to the preview.
    let stays = shop.ok(&["run"]);
    assert!(!outcomes(&stays).iter().any(|(place, _)| place.contains("pr-") || place == TEMPLATE), "{stays}");
    assert_eq!(at(&up, "dev")["running"]["release"], json!(1));

    // A branch that was rewritten comes to the same preview.
    shop.git(&["commit", "-q", "--amend", "--allow-empty", "-S", "-m", "rewritten"]);
    shop.ok(&["run", "--preview", "pr-1"]);
    let second = listed(&shop).pop().unwrap();
    assert_eq!((&second["slot"], &second["release"]), (&json!(1), &json!(2)), "{second}");
    assert!(second["until"].as_str() > first["until"].as_str(), "{second}");

    // A second one takes the next slot; a third one is told who has which.
    shop.ok(&["run", "--preview", "pr-2"]);
    let refused = shop.in_repository(&["run", "--preview", "pr-3"], 1)["error"].as_str().unwrap().to_owned();
    assert!(refused.contains("pr-1 of Ada until ") && refused.contains("pr-2 of Ada until "), "{refused}");
    let outside = shop.in_repository(&["run", "--preview", "demo"], 1);
    assert!(outside["error"].as_str().unwrap().contains("`demo` does not fit `pr-*`"), "{outside}");

    shop.ok(&["preview", "remove", "--yes", "pr-1"]);
    let rest = until(|| Some(listed(&shop)).filter(|all| all.len() == 1));
    assert_eq!(rest[0]["place"], json!("shop/ledger-api/pr-2"));
    until(|| (!left(&dir, "pr-1").exists()).then_some(()));
    // The number of its releases is not used again.
    shop.ok(&["run", "--preview", "pr-1"]);
    let again = listed(&shop).into_iter().find(|one| one["place"] == json!("shop/ledger-api/pr-1")).unwrap();
    assert!(again["release"].as_u64() > Some(2), "{again}");

    // Without its template, each of them ends.
    shop.ok(&["trust", "environment", "--yes", TEMPLATE, "--previews", "none"]);
    until(|| (!left(&dir, "pr-1").exists() && !left(&dir, "pr-2").exists()).then_some(()));
    until(|| (shop.ok(&["preview", "list"]) == json!([])).then_some(()));
    role.stop();
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

/// A page of the console, as a program reads it.
fn page(up: &Up, path: &str) -> Value {
    let host = up.url.strip_prefix("http://").unwrap();
    let answer = get(up, host, path, "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// The preview of the first test is on the page of previews, and neither it nor its template is a column of the overview.
fn stands_on_its_page_alone(up: &Up) {
    let shown = page(up, "/previews.json");
    let row = &shown["tables"][0]["rows"][0];
    let words = |cell: usize| row[cell]["text"].as_str().unwrap().to_owned();
    assert_eq!((words(0), words(3)), ("pr-1".to_owned(), "Ada".to_owned()), "{shown}");
    assert_eq!(row[1]["badge"]["word"], json!("runs"), "{shown}");
    assert_eq!(row[0]["commands"][0]["line"], json!("countersign preview remove pr-1"));
    assert_eq!(shown["tables"][1]["rows"][0][2]["text"], json!("1 of 2 taken"), "{shown}");
    let board = page(up, "/overview.json")["board"]["environments"].to_string();
    assert!(board.contains("dev") && !board.contains("pr-1") && !board.contains("preview"), "{board}");
}

/// Keys change while a preview is there: its agent's, and those of the policy signers. The request that made it stays as it was, and
/// its removal is recorded all the same.
#[test]
fn a_preview_from_before_a_change_of_keys_is_removed_and_reported() {
    let (shop, up, dir) = with_template(LEAVES);
    let role = agent(&shop, &up, &dir);
    shop.ok(&["run", "--preview", "pr-1"]);
    shop.ok(&["run", "--preview", "pr-2"]);
    let data = dir.to_str().unwrap();
    let line = shop.ok(&["agent", "key", "--data", data, "--renew"])["line"].as_str().unwrap().to_owned();
    shop.ok(&["trust", "environment", "--yes", TEMPLATE, "--agent", &line]);
    until(|| (!dir.join("key.next.pem").exists()).then_some(()));
    shop.ok(&["preview", "remove", "--yes", "pr-1"]);
    until(|| (listed(&shop).len() == 1).then_some(()));

    let (other, file) = (shop.home.ssh_key("signer"), shop.home.dir.path().join("before.pub"));
    let root = shop.ok(&["trust", "root"])["statement"].clone();
    std::fs::write(&file, root["policy"]["holders"][0]["key"].as_str().unwrap()).unwrap();
    let shown = shop.ok(&["key", "show", file.to_str().unwrap()]);
    let (add, remove) =
        (format!("policy={}", other.display()), format!("policy={}", shown["fingerprint"].as_str().unwrap()));
    shop.ok(&["trust", "root", "--yes", "--add", &add]);
    // The new signer signs the template anew, and then the former one goes.
    let profile = shop.home.dir.path().join(".config/countersign/profile.json");
    let former = std::fs::read(&profile).unwrap();
    let mut own: Value = serde_json::from_slice(&former).unwrap();
    own["approval_key"] = json!(other);
    std::fs::write(&profile, own.to_string()).unwrap();
    shop.ok(&["trust", "environment", "--yes", TEMPLATE, "--preview-count", "2"]);
    std::fs::write(&profile, former).unwrap();
    shop.ok(&["trust", "root", "--yes", "--remove", &remove]);
    shop.ok(&["preview", "remove", "--yes", "pr-2"]);
    until(|| listed(&shop).is_empty().then_some(()));
    until(|| (!left(&dir, "pr-2").exists()).then_some(()));
    let removed = page(&up, "/previews.json")["tables"][2]["rows"].as_array().unwrap().clone();
    assert_eq!(removed.len(), 2, "{removed:?}");
    role.stop();
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

/// The service of a preview runs as another account, in a directory beside that of its agent, which goes with the preview.
#[test]
fn a_preview_of_another_account_goes_with_what_the_account_left() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root starts services as another account");
        return;
    }
    let (shop, up, dir) = with_template(LEAVES);
    let own = shop.home.dir.path();
    for at in dir.ancestors().skip(1).take_while(|at| at.starts_with(own)) {
        std::fs::set_permissions(at, Permissions::from_mode(0o755)).unwrap();
    }
    let data = dir.to_str().unwrap();
    let at = ["agent", "--data", data, "--server", &up.url, "--settle-seconds", "0"];
    let role = Role::start(&shop.home, &[&at[..], &["--service-user", "nobody"]].concat());
    shop.ok(&["run", "--preview", "pr-1"]);
    let beside = left(&dir, "pr-1.service");
    let file = until(|| std::fs::metadata(beside.join("state/left")).ok());
    assert_ne!(file.uid(), 0, "the account wrote it");
    shop.ok(&["preview", "remove", "--yes", "pr-1"]);
    until(|| listed(&shop).is_empty().then_some(()));
    until(|| (!beside.exists() && !left(&dir, "pr-1").exists()).then_some(()));
    role.stop();
    assert!(up.stop());
}

#[test]
fn an_agent_that_was_away_or_killed_removes_what_is_over() {
    let (shop, up, dir) = with_template(LEAVES);
    let role = agent(&shop, &up, &dir);
    shop.ok(&["run", "--preview", "pr-1"]);
    // Dropped, it is killed.
    drop(role);
    shop.ok(&["preview", "remove", "--yes", "pr-1"]);
    assert_eq!(listed(&shop)[0]["ending"], json!(true), "its slot stays taken");
    let refused = shop.in_repository(&["run", "--preview", "pr-1"], 3);
    assert_eq!(codes(&refused), ["preview-ending"], "{refused}");
    // A removal that has begun goes on after a kill at any step.
    let mut seed = 7_u64;
    for _ in 0..4 {
        let role = agent(&shop, &up, &dir);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let reads = seed >> 61;
        (0..reads).for_each(|_| drop(listed(&shop)));
        drop(role);
    }
    let role = agent(&shop, &up, &dir);
    until(|| listed(&shop).is_empty().then_some(()));
    until(|| (!left(&dir, "pr-1").exists()).then_some(()));
    role.stop();
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

#[test]
fn a_preview_that_is_removed_while_it_is_built_leaves_nothing_and_can_be_made_anew() {
    let (shop, up, dir) = with_template(LEAVES);
    let role = agent(&shop, &up, &dir);
    shop.ok(&["run", "--preview", "pr-1", "--no-wait"]);
    shop.ok(&["preview", "remove", "--yes", "pr-1"]);
    until(|| listed(&shop).is_empty().then_some(()));
    until(|| (!left(&dir, "pr-1").exists()).then_some(()));
    let ran = shop.ok(&["run", "--preview", "pr-1"]);
    assert_eq!(outcomes(&ran), [("shop/ledger-api/pr-1".to_owned(), "running".to_owned())], "{ran}");
    until(|| left(&dir, "pr-1").join("state/left").exists().then_some(()));
    role.stop();
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

#[test]
fn attack_a_preview_is_no_evidence_and_its_agent_serves_no_other_place() {
    let (shop, up, dir) = with_template(LEAVES);
    let role = agent(&shop, &up, &dir);
    shop.ok(&["run", "--preview", "pr-1"]);
    let after = shop.in_repository(&["trust", "environment", "--yes", PLACE, "--after", "pr-1"], 3);
    assert_eq!(codes(&after), ["preview-as-evidence"], "{after}");
    let template = shop.in_repository(&["trust", "environment", "--yes", PLACE, "--after", "preview"], 3);
    assert_eq!(codes(&template), ["preview-as-evidence"], "{template}");
    let line =
        shop.ok(&["agent", "key", "--data", dir.to_str().unwrap()])["line"].as_str().unwrap().to_owned();
    let shared = shop.in_repository(&["trust", "environment", "--yes", PLACE, "--agent", &line], 3);
    assert_eq!(codes(&shared), ["preview-agent-shared"], "{shared}");
    role.stop();
    assert!(up.stop());
}
