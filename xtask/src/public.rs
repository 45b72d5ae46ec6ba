//! Somebody else's project: a published Rust program with dependencies, taken to production by one person
//! with one SSH key and six commands, each of which prints the next one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::run::{self, Done};

/// A published program that is not ours, with dependencies of its own.
const CRATE: &str = "hexyl";

/// Takes it there, and removes everything.
pub fn project() -> Done {
    run::cargo(&["build", "-p", "countersign", "--quiet"])?;
    let dir = std::env::temp_dir().join(format!("countersign-public-{}", std::process::id()));
    fs::create_dir_all(dir.join(".ssh")).map_err(|error| error.to_string())?;
    let done = six_commands(&dir);
    let removed = fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()));
    done.and(removed)
}

struct Person<'a> {
    home: &'a Path,
    repository: PathBuf,
    program: PathBuf,
}

fn six_commands(home: &Path) -> Done {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| run::root().join("target"), PathBuf::from);
    let person = Person { home, repository: home.join(CRATE), program: target.join("debug/countersign") };
    person.prepare()?;
    let mut printed = vec![person.countersign(&["init"], "countersign up")?];
    person.git(&["add", ".countersign"])?;
    person.git(&["commit", "-q", "-S", "-m", "countersign"])?;
    let mut up = person.command(&person.program);
    let log = fs::File::create(home.join("up.log")).map_err(|error| error.to_string())?;
    let up = up.arg("up").stdout(log).spawn().map_err(|error| error.to_string())?;
    let mut up = Up(up);
    let ready =
        || fs::read_to_string(home.join("up.log")).is_ok_and(|text| text.contains("next: countersign run"));
    while !ready() {
        if !matches!(up.0.try_wait(), Ok(None)) {
            return Err("`countersign up` ended by itself".into());
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    printed.push(person.countersign(&["run"], "countersign approve")?);
    printed.push(person.countersign(&["approve", "--reason", "we use it"], "countersign promote")?);
    printed.push(person.countersign(&["promote"], "countersign verify")?);
    let verify =
        printed.last().and_then(|text| text.rsplit("countersign verify ").next()).unwrap_or_default();
    let verified = person.countersign(&["verify", verify.trim()], "")?;
    let line = verified.lines().find(|line| line.starts_with("judged at")).unwrap_or_default();
    println!("{CRATE}: init, up, run, approve, promote, verify: {line}");
    Ok(())
}

impl Person<'_> {
    /// One SSH key, git's own settings, and the published source as a repository.
    fn prepare(&self) -> Done {
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
        for arguments in [
            vec!["init", "-q", "--name", "scratch", "--vcs", "none", "."],
            vec!["add", "-q", CRATE],
            vec!["vendor", "-q", "vendored"],
        ] {
            checked(self.command(Path::new("cargo")).args(arguments).current_dir(&scratch))?;
        }
        let from = scratch.join("vendored").join(CRATE).display().to_string();
        let to = self.repository.display().to_string();
        checked(
            self.command(Path::new("cp")).args(["-r", &format!("{from}/."), &to]).current_dir(self.home),
        )?;
        for left in [".cargo-checksum.json", ".cargo_vcs_info.json", "Cargo.toml.orig"] {
            drop(fs::remove_file(self.repository.join(left)));
        }
        self.git(&["init", "-q"])?;
        self.git(&["add", "-A"])?;
        self.git(&["commit", "-q", "-S", "-m", "as published"])
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

    fn git(&self, arguments: &[&str]) -> Done {
        checked(self.command(Path::new("git")).args(arguments)).map(drop)
    }

    /// Runs a command, expects success and the next command in what it prints.
    fn countersign(&self, arguments: &[&str], next: &str) -> Result<String, String> {
        let output = checked(self.command(&self.program).args(arguments))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains(next) {
            return Ok(text);
        }
        Err(format!("`countersign {}` does not say `{next}`: {text}", arguments.join(" ")))
    }
}

/// The roles, ended with whatever ends this.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        // The shell's own `kill`: a bare machine has no other.
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
