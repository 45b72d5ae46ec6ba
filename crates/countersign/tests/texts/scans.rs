//! Scans and bills of materials of directories.

use std::os::unix::ffi::OsStrExt as _;

use super::Page;
use crate::support::Home;
use crate::support::packages::{LOCKFILE, record};
use crate::support::secrets::token;

#[test]
fn scans_of_directories() {
    let home = Home::new();
    let write = |path: &str, text: &str| {
        let path = home.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("clean/Cargo.lock", LOCKFILE);
    write("clean/Cargo.toml", "[package]\nname = \"app\"\n");
    write("leaky/src/deploy.py", &format!("import os\n\nTOKEN = \"{}\"\n", token()));
    write("newer/Cargo.lock", "version = 9\n");
    write("empty/notes.txt", "nothing\n");
    std::fs::create_dir(home.dir.path().join("nothing")).unwrap();
    std::fs::create_dir(home.dir.path().join("odd")).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff.env");
    std::fs::write(home.dir.path().join("odd").join(odd), token()).unwrap();
    write("odd/plain.txt", "nothing\n");
    let mut page = Page::new(&home);
    page.shows("a directory without secrets", &["scan", "clean"]);
    page.fails("a directory with a secret", &["scan", "leaky"]);
    page.fails("a lockfile of a later version", &["scan", "newer"]);
    page.fails("a directory that does not exist", &["scan", "nowhere"]);
    page.fails("a directory without files", &["scan", "nothing"]);
    page.fails("a file whose name is not UTF-8", &["scan", "odd"]);
    write("mirror/crates.io/one.json", &record("RUSTSEC-2026-0001", "serde"));
    write("mirror/readme.txt", "not a record\n");
    write("broken/one.json", "{\"id\": 7}");
    page.shows("a database of advisories", &["osv", "sync", "--from", "mirror"]);
    page.fails("a package with a critical problem", &["scan", "clean"]);
    page.fails("a mirror with a file that is no record", &["osv", "sync", "--from", "broken"]);
    page.fails("no mirror", &["osv", "sync"]);
    page.fails("a mirror that does not exist", &["osv", "sync", "--from", "nowhere"]);
    page.fails(
        "an index that has no directory of an ecosystem",
        &["osv", "sync", "--from", "mirror", "--index", "broken"],
    );
    page.fails("an unknown ecosystem", &["osv", "sync", "--from", "mirror", "--ecosystem", "cobol"]);
    page.fails("a file that is no database", &["scan", "clean", "--advisories", "mirror/readme.txt"]);
    write("python/requirements.txt", "flask>=1.0\n");
    page.fails("a package of an ecosystem without advisories", &["scan", "python"]);
    page.shows("a bill of materials", &["sbom", "clean"]);
    page.shows("the same in SPDX, in a file", &["sbom", "clean", "--format", "spdx", "--out", "bill.json"]);
    page.fails("a directory without lockfiles", &["sbom", "empty"]);
    page.fails("a bill of a lockfile of a later version", &["sbom", "newer"]);
    page.end("scans");
    let said = home.json(&["scan", "leaky"], 3);
    assert!(!said.to_string().contains(&token()), "no output has the secret");
    assert!(home.dir.path().join("bill.json").exists());
}

/// The blocks of docs/scan/README.md, each command with what it prints. `UPDATE_SCAN=1` writes them.
#[test]
fn the_examples_of_the_scan_page_run() {
    let home = Home::new();
    let write = |path: &str, text: &str| {
        let path = home.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("clean/Cargo.lock", LOCKFILE);
    write("clean/Cargo.toml", "[package]\nname = \"app\"\n");
    write("leaky/src/deploy.py", &format!("import os\n\nTOKEN = \"{}\"\n", token()));
    write("empty/notes.txt", "nothing\n");
    let git = |words: &[&str]| {
        let mut git = home.program("git");
        git.arg("-C").arg(home.dir.path().join("shop")).args(words);
        for (name, value) in [("NAME", "Ada"), ("EMAIL", "ada@example.com"), ("DATE", "@1790000000 +0000")] {
            // The ids of the commits are on the page.
            git.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        assert!(git.output().unwrap().status.success());
    };
    write("shop/old.py", &format!("TOKEN = \"{}\"\n", token()));
    git(&["init", "-q", "--object-format=sha1"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "one"]);
    write("shop/src/deploy.py", &format!("import os\n\nTOKEN = \"{}\"\n", token()));
    git(&["add", "-A"]);
    git(&["commit", "-qm", "two"]);
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scan/README.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (mut fresh, mut inside) = (String::new(), false);
    for line in page.lines() {
        match (inside, line.strip_prefix("$ countersign ")) {
            (true, None) if line != "```" => continue,
            (true, Some(words)) => {
                let words: Vec<_> = words.split(' ').collect();
                let output = home.run_in(home.dir.path(), &words);
                let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
                fresh += &format!("{line}\n{}", said.concat());
                continue;
            }
            _ => inside = line == "```console",
        }
        fresh += line;
        fresh.push('\n');
    }
    if std::env::var_os("UPDATE_SCAN").is_some() {
        std::fs::write(&file, &fresh).unwrap();
        return;
    }
    assert_eq!(fresh, page, "the page differs from the program; `UPDATE_SCAN=1` writes it");
    assert!(fresh.contains("$ countersign scan leaky\nsecrets: 1 found"), "{fresh}");
}
