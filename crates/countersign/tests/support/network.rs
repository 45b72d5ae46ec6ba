//! Hosts as network namespaces on one switch, each with a user of its homes, an address and nothing else in common.
//!
//! Invariant: everything happens in namespaces that this test made; they end with the processes that keep them. Links are
//! cut and mended at the switch.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::recorder::Recorder;

/// A switch, and the hosts that are connected to it.
pub struct Network {
    switch: Namespace,
}

/// A host of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// The last part of its address.
    number: u8,
    /// The process that keeps its namespace.
    keeper: u32,
    /// The user of its processes.
    user: u32,
}

/// Hosts of a network, with the processes that keep them.
pub struct Hosts {
    pub network: Network,
    kept: Vec<Namespace>,
    /// Files that hosts see in place of the system's.
    files: tempfile::TempDir,
}

/// A network namespace, kept by a process that does nothing else.
struct Namespace(Child);

impl Namespace {
    /// A namespace with mounts of its own.
    fn new() -> Self {
        let mut command = Command::new("unshare");
        let mut child = command
            .args(["--net", "--mount", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It answers once it is inside.
        child.stdin.as_mut().unwrap().write_all(b"inside\n").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "inside\n");
        Self(child)
    }

    fn does(&self, line: &str) {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.0.id().to_string(), "--net", "--mount", "--"]).args(line.split(' '));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Hosts {
    /// A switch without hosts; `None` if the test is not root, who alone makes namespaces with other users.
    pub fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("COUNTERSIGN_ACCEPT").is_none(), "network namespaces need root");
            return None;
        }
        let switch = Namespace::new();
        switch.does("ip link add switch type bridge");
        switch.does("ip link set switch up");
        Some(Self { network: Network { switch }, kept: Vec::new(), files: tempfile::tempdir().unwrap() })
    }

    /// Connects one more host.
    pub fn host(&mut self) -> Host {
        let namespace = Namespace::new();
        let (number, keeper) = (u8::try_from(self.kept.len() + 1).unwrap(), namespace.0.id());
        let switch = &self.network.switch;
        switch.does(&format!("ip link add port{number} type veth peer name eth0 netns {keeper}"));
        switch.does(&format!("ip link set port{number} master switch up"));
        namespace.does("ip link set lo up");
        namespace.does(&format!("ip address add 10.77.0.{number}/24 dev eth0"));
        namespace.does("ip link set eth0 up");
        let user = FIRST_USER + u32::from(number);
        // Programs such as ssh-keygen want a name for their user.
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let file = self.files.path().join(format!("passwd-{number}"));
        std::fs::write(&file, format!("{users}host{number}:x:{user}:{user}::{NO_HOME}:/bin/sh\n")).unwrap();
        namespace.does(&format!("mount --bind {} /etc/passwd", file.display()));
        self.kept.push(namespace);
        Host { number, keeper, user }
    }
}

impl Network {
    /// Records everything that goes between hosts from now on.
    pub fn record(&self) -> Recorder {
        Recorder::at(self.switch.0.id())
    }

    /// Everything to a host goes at this rate at most.
    pub fn slow(&self, host: Host, rate: &str) {
        let queue = format!("rate {rate} burst 16kb latency 400ms");
        self.switch.does(&format!("tc qdisc add dev port{} root tbf {queue}", host.number));
    }

    /// Cuts a host off.
    pub fn cut(&self, host: Host) {
        self.switch.does(&format!("ip link set port{} down", host.number));
    }

    /// Connects it again.
    pub fn mend(&self, host: Host) {
        self.switch.does(&format!("ip link set port{} up", host.number));
    }
}

impl Hosts {
    /// Whatever a host sends to another one vanishes on its way; what the other one sends arrives.
    pub fn lose(&self, from: Host, to: Host) {
        // No host has this hardware address.
        self.neighbour(from, to, "replace", " lladdr 02:77:00:00:00:00 nud permanent");
    }

    /// It arrives again.
    pub fn find(&self, from: Host, to: Host) {
        self.neighbour(from, to, "delete", "");
    }

    /// A host sees a file in the place of the system's.
    pub fn sees(&self, host: Host, file: &Path, system: &str) {
        self.kept[usize::from(host.number) - 1].does(&format!("mount --bind {} {system}", file.display()));
    }

    /// The user of a host has a home directory there.
    pub fn lives(&self, host: Host, home: &Path) {
        let file = self.files.path().join(format!("passwd-{}", host.number));
        let users = std::fs::read_to_string(&file).unwrap();
        // The host sees this very file, so it is written and not replaced.
        std::fs::write(file, users.replace(NO_HOME, &home.display().to_string())).unwrap();
    }

    fn neighbour(&self, from: Host, to: Host, verb: &str, entry: &str) {
        let address = format!("10.77.0.{}", to.number);
        let line = format!("ip neighbour {verb} {address} dev eth0{entry}");
        self.kept[usize::from(from.number) - 1].does(&line);
    }
}

impl Host {
    /// The last part of its address.
    pub const fn number(self) -> u8 {
        self.number
    }

    /// Its address at a port.
    pub fn at(self, port: u16) -> String {
        format!("10.77.0.{}:{port}", self.number)
    }

    /// The user of its processes.
    pub const fn user(self) -> u32 {
        self.user
    }

    /// A program on this host, as its user.
    pub fn program(self, program: &str) -> Command {
        let (keeper, user) = (self.keeper.to_string(), self.user.to_string());
        let mut command = Command::new("nsenter");
        command.args([
            "--target", &keeper, "--net", "--mount", "--wd=.", "--setuid", &user, "--setgid", &user, "--",
            program,
        ]);
        command
    }
}

/// User ids that no account of the system has.
const FIRST_USER: u32 = 61_000;
/// The home directory of users that have no directory.
const NO_HOME: &str = "/nowhere";
