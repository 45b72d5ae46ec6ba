//! Git's hooks: what they refuse, where they are, and how people go on.

use super::changes::Repository;
use crate::support::secrets::token;

impl Repository {
    /// A repository with the hook and one commit.
    fn hooked(arguments: &[&str]) -> Self {
        let repository = Self::new();
        let arguments: Vec<_> = ["hook", "install"].iter().chain(arguments).copied().collect();
        let output = repository.home.run_in(&repository.dir, &arguments);
        assert!(output.status.success(), "{output:?}");
        repository.write("readme.txt", "nothing\n");
        repository.commit("one");
        repository
    }

    /// A commit that the hook refuses.
    fn refused(&self, arguments: &[&str]) -> String {
        let head = self.git(&["rev-parse", "HEAD"]);
        let (code, said) = self.try_git(arguments);
        assert_ne!(code, 0, "{said}");
        assert_eq!(self.git(&["rev-parse", "HEAD"]), head, "nothing was committed: {said}");
        assert!(said.contains("the commit is refused: 1 new secret"), "{said}");
        assert!(said.contains("deploy.py:1: GitHub: personal access token `ghp_…` (github-pat)"), "{said}");
        assert!(!said.contains(&token()), "{said}");
        said
    }
}

#[test]
fn a_staged_secret_refuses_the_commit() {
    let repository = Repository::hooked(&[]);
    repository.write("deploy.py", &format!("TOKEN = \"{}\"\n", token()));
    repository.git(&["add", "-A"]);
    let said = repository.refused(&["commit", "-qm", "two"]);
    assert!(said.contains("`git commit --no-verify` only moves the question there"), "{said}");
    // `git commit -a` and `git commit FILE` make an index of their own.
    repository.git(&["rm", "-q", "--cached", "deploy.py"]);
    repository.git(&["add", "-N", "deploy.py"]);
    repository.refused(&["commit", "-qam", "two"]);
    repository.refused(&["commit", "-qm", "two", "--", "deploy.py"]);
    let inner = repository.dir.join("inner");
    std::fs::create_dir(&inner).unwrap();
    assert_ne!(repository.git_in(&inner, &["commit", "-qam", "two"]).0, 0, "in a directory below, too");
    repository.git(&["commit", "-qam", "two", "--no-verify"]);
    repository.write("deploy.py", "nothing\n");
    repository.commit("three");
}

/// No file of the working tree is read, and git starts four times, one of them to list the links of the index.
#[test]
fn the_hook_reads_the_index_alone_and_starts_git_four_times() {
    let repository = Repository::new();
    for n in 0..20 {
        repository.write(&format!("part/{n}.rs"), "nothing\n");
    }
    repository.commit("one");
    for (text, code) in [("nothing new\n", 0), (&*format!("TOKEN = \"{}\"\n", token()), 3)] {
        repository.write("part/1.rs", text);
        repository.git(&["add", "-A"]);
        std::fs::remove_dir_all(repository.dir.join("part")).unwrap();
        let trace = repository.home.dir.path().join(format!("trace-{code}"));
        repository.git(&["config", "--global", "trace2.normalTarget", trace.to_str().unwrap()]);
        let hook = repository.home.run_in(&repository.dir, &["hook", "run", "pre-commit"]);
        repository.git(&["config", "--global", "--unset", "trace2.normalTarget"]);
        assert_eq!(hook.status.code(), Some(code), "{hook:?}");
        let said = std::fs::read_to_string(&trace).unwrap();
        let mut started: Vec<_> = said.lines().filter(|line| line.contains(" start ")).collect();
        // The last one is that which ends the trace.
        assert!(started.pop().is_some_and(|last| last.contains("--unset")), "{said}");
        assert_eq!(started.len(), 4, "{said}");
        for (line, verb) in started.iter().zip(["rev-parse", "cat-file", "diff-index", "ls-files"]) {
            assert!(line.contains(verb), "{said}");
        }
        repository.git(&["checkout", "--", "."]);
    }
}

#[test]
fn the_hook_works_in_worktrees_and_where_hooks_are_elsewhere() {
    let repository = Repository::hooked(&[]);
    let tree = repository.home.dir.path().join("a tree");
    repository.git(&["worktree", "add", "-q", tree.to_str().unwrap(), "-b", "side"]);
    let inside = Repository { dir: tree, ..repository };
    inside.write("deploy.py", &format!("TOKEN = \"{}\"\n", token()));
    inside.git(&["add", "-A"]);
    inside.refused(&["commit", "-qm", "two"]);
    // Installed from a worktree, it is the hook of the whole repository.
    let output = inside.home.run_in(&inside.dir, &["hook", "install", "-o", "json"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let hook = inside.home.dir.path().join("shop/.git/hooks/pre-commit").canonicalize().unwrap();
    let written = std::path::Path::new(said["hooks"][0].as_str().unwrap()).canonicalize().unwrap();
    assert_eq!(written, hook);

    let repository = Repository::new();
    repository.write("readme.txt", "nothing\n");
    repository.commit("one");
    repository.git(&["config", "core.hooksPath", "own hooks"]);
    let below = repository.dir.join("below");
    std::fs::create_dir(&below).unwrap();
    assert!(repository.home.run_in(&below, &["hook", "install"]).status.success());
    assert!(repository.dir.join("own hooks/pre-commit").is_file());
    assert!(!repository.dir.join(".git/hooks/pre-commit").exists());
    repository.write("deploy.py", &format!("TOKEN = \"{}\"\n", token()));
    repository.git(&["add", "deploy.py"]);
    repository.refused(&["commit", "-qm", "two"]);
}

#[test]
fn a_push_of_a_secret_is_refused_even_if_it_was_removed() {
    let repository = Repository::hooked(&["--pre-push"]);
    let remote = repository.home.dir.path().join("remote.git");
    repository.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    repository.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    repository.git(&["push", "-q", "origin", "main"]);
    repository.write("deploy.py", &format!("TOKEN = \"{}\"\n", token()));
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-qm", "two", "--no-verify"]);
    repository.git(&["rm", "-q", "deploy.py"]);
    repository.git(&["commit", "-qm", "three"]);
    for branch in ["main", "main:side"] {
        let (code, said) = repository.try_git(&["push", "-q", "origin", branch]);
        assert_ne!(code, 0, "{said}");
        assert!(said.contains("the push is refused: 1 new secret"), "{said}");
        assert!(said.contains("deploy.py:1 in commit "), "{said}");
    }
    repository.git(&["reset", "-q", "--hard", "HEAD~2"]);
    repository.git(&["commit", "-qm", "four", "--allow-empty"]);
    repository.git(&["push", "-q", "origin", "main", "main:side"]);
    repository.git(&["push", "-q", "origin", ":side"]);
}

#[test]
fn the_hook_of_another_program_stays() {
    let repository = Repository::new();
    let hook = repository.dir.join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nexit 0\n").unwrap();
    let output = repository.home.run_in(&repository.dir, &["hook", "install"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(std::fs::read_to_string(&hook).unwrap(), "#!/bin/sh\nexit 0\n");
    assert!(repository.home.run_in(&repository.dir, &["hook", "remove"]).status.success());
    assert!(hook.exists());
    // The line that the message names works.
    let line = said.lines().next().unwrap().split("add this line to it: ").nth(1).unwrap().to_owned();
    std::fs::write(&hook, format!("#!/bin/sh\n{line}\nexit 0\n")).unwrap();
    repository.git(&["config", "core.fileMode", "false"]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    repository.write("readme.txt", "nothing\n");
    repository.commit("one");
    repository.write("deploy.py", &format!("TOKEN = \"{}\"\n", token()));
    repository.git(&["add", "-A"]);
    repository.refused(&["commit", "-qm", "two"]);
}

#[test]
fn a_hook_whose_program_is_gone_refuses_and_says_so() {
    let repository = Repository::hooked(&[]);
    let hook = repository.dir.join(".git/hooks/pre-commit");
    let text = std::fs::read_to_string(&hook).unwrap();
    std::fs::write(&hook, text.replace(env!("CARGO_BIN_EXE_countersign"), "/nowhere/countersign")).unwrap();
    repository.write("readme.txt", "more\n");
    let (code, said) = repository.try_git(&["commit", "-qam", "two"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("/nowhere/countersign is gone, so nothing was scanned"), "{said}");
    // It is still ours: it is replaced, and removed.
    for verb in ["install", "remove"] {
        assert!(repository.home.run_in(&repository.dir, &["hook", verb]).status.success());
        assert_eq!(hook.exists(), verb == "install");
    }
    repository.git(&["commit", "-qam", "two"]);
}

/// The file for pre-commit.com starts what the hook starts.
#[test]
fn the_file_of_hooks_names_a_command_that_runs() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.pre-commit-hooks.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let entry = text.lines().find_map(|line| line.trim().strip_prefix("entry: countersign ")).unwrap();
    let words: Vec<_> = entry.split(' ').collect();
    let repository = Repository::new();
    assert!(repository.home.run_in(&repository.dir, &words).status.success());
    repository.write("deploy.py", &format!("TOKEN = \"{}\"\n", token()));
    repository.git(&["add", "-A"]);
    assert_eq!(repository.home.run_in(&repository.dir, &words).status.code(), Some(3));
}
