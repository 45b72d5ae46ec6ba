//! Remotes over SSH: OpenSSH's own server and client. Each attack changes one thing about a fetch that succeeds.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;

use runner::Remote;

use super::Site;
use super::sshd::Sshd;
use super::support::Project;

/// A site whose remote is reached over SSH.
struct Over {
    site: Site,
    sshd: Sshd,
    /// Of the server.
    _dir: tempfile::TempDir,
}

impl Over {
    fn new() -> Self {
        let (site, dir) = (Site::new(), tempfile::tempdir().unwrap());
        let port = || TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let sshd = Sshd::start(dir.path(), "127.0.0.1", port, &|program| std::process::Command::new(program));
        let over = Self { site, sshd, _dir: dir };
        over.site.project.key("visitor");
        over.admit();
        over.knows(&over.sshd.known_host);
        over.site.set(&over.remote());
        over
    }

    fn admit(&self) {
        let command = format!("git upload-pack {}", self.site.project.path().display());
        self.sshd.admit(&self.identity().with_extension("pub"), &command);
    }

    fn identity(&self) -> PathBuf {
        self.site.project.dir.path().join("visitor")
    }

    fn known_hosts(&self) -> PathBuf {
        self.site.data.path().join("known_hosts")
    }

    fn knows(&self, line: &str) {
        std::fs::write(self.known_hosts(), line).unwrap();
    }

    /// The remote that succeeds.
    fn remote(&self) -> Remote {
        Remote {
            identity_file: Some(self.identity()),
            known_hosts_file: Some(self.known_hosts()),
            ..Remote::new(format!("ssh://{}/shop.git", self.sshd.place))
        }
    }

    /// A commit that was not fetched yet.
    fn next(&self, text: &str) -> evidence::CommitId {
        self.site.project.write("file", text);
        self.site.project.commit("next", "signing")
    }
}

#[test]
fn a_commit_is_fetched_over_ssh_once_and_its_ref_is_verified() {
    let over = Over::new();
    let site = &over.site;
    assert_eq!(site.read(&site.head).unwrap(), "more\n");
    assert!(over.sshd.visits() > 0);
    assert_eq!(site.read(&site.head).unwrap(), "more\n");
    assert_eq!(over.sshd.visits(), 0, "the copy has it");
    let next = over.next("third\n");
    assert_eq!(site.read(&next).unwrap(), "third\n");
    assert_eq!(site.verified(&site.head, "refs/heads/main").unwrap().tip, next);
    let absent: evidence::CommitId = "1".repeat(40).parse().unwrap();
    let said = site.refused(&absent);
    assert!(said.contains("does not have commit 1111"), "{said}");
    assert!(site.server.requests().is_empty(), "nothing goes over HTTPS");
}

/// RFC 4251, section 4.1: the host is believed by the keys of the operator's file alone.
#[test]
fn attack_another_host_key_than_the_operators() {
    let over = Over::new();
    over.site.read(&over.site.head).unwrap();
    let next = over.next("third\n");
    over.sshd.visits();
    let other = Project::new();
    let other = std::fs::read_to_string(other.dir.path().join("signing.pub")).unwrap();
    let place = over.sshd.known_host.split(' ').next().unwrap();
    for known in [
        format!("{place} {other}"),
        String::new(),
        over.sshd.known_host.replacen("[127.0.0.1]", "[127.0.0.2]", 1),
        format!("@revoked {}", over.sshd.known_host),
    ] {
        over.knows(&known);
        let said = over.site.refused(&next);
        let file = over.known_hosts().display().to_string();
        assert!(said.contains("no SSH host key that") && said.contains(&file), "{known}: {said}");
        assert_eq!(over.known_hosts().metadata().unwrap().len(), known.len() as u64, "nothing is learnt");
    }
    std::fs::remove_file(over.known_hosts()).unwrap();
    let said = over.site.refused(&next);
    assert!(said.contains("no SSH host key that"), "{said}");
    assert_eq!(over.sshd.visits(), 0, "nobody proved a key to a host that is not known");
    over.knows(&over.sshd.known_host);
    assert_eq!(over.site.read(&next).unwrap(), "third\n");
}

/// CWE-400: a host that asks for a password or does not know the key, and a key with a passphrase, wait for nobody.
#[test]
fn attack_a_host_that_asks_for_a_password() {
    let over = Over::new();
    over.sshd.admit_nobody();
    let said = over.site.refused(&over.site.head);
    assert!(said.contains("cannot be fetched") && said.contains("Permission denied"), "{said}");
    assert!(said.contains("password"), "the host offers it: {said}");
    over.admit();
    let change = |old: &str, new: &str| {
        let mut make = std::process::Command::new("ssh-keygen");
        make.args(["-q", "-p", "-P", old, "-N", new, "-f"]).arg(over.identity());
        assert!(make.output().unwrap().status.success());
    };
    change("", "a passphrase");
    let said = over.site.refused(&over.site.head);
    assert!(said.contains("Permission denied"), "{said}");
    change("a passphrase", "");
    assert_eq!(over.site.read(&over.site.head).unwrap(), "more\n");
}

/// CWE-400: a host that accepts connections and says nothing is left after the operator's limit, and so is its program.
#[test]
fn attack_an_ssh_host_that_stays_silent() {
    let over = Over::new();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let place = format!("git@127.0.0.1:{}", silent.local_addr().unwrap().port());
    let url = format!("ssh://{place}/shop.git");
    over.site.set_within(&Remote { url, ..over.remote() }, Some(1), None);
    let visitor = std::thread::spawn(move || {
        let mut heard = Vec::new();
        silent.accept().unwrap().0.read_to_end(&mut heard).unwrap();
        heard
    });
    let said = over.site.refused(&over.site.head);
    assert!(said.contains("longer than 1 seconds") && said.contains("`seconds` in remotes.json"), "{said}");
    let heard = visitor.join().unwrap();
    assert!(heard.starts_with(b"SSH-2.0-"), "it has gone: {heard:?}");
    over.site.set(&over.remote());
    assert_eq!(over.site.read(&over.site.head).unwrap(), "more\n");
}

/// CWE-732: a private key that others read is not used.
#[test]
fn attack_a_private_key_that_others_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let over = Over::new();
    let mode =
        |mode| std::fs::set_permissions(over.identity(), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o640);
    let said = over.site.refused(&over.site.head);
    assert!(said.contains("has mode 0640, so that others may read it"), "{said}");
    assert_eq!(over.sshd.visits(), 0);
    mode(0o600);
    over.site.read(&over.site.head).unwrap();
}
