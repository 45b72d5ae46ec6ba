//! A repository in which the people of the story work: they run git and this program there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use client::home::Home;
use client::session;
use serde_json::Value;
use shown::shell;
use wire::Client;

use crate::failure::Failure;
use crate::waiting::runtime;

/// A repository, the people's directories, and the installation that they use.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Its directory.
    pub dir: PathBuf,
    /// Path of this program.
    pub program: PathBuf,
    /// The server's data directory.
    pub data: PathBuf,
    /// Directory with a home for each person.
    pub people: PathBuf,
    /// Socket of the people's ssh agent.
    pub socket: PathBuf,
}

/// The answer of a command.
#[derive(Debug)]
pub struct Answered {
    /// Its exit code.
    pub code: i32,
    /// The last JSON object that it printed.
    pub value: Value,
}

impl Repository {
    /// Another repository of the same people.
    pub fn beside(&self, name: &str) -> Self {
        Self { dir: self.dir.with_file_name(name), ..self.clone() }
    }

    /// Makes the repository, with these files as its first commit.
    pub fn found(&self, files: &[(&str, &str)], person: &str, message: &str) -> Result<(), Failure> {
        for (path, text) in files {
            self.write(path, text)?;
        }
        self.git(person, &["init", "-q", "-b", "main"])?;
        self.commit(person, message).map(drop)
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> Result<String, Failure> {
        Ok(fs::read_to_string(self.dir.join(path))?)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let path = self.dir.join(path);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        Ok(fs::write(path, text)?)
    }

    /// Commits everything, signed by a person, and returns the commit's id.
    pub fn commit(&self, person: &str, message: &str) -> Result<String, Failure> {
        self.git(person, &["add", "-A"])?;
        self.git(person, &["commit", "-q", "-S", "-m", message])?;
        self.git(person, &["rev-parse", "HEAD"])
    }

    /// Runs git as a person.
    pub fn git(&self, person: &str, arguments: &[&str]) -> Result<String, Failure> {
        let key = format!("user.signingkey={}", self.people.join(person).join("sign-in.pub").display());
        let mut command = self.as_person(Command::new("git"), person);
        command.args([
            "-c",
            &format!("user.name={person}"),
            "-c",
            &format!("user.email={person}@example.com"),
        ]);
        command.args(["-c", "gpg.format=ssh", "-c", &key]).args(arguments);
        let output = command.output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Failure::error(format!("git {}: {said}", arguments.join(" "))))
    }

    /// Runs this program as a person.
    pub fn countersign(&self, person: &str, arguments: &[&str]) -> Result<Answered, Failure> {
        let mut command = self.as_person(Command::new(&self.program), person);
        let output = command.args(arguments).args(["-o", "json"]).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        Ok(Answered { code: output.status.code().unwrap_or(-1), value })
    }

    /// The same; any exit code other than the expected one is an error.
    pub fn expect(
        &self,
        person: &str,
        arguments: &[&str],
        code: i32,
        line: &str,
    ) -> Result<Answered, Failure> {
        let answered = self.countersign(person, arguments)?;
        if answered.code == code {
            return Ok(answered);
        }
        let shown: Vec<_> = arguments.iter().take(2).copied().collect();
        let what = format!(
            "`{}` as {person} ended with {}, not {code}: {}",
            shown.join(" "),
            answered.code,
            answered.value
        );
        Err(broke(line, &what))
    }

    fn as_person(&self, mut command: Command, person: &str) -> Command {
        let home = self.people.join(person);
        let dir: &Path = if self.dir.is_dir() { &self.dir } else { &home };
        command.env_clear().env("HOME", &home).env("SSH_AUTH_SOCK", &self.socket).current_dir(dir);
        command.env("COUNTERSIGN_DATA", &self.data).env("GIT_CONFIG_NOSYSTEM", "1");
        for name in ["PATH", "TMPDIR", "LANG"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
    }

    /// Lines of a shell after which its commands are those of a person, in this repository.
    pub fn lines_of(&self, person: &str) -> Vec<String> {
        let programs = self.program.parent().unwrap_or(&self.program);
        vec![
            "unset XDG_CONFIG_HOME XDG_DATA_HOME".to_owned(),
            format!(
                "export HOME={} SSH_AUTH_SOCK={} COUNTERSIGN_DATA={} PATH={}:\"$PATH\"",
                shell::path(&self.people.join(person)),
                shell::path(&self.socket),
                shell::path(&self.data),
                shell::path(programs)
            ),
            format!("cd {}", shell::path(&self.dir)),
        ]
    }

    /// A client of the server, connected as the owner of its data directory.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(session::client(&Home::new(Some(&self.data))?.into())?)
    }

    /// The server's view of a place.
    pub fn standing(&self, place: &str) -> Result<Value, Failure> {
        let places = runtime()?.block_on(self.client()?.places())?;
        let found = places.into_iter().find(|view| view.place.to_string() == place);
        let found = found.ok_or_else(|| Failure::error(format!("there is no place {place}")))?;
        Ok(serde_json::to_value(found)?)
    }
}

/// The failure of a line of the story whose check did not pass.
pub fn broke(line: &str, what: &str) -> Failure {
    Failure::error(format!("the demo failed at \"{line}\": {what}"))
}
