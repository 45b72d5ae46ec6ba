//! Wrong directories and files of an installation, without a server.

use std::fs;

use super::Page;
use crate::release::shop::Shop;
use crate::support::Home;

#[test]
fn directories_without_an_installation() {
    let home = Home::new();
    let repository = home.dir.path().join("shop");
    fs::create_dir(&repository).unwrap();
    let mut page = Page::within(&home, &repository);
    for words in [
        &["status"][..],
        &["run"],
        &["up"],
        &["server"],
        &["approve", "--show"],
        &["audit", "verify"],
        &["audit", "replay", "--data", "gone"],
        &["trust", "root"],
        &["trust", "pin"],
        &["project", "add"],
    ] {
        page.fails("no installation", words);
    }
    fs::create_dir(repository.join("empty")).unwrap();
    fs::write(repository.join("file"), "").unwrap();
    for data in ["empty", "file"] {
        for words in [&["status"][..], &["up"], &["audit", "verify"], &["trust", "root"]] {
            page.fails("a directory with nothing in it", &[words, &["--data", data]].concat());
        }
    }
    page.fails("the key of nobody", &["trust", "sign", "none.json"]);
    page.fails("a witness without a directory", &["witness", "--data", "gone"]);
    page.fails("a witness in an empty directory", &["witness", "--data", "empty"]);
    let server = ["--server", "http://127.0.0.1:8080"];
    for role in ["runner", "agent"] {
        page.fails("a role without a directory", &[&[role, "--data", "gone"], &server[..]].concat());
        page.fails("a role in an empty directory", &[&[role, "--data", "empty"], &server[..]].concat());
    }
    page.fails("an agent's status without an agent", &["agent", "status", "--data", "gone", "status.json"]);
    page.end("no-installation");
}

#[test]
fn installations_that_are_there_already_or_partly() {
    let home = Home::solo();
    let mut page = Page::new(&home);
    page.fails("an installation is there", &["init"]);
    page.fails("no server runs", &["status"]);
    page.fails("no server runs", &["logs"]);
    page.fails("no server runs", &["key", "list"]);
    let profile = home.dir.path().join(".config/countersign/profile.json");
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, "{").unwrap();
    page.fails("a damaged profile", &["status"]);
    fs::write(&profile, text).unwrap();
    let installation = home.ok(&["trust", "root"])["statement"]["installation"].as_str().unwrap().to_owned();
    let pin = profile.with_file_name(installation).join("pin");
    let line = fs::read_to_string(&pin).unwrap();
    fs::write(&pin, "cs1.x\n").unwrap();
    page.fails("a damaged pin", &["trust", "root"]);
    fs::remove_file(&pin).unwrap();
    page.fails("no pin, but something to sign", &["trust", "root", "--renew", "--yes"]);
    page.fails("the same with a status", &["freeze", "shop", "--yes"]);
    fs::write(&pin, line).unwrap();
    let data = home.data();
    let blobs = data.join("blobs");
    fs::rename(&blobs, data.join("away")).unwrap();
    page.fails("files of the ledger are missing", &["trust", "root"]);
    page.fails("the same at the start", &["server"]);
    page.fails("the same in an audit", &["audit", "verify"]);
    fs::rename(data.join("away"), &blobs).unwrap();
    let ledger = data.join("ledger.db");
    let bytes = fs::read(&ledger).unwrap();
    fs::write(&ledger, b"not a database").unwrap();
    page.fails("a damaged ledger", &["trust", "root"]);
    page.fails("the same in an audit", &["audit", "verify"]);
    fs::write(&ledger, bytes).unwrap();
    fs::rename(&data, data.with_file_name("moved")).unwrap();
    page.fails("the data directory was moved", &["status"]);
    fs::create_dir(&data).unwrap();
    page.fails("the data directory is empty", &["status"]);
    fs::remove_dir(&data).unwrap();
    page.fails("the same at init", &["init"]);
    page.end("installations");
}

#[test]
fn repositories_that_cannot_be_taken() {
    let shop = Shop::new();
    let home = &shop.home;
    let at = |name: &str| home.dir.path().join(name);
    let git = |dir: &str, words: &[&str]| {
        assert!(home.program("git").args(words).current_dir(at(dir)).status().unwrap().success());
    };
    for dir in ["plain", "fresh", "2024", "bare", "foreign", "half"] {
        fs::create_dir(at(dir)).unwrap();
    }
    git("bare", &["init", "-q", "--bare"]);
    for dir in ["fresh", "2024", "foreign", "half"] {
        git(dir, &["init", "-q", "-b", "main"]);
    }
    for dir in ["2024", "foreign", "half"] {
        git(dir, &["commit", "-q", "--allow-empty", "-m", "one"]);
    }
    fs::create_dir(at("half/.countersign")).unwrap();
    fs::write(at("half/.countersign/pipeline.yaml"), "version: 1\n").unwrap();
    let mut page = Page::new(home);
    for (what, dir) in [
        ("no repository", "plain"),
        ("a path that is not there", "gone"),
        ("a repository without a commit", "fresh"),
        ("a directory that gives no name", "2024"),
        ("a bare repository", "bare"),
        ("nothing to start from", "foreign"),
        ("a pipeline without a release file", "half"),
    ] {
        page.fails(what, &["init", "--repository", dir]);
    }
    for (dir, file, text) in [
        ("library", "Cargo.toml", "[package]\nname = \"library\"\n[lib]\npath = \"lib.rs\"\n"),
        ("go", "go.mod", "module m\n\nrequire a.example/b v1.0.0\n"),
    ] {
        fs::create_dir(at(dir)).unwrap();
        git(dir, &["init", "-q", "-b", "main"]);
        fs::write(at(dir).join(file), text).unwrap();
        git(dir, &["commit", "-q", "--allow-empty", "-m", "one"]);
        let mut command = home.command(&["init", "--repository", dir]);
        let output = command.env("GOPROXY", "off").env("GOSUMDB", "off").output().unwrap();
        page.entry("a project that cannot be released as it is", &["init", "--repository", dir], &output);
    }
    page.fails("a repository that is not wanted", &["init", "--bare", "--project", "shop"]);
    page.fails("a start command that is there", &["init", "--repository", "shop", "--command", "x"]);
    page.fails("an empty start command", &["init", "--repository", "foreign", "--command", ""]);
    page.fails("a start command of two lines", &["init", "--repository", "foreign", "--command", "a\nb"]);
    let probe = ["init", "--repository", "foreign", "--command", "x", "--probe", "status"];
    page.fails("a probe that is no path", &probe);
    page.fails("a directory that cannot be made", &["init", "--bare", "--data", "shop/Cargo.toml/data"]);
    page.fails("a pipeline of no repository here", &["pipeline", "check"]);
    page.fails("a pipeline of no repository", &["pipeline", "check", "--repository", "plain"]);
    page.fails("a pipeline that is missing", &["pipeline", "check", "--repository", "foreign"]);
    page.fails("a run of no repository", &["pipeline", "run", "--repository", "plain"]);
    page.fails("outputs in a full directory", &["pipeline", "run", "--repository", "shop", "--out", "shop"]);
    page.fails("an unknown step", &["pipeline", "run", "--repository", "shop", "deploy"]);
    page.fails("a toolchain that is not there", &{
        ["pipeline", "run", "--repository", "shop", "--toolchain", "gone"]
    });
    page.end("repositories");
}

#[test]
fn policies_that_cannot_be_taken() {
    let home = Home::new();
    let mut page = Page::new(&home);
    let write = |name: &str, text: &str| {
        let path = home.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    page.fails("no directory", &["policy", "check", "gone"]);
    write("none/readme.md", "x");
    page.fails("no policy in it", &["policy", "check", "none"]);
    write("other/gate.rego", "package countersign.gate\n");
    write("other/limits.yml", "x");
    page.fails("another file in it", &["policy", "check", "other"]);
    write("bad/gate.rego", "package countersign.gate\nallow := \n");
    page.fails("a policy that does not compile", &["policy", "check", "bad"]);
    write("incomplete/gate.rego", "package countersign.gate\nallow := true\n");
    page.fails("a policy without its rules", &["policy", "check", "incomplete"]);
    home.ok(&["policy", "copy", "copied"]);
    page.fails("a directory that is there", &["policy", "copy", "copied"]);
    let test = home.dir.path().join("copied/gate_test.rego");
    fs::remove_file(&test).unwrap();
    page.fails("no tests", &["policy", "test", "copied"]);
    write("copied/gate_test.rego", "package countersign.gate\ntest_nothing if false\n");
    page.fails("a test that fails", &["policy", "test", "copied"]);
    write("copied/gate_test.rego", "package countersign.gate\ndeny contains \"x\" if false\n");
    page.fails("a rule of the gate among the tests", &["policy", "test", "copied"]);
    let deep = format!("deep/{}gate.rego", "a/".repeat(18));
    write(&deep, "package countersign.gate\n");
    page.fails("directories that lie deep", &["policy", "check", "deep"]);
    write("bytes/gate.rego", "");
    fs::write(home.dir.path().join("bytes/gate.rego"), [0xff, 0xfe]).unwrap();
    page.fails("bytes that are no text", &["policy", "check", "bytes"]);
    fs::create_dir(home.dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink("gone", home.dir.path().join("link/gate.rego")).unwrap();
    page.fails("a link to nothing", &["policy", "check", "link"]);
    write("stray/gate.rego", "package other\nallow := true\n");
    page.fails("a package that nothing asks for", &["policy", "check", "stray"]);
    page.end("policies");
}
