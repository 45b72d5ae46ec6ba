//! An installation as files: what differs, what is applied, what is wrong, and where a value comes from.

use std::fs;

use super::Page;
use crate::release::shop::Shop;

const STAGING: &str = "configuration/environments/shop/ledger-api/staging.yaml";

#[test]
fn configuration_as_files() {
    let shop = Shop::solo();
    let home = &shop.home;
    let _up = home.up();
    let path = |file: &str| home.dir.path().join(file);
    let append = |file: &str, text: &str| {
        let old = fs::read_to_string(path(file)).unwrap_or_default();
        fs::write(path(file), old + text).unwrap();
    };
    let git = |words: &[&str]| {
        let mut command = home.program("git");
        assert!(command.args(words).current_dir(path("configuration")).output().unwrap().status.success());
    };
    let mut page = Page::new(home);
    page.fails("a directory that does not exist", &["apply", "configuration"]);
    page.shows("everything in force becomes files", &["apply", "--export", "configuration"]);
    page.fails("files of another time stay", &["apply", "--export", "configuration"]);
    page.shows("files in no repository", &["apply", "--check", "configuration"]);
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "Everything in force"]);
    page.shows("nothing differs", &["apply", "configuration"]);
    fs::create_dir(path("configuration/overrides")).unwrap();
    append("configuration/overrides/staging.yaml", "class: staging\nvariables: { LOG: warn }\n");
    append(STAGING, "variables: { LOG: debug }\n");
    page.fails("a change that is not in force", &["apply", "--check", "configuration"]);
    page.shows("it is applied", &["apply", "--yes", "configuration"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "Staging says more"]);
    let staging = "shop/ledger-api/staging";
    let explain = |words: &[&'static str]| [&["explain", "--dir", "configuration"][..], words].concat();
    page.shows("where a value comes from", &explain(&[staging, "variables.LOG"]));
    page.fails("a key that has no value", &explain(&[staging, "colour"]));
    page.fails("a part that is none", &explain(&["shop"]));
    page.fails("a place that is nowhere", &explain(&["shop/ledger-api/night"]));
    home.ok(&["trust", "environment", staging, "--variable", "LOG=trace", "--variable", "X=1", "--yes"]);
    page.fails("somebody went past the files", &["apply", "--check", "configuration"]);
    page.shows("files and force differ", &explain(&[staging, "variables.LOG"]));
    page.shows("the file wins, and what is in no file stays", &["apply", "--yes", "configuration"]);
    page.shows("until it is pruned", &["apply", "--yes", "--prune", "configuration"]);
    let other = home.ssh_key("other");
    home.ok(&["apply", "--export", "team"]);
    let replace = |file: &str, old: &str, new: &str| {
        let text = fs::read_to_string(path(file)).unwrap();
        assert!(text.contains(old), "{text}");
        fs::write(path(file), text.replace(old, new)).unwrap();
    };
    let key = fs::read_to_string(other.with_extension("pub")).unwrap();
    let person = format!("people:\n  bob: [{{ key: {}, purposes: [approve] }}]\n", key.trim());
    replace("team/keys.yaml", "people:\n", &person);
    replace(
        "team/trust.yaml",
        "  policy:\n    members:\n      - ada\n    threshold: 1\n",
        "  policy: { members: [ada, bob], threshold: 2 }\n",
    );
    page.fails("it needs two people", &["apply", "--yes", "team"]);
    // As JSON, because the order of two new keys differs between runs.
    page.shows(
        "the other one gets files to sign",
        &["apply", "--yes", "team", "--out", "to-sign", "-o", "json"],
    );
    page.fails("and not twice into one place", &["apply", "--yes", "team", "--out", "to-sign"]);
    append(STAGING, "colour: red\nsoak: 5\nport: 0\n");
    fs::create_dir(path("configuration/enviroments")).unwrap();
    append("configuration/enviroments/x.yaml", "a: 1\n");
    page.fails("files with faults", &["apply", "--yes", "configuration"]);
    page.end("configuration");
}
