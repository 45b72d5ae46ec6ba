//! Remotes of a runner's operator: commits and refs are fetched over HTTPS and SSH, and hostile remotes achieve nothing. Each attack
//! changes one thing about a fetch that succeeds.
#![expect(clippy::unwrap_used, reason = "test code")]

mod homes;
mod refs;
mod server;
mod ssh;
mod sshd;
#[path = "../support/mod.rs"]
mod support;
mod uploads;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use evidence::receipt::VerifiedRef;
use evidence::{CommitId, Digest};
use runner::{
    Budget, Offered, OriginError, Origins, ProjectCommit, REMOTES_FILE, Remote, Remotes, Repository, Source,
    SourcesError,
};
use server::{GitServer, Manner};
use support::Project;

/// A runner's directory, and the repository of the project that its operator's remote serves.
struct Site {
    project: Project,
    data: tempfile::TempDir,
    server: GitServer,
    head: CommitId,
}

impl Site {
    fn new() -> Self {
        let project = Project::new();
        project.write("file", "text\n");
        project.commit("first", "signing");
        project.write("file", "more\n");
        let head = project.commit("second", "signing");
        let server = GitServer::start(project.dir.path());
        let site = Self { project, data: tempfile::tempdir().unwrap(), server, head };
        site.set(&site.remote());
        site
    }

    /// The remote that succeeds.
    fn remote(&self) -> Remote {
        Remote { ca_file: Some(self.server.ca_file()), ..Remote::new(self.server.url("repository/.git")) }
    }

    fn set(&self, remote: &Remote) {
        self.set_within(remote, None, None);
    }

    fn set_within(&self, remote: &Remote, seconds: Option<u64>, mib: Option<u64>) {
        let projects = BTreeMap::from([(lab::name("shop"), remote.clone())]);
        let remotes = Remotes { seconds, mib, projects, ..Remotes::default() };
        self.write(&serde_json::to_string(&remotes).unwrap(), 0o600);
    }

    fn write(&self, text: &str, mode: u32) {
        let file = self.file();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.data.path().join(REMOTES_FILE)
    }

    fn origins(&self) -> Origins {
        Origins::open(self.data.path(), false)
    }

    /// The text of `file` in a commit, as a step would see it.
    fn read(&self, commit: &CommitId) -> Result<String, SourcesError> {
        read_from(&self.origins(), commit, &Offered::default())
    }

    fn refused(&self, commit: &CommitId) -> String {
        self.read(commit).unwrap_err().to_string()
    }

    fn verified(&self, commit: &CommitId, name: &str) -> Result<VerifiedRef, OriginError> {
        let project = lab::name("shop");
        let of = ProjectCommit { project: &project, commit };
        self.origins().verified(Digest::of(b"request"), of, &name.parse().unwrap(), &|| true)
    }

    fn mirrors(&self) -> Vec<PathBuf> {
        let found = std::fs::read_dir(self.data.path().join("mirrors")).into_iter().flatten();
        found.map(|entry| entry.unwrap().path()).collect()
    }
}

fn read_from(origins: &Origins, commit: &CommitId, offered: &Offered<'_>) -> Result<String, SourcesError> {
    let project = lab::name("shop");
    let of = ProjectCommit { project: &project, commit };
    origins.source(of, false, offered, &|| true, &|path| text_at(path, commit))
}

fn text_at(path: &Path, commit: &CommitId) -> Result<String, SourcesError> {
    let source = Source::fetch(&mut Repository::open(path, Budget::default())?, commit)?;
    Ok(String::from_utf8(source.file("file").unwrap().to_vec()).unwrap())
}

#[test]
fn a_commit_is_fetched_over_https_once() {
    let site = Site::new();
    assert_eq!(site.read(&site.head).unwrap(), "more\n");
    let before = site.server.requests().len();
    assert!(before > 0);
    assert_eq!(site.read(&site.head).unwrap(), "more\n");
    assert_eq!(site.server.requests().len(), before, "the copy has it");
    site.project.write("file", "third\n");
    let next = site.project.commit("third", "signing");
    assert_eq!(site.read(&next).unwrap(), "third\n");
    let remote = site.remote();
    let remotes = Remotes::read(&site.file()).unwrap();
    assert_eq!(site.origins().branches(&lab::name("shop"), &remote, &remotes).unwrap(), 1);
    let [mirror] = &site.mirrors()[..] else { unreachable!("one copy") };
    assert!(!mirror.join("hooks").exists(), "nothing of a template");
}

/// Hosts that give no commit by its id: all branches are fetched.
#[test]
fn a_remote_that_knows_only_branches_is_fetched_whole() {
    let site = Site::new();
    let first: CommitId = site.project.git(&["rev-parse", "HEAD~1"]).parse().unwrap();
    site.project.git(&["config", "protocol.version", "0"]);
    site.project.git(&["config", "uploadpack.advertiseRefs", "true"]);
    assert_eq!(site.read(&first).unwrap(), "text\n");
    let absent: CommitId = "1".repeat(40).parse().unwrap();
    let said = site.refused(&absent);
    assert!(said.contains("does not have commit 1111") && said.contains("push it there"), "{said}");
}

#[test]
fn a_copy_that_is_damaged_is_made_anew() {
    let site = Site::new();
    site.read(&site.head).unwrap();
    let [mirror] = &site.mirrors()[..] else { unreachable!("one copy") };
    for damage in ["objects", "HEAD", "refs"] {
        let place = mirror.join(damage);
        if place.is_dir() { std::fs::remove_dir_all(&place) } else { std::fs::remove_file(&place) }.unwrap();
        assert_eq!(site.read(&site.head).unwrap(), "more\n", "without {damage}");
    }
    let packs = std::fs::read_dir(mirror.join("objects/pack")).unwrap().flatten();
    let pack = packs.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "pack"));
    let pack = pack.unwrap();
    let mut bytes = std::fs::read(&pack).unwrap();
    for at in 20..bytes.len() - 20 {
        bytes[at] ^= 0x55;
    }
    std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&pack, bytes).unwrap();
    assert_eq!(site.read(&site.head).unwrap(), "more\n", "with other bytes in its pack");
}

/// CWE-522, RFC 7617: the credential is given to the remote alone; no other process sees it, and no message has it.
#[test]
fn attack_a_token_is_no_argument_and_in_no_message() {
    let site = Site::new();
    site.server.become_(Manner::Guarded("Basic Y2k6czNjcmV0LXRva2Vu".into()));
    let said = site.refused(&site.head);
    assert!(said.contains("cannot be fetched"), "without the token: {said}");
    let token = site.data.path().join("token");
    std::fs::write(&token, "s3cret-token\n").unwrap();
    let remote = Remote { token_file: Some(token.clone()), token_user: Some("ci".into()), ..site.remote() };
    site.set(&remote);
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o640)).unwrap();
    let said = site.refused(&site.head);
    assert!(said.contains("has mode 0640, so that others may read it"), "{said}");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    for bad in ["s3cret-token ".repeat(1000), "s".repeat(4097), "s3cret\ntoken".into(), " ".into()] {
        std::fs::write(&token, bad).unwrap();
        let said = site.refused(&site.head);
        assert!(said.contains("not one line of at most 4096"), "{said}");
    }
    std::fs::write(&token, "s3cret-token\n").unwrap();
    assert_eq!(site.read(&site.head).unwrap(), "more\n");
    let arguments = site.server.arguments.lock().unwrap().join("\n");
    assert!(arguments.contains("git"), "the server looked while git ran");
    for secret in ["s3cret-token", "Y2k6czNjcmV0LXRva2Vu"] {
        assert!(!arguments.contains(secret), "{arguments}");
    }
    std::fs::write(&token, "s3cret-other\n").unwrap();
    let next: CommitId = "2".repeat(40).parse().unwrap();
    let said = site.refused(&next);
    assert!(said.contains("cannot be fetched") && !said.contains("s3cret"), "{said}");
}

/// CWE-532: a URL with a password is refused without being repeated, and so is a file that others may change.
#[test]
fn attack_a_url_with_a_password_is_not_repeated() {
    let site = Site::new();
    site.read(&site.head).unwrap();
    let text = std::fs::read_to_string(site.file()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        site.write(&text.replace(from, to), 0o600);
        site.refused(&site.head)
    };
    for (from, to, what) in [
        ("https://", "https://ada:hunter2@", "has a name or password"),
        ("https://", "hunter2://", "begins with `https://` or `ssh://`"),
        ("\"url\":\"", "\"url\":7,\"hunter2\":\"", "another form"),
        ("\"v\":1", "\"v\":2", "version 2"),
        ("\"v\":1", "\"v\":1,\"urls\":[]", "unknown field"),
        ("repository/.git", "repository/.git hunter2", "path has letters"),
        ("https://localhost", "https://-localhost", "names no host"),
    ] {
        let said = with(from, to);
        assert!(said.contains(what) && !said.contains("hunter2"), "{said}");
    }
    site.write(&format!("{text}{}", " ".repeat(1 << 20)), 0o600);
    let said = site.refused(&site.head);
    assert!(said.contains("it has more than 1048576 bytes"), "{said}");
    site.write(&text, 0o622);
    let said = site.refused(&site.head);
    assert!(said.contains("mode 0622, so that others may change it"), "{said}");
    site.write(&text, 0o600);
    site.read(&site.head).unwrap();
}

/// RFC 9110, section 15.4: a redirect leads nowhere, neither to another host nor to another scheme.
#[test]
fn attack_a_remote_that_redirects() {
    let site = Site::new();
    let other = GitServer::start(site.project.dir.path());
    let token = site.data.path().join("token");
    std::fs::write(&token, "s3cret-token\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    site.set(&Remote { token_file: Some(token), ..site.remote() });
    let here = format!("file://{}", site.project.dir.path().display());
    for to in [other.url(""), format!("http://localhost:{}", other.port), here, "ext::sh -c false".into()] {
        site.server.become_(Manner::Redirect(to.trim_end_matches('/').to_owned()));
        let said = site.refused(&site.head);
        assert!(said.contains("cannot be fetched") && said.contains("302"), "{to}: {said}");
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
    site.server.become_(Manner::Honest);
    site.read(&site.head).unwrap();
}

/// RFC 5280, section 6: the host is believed by the operator's authorities alone.
#[test]
fn attack_another_host_poses_as_the_remote() {
    let site = Site::new();
    let other = GitServer::start(site.project.dir.path());
    let posing = Remote { ca_file: Some(other.ca_file()), ..site.remote() };
    site.set(&posing);
    let said = site.refused(&site.head);
    assert!(said.contains("certificate"), "{said}");
    let unnamed = Remote { url: site.remote().url.replace("localhost", "127.0.0.1"), ..site.remote() };
    site.set(&unnamed);
    let said = site.refused(&site.head);
    assert!(said.contains("certificate"), "{said}");
    site.set(&site.remote());
    site.read(&site.head).unwrap();
}

/// CWE-400: a pack without an end is ended by the operator's limit, and leaves nothing on the disk.
#[test]
fn attack_a_pack_without_an_end() {
    let site = Site::new();
    site.read(&site.head).unwrap();
    site.project.write("file", "third\n");
    let next = site.project.commit("third", "signing");
    site.set_within(&site.remote(), None, Some(16));
    for count in [u32::MAX, 1 << 28] {
        // So many objects would need more memory than git gets.
        site.server.become_(Manner::Endless(count));
        let said = site.refused(&next);
        assert!(said.contains("cannot be fetched"), "{said}");
    }
    site.server.become_(Manner::Endless(1 << 20));
    let said = site.refused(&next);
    assert!(said.contains("sent more than 16 MiB") && said.contains("`mib` in remotes.json"), "{said}");
    let left = site.mirrors();
    assert!(left.is_empty(), "{left:?}");
    site.server.become_(Manner::Honest);
    assert_eq!(site.read(&next).unwrap(), "third\n");
}

/// CWE-400: a remote that says nothing is left after the operator's limit.
#[test]
fn attack_a_remote_that_stays_silent() {
    let site = Site::new();
    site.set_within(&site.remote(), Some(1), None);
    site.server.become_(Manner::Silent);
    let said = site.refused(&site.head);
    assert!(said.contains("longer than 1 seconds") && said.contains("`seconds` in remotes.json"), "{said}");
}

/// CWE-345: bytes that have another id than the one that was asked for are no object.
#[test]
fn attack_a_remote_that_serves_other_objects() {
    let site = Site::new();
    let objects = site.project.path().join(".git/objects");
    let blob = site.project.git(&["rev-parse", "HEAD:file"]);
    let (tree, head) = (site.project.git(&["rev-parse", "HEAD^{tree}"]), site.head.to_string());
    let other_blob = site.project.git(&["rev-parse", "HEAD~1:file"]);
    let other_tree = site.project.git(&["rev-parse", "HEAD~1^{tree}"]);
    let other_head = site.project.git(&["rev-parse", "HEAD~1"]);
    for (id, other) in [(blob, other_blob), (tree, other_tree), (head, other_head)] {
        let file = |id: &str| objects.join(&id[..2]).join(&id[2..]);
        let honest = std::fs::read(file(&id)).unwrap();
        let put = |bytes: &[u8]| {
            std::fs::remove_file(file(&id)).unwrap();
            std::fs::write(file(&id), bytes).unwrap();
        };
        put(&std::fs::read(file(&other)).unwrap());
        let said = site.refused(&site.head);
        assert!(said.contains("remote of project `shop`"), "{said}");
        put(&honest);
    }
    assert_eq!(site.read(&site.head).unwrap(), "more\n");
}

/// CWE-829: nothing of a fetched tree runs or is followed: no filter, no submodule, no large file store, no hook.
#[test]
fn attack_a_fetched_repository_runs_nothing() {
    let site = Site::new();
    let ran = site.project.dir.path().join("ran");
    let script = format!("touch {}", ran.display());
    site.project.write(".gitattributes", "* filter=evil diff=lfs merge=evil ident\n");
    site.project.write(".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:9/\n");
    site.project.write("hooks/post-checkout", &format!("#!/bin/sh\n{script}\n"));
    let url = site.server.url("repository/.git");
    site.project.write(
        ".gitmodules",
        &format!("[submodule \"a\"]\n\tpath = a\n\turl = {url}\n\tupdate = checkout\n"),
    );
    site.project.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},a", site.head)]);
    site.project.git(&["config", "filter.evil.smudge", &script]);
    site.project.git(&["config", "uploadpack.packObjectsHook", &script]);
    let next = site.project.commit("third", "signing");
    let before = site.server.requests().len();
    assert_eq!(site.read(&next).unwrap(), "more\n");
    let asked = site.server.requests().len() - before;
    assert!(asked <= 4, "the remote was asked for more than the commit: {:?}", site.server.requests());
    assert!(!ran.exists());
    // A submodule whose URL is an option is refused by git itself (CVE-2018-17456).
    site.project.write(".gitmodules", "[submodule \"a\"]\n\tpath = a\n\turl = -u./payload\n");
    let next = site.project.commit("fourth", "signing");
    let said = site.refused(&next);
    assert!(said.contains("gitmodules"), "{said}");
}

/// A remote on this machine is read where it is, and no other path is.
#[test]
fn a_path_is_followed_only_with_consent() {
    let site = Site::new();
    site.set(&Remote::new(site.project.path().display().to_string()));
    assert_eq!(site.read(&site.head).unwrap(), "more\n");
    assert_eq!(site.verified(&site.head, "refs/heads/main").unwrap().tip, site.head);
    std::fs::remove_file(site.file()).unwrap();
    let path = site.project.path().display().to_string();
    let offered = Offered { repository: Some(&path), ..Offered::default() };
    let said = read_from(&site.origins(), &site.head, &offered).unwrap_err().to_string();
    assert!(said.contains("--follow-paths") && said.contains("countersign runner remote add"), "{said}");
    let consenting = Origins::open(site.data.path(), true);
    assert_eq!(read_from(&consenting, &site.head, &offered).unwrap(), "more\n");
    let said = site.refused(&site.head);
    assert!(said.contains("no remote of project `shop`") && said.contains("run --upload"), "{said}");
}
