//! Texts that people read, as snapshots: a page for each topic, an entry for each command.
//!
//! Invariant: a page holds nothing that differs between two runs. Ids, digests, times, ports, process ids and the paths of
//! this machine are replaced. The options of every verb are on docs/cli.md, which the test `cli_page` compares with the
//! program, so no page repeats them.

mod calendars;
mod changes;
mod configuration;
mod directories;
mod elsewhere;
mod flags;
mod hosts;
mod images;
mod keys;
mod mistakes;
mod previews;
mod refusals;
mod results;
mod scans;
mod setup;
mod states;

use std::path::PathBuf;
use std::process::Output;

use crate::support::Home;

/// The texts of one topic, in the order of the commands.
pub struct Page<'a> {
    home: &'a Home,
    dir: PathBuf,
    text: String,
}

impl<'a> Page<'a> {
    /// A page whose commands are given in the person's home.
    pub fn new(home: &'a Home) -> Self {
        Self { home, dir: home.dir.path().to_owned(), text: String::new() }
    }

    /// The same in another directory.
    pub fn within(home: &'a Home, dir: impl Into<PathBuf>) -> Self {
        Self { home, dir: dir.into(), text: String::new() }
    }

    /// An entry for a command that succeeds.
    pub fn shows(&mut self, what: &str, words: &[&str]) {
        let output = self.home.run_in(&self.dir, words);
        self.entry(what, words, &output);
        assert_eq!(output.status.code(), Some(0), "{}", self.text);
    }

    /// An entry for a command that fails.
    pub fn fails(&mut self, what: &str, words: &[&str]) {
        let output = self.home.run_in(&self.dir, words);
        self.entry(what, words, &output);
        assert_ne!(output.status.code(), Some(0), "{}", self.text);
    }

    /// An entry for a command that fails after it has followed the work of other processes, without the lines about that.
    pub fn fails_in_the_end(&mut self, what: &str, words: &[&str]) {
        let mut output = self.home.run_in(&self.dir, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let at = said.find("error: ").unwrap_or_default();
        output.stderr = said.as_bytes()[at..].to_vec();
        self.entry(what, words, &output);
        assert_ne!(output.status.code(), Some(0), "{}", self.text);
    }

    /// An entry for a command that was given in another way.
    pub fn entry(&mut self, what: &str, words: &[&str], output: &Output) {
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        let code = output.status.code().unwrap_or(-1);
        let parts = [out.trim_end(), err.trim_end()].map(|text| match text {
            "" => String::new(),
            text => format!("{text}\n"),
        });
        self.text += &format!("## {what}\n$ countersign {}\n{}", words.join(" "), parts.concat());
        self.text += &format!("[exit code {code}]\n\n");
    }

    /// Compares the page with its snapshot.
    pub fn end(self, name: &str) {
        let mut text = self.text;
        for (dir, name) in [(self.home.dir.path(), "~"), (std::env::temp_dir().as_path(), "/tmp")] {
            text = text.replace(&dir.display().to_string(), name);
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        for (pattern, name) in VARYING {
            settings.add_filter(pattern, name);
        }
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+$%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{word}'") }
}

/// What differs between two runs, the longest first.
const VARYING: [(&str, &str); 23] = [
    (r"cs[12]\.[A-Za-z0-9_-]{20,}", "[pin]"),
    ("SHA256:[A-Za-z0-9+/]{43}", "SHA256:[fingerprint]"),
    ("SHA256:[A-Za-z0-9+/]{8}", "SHA256:[begin]"),
    ("AAAA[A-Za-z0-9+/=]{10,}", "[key]"),
    (r"\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}", "+[vkey]"),
    (r"\b[0-9a-f]{64}\b", "[digest]"),
    (r"\b[0-9a-f]{40}\b", "[commit]"),
    (r"\b[0-9a-f]{32}\b", "[id]"),
    (r"\b[0-9a-f]{12}\b", "[short]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
    (r"127\.0\.0\.1:\d{5}", "127.0.0.1:[port]"),
    (r"\bentry \d+", "entry [number]"),
    (r"\b\d+ entries", "[number] entries"),
    (r"\bafter \d+ bytes", "after [number] bytes"),
    (r"(failed on|--runner) runner-[12]\b", "$1 runner-[number]"),
    (r"\bfewer than \d+", "fewer than [number]"),
    (r"\b\d+ (decisions|of them|agree)\b", "[number] $1"),
    (r"\b(blobs|checkpoints): \d+", "$1: [number]"),
    (r"Integer\(\d+\)", "Integer([number])"),
    (r"\bprocess \d+", "process [number]"),
    (r"\bkill \d+", "kill [number]"),
    ("[A-Za-z0-9+/]{43}=", "[base64]"),
    (r"\.tmp[A-Za-z0-9]{6}", "[dir]"),
];
