//! Other people's projects: published programs, committed unchanged and taken to production by one person with one SSH key
//! and the commands that each command prints as the next one.
//!
//! Invariant: no file is written by hand; for a service, only its start command is passed to `init`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::command::{self, TaskResult};

/// A published project.
struct Project {
    /// Its name in the registry.
    name: &'static str,
    /// The version.
    version: &'static str,
    /// The registry.
    registry: Registry,
    /// Additional arguments of `init`: a service's start command.
    told: &'static [&'static str],
}

/// The source of a project.
#[derive(Clone, Copy)]
enum Registry {
    /// A source distribution for pip.
    Python,
    /// A crate.
    Rust,
    /// An npm package.
    Node,
}

/// A Rust program with dependencies.
const PROGRAM: Project = Project { name: "hexyl", version: "0.16.0", registry: Registry::Rust, told: &[] };

/// Two Python projects, a Rust one and two for Node; `datasette` and `http-server` are services, and both have dozens of
/// dependencies.
const PROJECTS: [Project; 5] = [
    PROGRAM,
    Project { name: "tabulate", version: "0.9.0", registry: Registry::Python, told: &[] },
    Project {
        name: "datasette",
        version: "0.65.1",
        registry: Registry::Python,
        told: &["--command", "python3 -m datasette serve --memory --host 127.0.0.1 --port $PORT"],
    },
    Project { name: "cowsay", version: "1.6.0", registry: Registry::Node, told: &[] },
    Project {
        name: "http-server",
        version: "14.1.1",
        registry: Registry::Node,
        told: &["--command", "node bin/http-server -a 127.0.0.1 -p $PORT"],
    },
];

/// Takes one project to production, and removes everything.
pub fn project() -> TaskResult {
    built()?;
    taken(&PROGRAM)
}

/// Takes all five projects to production.
pub fn projects() -> TaskResult {
    built()?;
    let done =
        PROJECTS.iter().map(|project| taken(project).map_err(|what| format!("{}: {what}", project.name)));
    let failed: Vec<_> = done.filter_map(Result::err).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn built() -> TaskResult {
    command::cargo(&["build", "--workspace", "--bin", "countersign", "--quiet"])
}

fn taken(project: &Project) -> TaskResult {
    let name = format!("countersign-public-{}-{}", project.name, std::process::id());
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(dir.join(".ssh")).map_err(|error| error.to_string())?;
    let done = six_commands(&dir, project);
    let removed = fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()));
    done.and(removed)
}

struct Person<'a> {
    home: &'a Path,
    repository: PathBuf,
    program: PathBuf,
}

fn six_commands(home: &Path, project: &Project) -> TaskResult {
    let person = Person {
        home,
        repository: home.join(project.name),
        program: command::target().join("debug/countersign"),
    };
    person.prepare(project)?;
    let init = [&["init"], project.told].concat();
    let mut printed = vec![person.countersign(&init, "countersign up")?];
    // `init` prints this form if the project ignores names that begin with a dot.
    person.git(&["add", "-f", ".countersign"])?;
    person.git(&["commit", "-q", "-S", "-m", "countersign"])?;
    let mut up = person.command(&person.program);
    let log = fs::File::create(home.join("up.log")).map_err(|error| error.to_string())?;
    let up = up.arg("up").stdout(log).spawn().map_err(|error| error.to_string())?;
    let mut up = RunningRoles(up);
    let ready =
        || fs::read_to_string(home.join("up.log")).is_ok_and(|text| text.contains("next: countersign run"));
    while !ready() {
        if !matches!(up.0.try_wait(), Ok(None)) {
            return Err("`countersign up` ended by itself".into());
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    printed.push(person.countersign(&["run"], "countersign approve")?);
    printed.push(person.countersign(&["approve", "--yes", "--reason", "we use it"], "countersign promote")?);
    printed.push(person.countersign(&["promote"], "countersign verify")?);
    let verify =
        printed.last().and_then(|text| text.rsplit("countersign verify ").next()).unwrap_or_default();
    let verified = person.countersign(&["verify", verify.trim()], "")?;
    let line = verified.lines().find(|line| line.starts_with("judged at")).unwrap_or_default();
    println!("{} {}: init, up, run, approve, promote, verify: {line}", project.name, project.version);
    Ok(())
}

impl Person<'_> {
    /// One SSH key, git's own settings, and the published source as a repository.
    fn prepare(&self, project: &Project) -> TaskResult {
        let key = self.home.join(".ssh/id_ed25519");
        let mut make = self.command(Path::new("ssh-keygen"));
        make.current_dir(self.home);
        checked(make.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&key))?;
        let key = key.display().to_string();
        fs::create_dir_all(&self.repository).map_err(|error| error.to_string())?;
        for (name, value) in [
            ("user.name", "Ada"),
            ("user.email", "ada@example.com"),
            ("gpg.format", "ssh"),
            ("user.signingkey", key.as_str()),
            ("init.defaultBranch", "main"),
        ] {
            self.git(&["config", "--global", name, value])?;
        }
        let scratch = self.home.join("scratch");
        fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
        match project.registry {
            Registry::Rust => self.fetch_crate(project, &scratch)?,
            Registry::Python => self.fetch_python(project, &scratch)?,
            Registry::Node => self.fetch_node(project, &scratch)?,
        }
        self.git(&["init", "-q"])?;
        self.git(&["add", "-A"])?;
        self.git(&["commit", "-q", "-S", "-m", "as published"])
    }

    fn fetch_crate(&self, project: &Project, scratch: &Path) -> TaskResult {
        let exact = format!("{}@={}", project.name, project.version);
        for arguments in [
            vec!["init", "-q", "--name", "scratch", "--vcs", "none", "."],
            vec!["add", "-q", exact.as_str()],
            vec!["vendor", "-q", "vendored"],
        ] {
            checked(self.command(Path::new("cargo")).args(arguments).current_dir(scratch))?;
        }
        self.copy(&scratch.join("vendored").join(project.name))?;
        for left in [".cargo-checksum.json", ".cargo_vcs_info.json", "Cargo.toml.orig"] {
            drop(fs::remove_file(self.repository.join(left)));
        }
        Ok(())
    }

    fn fetch_python(&self, project: &Project, scratch: &Path) -> TaskResult {
        let exact = format!("{}=={}", project.name, project.version);
        let mut pip = self.command(Path::new("python3"));
        pip.args(["-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", ".", &exact]);
        checked(pip.current_dir(scratch))?;
        self.unpack(project, scratch)
    }

    /// A published package has no lock file: it gets one, as its developers have one.
    fn fetch_node(&self, project: &Project, scratch: &Path) -> TaskResult {
        let exact = format!("{}@{}", project.name, project.version);
        checked(self.command(Path::new("npm")).args(["pack", "-s", &exact]).current_dir(scratch))?;
        self.unpack(project, scratch)?;
        let mut lock = self.command(Path::new("npm"));
        checked(lock.args(["install", "-s", "--package-lock-only", "--ignore-scripts"])).map(drop)
    }

    /// Unpacks the only archive in a directory, without its outermost folder.
    fn unpack(&self, project: &Project, scratch: &Path) -> TaskResult {
        let found = fs::read_dir(scratch).map_err(|error| error.to_string())?.flatten();
        let mut archives = found.map(|item| item.path()).filter(|path| path.is_file());
        let archive = archives.next().ok_or_else(|| format!("{} left no archive", project.name))?;
        let mut tar = self.command(Path::new("tar"));
        checked(tar.args(["--strip-components=1", "-xzf"]).arg(archive)).map(drop)
    }

    fn copy(&self, from: &Path) -> TaskResult {
        let from = format!("{}/.", from.display());
        let mut copy = self.command(Path::new("cp"));
        checked(copy.args(["-r", &from]).arg(&self.repository).current_dir(self.home)).map(drop)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", self.home).current_dir(&self.repository).stdin(Stdio::null());
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "COUNTERSIGN_DATA"] {
            command.env_remove(name);
        }
        let own = std::env::var("HOME").unwrap_or_default();
        for (name, fallback) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let dir = std::env::var(name).unwrap_or_else(|_| format!("{own}/{fallback}"));
            command.env(name, dir);
        }
        command
    }

    fn git(&self, arguments: &[&str]) -> TaskResult {
        checked(self.command(Path::new("git")).args(arguments)).map(drop)
    }

    /// Runs a command, and expects success and the next command in its output.
    fn countersign(&self, arguments: &[&str], next: &str) -> Result<String, String> {
        let output = checked(self.command(&self.program).args(arguments))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains(next) {
            return Ok(text);
        }
        Err(format!("`countersign {}` does not say `{next}`: {text}", arguments.join(" ")))
    }
}

/// The running roles, which end when this is dropped.
struct RunningRoles(Child);

impl Drop for RunningRoles {
    fn drop(&mut self) {
        // The shell's builtin `kill` is used, because a minimal machine has no other.
        let mut kill = Command::new("sh");
        drop(kill.args(["-c", &format!("kill -INT {}", self.0.id())]).status());
        drop(self.0.wait());
    }
}

fn checked(command: &mut Command) -> Result<Output, String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let arguments: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{shown} {}` failed: {}", arguments.join(" "), said.trim()))
}
