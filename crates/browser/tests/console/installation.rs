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

    /// Names and paths of the pages that its guided list leads to.
    pub fn pages(&self) -> Vec<(&'static str, String)> {
        let listed = self.report["look"].as_array().unwrap();
        assert_eq!(listed.len(), NAMES.len(), "the guided list has other pages: {listed:?}");
        let paths = listed.iter().map(|look| look["path"].as_str().unwrap().to_owned());
        NAMES.into_iter().zip(paths).collect()
    }

    /// Path of one of them.
    pub fn page(&self, name: &str) -> String {
        self.pages().into_iter().find(|(known, _)| *known == name).unwrap().1
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
    /// Founds it, with a repository of one file, and starts it: its address.
    pub fn start() -> (Self, String) {
        let mut own = Self { home: TempDir::new().unwrap(), up: None };
        fs::create_dir_all(own.home.path().join(".ssh")).unwrap();
        let repository = own.home.path().join("web");
        fs::create_dir_all(&repository).unwrap();
        fs::write(repository.join("index.txt"), "hello\n").unwrap();
        let web = repository.display().to_string();
        let ada = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        own.tool("git", &["init", "-q", "-b", "main", &web]);
        own.tool("git", &["-C", &web, "add", "-A"]);
        own.tool("git", &[&["-C", &web], &ada[..], &["commit", "-q", "-m", "one"]].concat());
        let key = own.home.path().join(".ssh/id_ed25519").display().to_string();
        own.tool("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", &key]);
        let who = ["--name", "Ada", "--email", "ada@example.com", "--repository", &web];
        own.countersign(&[&["init"], &who[..], &["--no-port", "--command", "sleep 1000"]].concat());
        let url = own.up();
        (own, url)
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
    let mut command = Command::new(settings::program());
    command.args(arguments).args(["-o", "json"]).env("HOME", home).current_dir(home).stdin(Stdio::null());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}\n{out}\n{err}");
    out.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

/// Names of the pages of the guided list, in its order.
const NAMES: [&str; 7] =
    ["overview", "release-blocked", "release-waiting", "run", "log", "release-rolled-back", "release-waived"];
