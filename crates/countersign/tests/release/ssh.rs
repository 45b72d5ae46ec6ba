//! A host of repositories that is reached over SSH, and what a runner's user and machine have set for SSH and git: it changes
//! nothing about the runner's fetches. Each attack works on the user's own `ssh` and `git`.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::json;

#[path = "../../../runner/tests/remotes/sshd.rs"]
pub mod sshd;

use crate::support::Home;
use crate::support::network::{self, Host};
use sshd::Sshd;

/// A host with an empty repository. Each visitor has a separate key.
pub struct Remote {
    home: Home,
    sshd: Sshd,
}

/// The files of a visitor: a private key, and the known hosts.
pub struct Files {
    key: PathBuf,
    known: PathBuf,
}

const PORT: u16 = 2222;

impl Remote {
    pub fn on(host: Host) -> Self {
        let home = Home::on(host);
        let made = home.program("git").args(["init", "-q", "--bare", "-b", "main", "shop.git"]).status();
        assert!(made.unwrap().success());
        let address = format!("10.77.0.{}", host.number());
        let sshd = Sshd::start(home.dir.path(), &address, || PORT, &|program| home.program(program));
        Self { home, sshd }
    }

    fn url(&self) -> String {
        format!("ssh://{}/shop.git", self.sshd.place)
    }

    /// What the holder of the key may do to the repository.
    fn admits(&self, key: &Path, verb: &str) {
        let repository = self.home.dir.path().join("shop.git");
        self.sshd.admit(&key.with_extension("pub"), &format!("git {verb} {}", repository.display()));
    }

    /// A visitor gets a key, and the host's.
    pub fn admit(&self, visitor: &Home, verb: &str) -> Files {
        let key = visitor.ssh_key(".ssh/remote");
        self.admits(&key, verb);
        let known = self.home.dir.path().join("known_hosts");
        std::fs::write(&known, &self.sshd.known_host).unwrap();
        Files { key, known: visitor.receive(&known, "known_hosts") }
    }

    /// An operator sets it as the remote of the shop.
    pub fn serves(&self, runner: &Home) -> Files {
        let files = self.admit(runner, "upload-pack");
        let [key, known] = [&files.key, &files.known].map(|file| file.to_str().unwrap());
        let add = ["runner", "remote", "add", "--data", "runner", "shop", &self.url()];
        runner.ok(&[&add[..], &["--identity-file", key, "--known-hosts-file", known]].concat());
        files
    }

    /// A person pushes the branch `main`.
    pub fn pushed(&self, person: &Home, repository: &Path, files: &Files) {
        let mut push = person.program("git");
        let (known, key) = (files.known.display(), files.key.display());
        push.env("GIT_SSH_COMMAND", format!("ssh -F none -o UserKnownHostsFile={known} -i {key}"));
        let output = push.args(["push", "-q", &self.url(), "main"]).current_dir(repository).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A runner's user with a home directory, and the remote that its operator has set.
struct Site {
    net: network::Hosts,
    here: Host,
    user: Home,
    remote: Remote,
    files: Files,
}

const CHECK: [&str; 5] = ["runner", "remote", "check", "--data", "runner"];

impl Site {
    /// `None` if the test is not root.
    fn new() -> Option<Self> {
        let mut net = network::Hosts::new()?;
        let (here, there) = (net.host(), net.host());
        let (user, remote) = (Home::on(here), Remote::on(there));
        net.lives(here, user.dir.path());
        user.ok(&["runner", "key", "--data", "runner", "--name", "runner-1", "--host", "build-1"]);
        let files = remote.serves(&user);
        let site = Self { net, here, user, remote, files };
        site.checks();
        Some(site)
    }

    /// The runner reaches the remote.
    fn checks(&self) {
        self.remote.sshd.visits();
        assert_eq!(self.user.ok(&CHECK)["remotes"][0]["branches"], json!(0));
        assert_eq!(self.remote.sshd.visits(), 1);
    }

    fn refused(&self) -> String {
        self.user.json(&CHECK, 1)["error"].as_str().unwrap().to_owned()
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let file = self.user.dir.path().join(path);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// The user's own git asks the remote.
    fn asks(&self, variables: &[(&str, &str)]) -> bool {
        let mut git = self.user.program("git");
        git.args(["ls-remote", &self.remote.url()]).stdin(Stdio::null());
        git.envs(variables.iter().copied()).output().unwrap().status.success()
    }
}

/// CWE-15, CWE-426: hosts, keys, programs and proxies of `~/.ssh/config`, `/etc/ssh/ssh_config`, `~/.gitconfig` and variables.
#[test]
fn attack_a_runners_user_whose_ssh_and_git_start_other_programs() {
    let Some(mut site) = Site::new() else { return };
    let ran = site.user.dir.path().join("ran");
    let ran_once = || std::fs::remove_file(&ran).is_ok();
    let program = site.write("program", &format!("#!/bin/sh\ntouch {}\n", ran.display()));
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap().to_owned();
    let ssh = format!(
        "Host *\n HostName 127.0.0.1\n User nobody\n IdentityFile /nowhere\n StrictHostKeyChecking no\n \
         ProxyCommand {program}\n KnownHostsCommand {program}\n"
    );
    let own = site.write(".ssh/config", &ssh);
    assert!(!site.asks(&[]) && ran_once(), "the user's own git starts it");
    site.checks();
    assert!(!ran_once(), "of ~/.ssh/config");
    std::fs::remove_file(own).unwrap();

    let system = site.write("ssh_config", &ssh);
    site.net.sees(site.here, &system, "/etc/ssh/ssh_config");
    assert!(!site.asks(&[]) && ran_once(), "the user's own git starts it");
    site.checks();
    assert!(!ran_once(), "of /etc/ssh/ssh_config");

    let git = format!("[core]\n sshCommand = {program}\n[url \"ssh://127.0.0.1:9/\"]\n insteadOf = ssh://\n");
    let own = site.write(".gitconfig", &git);
    assert!(!site.asks(&[]) && ran_once(), "the user's own git starts it");
    site.checks();
    assert!(!ran_once(), "of ~/.gitconfig");
    std::fs::remove_file(own).unwrap();

    for name in ["GIT_SSH_COMMAND", "GIT_SSH"] {
        assert!(!site.asks(&[(name, &program)]) && ran_once(), "the user's own git starts it");
        site.user.variables.push((name.to_owned(), program.clone()));
        site.checks();
        assert!(!ran_once(), "of {name}");
    }
}

/// RFC 4251, 4.1: host keys that the user or the machine knows are not the operator's.
#[test]
fn attack_host_keys_that_only_the_runners_user_knows() {
    let Some(site) = Site::new() else { return };
    let known = site.remote.sshd.known_host.clone();
    std::fs::write(&site.files.known, "").unwrap();
    let own = site.write(".ssh/known_hosts", &known);
    let with = format!("ssh -i {} -o BatchMode=yes", site.files.key.display());
    assert!(site.asks(&[("GIT_SSH_COMMAND", &with)]), "the user's own git knows the host");
    assert!(site.refused().contains("no SSH host key that"));
    std::fs::remove_file(own).unwrap();
    let system = site.write("ssh_known_hosts", &known);
    let settings = site.write("ssh_config", &format!("GlobalKnownHostsFile {}\n", system.display()));
    site.net.sees(site.here, &settings, "/etc/ssh/ssh_config");
    assert!(site.asks(&[("GIT_SSH_COMMAND", &with)]), "the user's own git knows the host");
    assert!(site.refused().contains("no SSH host key that"));
    std::fs::write(&site.files.known, known).unwrap();
    site.checks();
}

/// An agent that holds keys, which ends with it.
struct Agent(Child);

impl Agent {
    fn start(user: &Home, socket: &Path) -> Self {
        let mut command = user.program("ssh-agent");
        command.args(["-D", "-a"]).arg(socket).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It listens before it says so.
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("SSH_AUTH_SOCK"), "{line}");
        Self(child)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// CWE-441: a person's keys, in an agent or in `~/.ssh`, are not offered to the remote.
#[test]
fn attack_keys_of_a_runners_user_are_not_offered() {
    let Some(mut site) = Site::new() else { return };
    let (person, socket) = (site.user.ssh_key(".ssh/person"), site.user.dir.path().join("agent"));
    let agent = Agent::start(&site.user, &socket);
    let mut add = site.user.program("ssh-add");
    assert!(add.arg("-q").arg(&person).env("SSH_AUTH_SOCK", &socket).status().unwrap().success());
    site.remote.sshd.admit_nobody();
    site.remote.admits(&person, "upload-pack");
    let with = format!("ssh -o UserKnownHostsFile={} -o BatchMode=yes", site.files.known.display());
    let socket = socket.to_str().unwrap().to_owned();
    let by_agent = [("GIT_SSH_COMMAND", with.as_str()), ("SSH_AUTH_SOCK", socket.as_str())];
    assert!(site.asks(&by_agent), "the user's own git offers the agent's keys");
    site.user.variables.push(("SSH_AUTH_SOCK".to_owned(), socket.clone()));
    assert!(site.refused().contains("Permission denied"));
    drop(agent);

    site.remote.sshd.admit_nobody();
    site.remote.admits(&site.user.dir.path().join(".ssh/id_ed25519"), "upload-pack");
    assert!(site.asks(&[("GIT_SSH_COMMAND", &with)]), "the user's own git offers its key");
    assert!(site.refused().contains("Permission denied"));
    site.remote.admits(&site.files.key, "upload-pack");
    site.checks();
}
