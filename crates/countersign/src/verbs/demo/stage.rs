//! The stage: directories, two people with keys in a separate ssh agent, the ledger's repository, and every role as a
//! separate process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use client::files::private_dir;
use client::home::Home;
use client::random;
use serde_json::{Value, json};
use shown::shell;
use wire::{Client, EntryView};

use super::example::LEDGER_API;
use super::mirror;
use super::repository::{Answered, Repository};
use super::traffic::Traffic;
use crate::children::Role;
use crate::failure::Failure;
use crate::log_options::LogOptions;
use crate::output::{self, Output};
use crate::waiting::runtime;

/// The people of the story.
pub const PEOPLE: [&str; 2] = ["alice", "bob"];
/// Name of the project.
pub const PROJECT: &str = "bank";
/// Name of the project of the second service.
pub const SECOND: &str = "rates";
/// Name of the service.
pub const SERVICE: &str = "ledger-api";

/// Everything that the story needs.
#[derive(Debug)]
pub struct Stage {
    /// Path of this program.
    pub program: PathBuf,
    /// The server's data directory.
    pub data: PathBuf,
    /// URL of the server.
    pub url: String,
    /// Address of the console.
    pub console: String,
    /// Lines of the story so far.
    pub story: Vec<String>,
    /// Ports of the service, by environment.
    pub ports: BTreeMap<String, u16>,
    /// The repository of the ledger.
    pub ledger: Repository,
    /// Number of the release to production that has a waiver.
    pub waived: u64,
    /// Number of the release that the numbers of dev took back.
    pub taken_back: u64,
    people: PathBuf,
    socket: PathBuf,
    /// How the roles log, as their arguments.
    pub log: Vec<String>,
    output: Output,
    /// The failure to print lines of the story, if any.
    pub unread: Option<Failure>,
    /// Live requests, by environment; they end before the roles do.
    pub traffic: Vec<(String, Traffic)>,
    /// Running roles; they end when this is dropped, in reverse order of their start.
    roles: Vec<(PathBuf, Role)>,
    agent: Option<Child>,
    scratch: PathBuf,
}

impl Stage {
    /// Builds the stage: people, keys, repository, installation, roles.
    pub fn build(data: Option<&Path>, log: &LogOptions, output: Output) -> Result<Self, Failure> {
        let scratch = std::env::temp_dir().join(format!("countersign-{}", random::id()?));
        let data = std::path::absolute(data.map_or_else(|| scratch.join("data"), Path::to_path_buf))?;
        if data.exists() {
            return Err(Failure::error(format!("`{}` exists already; nothing was changed", data.display())));
        }
        let mut name = data.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        name.push(".people");
        let (program, people) = (std::env::current_exe()?, data.with_file_name(name));
        let socket = scratch.join("agent.sock");
        let ledger = Repository {
            dir: people.join("alice").join(PROJECT),
            program: program.clone(),
            data: data.clone(),
            people: people.clone(),
            socket: socket.clone(),
        };
        let mut stage = Self {
            program,
            people,
            socket,
            data,
            ledger,
            waived: 0,
            taken_back: 0,
            log: log.arguments(),
            url: String::new(),
            console: String::new(),
            story: Vec::new(),
            ports: BTreeMap::new(),
            output,
            unread: None,
            traffic: Vec::new(),
            roles: Vec::new(),
            agent: None,
            scratch,
        };
        let tools = tools()?;
        private_dir(&stage.scratch)?;
        private_dir(&stage.people)?;
        stage.keys()?;
        stage.ledger.found(&LEDGER_API, "alice", "A ledger over HTTP")?;
        stage.found()?;
        stage.raise(&tools)?;
        Ok(stage)
    }

    /// Makes two keys for each person, held in an ssh agent: no file with a private key remains.
    fn keys(&mut self) -> Result<(), Failure> {
        let mut agent = Command::new(&self.program);
        let own = std::process::id().to_string();
        agent.args(["service-exec", "follow", &own, &which("ssh-agent")?, "-D", "-a"]);
        agent.arg(&self.socket).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.agent = Some(agent.spawn()?);
        for _ in 0..500 {
            if self.socket.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        for person in PEOPLE {
            private_dir(&self.people.join(person))?;
            for key in ["sign-in", "approval"] {
                let file = self.people.join(person).join(key);
                let mut make = Command::new("ssh-keygen");
                make.args(["-q", "-t", "ed25519", "-N", "", "-C", person, "-f"]).arg(&file);
                quiet(&mut make)?;
                let mut add = Command::new("ssh-add");
                quiet(add.arg("-q").arg(&file).env("SSH_AUTH_SOCK", &self.socket))?;
                fs::remove_file(&file)?;
            }
        }
        Ok(())
    }

    /// Makes the installation, founded by both people, and a profile for each.
    fn found(&mut self) -> Result<(), Failure> {
        let person = |name: &str| {
            json!({
                "name": name, "emails": [format!("{name}@example.com")],
                "key": format!("{name}/approval.pub"), "sign_in_key": format!("{name}/sign-in.pub"),
                "roles": ["developer", "release-manager", "secret-owner"],
            })
        };
        let listed = self.people.join("people.json");
        fs::write(&listed, json!(PEOPLE.map(person)).to_string())?;
        let (listed, data) = (listed.display().to_string(), self.data.display().to_string());
        let init =
            ["init", "--mode", "rehearsal", "--people", &listed, "--project", PROJECT, "--data", &data];
        let made = self.expect("alice", &init, 0, "founding the installation")?.value;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let people = made.get("people").and_then(Value::as_array).cloned().unwrap_or_default();
        let bob = people.iter().find(|person| person.get("name") == Some(&json!("bob")));
        let bob = bob.and_then(|bob| bob.get("person")).map(text).unwrap_or_default();
        let pin = made.get("pin").map(text).unwrap_or_default();
        let keys = ["approval.pub", "sign-in.pub"]
            .map(|key| self.people.join("bob").join(key).display().to_string());
        let [approval, sign_in] = &keys;
        let adopt = [
            "key",
            "use",
            "--pin",
            &pin,
            "--person",
            &bob,
            "--key",
            approval,
            "--sign-in-key",
            sign_in,
            "--data",
            &data,
        ];
        self.expect("bob", &adopt, 0, "giving Bob his profile")?;
        for place in made.get("places").and_then(Value::as_array).into_iter().flatten() {
            let name = place.get("place").map(text).unwrap_or_default();
            let port = place.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
            let environment = name.rsplit('/').next().unwrap_or_default().to_owned();
            self.ports.insert(environment, port.unwrap_or_default());
        }
        let root = self.trust_root().display().to_string();
        self.expect(
            "alice",
            &["trust", "root", "--data", &data, "--out", &root],
            0,
            "writing the trust root",
        )?;
        Ok(())
    }

    /// Starts every role as a separate process. The first line says where to look from now on.
    fn raise(&mut self, tools: &[&str]) -> Result<(), Failure> {
        let home = Home::new(Some(&self.data))?;
        let witness = Role::start("witness", &home.witness(), &self.log)?;
        mirror::prepare(&self.ledger)?;
        let known = ["--advisories".to_owned(), mirror::database(&self.ledger).display().to_string()];
        let arguments =
            [&["--witness".to_owned(), witness.ready.url.clone()], known.as_slice(), &self.log].concat();
        self.roles.push((home.witness(), witness));
        let server = Role::start("server", &self.data, &arguments)?;
        self.url.clone_from(&server.ready.url);
        self.console = server.ready.console.clone().unwrap_or_else(|| self.url.clone());
        self.roles.push((self.data.clone(), server));
        self.note(&format!(
            "the console: {}   (`{}` lets your browser read it)",
            self.console,
            self.opener()
        ));
        self.note(&format!("uses {} of this machine, and no network", tools.join(", ")));
        self.note("a rehearsal: team rules, but all roles share this machine");
        for role in ["runner", "agent"] {
            for dir in home.roles(role)? {
                if role == "runner" {
                    // Each runner verifies by its own fetch that a ref has a commit.
                    let (dir, remote) = (dir.display().to_string(), self.ledger.dir.display().to_string());
                    let add = ["runner", "remote", "add", "--data", &dir, PROJECT, &remote];
                    self.expect("alice", &add, 0, "giving the runners a remote")?;
                }
                self.start(role, &dir)?;
            }
        }
        let names: Vec<_> = self.roles.iter().map(|(_, role)| role.ready.role.clone()).collect();
        self.note(&format!("{} processes: {}", names.len(), names.join(", ")));
        Ok(())
    }

    /// Starts the agents that have joined since.
    pub fn start_agents(&mut self) -> Result<(), Failure> {
        for dir in Home::new(Some(&self.data))?.roles("agent")? {
            if !self.roles.iter().any(|(at, _)| *at == dir) {
                self.start("agent", &dir)?;
            }
        }
        Ok(())
    }

    /// Starts a role on its directory.
    pub fn start(&mut self, role: &str, dir: &Path) -> Result<(), Failure> {
        let mut arguments = [&["--server".to_owned(), self.url.clone()], self.log.as_slice()].concat();
        if role == "runner" {
            let known = mirror::database(&self.ledger).display().to_string();
            arguments.extend(["--follow-paths".to_owned(), "--advisories".to_owned(), known]);
        }
        if role == "agent" {
            // People are watching the demo, so the agent waits only one second.
            arguments.extend(["--settle-seconds".to_owned(), "1".to_owned()]);
        }
        let started = Role::start(role, dir, &arguments)?;
        self.roles.push((dir.to_path_buf(), started));
        Ok(())
    }

    /// Ends the role on a directory.
    pub fn end(&mut self, dir: &Path) {
        self.roles.retain(|(at, _)| at != dir);
    }

    /// Directory of an agent.
    pub fn agent_dir(&self, environment: &str) -> Result<PathBuf, Failure> {
        Ok(Home::new(Some(&self.data))?.agent(&SERVICE.parse()?, &environment.parse()?))
    }

    /// The command that gives a browser the right to read.
    pub fn opener(&self) -> String {
        format!("{} open --data {}", self.program.display(), self.data.display())
    }

    /// Directories that stay when everything has ended, as words of a shell.
    pub fn left(&self) -> String {
        let own = shell::path(&self.scratch);
        if self.data.starts_with(&self.scratch) {
            return own;
        }
        let data = shell::path(&self.data);
        format!("{data} {data}.* {own}")
    }

    /// Directory of the ledger's repository.
    pub fn repository_dir(&self) -> &Path {
        &self.ledger.dir
    }

    /// File of the last release's evidence.
    pub fn bundle(&self) -> PathBuf {
        self.people.join("production.bundle")
    }

    /// File of the signed trust root.
    pub fn trust_root(&self) -> PathBuf {
        self.people.join("trust-root.json")
    }

    /// A directory for copies that must not touch the installation.
    pub fn aside(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Writes a file of the ledger's repository.
    pub fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        self.ledger.write(path, text)
    }

    /// Commits everything there, signed by a person, and returns the commit's id.
    pub fn commit(&self, person: &str, message: &str) -> Result<String, Failure> {
        self.ledger.commit(person, message)
    }

    /// Runs git there as a person.
    pub fn git(&self, person: &str, arguments: &[&str]) -> Result<String, Failure> {
        self.ledger.git(person, arguments)
    }

    /// Runs this program there as a person.
    pub fn countersign(&self, person: &str, arguments: &[&str]) -> Result<Answered, Failure> {
        self.ledger.countersign(person, arguments)
    }

    /// The same; any exit code other than the expected one is an error.
    pub fn expect(
        &self,
        person: &str,
        arguments: &[&str],
        code: i32,
        line: &str,
    ) -> Result<Answered, Failure> {
        self.ledger.expect(person, arguments, code, line)
    }

    /// A client of the server, connected as the owner of its data directory.
    pub fn client(&self) -> Result<Client, Failure> {
        self.ledger.client()
    }

    /// Entries of the ledger from a number on.
    pub fn entries(&self, from: u64) -> Result<Vec<EntryView>, Failure> {
        let client = self.client()?;
        let mut all = Vec::new();
        loop {
            let more = runtime()?.block_on(client.entries(from + all.len() as u64))?;
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
        }
    }

    /// The server's view of the ledger's place in an environment.
    pub fn standing(&self, environment: &str) -> Result<Value, Failure> {
        self.ledger.standing(&format!("{PROJECT}/{SERVICE}/{environment}"))
    }

    /// Sends a request to the service of an environment.
    pub fn ask(&self, environment: &str, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        use std::io::{Read as _, Write as _};
        let port = self.ports.get(environment).copied().unwrap_or_default();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
    }

    /// Adds a line of the story whose checks passed.
    pub fn tell(&mut self, line: String) {
        self.note(&format!("  ok  {line}"));
        self.story.push(line);
    }

    /// Adds a line of the story that this machine cannot play, with the reason.
    pub fn skip(&mut self, line: String) {
        let line = format!("skipped: {line}");
        self.note(&format!("  --  {line}"));
        self.story.push(line);
    }

    fn note(&mut self, line: &str) {
        if self.output == Output::Text
            && let Err(failure) = output::stream(format!("{}\n", shown::text(line)).as_bytes())
        {
            self.unread.get_or_insert(failure);
        }
    }
}

impl Drop for Stage {
    /// Ends the roles, the server after the roles that talk to it, then the people's ssh agent.
    fn drop(&mut self) {
        self.traffic.clear();
        while self.roles.pop().is_some() {}
        if let Some(mut agent) = self.agent.take() {
            drop(agent.kill());
            drop(agent.wait());
        }
        drop(fs::remove_file(&self.socket));
    }
}

/// The tools of the host that are used; fails if one is missing.
fn tools() -> Result<Vec<&'static str>, Failure> {
    let mut missing = Vec::new();
    for (tool, remedy) in TOOLS {
        if which(tool).is_err() {
            missing.push(format!("{tool}: {remedy}"));
        }
    }
    if !missing.is_empty() {
        return Err(Failure::error(format!("tools are missing: {}", missing.join("; "))));
    }
    Ok(TOOLS.iter().map(|(tool, _)| *tool).collect())
}

fn quiet(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::error(format!("`{name}` failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// The path of a program of the host.
pub fn which(tool: &str) -> Result<String, Failure> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|dir| dir.join(tool)).find(|path| path.is_file());
    found.map(|path| path.display().to_string()).ok_or_else(|| Failure::error(format!("`{tool}` is missing")))
}

const TOOLS: [(&str, &str); 7] = [
    ("git", "apt-get install git"),
    ("bash", "apt-get install bash"),
    ("ssh-keygen", "apt-get install openssh-client"),
    ("ssh-agent", "apt-get install openssh-client"),
    ("ssh-add", "apt-get install openssh-client"),
    ("cargo", "install Rust with rustup"),
    ("cc", "apt-get install gcc libc6-dev"),
];
