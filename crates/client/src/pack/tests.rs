//! Packs of real repositories: large ranges, odd commits, every form of a clone.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use evidence::source_pack::Range;

use super::*;

struct Clone {
    dir: tempfile::TempDir,
}

impl Clone {
    fn new() -> Self {
        let clone = Self { dir: tempfile::tempdir().unwrap() };
        clone.git(&["init", "-q", "-b", "main"]);
        clone.import(&[("main", 0, "first", 0)]);
        clone
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("shop")
    }

    fn git(&self, arguments: &[&str]) -> String {
        std::fs::create_dir_all(self.path()).unwrap();
        let output = Command::new("git").arg("-C").arg(self.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn id(&self, name: &str) -> CommitId {
        self.git(&["rev-parse", name]).parse().unwrap()
    }

    /// Adds commits to branches; each row has the branch, the number of commits, the message and its length in bytes.
    fn import(&self, branches: &[(&str, usize, &str, usize)]) {
        let mut stream = String::new();
        for &(branch, count, message, bytes) in branches {
            let text = format!("{message}{}", ".".repeat(bytes.saturating_sub(message.len())));
            for number in 0..=count {
                let from = match (number, branch) {
                    (0, "main") => "",
                    (0, _) => "from refs/heads/main^0\n",
                    _ => "",
                };
                let file = format!("version: 1\n# {number}\n");
                write!(
                    stream,
                    "commit refs/heads/{branch}\ncommitter A <a@x> 1700000000 +0000\ndata {}\n{text}\n{from}\
                     M 100644 inline .countersign/pipeline.yaml\ndata {}\n{file}\n",
                    text.len(),
                    file.len()
                )
                .unwrap();
            }
        }
        let mut command = Command::new("git");
        command.arg("-C").arg(self.path()).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
}

fn packed(path: &Path, commit: &CommitId, base: &CommitId) -> Result<SourcePack, Error> {
    pack(path, commit, &BTreeSet::from([base.clone()])).map(|packed| packed.pack)
}

#[test]
fn thousands_of_commits_between_are_packed_whole() {
    let clone = Clone::new();
    clone.import(&[("many", 2_499, "short", 60), ("long", 1_899, "long", 1_000)]);
    for (branch, count) in [("many", 2_500), ("long", 1_900)] {
        let pack = packed(&clone.path(), &clone.id(branch), &clone.id("main")).unwrap();
        let read = SourcePack::decode(&pack.encode().unwrap()).unwrap().check().unwrap();
        let Range::Complete(range) = read.range(&clone.id("main")) else { panic!("{branch}") };
        assert_eq!(range.len(), count);
    }
}

/// A range beyond every limit is refused, and the remedy that the error names works.
#[test]
fn a_range_that_does_not_fit_names_a_remedy_that_works() {
    let clone = Clone::new();
    clone.import(&[("many", 60, "", 0), ("long", 9, "long", 4_000)]);
    let limits = Limits { commits: 50, bytes: 30_000, compared: 30_000 };
    let main = clone.id("main");
    for (branch, why, between) in
        [("many", "more than 50 commits", "many~10"), ("long", "too many bytes", "long~3")]
    {
        let tried = |bases: &[&CommitId]| {
            let bases = bases.iter().copied().cloned().collect();
            within(&clone.path(), &clone.id(branch), &bases, limits)
        };
        let refused = tried(&[&main]).unwrap_err();
        let said = refused.to_string();
        assert!(
            said.contains(why) && said.contains("git merge --squash") && said.contains("in between"),
            "{said}"
        );
        tried(&[&clone.id(between)]).unwrap();
        // A place whose base is near enough still gets its history.
        let both = tried(&[&main, &clone.id(between)]).unwrap();
        assert!(both.warning.is_some_and(|warning| warning.contains(why)));
        let both = both.pack.check().unwrap();
        assert!(matches!(both.range(&clone.id(between)), Range::Complete(_)));
        assert!(matches!(both.range(&main), Range::Shallow(_)));
    }
}

#[test]
fn an_unreadable_commit_is_named_with_a_remedy() {
    let clone = Clone::new();
    let (main, tree) = (clone.id("main"), clone.git(&["rev-parse", "main^{tree}"]));
    let file = clone.dir.path().join("odd");
    let who = "author A <a@x> 1 +0000\n";
    std::fs::write(&file, format!("tree {tree}\nparent {main}\n{who}{who}committer A <a@x> 1 +0000\n\nx\n"))
        .unwrap();
    let odd = clone.git(&["hash-object", "-t", "commit", "-w", "--literally", file.to_str().unwrap()]);
    let refused = packed(&clone.path(), &odd.parse().unwrap(), &main).unwrap_err();
    let said = refused.to_string();
    assert!(said.contains(&odd) && said.contains("git merge --squash"), "{said}");
}

#[test]
fn a_partial_clone_is_completed_or_git_says_why_not() {
    let clone = Clone::new();
    clone.git(&["config", "uploadpack.allowFilter", "true"]);
    clone.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let (from, head) = (format!("file://{}", clone.path().display()), clone.id("main"));
    for filter in ["blob:none", "tree:0"] {
        let to = clone.dir.path().join(filter);
        let filter = format!("--filter={filter}");
        clone.git(&["clone", "-q", "--no-checkout", &filter, &from, to.to_str().unwrap()]);
        let ran = clone.dir.path().join("ran");
        let hook = to.join(".git/hooks/reference-transaction");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        pack(&to, &head, &BTreeSet::new()).unwrap();
        assert_eq!(runner::missing(&to, &head).unwrap(), Vec::<String>::new(), "runners find everything");
        assert!(!ran.exists(), "no hook ran");
    }
    let to = clone.dir.path().join("gone");
    clone.git(&["clone", "-q", "--no-checkout", "--filter=blob:none", &from, to.to_str().unwrap()]);
    clone.git(&["-C", to.to_str().unwrap(), "remote", "set-url", "origin", "/absent"]);
    let refused = pack(&to, &head, &BTreeSet::new()).unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("/absent") && said.contains("--refetch --no-filter"), "{said}");
}

#[test]
fn a_repository_is_found_in_every_form() {
    use std::os::unix::ffi::OsStrExt as _;
    let clone = Clone::new();
    let top = |path: &Path| crate::project::toplevel(path);
    let path =
        |name: &[u8]| std::fs::canonicalize(&clone.dir).unwrap().join(std::ffi::OsStr::from_bytes(name));
    let (bare, tree, odd) = (path(b"bare.git"), path(b"tree"), path(b"sh\xf6p"));
    clone.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    clone.git(&["worktree", "add", "-q", "--detach", tree.to_str().unwrap(), "main"]);
    std::fs::create_dir_all(odd.join("inner")).unwrap();
    assert!(Command::new("git").args(["init", "-q"]).arg(&odd).status().unwrap().success());
    for (dir, expected) in [
        (path(b"shop/.git/refs"), path(b"shop")),
        (path(b"shop/.git"), path(b"shop")),
        (bare.join("objects"), bare.clone()),
        (tree.join(".countersign"), tree.clone()),
        (odd.join("inner"), odd.clone()),
    ] {
        assert_eq!(top(&dir).unwrap(), Some(expected), "{}", dir.display());
    }
    assert_eq!(top(clone.dir.path()).unwrap(), None);
    std::fs::write(odd.join(".git/config"), "[core\n").unwrap();
    let said = top(&odd).unwrap_err();
    assert!(said.to_string().contains("bad config line 1"), "{}", said.to_string());
    if rustix::process::geteuid().is_root() {
        // Only root can change the owner of a repository.
        std::os::unix::fs::lchown(bare.join("HEAD"), Some(12345), Some(12345)).unwrap();
        std::os::unix::fs::lchown(&bare, Some(12345), Some(12345)).unwrap();
        assert_eq!(top(&bare).unwrap(), Some(bare.clone()));
        pack(&bare, &clone.id("main"), &BTreeSet::new()).unwrap();
    }
}

/// The files of a commit beside those that are there, by path and content; an empty content removes one.
fn written(clone: &Clone, message: &str, files: &[(&str, &str)]) -> CommitId {
    for (path, text) in files {
        let path = clone.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if text.is_empty() {
            std::fs::remove_file(path).unwrap();
        } else {
            std::fs::write(path, text).unwrap();
        }
    }
    clone.git(&["add", "-A"]);
    clone.git(&["-c", "user.name=A", "-c", "user.email=a@x", "commit", "-q", "--no-gpg-sign", "-m", message]);
    clone.id("HEAD")
}

#[test]
fn a_pack_shows_which_files_changed_since_each_base() {
    let clone = Clone::new();
    clone.git(&["reset", "-q", "--hard", "main"]);
    let unasked = clone.id("HEAD");
    let first =
        written(&clone, "one", &[("Makefile", "all:\n"), ("src/deep/a.rs", "a\n"), ("src/b.rs", "b\n")]);
    let second = written(&clone, "two", &[("Makefile", "all: x\n"), ("src/deep/a.rs", "c\n")]);
    let last = written(&clone, "three", &[("src/b.rs", ""), ("web/yarn.lock", "# 1\n")]);
    let bases = [first.clone(), second.clone(), last.clone()].into();
    let packed = pack(&clone.path(), &last, &bases).unwrap();
    assert_eq!(packed.warning, None);
    let read = SourcePack::decode(&packed.pack.encode().unwrap()).unwrap().check().unwrap();
    let told = |base: &CommitId| {
        let changes = read.changes(base).unwrap();
        changes.iter().map(|(path, change)| format!("{path} {change:?}")).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&first),
        ["Makefile Changed", "src/b.rs Removed", "src/deep/a.rs Changed", "web/yarn.lock Added"]
    );
    assert_eq!(told(&second), ["src/b.rs Removed", "web/yarn.lock Added"]);
    assert_eq!(told(&last), Vec::<String>::new());
    assert!(matches!(read.range(&first), Range::Complete(range) if range.len() == 2));
    assert_eq!(read.changes(&unasked), None, "nobody compared with it");
    // Trees that do not fit are left out, and the warning says so.
    let limits = Limits { compared: 100, ..LIMITS };
    let few = within(&clone.path(), &last, &[first.clone()].into(), limits).unwrap();
    assert!(few.warning.unwrap().contains("does not show which files changed since"));
    assert_eq!(few.pack.check().unwrap().changes(&first), None);
    // A server cannot leave one out either without making the answer unknown.
    let mut fewer = packed.pack;
    fewer.compared.as_mut().unwrap().pop_first();
    let fewer = fewer.check().map(|read| [&first, &second].map(|base| read.changes(base).is_some()));
    assert!(fewer.is_err() || fewer.unwrap().contains(&false));
}
