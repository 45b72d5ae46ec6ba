//! The program `git`, used only to transport objects.
//!
//! Invariant: git runs from `/` in a separate process group, with an environment that this program sets. It runs no hook,
//! filter, transport or lazy fetch, whatever the repository's configuration says; a `Reach` alone lets it use one transport.
//! It is killed with its group when the budget is spent or it stays silent. Its standard error is kept, because it is the reason that people are shown.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};

use crate::budget::Budget;
use crate::program::helper;

/// A running git, read within a budget.
#[derive(Debug)]
pub struct Git<'a> {
    child: Child,
    input: Option<ChildStdin>,
    answers: ChildStdout,
    complaint: Option<JoinHandle<Vec<u8>>>,
    budget: Budget<'a>,
    ended: bool,
}

/// Programs, networks and settings that one call of git may use besides its own repository. None by default.
#[derive(Default)]
pub struct Reach {
    /// Kind of transport, in git's words (`GIT_ALLOW_PROTOCOL`).
    pub transport: Option<&'static str>,
    /// Settings, each as `name=value`; other processes see them.
    pub settings: Vec<String>,
    /// Settings that other processes do not see, because they hold a secret.
    pub secret: Vec<(String, String)>,
    /// The command that git runs for SSH.
    pub ssh: Option<String>,
}

/// The result of one call of git.
#[derive(Debug)]
pub struct GitOutput {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error, as text.
    pub complaint: String,
}

impl<'a> Git<'a> {
    /// Starts git on a repository.
    ///
    /// # Errors
    /// If the path cannot be a repository, or git cannot be run.
    pub fn start(path: &Path, arguments: &[&str], budget: Budget<'a>) -> io::Result<Self> {
        Self::reaching(path, arguments, &Reach::default(), budget)
    }

    /// Starts git on a repository, with something besides in its reach.
    ///
    /// # Errors
    /// If the path cannot be a repository, or git cannot be run within its limits.
    pub fn reaching(path: &Path, arguments: &[&str], reach: &Reach, budget: Budget<'a>) -> io::Result<Self> {
        plain(path)?;
        let mut command = command(path);
        reach.give(&mut command);
        command.args(arguments).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| io::Error::other(format!("cannot run `git`: {error}")))?;
        let input = child.stdin.take();
        let complaint = child.stderr.take().map(|errors| std::thread::spawn(move || first_words(errors)));
        let answers = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let git = Self { child, input, answers, complaint, budget, ended: false };
        if let Some(most) = git.budget.writes_max() {
            git.limit(most)?;
        }
        Ok(git)
    }

    /// Limits the files and the memory of git and of all programs that it starts. The budget counts the files together.
    fn limit(&self, file_bytes: u64) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        for (resource, most) in [(Resource::Fsize, file_bytes), (Resource::As, MEMORY_BYTES_MAX)] {
            let most = Rlimit { current: Some(most), maximum: Some(most) };
            match prlimit(pid, resource, most) {
                // It has ended already.
                Ok(_) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Runs git to its end and reads at most `most` bytes of its output.
    ///
    /// # Errors
    /// If it cannot be run, the budget is spent, or its output is longer.
    pub fn output(path: &Path, arguments: &[&str], budget: Budget<'a>, most: u64) -> io::Result<GitOutput> {
        Self::start(path, arguments, budget)?.finish(most)
    }

    /// Ends its input, waits for its end and reads at most `most` bytes of its output.
    ///
    /// # Errors
    /// If the budget is spent, or its output is longer.
    pub fn finish(mut self, most: u64) -> io::Result<GitOutput> {
        self.input = None;
        let mut output = Vec::new();
        (&mut self).take(most + 1).read_to_end(&mut output)?;
        if output.len() as u64 > most {
            let what = format!("git printed more than {most} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        // The output has ended, so git has nothing left to do.
        let status = self.wait()?;
        let complaint = self.complaint();
        Ok(GitOutput { status, output, complaint })
    }

    /// Writes one line to its standard input.
    ///
    /// # Errors
    /// If git has ended.
    pub fn ask(&mut self, line: &str) -> io::Result<()> {
        self.budget.check().map_err(io::Error::other)?;
        let input = self.input.as_mut().ok_or_else(|| io::Error::other("git has ended"))?;
        writeln!(input, "{line}")?;
        input.flush()
    }

    /// The budget of this call.
    pub const fn budget(&self) -> &Budget<'a> {
        &self.budget
    }

    /// Ends git and returns the first words of its standard error.
    pub fn complaint(&mut self) -> String {
        self.end();
        let words = self.complaint.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(&words).trim().to_owned()
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.ended = true;
                return Ok(status);
            }
            self.budget.check().map_err(io::Error::other)?;
            std::thread::sleep(ENDING);
        }
    }

    fn end(&mut self) {
        self.input = None;
        // Once git has been waited for, its process id may belong to another group.
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
            && kill_process_group(group, Signal::KILL).is_err()
        {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

impl Read for Git<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let silent = Instant::now() + SILENCE_MAX;
        loop {
            let mut ready = [PollFd::new(&self.answers, PollFlags::IN)];
            let turn = Timespec { tv_sec: 0, tv_nsec: TURN.subsec_nanos().into() };
            let count = match poll(&mut ready, Some(&turn)) {
                Err(rustix::io::Errno::INTR) => 0,
                other => other?,
            };
            if count > 0 {
                return self.answers.read(buffer);
            }
            self.budget.check().map_err(io::Error::other)?;
            // Git prints nothing while it fetches or unpacks; then the budget alone ends it.
            if self.budget.writes_max().is_none() && Instant::now() >= silent {
                let seconds = SILENCE_MAX.as_secs();
                return Err(io::Error::other(format!("git gave no answer for {seconds} seconds")));
            }
        }
    }
}

impl Drop for Git<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Keeps the first words and reads the rest, so that git never blocks on a full pipe.
fn first_words(mut errors: impl Read) -> Vec<u8> {
    let mut words = Vec::new();
    drop(errors.by_ref().take(WORDS_BYTES_MAX).read_to_end(&mut words));
    drop(io::copy(&mut errors, &mut io::sink()));
    words
}

/// Checks that this is a directory and no link, and that git would open only files and directories in it.
fn plain(path: &Path) -> io::Result<()> {
    let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if !path.is_absolute() || path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return wrong(format!("`{}` is a link or relative; name the directory itself", path.display()));
    }
    if !std::fs::metadata(path).map_err(|error| named(path, &error))?.is_dir() {
        return wrong(format!("`{}` is not a directory", path.display()));
    }
    let dot_git = path.join(".git");
    let directory = match std::fs::symlink_metadata(&dot_git) {
        Ok(_) if dot_git.is_dir() => dot_git.clone(),
        _ => path.to_path_buf(),
    };
    let read = OPENED.iter().map(|name| directory.join(name)).chain([dot_git]);
    for file in read {
        match std::fs::metadata(&file) {
            Ok(found) if found.is_file() || found.is_dir() => {}
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    || error.kind() == io::ErrorKind::NotADirectory => {}
            Ok(_) => return wrong(format!("`{}` is neither a file nor a directory", file.display())),
            Err(error) => return Err(named(&file, &error)),
        }
    }
    Ok(())
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

impl Reach {
    fn give(&self, command: &mut Command) {
        if let Some(transport) = self.transport {
            command.env("GIT_ALLOW_PROTOCOL", transport);
        }
        command.envs(self.ssh.as_ref().map(|ssh| ("GIT_SSH_COMMAND", ssh)));
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        for (number, (name, value)) in self.secret.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), name);
            command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        command.env("GIT_CONFIG_COUNT", self.secret.len().to_string());
    }
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").field("transport", &self.transport).finish_non_exhaustive()
    }
}

fn command(path: &Path) -> Command {
    let mut command = helper("git");
    // Without a home directory its library for HTTPS looks for passwords in that of the list of users (`~/.netrc`).
    command.env("HOME", "/dev/null");
    for (name, value) in ENVIRONMENT {
        command.env(name, value);
    }
    // Git must not look for a repository above the one that is named.
    command.env("GIT_CEILING_DIRECTORIES", path.parent().unwrap_or(path));
    // Another user may own the repository. That is safe, since git reads no setting here that could run a program.
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.arg("-C").arg(path);
    command
}

const ENVIRONMENT: [(&str, &str); 10] = [
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LC_ALL", "C"),
];
const SETTINGS: [&str; 6] = [
    "advice.graftFileDeprecated=false",
    "safe.directory=*",
    "safe.bareRepository=all",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.commitGraph=false",
];
/// Files that git opens in a repository before it answers.
const OPENED: [&str; 8] = [
    "HEAD",
    "config",
    "config.worktree",
    "commondir",
    "objects",
    "objects/info/alternates",
    "packed-refs",
    "shallow",
];
/// Interval at which the budget is checked while git is silent.
const TURN: Duration = Duration::from_millis(100);
const ENDING: Duration = Duration::from_millis(5);
/// Longest silence; git answers for a packed gigabyte within a few seconds.
const SILENCE_MAX: Duration = Duration::from_mins(1);
const WORDS_BYTES_MAX: u64 = 4096;
/// Most memory of a git that takes in what others made.
const MEMORY_BYTES_MAX: u64 = 8 << 30;
