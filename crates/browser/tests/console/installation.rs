//! The installation of `countersign demo`, which runs beside the tests, and a new one of one person.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::chromium::Chromium;
use crate::settings;

/// The demo's installation.
pub struct Demo {
    report: Value,
}

impl Demo {
    /// The one that `cargo x test --browser` started.
    pub fn running() -> Self {
        let file = settings::demo();
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self { report: serde_json::from_str(&text).unwrap() }
    }

    /// Path of the page at a place of its guided list.
    pub fn path(&self, at: usize) -> String {
        self.report["look"][at]["path"].as_str().unwrap().to_owned()
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.report["data"].as_str().unwrap().into()
    }

    /// File of the signed trust root.
    pub fn trust_root(&self) -> PathBuf {
        self.report["trust_root"].as_str().unwrap().into()
    }

    /// Address of its server under a shared name, without a slash at the end.
    pub fn url(&self) -> &str {
        self.report["url"].as_str().unwrap()
    }

    /// A new link to a page, which opens one session.
    pub fn link(&self, path: &str) -> String {
        let data = self.data().display().to_string();
        let opened = program(Path::new("/"), &["open", path, "--data", &data]);
        opened["url"].as_str().unwrap().to_owned()
    }

    /// Opens a page with a session: the address without the path.
    pub async fn enter(&self, page: &Chromium, path: &str) -> String {
        page.follow(&self.link(path)).await;
        // The page has one button, which has the focus.
        page.until("document.activeElement.localName === 'button'").await;
        page.press(thirtyfour::Key::Enter).await;
        page.until(&format!("location.pathname === '{path}' && document.readyState === 'complete'")).await;
        page.text("location.origin").await
    }
}

/// A new installation of one person on this machine, whose pages everybody here may read.
pub struct Own {
    home: TempDir,
    up: Option<Child>,
}

impl Own {
    /// A home with a key and an empty repository.
    pub fn new() -> Self {
        let own = Self { home: TempDir::new().unwrap(), up: None };
        fs::create_dir_all(own.home.path().join(".ssh")).unwrap();
        fs::create_dir_all(own.repository()).unwrap();
        let key = own.home.path().join(".ssh/id_ed25519").display().to_string();
        own.tool("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", &key]);
        for (name, value) in
            [("gpg.format", "ssh"), ("user.signingkey", &key), ("user.email", "ada@example.com")]
        {
            own.tool("git", &["config", "--global", name, value]);
        }
        own
    }

    /// Founds it, with a repository of one file, and starts it: its address.
    pub fn start() -> (Self, String) {
        let mut own = Self::new();
        own.write("index.txt", "hello\n");
        own.git(&["init", "-q", "-b", "main"]);
        own.commit("one", "Ada");
        let web = own.repository().display().to_string();
        let who = ["--name", "Ada", "--email", "ada@example.com", "--repository", &web];
        own.countersign(&[&["init"], &who[..], &["--no-port", "--command", "sleep 1000"]].concat());
        let url = own.up();
        (own, url)
    }

    /// Its repository.
    pub fn repository(&self) -> PathBuf {
        self.home.path().join("web")
    }

    /// Writes a file of the repository.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.repository().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits everything, signed, with a message and a name of the author as they are.
    pub fn commit(&self, message: &str, author: &str) {
        self.git(&["add", "-A"]);
        let author = format!("user.name={author}");
        self.git(&[
            "-c",
            &author,
            "commit",
            "-q",
            "-S",
            "--allow-empty",
            "--cleanup=verbatim",
            "-m",
            message,
        ]);
    }

    /// Runs git in the repository.
    pub fn git(&self, arguments: &[&str]) {
        let repository = self.repository().display().to_string();
        self.tool("git", &[&["-C", &repository], arguments].concat());
    }

    /// Runs the program in the repository: its exit code.
    pub fn exit(&self, arguments: &[&str]) -> Option<i32> {
        let mut command = Command::new(settings::program());
        command.args(arguments).env("HOME", self.home.path()).current_dir(self.repository());
        command.stdin(Stdio::null()).output().unwrap().status.code()
    }

    /// Starts its roles, at the address of the last time if there was one.
    pub fn up(&mut self) -> String {
        let mut command = Command::new(settings::program());
        command.args(["up", "-o", "json", "--settle-seconds", "0"]).env("HOME", self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.up = Some(child);
        let report: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("up did not start: {line}"));
        report["url"].as_str().unwrap().to_owned()
    }

    /// Ends its roles.
    pub fn down(&mut self) {
        let Some(mut child) = self.up.take() else { return };
        let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
        // It is awaited below, so the id is still its own.
        kill_process(process, Signal::INT).unwrap();
        child.wait().unwrap();
    }

    /// Runs the program as its person in a directory, with one of these exit codes.
    pub fn countersign_in(&self, dir: &Path, arguments: &[&str], codes: &[i32]) -> Value {
        answer(self.home.path(), dir, arguments, codes)
    }

    /// Runs the program as its person.
    pub fn countersign(&self, arguments: &[&str]) -> Value {
        program(self.home.path(), arguments)
    }

    fn tool(&self, tool: &str, arguments: &[&str]) {
        let ended = Command::new(tool).args(arguments).env("HOME", self.home.path()).status().unwrap();
        assert!(ended.success(), "{tool} {arguments:?}");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(mut child) = self.up.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Runs the program with a home directory: its answer.
pub fn program(home: &Path, arguments: &[&str]) -> Value {
    answer(home, home, arguments, &[0])
}

fn answer(home: &Path, dir: &Path, arguments: &[&str], codes: &[i32]) -> Value {
    let mut command = Command::new(settings::program());
    command.args(arguments).args(["-o", "json"]).env("HOME", home).current_dir(dir).stdin(Stdio::null());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let is_expected = output.status.code().is_some_and(|code| codes.contains(&code));
    assert!(is_expected, "{arguments:?}: {:?}\n{out}\n{err}", output.status);
    out.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}
