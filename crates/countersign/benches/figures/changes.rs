//! Scans of changes in a tree of 10,000 files: of one commit, and of the index as the hook reads it.

use std::process::{Command, Stdio};

use crate::support::Home;
use crate::{print, spans};

const FILES: usize = 10_000;

pub fn changes() {
    let home = Home::new();
    let dir = home.dir.path().join("tree");
    let git = |words: &[&str]| {
        let mut git = home.program("git");
        git.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]).args(words);
        assert!(git.current_dir(&dir).output().unwrap().status.success(), "{words:?}");
    };
    let write = |n: usize, text: &str| {
        let file = dir.join(format!("part-{}/file-{n}.rs", n % 100));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text.repeat(100)).unwrap();
    };
    (0..FILES).for_each(|n| write(n, &format!("pub fn function_{n}() {{ println!(\"{n}\"); }}\n")));
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "one"]);
    (0..10).for_each(|n| write(n * 997, "pub fn changed() {}\n"));
    git(&["add", "-A"]);
    git(&["commit", "-qm", "two"]);
    (0..10).for_each(|n| write(n * 991, "pub fn staged() {}\n"));
    git(&["add", "-A"]);
    let scan = |words: &[&str]| assert!(home.run_in(&dir, words).status.success());
    let floor = spans(40, || {
        let mut nothing = Command::new("/bin/true");
        nothing.stdin(Stdio::null()).output().unwrap();
    });
    let what = "fork and exec of `true`";
    print(
        "scan --diff of a commit of 10 files",
        &spans(40, || scan(&["scan", "--diff", "HEAD~1"])),
        &floor,
        what,
    );
    print(
        "pre-commit, 10 of 10,000 files staged",
        &spans(40, || scan(&["hook", "run", "pre-commit"])),
        &floor,
        what,
    );
}
