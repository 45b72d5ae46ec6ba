//! `scan --diff` and `scan --staged`: what is new, and what was there before.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Home;
use crate::support::packages::{LOCKFILE, record};
use crate::support::secrets::token;

/// A repository of a person.
pub struct Repository {
    pub home: Home,
    pub dir: PathBuf,
}

impl Repository {
    /// A repository without a commit.
    pub fn new() -> Self {
        let home = Home::new();
        let dir = home.dir.path().join("shop");
        std::fs::create_dir(&dir).unwrap();
        let made = Self { home, dir };
        for (name, value) in [
            ("user.name", "Ada"),
            ("user.email", "ada@example.com"),
            ("init.defaultBranch", "main"),
            ("protocol.file.allow", "always"),
            // Settings of a person that must not change what a scan sees.
            ("diff.renames", "copies"),
            ("diff.relative", "true"),
            ("submodule.recurse", "false"),
        ] {
            made.git(&["config", "--global", name, value]);
        }
        made.git(&["init", "-q"]);
        made
    }

    /// Runs git in the repository, and answers what it prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        let (code, said) = self.try_git(arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}");
        said.trim().to_owned()
    }

    pub fn try_git(&self, arguments: &[&str]) -> (i32, String) {
        self.git_in(&self.dir, arguments)
    }

    pub fn git_in(&self, dir: &Path, arguments: &[&str]) -> (i32, String) {
        let output = self.home.program("git").args(arguments).current_dir(dir).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code().unwrap(), said.concat())
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits the whole working tree, and answers the id.
    pub fn commit(&self, what: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", what]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A scan, and the places of its findings. No output holds the secret.
    pub fn scan(&self, arguments: &[&str], code: i32) -> (Value, Vec<String>) {
        let arguments: Vec<_> =
            ["scan"].iter().chain(arguments).chain(&["--format", "json"]).copied().collect();
        let output = self.home.run_in(&self.dir, &arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}{words}");
        assert!(!said.contains(&token()) && !words.contains(&token()), "no output has the secret");
        let value: Value = serde_json::from_str(&said).unwrap();
        let at = value["secrets"].as_array().unwrap().iter().map(|found| found["at"].as_str().unwrap());
        let at = at.map(str::to_owned).collect();
        (value, at)
    }
}

fn secret() -> String {
    format!("TOKEN = \"{}\"\n", token())
}

#[test]
fn a_secret_that_was_there_before_is_not_new() {
    let repository = Repository::new();
    repository.write("old.py", &secret());
    let base = repository.commit("one");
    repository.write("old.py", &format!("# a line\n\n  {}", secret()));
    repository.write("new.py", "nothing\n");
    repository.commit("a line that moved, and was indented");
    let (said, found) = repository.scan(&["--diff", &base], 0);
    assert!(found.is_empty(), "{said}");
    assert_eq!((&said["files"], &said["compared"]["commits"]), (&2.into(), &1.into()));
    repository.write("old.py", &format!("{}OTHER_{}", secret(), secret()));
    repository.write("a name/of two words.py", &secret());
    repository.commit("two");
    let (_, found) = repository.scan(&["--diff", &base], 3);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&"old.py:2".to_owned()), "{found:?}");
    assert!(found.contains(&"a name/of two words.py:1".to_owned()), "{found:?}");
    let (_, found) = repository.scan(&["--diff", &base, "a name"], 3);
    assert_eq!(found, ["a name/of two words.py:1"], "a path limits the scan");
    let (said, found) = repository.scan(&["--diff", "HEAD"], 0);
    assert!(found.is_empty() && said["files"] == 0, "{said}");
}

#[test]
fn a_secret_that_was_added_and_removed_is_found_in_its_commit() {
    let repository = Repository::new();
    repository.write("a.py", "nothing\n");
    let base = repository.commit("one");
    repository.write("a.py", &format!("# one\n{}", secret()));
    repository.write("b.py", &secret());
    let leak = repository.commit("two");
    std::fs::remove_file(repository.dir.join("b.py")).unwrap();
    repository.write("a.py", "nothing\n");
    repository.commit("three");
    let (said, found) = repository.scan(&["--diff", &base], 3);
    assert_eq!(found.len(), 2, "{said}");
    for found in said["secrets"].as_array().unwrap() {
        assert_eq!(found["commit"], leak.as_str(), "{said}");
    }
    // One that is still there is not told twice.
    repository.write("a.py", &secret());
    repository.commit("four");
    let (said, found) = repository.scan(&["--diff", &base], 3);
    assert_eq!(found.len(), 2, "{said}");
    let still = said["secrets"].as_array().unwrap().iter().find(|found| found["at"] == "a.py:1").unwrap();
    assert!(still.get("commit").is_none(), "{said}");
}

#[test]
fn renamed_deleted_and_linked_files() {
    let repository = Repository::new();
    repository.write("old.py", &secret());
    repository.write("gone.py", &secret());
    repository.write("plain.txt", "nothing\n");
    let base = repository.commit("one");
    std::fs::remove_file(repository.dir.join("gone.py")).unwrap();
    repository.git(&["mv", "plain.txt", "renamed.txt"]);
    std::os::unix::fs::symlink("/nowhere", repository.dir.join("id_rsa")).unwrap();
    repository.commit("two");
    let (said, found) = repository.scan(&["--diff", &base], 0);
    assert!(found.is_empty(), "{said}");
    std::os::unix::fs::symlink(token(), repository.dir.join("link")).unwrap();
    repository.commit("three");
    let (_, found) = repository.scan(&["--diff", &base], 3);
    assert_eq!(found, ["link:1"]);
    // The identity of a finding has its path, and so has a waiver of it.
    let base = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["mv", "old.py", "other.py"]);
    repository.commit("four");
    let (_, found) = repository.scan(&["--diff", &base], 3);
    assert_eq!(found, ["other.py:1"]);
}

#[test]
fn a_name_that_is_not_utf8_is_never_a_pass() {
    let repository = Repository::new();
    repository.write("a.py", "nothing\n");
    let base = repository.commit("one");
    let odd = repository.dir.join(std::ffi::OsStr::from_bytes(b"a\xff.env"));
    std::fs::write(&odd, secret()).unwrap();
    repository.git(&["add", "-A"]);
    let (said, _) = repository.scan(&["--staged"], 4);
    assert_eq!(said["unread"]["a\u{fffd}.env"], "its name is not UTF-8; rename it");
    repository.commit("two");
    repository.scan(&["--diff", &base], 4);
    std::fs::remove_file(odd).unwrap();
    let base = repository.git(&["rev-parse", "HEAD"]);
    repository.commit("three");
    repository.scan(&["--diff", &base], 0);
    repository.write("packed.gz", "\u{1f}");
    std::fs::write(repository.dir.join("packed.gz"), b"\x1f\x8b\x08\0").unwrap();
    repository.git(&["add", "-A"]);
    repository.scan(&["--staged"], 4);
}

#[test]
fn another_repository_within_is_named() {
    let repository = Repository::new();
    let inner = repository.home.dir.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join("a.py"), secret()).unwrap();
    for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "one"]] {
        assert_eq!(repository.git_in(&inner, arguments).0, 0);
    }
    repository.write("a.py", "nothing\n");
    let base = repository.commit("one");
    repository.git(&["submodule", "--quiet", "add", inner.to_str().unwrap(), "parts/inner"]);
    let (said, _) = repository.scan(&["--staged"], 0);
    assert_eq!(said["compared"]["repositories"][0], "parts/inner", "{said}");
    repository.commit("two");
    let (said, _) = repository.scan(&["--diff", &base], 0);
    assert_eq!(said["compared"]["repositories"][0], "parts/inner", "{said}");
}

#[test]
fn the_index_counts_and_not_the_working_tree() {
    let repository = Repository::new();
    // Before the first commit everything is new.
    repository.write("a.py", &secret());
    let (said, _) = repository.scan(&["--staged"], 0);
    assert_eq!(said["files"], 0, "{said}");
    repository.git(&["add", "-A"]);
    let (_, found) = repository.scan(&["--staged"], 3);
    assert_eq!(found, ["a.py:1"]);
    // The secret is gone from the file, and still in the index.
    repository.write("a.py", "nothing\n");
    let (_, found) = repository.scan(&["--staged"], 3);
    assert_eq!(found, ["a.py:1"]);
    repository.git(&["add", "-A"]);
    repository.scan(&["--staged"], 0);
    repository.git(&["commit", "-qm", "one"]);
    repository.write("b.py", &secret());
    repository.scan(&["--staged"], 0);
    repository.git(&["add", "-N", "b.py"]);
    repository.scan(&["--staged"], 0);
    repository.git(&["add", "b.py"]);
    let (_, found) = repository.scan(&["--staged"], 3);
    assert_eq!(found, ["b.py:1"]);
}

#[test]
fn a_merge_brings_only_what_no_parent_has() {
    let repository = Repository::new();
    repository.write("a.py", "one\n");
    let base = repository.commit("one");
    repository.git(&["checkout", "-qb", "side"]);
    repository.write("a.py", "side\n");
    repository.write("side.py", &secret());
    repository.commit("side");
    repository.git(&["checkout", "-q", "main"]);
    repository.write("a.py", "main\n");
    let main = repository.commit("main");
    assert_ne!(repository.try_git(&["merge", "-q", "side"]).0, 0, "the merge has a conflict");
    let (said, _) = repository.scan(&["--staged"], 4);
    assert!(said["unread"]["a.py"].as_str().unwrap().starts_with("it has a conflict"), "{said}");
    repository.write("a.py", "both\n");
    repository.git(&["add", "a.py"]);
    // The commit of the branch has brought it, and the merge does not.
    let (said, found) = repository.scan(&["--staged"], 0);
    assert!(found.is_empty(), "{said}");
    repository.write("a.py", &secret());
    repository.git(&["add", "a.py"]);
    let (_, found) = repository.scan(&["--staged"], 3);
    assert_eq!(found, ["a.py:1"]);
    repository.commit("merge");
    // Removed at once: only the merge has it.
    repository.write("a.py", "both\n");
    std::fs::remove_file(repository.dir.join("side.py")).unwrap();
    repository.commit("two");
    for base in [&base, &main] {
        let (said, found) = repository.scan(&["--diff", base], 3);
        assert_eq!(found.len(), 2, "{said}");
    }
    let (_, found) = repository.scan(&["--diff", "side"], 3);
    assert_eq!(found, ["a.py:1"], "`side` has the other one");
}

/// The base went on after the two histories parted, which is no change of this one.
#[test]
fn a_base_that_went_on_by_itself() {
    let repository = Repository::new();
    repository.write("a.py", &secret());
    repository.commit("one");
    repository.git(&["checkout", "-qb", "side"]);
    repository.write("b.py", "nothing\n");
    repository.commit("side");
    repository.git(&["checkout", "-q", "main"]);
    repository.write("a.py", "nothing\n");
    repository.commit("main");
    repository.git(&["checkout", "-q", "side"]);
    let (said, found) = repository.scan(&["--diff", "main"], 0);
    assert!(found.is_empty(), "{said}");
}

/// A clone that ends within the commits to scan does not pass.
#[test]
fn a_shallow_clone_is_never_a_pass() {
    let repository = Repository::new();
    repository.write("a.py", "one\n");
    let base = repository.commit("one");
    repository.write("a.py", &secret());
    repository.commit("two");
    for text in ["three\n", "four\n"] {
        repository.write("a.py", text);
        repository.commit(text);
    }
    let url = format!("file://{}", repository.dir.display());
    let shallow = repository.home.dir.path().join("shallow");
    repository.git(&["clone", "-q", "--depth", "2", &url, shallow.to_str().unwrap()]);
    let code = |words: &[&str]| {
        let output = repository.home.run_in(&shallow, words);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (failed, said) = code(&["scan", "--diff", &base]);
    assert!(failed == 1 && said.contains("is no commit of this clone"), "{said}");
    // Its first commit came by itself, so the commits between are missing.
    assert_eq!(repository.git_in(&shallow, &["fetch", "-q", "--depth", "1", "origin", &base]).0, 0);
    let (failed, said) = code(&["scan", "--diff", &base]);
    assert!(failed == 4 && said.contains("history: this clone is shallow"), "{failed} {said}");
    assert_eq!(repository.git_in(&shallow, &["fetch", "-q", "--unshallow"]).0, 0);
    let (failed, said) = code(&["scan", "--diff", &base]);
    assert!(failed == 3, "{said}");
}

/// Packages are judged where a lockfile changed, and only new problems count.
#[test]
fn new_problems_of_packages() {
    let repository = Repository::new();
    let mirror = repository.home.dir.path().join("mirror");
    std::fs::create_dir(&mirror).unwrap();
    for (id, name) in [("RUSTSEC-2026-0001", "serde"), ("RUSTSEC-2026-0002", "rand")] {
        std::fs::write(mirror.join(format!("{id}.json")), record(id, name)).unwrap();
    }
    repository.home.ok(&["osv", "sync", "--from", mirror.to_str().unwrap()]);
    repository.write("Cargo.lock", LOCKFILE);
    repository.write("Cargo.toml", "[package]\nname = \"app\"\n");
    let base = repository.commit("one");
    repository.write("a.rs", "nothing\n");
    repository.git(&["add", "-A"]);
    let (said, _) = repository.scan(&["--staged"], 0);
    assert!(said["components"].is_null() && said["packages"].is_null(), "{said}");
    let more = LOCKFILE.replace("[\"serde\"]", "[\"rand\", \"serde\"]")
        + &LOCKFILE[LOCKFILE.rfind("\n[[package]]").unwrap()..].replace("serde", "rand");
    repository.write("Cargo.lock", &more);
    repository.git(&["add", "-A"]);
    let judge = |said: &Value| {
        assert_eq!(said["components"]["count"], 1, "{said}");
        let problems = said["packages"]["findings"].as_array().unwrap();
        assert_eq!((problems.len(), &problems[0]["rule"]), (1, &"RUSTSEC-2026-0002".into()), "{said}");
    };
    judge(&repository.scan(&["--staged"], 3).0);
    repository.commit("two");
    judge(&repository.scan(&["--diff", &base], 3).0);
    let said = repository.home.run_in(&repository.dir, &["scan", "--diff", &base, "--format", "github"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("::error file=Cargo.lock,title=RUSTSEC-2026-0002::"), "{said}");
}
