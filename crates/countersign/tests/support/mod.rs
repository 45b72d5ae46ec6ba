//! A person with a separate home, an installation, and its roles as real processes.
#![expect(clippy::unwrap_used, reason = "test code")]

pub mod grow;
pub mod neighbours;
pub mod network;
pub mod packages;
pub mod recorder;
pub mod secrets;
pub mod stream;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub struct Home {
    pub dir: tempfile::TempDir,
    /// The user of all commands, if the test itself is root.
    user: Option<u32>,
    /// The host of all commands, if it is another one than the test's.
    host: Option<network::Host>,
    /// Additional variables of all commands.
    pub variables: Vec<(String, String)>,
}

pub struct Up {
    child: Child,
    pub url: String,
    /// Roles with their process ids.
    pub roles: Vec<(String, u32)>,
}

impl Home {
    /// A home with one SSH key and nothing else.
    pub fn new() -> Self {
        Self::in_dir(tempfile::tempdir().unwrap())
    }

    /// The same below a directory.
    pub fn below(dir: &Path) -> Self {
        Self::in_dir(tempfile::tempdir_in(dir).unwrap())
    }

    fn in_dir(dir: tempfile::TempDir) -> Self {
        std::fs::create_dir_all(dir.path().join(".ssh")).unwrap();
        let home = Self { dir, user: None, host: None, variables: Vec::new() };
        home.ssh_key(".ssh/id_ed25519");
        home
    }

    /// The same for an ordinary user; `None` if the test is not root, because it is an ordinary user then.
    pub fn of_ordinary_user() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            // An acceptance run must cover both users (`cargo x accept`).
            assert!(std::env::var_os("COUNTERSIGN_ACCEPT").is_none(), "a second user needs root");
            return None;
        }
        Some(Self::of_user(ORDINARY, None))
    }

    /// A home on a host of a network, of that host's user.
    pub fn on(host: network::Host) -> Self {
        Self::of_user(host.user(), Some(host))
    }

    fn of_user(user: u32, host: Option<network::Host>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".ssh")).unwrap();
        for path in [dir.path().join(".ssh"), dir.path().to_path_buf()] {
            std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
        }
        // Another process copies it: a process that has a program open for writing cannot start it.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_countersign")).arg(dir.path().join("countersign"));
        assert!(copy.status().unwrap().success());
        let home = Self { dir, user: Some(user), host, variables: Vec::new() };
        home.ssh_key(".ssh/id_ed25519");
        home
    }

    /// A file that another host sent, as a file of this home's user.
    pub fn receive(&self, from: &Path, name: &str) -> PathBuf {
        let to = self.dir.path().join(name);
        std::fs::copy(from, &to).unwrap();
        std::os::unix::fs::chown(&to, self.user, self.user).unwrap();
        to
    }

    /// The same for a directory.
    pub fn receive_dir(&self, from: &Path, name: &str) -> PathBuf {
        let to = self.dir.path().join(name);
        copy_dir(from, &to);
        self.owns(&to);
        to
    }

    /// Everything here becomes this home's user's, as after a restore.
    pub fn owns_all(&self) {
        self.owns(self.dir.path());
    }

    fn owns(&self, path: &Path) {
        if let Some(user) = self.user {
            let mut own = Command::new("chown");
            assert!(own.args(["-R", &format!("{user}:{user}")]).arg(path).status().unwrap().success());
        }
    }

    /// A program run as this home's user.
    pub fn program(&self, program: &str) -> Command {
        use std::os::unix::process::CommandExt as _;
        let mut command = match self.host {
            Some(host) => host.program(program),
            None => Command::new(program),
        };
        command
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME");
        // A program on another host becomes its user there.
        if let (Some(user), None) = (self.user, self.host) {
            command.uid(user).gid(user);
        }
        command
    }

    /// A home with a solo installation.
    pub fn solo() -> Self {
        let home = Self::new();
        home.ok(&["init", "--name", "Ada", "--email", "Ada@example.com"]);
        home
    }

    pub fn ssh_key(&self, file: &str) -> PathBuf {
        let path = self.dir.path().join(file);
        let mut make = self.program("ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&path);
        assert!(make.status().unwrap().success());
        path
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join(".local/share/countersign/data")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let own = self.dir.path().join("countersign");
        let program =
            if self.user.is_some() { own.to_str().unwrap() } else { env!("CARGO_BIN_EXE_countersign") };
        let mut command = self.program(program);
        command.args(arguments).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.dir.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        for name in ["RUSTUP_HOME", "CARGO_HOME"] {
            // The toolchain belongs to the machine, not to the person of the test.
            let fallback = std::env::var_os("HOME")
                .map(|home| Path::new(&home).join(if name == "RUSTUP_HOME" { ".rustup" } else { ".cargo" }));
            if let Some(dir) =
                std::env::var_os(name).map(PathBuf::from).or(fallback).filter(|dir| dir.exists())
            {
                command.env(name, dir);
            }
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_in(self.dir.path(), arguments)
    }

    pub fn run_in(&self, dir: &Path, arguments: &[&str]) -> Output {
        self.command(arguments).current_dir(dir).stdin(Stdio::null()).output().unwrap()
    }

    /// Starts a command whose output is read once it has ended.
    pub fn spawn_in(&self, dir: &Path, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs a command on a separate terminal, on which an answer is typed.
    pub fn on_terminal(&self, dir: &Path, arguments: &str, answer: &str) -> Output {
        self.once_asked(dir, arguments, "", answer)
    }

    /// The same, with the answer typed once these words appear: a signal key affects only the program that asks at that time.
    pub fn once_asked(&self, dir: &Path, arguments: &str, words: &str, answer: &str) -> Output {
        self.once_shown(dir, arguments, words, || answer)
    }

    /// The same, with a callback before the answer is typed.
    pub fn once_shown<'a>(
        &self,
        dir: &Path,
        arguments: &str,
        words: &str,
        answer: impl FnOnce() -> &'a str,
    ) -> Output {
        use std::io::{Read as _, Write as _};
        let ours = self.command(&[]);
        let mut command = self.program("script");
        let line = format!("{} {arguments}", ours.get_program().to_str().unwrap());
        command.args(["-qec", &line, "/dev/null"]).env_clear();
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut input, mut shown) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut read, mut byte) = (Vec::new(), [0]);
        while !String::from_utf8_lossy(&read).contains(words) && shown.read(&mut byte).unwrap() > 0 {
            read.push(byte[0]);
        }
        input.write_all(answer().as_bytes()).unwrap();
        // Dropping this would close the terminal, so it is kept until the program has ended.
        shown.read_to_end(&mut read).unwrap();
        let mut output = child.wait_with_output().unwrap();
        drop(input);
        output.stdout = read;
        output
    }

    #[cfg(feature = "faults")]
    /// Runs a command with additional variables, for a minute at most: exit code and output.
    pub fn try_in(
        &self,
        dir: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        let ours = self.command(&[arguments, &["-o", "json"]].concat());
        let mut command = Command::new("timeout");
        command.arg("60").arg(ours.get_program()).args(ours.get_args()).env_clear();
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.envs(variables.iter().copied()).current_dir(dir).stdin(Stdio::null());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command with `-o json`, expects an exit code, returns the output.
    pub fn json(&self, arguments: &[&str], code: i32) -> Value {
        self.json_in(self.dir.path(), arguments, code)
    }

    /// The same in another directory. The last line counts: a verdict is followed by the failure.
    pub fn json_in(&self, dir: &Path, arguments: &[&str], code: i32) -> Value {
        let mut command = self.command(&[arguments, &["-o", "json"]].concat());
        let output = command.current_dir(dir).stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let logs =
            if output.status.code() == Some(code) { String::new() } else { self.logs_named(dir, &out) };
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}\n{logs}");
        out.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
    }

    /// The logs that a refusal names, because they are gone when a person reads the test's output.
    fn logs_named(&self, dir: &Path, said: &str) -> String {
        let last: Value =
            said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        let remedies = last["reasons"].as_array().into_iter().flatten().filter_map(|r| r["remedy"].as_str());
        let commands = remedies.filter_map(|remedy| remedy.strip_prefix("countersign logs "));
        let shown = commands.map(|words| {
            let arguments: Vec<&str> = ["logs"].into_iter().chain(words.split_whitespace()).collect();
            let output = self.run_in(dir, &arguments);
            format!("{words}: {}", String::from_utf8_lossy(&output.stdout))
        });
        shown.collect()
    }

    pub fn ok(&self, arguments: &[&str]) -> Value {
        self.json(arguments, 0)
    }

    pub fn up(&self) -> Up {
        self.up_with(&[])
    }

    /// `up` with additional variables; its address is empty if it did not start.
    pub fn up_with(&self, variables: &[(&str, &str)]) -> Up {
        let mut command = self.command(&UP);
        command.envs(variables.iter().copied());
        Self::started(command)
    }

    /// `up` whose standard error goes elsewhere.
    pub fn up_saying(&self, err: Stdio) -> Up {
        let mut command = self.command(&UP);
        command.stderr(err);
        Self::started(command)
    }

    /// `up` whose log goes elsewhere, with options of the log.
    pub fn up_logging(&self, options: &[&str], err: Stdio) -> Up {
        let mut command = self.command(&[&UP[..], options].concat());
        command.stderr(err);
        Self::started(command)
    }

    /// `up` with additional arguments.
    pub fn up_in(&self, arguments: &[&str]) -> Up {
        let usual: &[&str] =
            if arguments.contains(&"--settle-seconds") { &["up", "-o", "json"] } else { &UP };
        Self::started(self.command(&[usual, arguments].concat()))
    }

    /// `demo` that stays up, once its story is over, and its report.
    pub fn demo_in(&self, arguments: &[&str]) -> (Up, Value) {
        let (up, report) =
            Self::reported(self.command(&[&["demo", "--stay", "-o", "json"], arguments].concat()));
        assert!(!up.url.is_empty(), "the demo failed");
        (up, report)
    }

    fn started(command: Command) -> Up {
        Self::reported(command).0
    }

    /// `up` that was begun, and may wait for something.
    pub fn begun_up(&self) -> Child {
        self.command(&UP).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// The same once it is ready.
    pub fn ready(&self, begun: Child) -> Up {
        Self::first_line(begun).0
    }

    /// A command that stays after its first line, and this line.
    fn reported(mut command: Command) -> (Up, Value) {
        Self::first_line(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn first_line(mut child: Child) -> (Up, Value) {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap_or_default();
        if started["url"].is_null() {
            eprintln!("it did not start: {line}");
        }
        let roles = serde_json::from_value(started["roles"].clone()).unwrap_or_default();
        let url = started["url"].as_str().unwrap_or_default().to_owned();
        (Up { child, url, roles }, started)
    }

    /// Waits until the newest checkpoint has its witness's line.
    pub fn witnessed(&self, up: &Up) {
        until(|| (up.get("/checkpoint").1.matches('\u{2014}').count() == 2).then_some(()));
    }
}

/// Repeats a look until a condition holds that no ledger event announces. Each look takes some time and none sleeps.
/// nextest ends a test that hangs (`.config/nextest.toml`), so the number of looks is not limited.
pub fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        std::thread::yield_now();
    }
}

/// Tests need no waiting time after a passed probe.
const UP: [&str; 5] = ["up", "-o", "json", "--settle-seconds", "0"];
/// A user id that no account has.
const ORDINARY: u32 = 65_534;

impl Up {
    /// A bare HTTP GET: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, body) = self.get_bytes(path);
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    pub fn get_bytes(&self, path: &str) -> (u16, Vec<u8>) {
        self.send(&format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"))
    }

    pub fn post(&self, path: &str, headers: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n");
        let (status, body) = self.send(&(head + body));
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    pub fn send(&self, request: &str) -> (u16, Vec<u8>) {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(self.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let body = bytes.split_off(at + 4);
        let head = String::from_utf8(bytes).unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
    }

    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Process id of `up`; its roles are below it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends `up` as Ctrl-C does, and returns whether it ended well.
    pub fn stop(mut self) -> bool {
        self.interrupt();
        self.child.wait().unwrap().success()
    }

    /// kill -9 of one role, by its process id, and then the end of the others.
    pub fn kill_role(mut self, number: usize) -> String {
        let role = self.kill_child(number);
        self.interrupt();
        self.child.wait().unwrap();
        role
    }

    /// kill -9 of one role, by its process id; `up` goes on.
    pub fn kill_child(&self, number: usize) -> String {
        let (role, pid) = self.roles[number % self.roles.len()].clone();
        let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        role
    }

    /// Waits until `up` has ended by itself; returns whether it ended well.
    pub fn ended(mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// kill -9: `up` itself cannot clean up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// kill -9 of every role and of `up`: none of them can clean up. Without that the roles would end well once `up` is gone.
    pub fn kill_all(mut self) {
        let kill = |pid: u32, signal| {
            let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
        };
        // A stopped `up` starts none of them again.
        kill(self.child.id(), rustix::process::Signal::STOP);
        self.roles.iter().for_each(|(_, pid)| kill(*pid, rustix::process::Signal::KILL));
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn interrupt(&self) {
        let pid = rustix::process::Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        // It is not awaited yet, so the process id is still its own, even if it has ended.
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // A failed test must not leave processes behind.
        if let Ok(None) = self.child.try_wait() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy_dir(&item.path(), &target);
        } else if item.file_type().unwrap().is_file() {
            std::fs::copy(item.path(), &target).unwrap();
        }
    }
}
