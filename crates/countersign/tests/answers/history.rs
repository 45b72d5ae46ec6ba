//! `countersign scan --history`, and scans of one file: secrets that no tree of today has any more.

use serde_json::json;

use super::changes::Repository;
use crate::support::secrets::token;

fn secret() -> String {
    format!("TOKEN = \"{}\"\n", token())
}

#[test]
fn a_secret_anywhere_in_the_history_is_found_with_its_first_commit() {
    let repository = Repository::new();
    repository.write("a.py", "nothing\n");
    repository.write("keys/id_rsa", "");
    let first = repository.commit("one");
    repository.write("a.py", &secret());
    let leak = repository.commit("two");
    // The same content under another name is no second finding, and a later line is none either.
    repository.write("copy.py", &secret());
    repository.write("a.py", &format!("# moved\n{}", secret()));
    repository.commit("three");
    for path in ["a.py", "copy.py", "keys/id_rsa"] {
        std::fs::remove_file(repository.dir.join(path)).unwrap();
    }
    repository.write("kept.py", "nothing\n");
    let head = repository.commit("four");
    // A branch and a tag that HEAD does not lead to.
    repository.git(&["checkout", "-q", "-b", "side", &first]);
    repository.write("side.py", &format!("ON_A_{}", secret()));
    let side = repository.commit("five");
    repository.git(&["tag", "kept"]);
    repository.git(&["checkout", "-q", "main"]);
    repository.git(&["branch", "-q", "-D", "side"]);
    assert!(repository.scan(&[], 0).1.is_empty(), "the tree of today has none");

    let (said, mut found) = repository.scan(&["--history"], 3);
    found.sort();
    assert_eq!(found, ["a.py:1", "keys/id_rsa", "side.py:1"], "{said}");
    for one in said["secrets"].as_array().unwrap() {
        let commit = match one["at"].as_str().unwrap() {
            "a.py:1" => &leak,
            "side.py:1" => &side,
            _ => &first,
        };
        assert_eq!(one["commit"], commit.as_str(), "{said}");
    }
    // Five files with four contents: `copy.py` has that of `a.py`, and a link or a merge would add none.
    assert_eq!(said["history"], json!({ "commits": 5, "contents": 5 }), "{said}");
    let (said, found) = repository.scan(&["--history", "kept.py"], 0);
    assert!(found.is_empty() && said["files"] == 1, "a path limits the scan: {said}");
    let text = repository.home.run_in(&repository.dir, &["scan", "--history"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("history: 5 commits; what is not committed was not read"), "{text}");
    assert!(text.contains(&format!("a.py:1 in commit {}", &leak[..12])), "{text}");
    assert!(!text.contains("lockfile") && !text.contains("vulnerabilities"), "{text}");

    // A limit that cuts the history off never passes.
    repository.git(&["tag", "-d", "kept"]);
    let limited = ["--history", "--commits-max", "1"];
    let (said, found) = repository.scan(&limited, 4);
    assert!(found.is_empty(), "{said}");
    assert_eq!(said["unread"]["history"], "only the newest 1 commits were read; raise --commits-max");
    let enough = ["--history", "--commits-max", "4"];
    assert_eq!(repository.scan(&enough, 3).0["unread"], json!({}));
    let big = "x".repeat(1 << 20);
    repository.write("big.txt", &big);
    repository.commit("six");
    repository.write("big.txt", &format!("{big}y"));
    repository.commit("seven");
    let (said, _) = repository.scan(&["--history", "--history-mib-max", "1"], 3);
    let why = said["unread"]["history"].as_str().unwrap();
    assert!(why.contains("raise --history-mib-max"), "{said}");

    // A shallow clone does not have all commits.
    let clone = repository.home.dir.path().join("clone");
    let url = format!("file://{}", repository.dir.display());
    repository.git(&["clone", "-q", "--depth", "1", &url, clone.to_str().unwrap()]);
    let shallow = Repository { dir: clone, ..repository };
    let (said, _) = shallow.scan(&["--history"], 4);
    assert!(said["unread"]["history"].as_str().unwrap().contains("git fetch --unshallow"), "{said}");
    let (_, said) = shallow.git_in(&shallow.dir, &["rev-parse", "HEAD"]);
    assert_ne!(said.trim(), head);
}

#[test]
fn a_log_is_scanned_as_a_file_or_from_the_standard_input() {
    let repository = Repository::new();
    repository.write("../step.log", &format!("+ deploy\n\u{1b}[32mok\u{1b}[0m {}", secret()));
    let (said, found) = repository.scan(&["../step.log"], 3);
    assert_eq!(found, ["step.log:2"], "{said}");
    let log = std::fs::File::open(repository.dir.join("../step.log")).unwrap();
    let mut command = repository.home.program(env!("CARGO_BIN_EXE_countersign"));
    let output = command.args(["scan", "-", "-o", "json"]).stdin(log).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("\"at\":\"standard-input:2\"") && !said.contains(&token()), "{said}");
}
