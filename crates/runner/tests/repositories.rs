//! Hostile and unusual repositories: none of them runs a program, blocks a worker, or is opened as something else.
#![expect(clippy::unwrap_used, reason = "test code")]

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use evidence::CommitId;
use evidence::tree_list::FileMode;
use runner::{Budget, Repository, RepositoryError, Source, SourceError, path_of, path_text, resolve};
use support::Project;

fn fetch(path: &Path, id: &CommitId, budget: Budget<'_>) -> Result<Source, SourceError> {
    Source::fetch(&mut Repository::open(path, budget)?, id)
}

fn refused(path: &Path, id: &CommitId, budget: Budget<'_>) -> String {
    fetch(path, id, budget).unwrap_err().to_string()
}

/// Writes an object of any form and returns its id.
fn object(project: &Project, kind: &str, bytes: &[u8]) -> String {
    let file = project.dir.path().join("object");
    std::fs::write(&file, bytes).unwrap();
    project.git(&["hash-object", "-w", "-t", kind, "--literally", file.to_str().unwrap()])
}

fn tree(project: &Project, items: &[(&str, &str, &str)]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, id) in items {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        bytes.extend((0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()));
    }
    object(project, "tree", &bytes)
}

fn commit_of(project: &Project, tree: &str) -> CommitId {
    let who = "Ada <ada@example.com> 1700000000 +0000";
    let text = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nmessage\n");
    object(project, "commit", text.as_bytes()).parse().unwrap()
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Eleven trees name ten billion paths.
#[test]
fn attack_a_tree_bomb_ends_at_the_count_of_entries() {
    let project = Project::new();
    let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
    for leaf in [tree(&project, &[]), {
        let blob = object(&project, "blob", b"x");
        tree(&project, &[("100644", "f", &blob)])
    }] {
        let mut at = leaf;
        for _ in 0..10 {
            let items: Vec<_> = names.iter().map(|name| ("40000", name.as_str(), at.as_str())).collect();
            at = tree(&project, &items);
        }
        let head = commit_of(&project, &at);
        let said = refused(&project.path(), &head, Budget::default().of(2_000, 1 << 20));
        assert!(
            said.contains(head.as_str()) && said.contains("more than 2000 files and directories"),
            "{said}"
        );
    }
}

/// A blob that is referenced often counts as often; so do depth and the length of a path.
#[test]
fn attack_a_tree_that_is_too_deep_or_too_large_is_refused() {
    let project = Project::new();
    let blob = object(&project, "blob", &[b'x'; 1000]);
    let names: Vec<String> = (0..20).map(|number| format!("f{number:02}")).collect();
    let items: Vec<_> = names.iter().map(|name| ("100644", name.as_str(), blob.as_str())).collect();
    let wide = commit_of(&project, &tree(&project, &items));
    let said = refused(&project.path(), &wide, Budget::default().of(1_000, 10_000));
    assert!(said.contains("10000 bytes of files"), "{said}");
    for (name, what) in [("d", "64 directories in depth"), (&"d".repeat(250), "4096 bytes in a path")] {
        let mut at = tree(&project, &[("100644", "f", &blob)]);
        for _ in 0..80 {
            at = tree(&project, &[("40000", name, &at)]);
        }
        let said = refused(&project.path(), &commit_of(&project, &at), Budget::default());
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn attack_a_repository_of_pipes_holds_nobody() {
    let project = Project::new();
    project.write("file", "text\n");
    let head = project.commit("first", "signing");
    for name in ["HEAD", "config", "packed-refs", "objects/info/alternates"] {
        let file = project.path().join(".git").join(name);
        let kept = std::fs::read(&file).ok();
        drop(std::fs::remove_file(&file));
        mkfifo(&file);
        let said = refused(&project.path(), &head, Budget::default());
        assert!(said.contains(name) && said.contains("neither a file nor a directory"), "{said}");
        std::fs::remove_file(&file).unwrap();
        symlink("/dev/zero", &file).unwrap();
        let said = refused(&project.path(), &head, Budget::default());
        assert!(said.contains("neither a file nor a directory"), "{said}");
        std::fs::remove_file(&file).unwrap();
        if let Some(kept) = kept {
            std::fs::write(&file, kept).unwrap();
        }
    }
    let object = project.path().join(".git/objects").join(&head.as_str()[..2]).join(&head.as_str()[2..]);
    std::fs::remove_file(&object).unwrap();
    mkfifo(&object);
    // Git itself blocks on this file: the call ends at the time limit, or at once when the result is not wanted.
    let late = fetch(&project.path(), &head, Budget::new(Duration::from_millis(300), &|| true)).unwrap_err();
    assert!(late.to_string().contains("took longer"), "{late}");
    let asked = std::cell::Cell::new(0);
    let gone = || {
        asked.set(asked.get() + 1);
        asked.get() < 3
    };
    let unwanted = fetch(&project.path(), &head, Budget::new(Duration::from_mins(5), &gone)).unwrap_err();
    assert!(unwanted.to_string().contains("not wanted any more"), "{unwanted}");
    assert_eq!(asked.get(), 3, "it ended when it was told so, not with git or the time");
}

#[test]
fn attack_links_pipes_and_files_are_no_repositories() {
    let project = Project::new();
    let head = project.commit("first", "signing");
    let other = |name: &str| project.dir.path().join(name);
    symlink(project.path(), other("link")).unwrap();
    mkfifo(&other("pipe"));
    std::fs::write(other("file"), "x").unwrap();
    for (path, what) in [
        (other("link"), "is a link or relative"),
        (other("pipe"), "is not a directory"),
        (other("file"), "is not a directory"),
        (other("absent"), "No such file"),
        ("/dev/zero".into(), "is not a directory"),
        ("repository".into(), "is a link or relative"),
    ] {
        let said = refused(&path, &head, Budget::default());
        assert!(said.contains(what) && said.contains(path.to_str().unwrap()), "{said}");
    }
    // A directory inside of a repository is not that repository.
    std::fs::create_dir(project.path().join("inner")).unwrap();
    let said = refused(&project.path().join("inner"), &head, Budget::default());
    assert!(said.contains("not a git repository"), "{said}");
}

/// No program that a repository's configuration names is run, neither for reading nor for a missing object.
#[test]
fn attack_configuration_hooks_filters_and_transports_run_nothing() {
    let project = Project::new();
    project.write("file", "text\n");
    project.write(".gitattributes", "* filter=evil diff=evil merge=evil text eol=crlf ident export-subst\n");
    let head = project.commit("first", "signing");
    let ran = project.dir.path().join("ran");
    let script = format!("touch {}; exit 1", ran.display());
    for name in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.pager",
        "core.editor",
        "core.askPass",
        "core.alternateRefsCommand",
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.external",
        "credential.helper",
        "gpg.program",
        "gpg.ssh.program",
        "uploadpack.packObjectsHook",
        "alias.cat-file",
        "alias.rev-list",
        "alias.rev-parse",
    ] {
        project.git(&["config", name, &script]);
    }
    project.git(&["config", "remote.origin.url", &format!("ext::sh -c {}", script.replace(' ', "% "))]);
    project.git(&["config", "remote.origin.promisor", "true"]);
    project.git(&["config", "remote.origin.partialclonefilter", "blob:none"]);
    project.git(&["config", "extensions.partialClone", "origin"]);
    project.git(&["config", "protocol.ext.allow", "always"]);
    let hooks = project.path().join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-checkout", "pre-auto-gc", "reference-transaction", "post-index-change"] {
        std::fs::write(hooks.join(hook), format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(hooks.join(hook), mode).unwrap();
    }
    assert_eq!(resolve(&project.path(), "HEAD").unwrap(), head);
    let source = fetch(&project.path(), &head, Budget::default()).unwrap();
    assert_eq!(source.file("file").unwrap(), b"text\n", "no filter and no line ending is applied");
    let blob = project.git(&["rev-parse", "HEAD:file"]);
    std::fs::remove_file(project.path().join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let said = refused(&project.path(), &head, Budget::default());
    assert!(said.contains(&blob) && said.contains("partial clone") && said.contains("--refetch"), "{said}");
    assert!(!ran.exists(), "something of the repository's configuration was run");
}

#[test]
fn git_s_own_words_say_what_is_wrong() {
    let project = Project::new();
    let head = project.commit("first", "signing");
    let missing: CommitId = "1".repeat(40).parse().unwrap();
    let said = refused(&project.path(), &missing, Budget::default());
    assert!(said.contains("was the commit pushed there?"), "{said}");
    project.git(&["config", "core.repositoryFormatVersion", "7"]);
    let said = refused(&project.path(), &head, Budget::default());
    assert!(said.contains("repo version") && said.contains("found 7"), "{said}");
    let said = resolve(&project.path(), "HEAD").unwrap_err().to_string();
    assert!(said.contains("found 7"), "{said}");
}

#[test]
fn shallow_and_partial_clones_name_what_completes_them() {
    let project = Project::new();
    project.git(&["config", "uploadpack.allowFilter", "true"]);
    project.write("file", "text\n");
    let first = project.commit("first", "signing");
    project.write("file", "more\n");
    let second = project.commit("second", "signing");
    let from = format!("file://{}", project.path().display());
    let clone = |name: &str, how: &str| {
        let to = project.dir.path().join(name);
        project.git(&["clone", "-q", "--no-checkout", how, &from, to.to_str().unwrap()]);
        to
    };
    let shallow = clone("shallow", "--depth=1");
    fetch(&shallow, &second, Budget::default()).unwrap();
    let said = refused(&shallow, &first, Budget::default());
    assert!(said.contains("shallow clone") && said.contains("fetch --unshallow"), "{said}");
    let partial = clone("partial", "--filter=blob:none");
    let said = refused(&partial, &second, Budget::default());
    assert!(said.contains("partial clone"), "{said}");
    project.git(&["-C", partial.to_str().unwrap(), "fetch", "-q", "--refetch", "--no-filter"]);
    fetch(&partial, &second, Budget::default()).expect("the remedy works");
}

/// Repositories that are bare, owned by another user, a linked worktree, or have a name that is not UTF-8.
#[test]
fn other_forms_of_repositories_are_read() {
    use std::os::unix::ffi::OsStrExt as _;
    let project = Project::new();
    project.write("file", "text\n");
    let head = project.commit("first", "signing");
    let path = |name: &[u8]| project.dir.path().join(std::ffi::OsStr::from_bytes(name));
    let (bare, tree, odd) = (path(b"bare.git"), path(b"tree"), path(b"sh\xf6p %20"));
    project.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    project.git(&["worktree", "add", "-q", tree.to_str().unwrap(), "HEAD"]);
    assert!(Command::new("cp").arg("-a").args([&project.path(), &odd]).status().unwrap().success());
    for place in [&bare, &tree, &odd] {
        let told = path_of(&path_text(place)).unwrap();
        assert_eq!(&told, place);
        assert_eq!(resolve(&told, "HEAD").unwrap(), head);
        assert_eq!(fetch(&told, &head, Budget::default()).unwrap().file("file").unwrap(), b"text\n");
    }
    assert_eq!(path_text(Path::new("/a b/ü")), "/a b/ü");
    assert_eq!(path_text(&odd).rsplit('/').next().unwrap(), "sh%F6p%20%2520");
    assert_eq!((path_of("file:///a%0"), path_of("file:///a%00b"), path_of("file://%zz")), (None, None, None));
}

/// Modes as git reads them: padded with zeros, with the permissions of old programs.
#[test]
fn modes_are_read_as_git_reads_them() {
    let project = Project::new();
    let blob = object(&project, "blob", b"x");
    let inner = tree(&project, &[("0100664", "g", &blob)]);
    let items = [
        ("100600", "a", blob.as_str()),
        ("0100644", "b", &blob),
        ("100711", "c", &blob),
        ("040000", "d", &inner),
        ("0120777", "e", &blob),
        ("0160000", "f", &blob),
    ];
    let head = commit_of(&project, &tree(&project, &items));
    let source = fetch(&project.path(), &head, Budget::default()).unwrap();
    let modes: Vec<_> = source.list.files().iter().map(|file| (file.path.as_str(), file.mode)).collect();
    let expected = [
        ("a", FileMode::Plain),
        ("b", FileMode::Plain),
        ("c", FileMode::Executable),
        ("d/g", FileMode::Plain),
        ("e", FileMode::Link),
        ("f", FileMode::Submodule),
    ];
    assert_eq!(modes, expected);
    let listed = project.git(&["ls-tree", "-r", head.as_str()]);
    let listed: Vec<_> = listed.lines().map(|line| line.split([' ', '\t']).next().unwrap()).collect();
    assert_eq!(listed, ["100644", "100644", "100755", "100644", "120000", "160000"], "git says the same");
    let odd = commit_of(&project, &tree(&project, &[("100648", "x", &blob)]));
    let said = refused(&project.path(), &odd, Budget::default());
    assert!(said.contains("`x` has a mode"), "{said}");
    assert!(matches!(
        fetch(&project.path(), &inner.parse().unwrap(), Budget::default()),
        Err(SourceError::Repository(RepositoryError::Kind { .. }))
    ));
}

/// Submodules and LFS pointers are reported, and a time that an archive cannot represent is limited.
#[test]
fn submodules_pointers_and_far_away_times_are_told() {
    let project = Project::new();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let pointer = object(&project, "blob", pointer);
    let plain = object(&project, "blob", b"text");
    let names: Vec<String> = (0..7).map(|number| format!("p{number}")).collect();
    let mut items = vec![("100644", "a", plain.as_str()), ("160000", "lib", &plain)];
    items.extend(names.iter().map(|name| ("100644", name.as_str(), pointer.as_str())));
    let tree = tree(&project, &items);
    let source = fetch(&project.path(), &commit_of(&project, &tree), Budget::default()).unwrap();
    assert_eq!(
        source.remarks(),
        [
            "note: 1 submodules are not fetched and not in the workspace: lib",
            "note: 7 files are Git LFS pointers, not their content: p0, p1, p2, p3, p4, ..."
        ]
    );
    for (time, seconds) in [
        ("-5", 0),
        ("0", 0),
        ("8589934591", 8_589_934_591),
        ("8589934592", 8_589_934_591),
        ("9223372036854775807", 8_589_934_591),
        ("99999999999999999999", 8_589_934_591),
    ] {
        let text = format!("tree {tree}\nauthor A <a@x> 1 +0000\ncommitter A <a@x> {time} +0000\n\nx\n");
        let head = object(&project, "commit", text.as_bytes()).parse().unwrap();
        assert_eq!(
            fetch(&project.path(), &head, Budget::default()).unwrap().time_seconds(),
            seconds,
            "{time}"
        );
    }
}
