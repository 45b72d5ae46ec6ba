//! Objects out of a git repository, through `git cat-file --batch`.
//!
//! Invariant: git is only the carrier. Each object's bytes are checked against the id that was asked for,
//! so a repository can withhold but not lie. No hook, filter, replacement or lazy fetch runs, and no
//! configuration but the repository's own is read, none of which `cat-file` acts on.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use evidence::CommitId;
use evidence::git::{OBJECT_BYTES_MAX, ObjectError, ObjectKind, check_object};

/// An open repository.
#[derive(Debug)]
pub struct Repository {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Why an object could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Git could not be run or broke off.
    #[error("git: {0}")]
    Io(#[from] io::Error),
    /// Not there.
    #[error("object {0} is not in the repository; is the clone shallow, or the commit not pushed?")]
    Missing(CommitId),
    /// Another kind than asked for.
    #[error("object {id} is a {found}, expected a {expected}")]
    Kind {
        /// The object.
        id: CommitId,
        /// Kind asked for.
        expected: &'static str,
        /// Kind that git says it is.
        found: String,
    },
    /// Too large.
    #[error("object {id} has {bytes} bytes, at most {max} are allowed")]
    Long {
        /// The object.
        id: CommitId,
        /// Its size.
        bytes: u64,
        /// Size allowed.
        max: u64,
    },
    /// Not the object that was asked for.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// Git's answer does not follow its own format.
    #[error("git answered `{0}`")]
    Answer(String),
    /// A name that is no commit.
    #[error("`{0}` names no commit here: {1}")]
    Revision(String, String),
}

/// Largest file in bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;

impl Repository {
    /// Opens the repository at a path.
    ///
    /// # Errors
    /// `RepositoryError::Io` when git cannot be run.
    pub fn open(path: &Path) -> Result<Self, RepositoryError> {
        let mut command = git(path);
        command.args(["cat-file", "--batch"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let ask = child.stdin.take();
        let answers = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        Ok(Self { child, ask, answers: BufReader::new(answers) })
    }

    /// The bytes of one object, checked against its id.
    ///
    /// # Errors
    /// `RepositoryError` when it is missing, another kind, too large, or not what it claims to be.
    pub fn object(&mut self, kind: ObjectKind, id: &CommitId) -> Result<Vec<u8>, RepositoryError> {
        let ask = self.ask.as_mut().ok_or_else(|| io::Error::other("git has ended"))?;
        writeln!(ask, "{id}")?;
        ask.flush()?;
        let mut line = String::new();
        self.answers.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
        let answer = || RepositoryError::Answer(line.trim_end().chars().take(120).collect());
        let words: Vec<_> = line.trim_end().split(' ').collect();
        let (found, bytes) = match words.as_slice() {
            [_, "missing"] => return Err(RepositoryError::Missing(id.clone())),
            [echoed, found, bytes] if *echoed == id.as_str() => {
                (*found, bytes.parse::<u64>().map_err(|_| answer())?)
            }
            _ => return Err(answer()),
        };
        let max = if kind == ObjectKind::Blob { FILE_BYTES_MAX } else { OBJECT_BYTES_MAX as u64 };
        if bytes > max {
            // What follows is not read, so this process of git is of no more use.
            self.ask = None;
            return Err(RepositoryError::Long { id: id.clone(), bytes, max });
        }
        let mut object = Vec::new();
        self.answers.by_ref().take(bytes + 1).read_to_end(&mut object)?;
        if object.pop() != Some(b'\n') || object.len() as u64 != bytes {
            return Err(RepositoryError::Answer("fewer bytes than it announced".into()));
        }
        if found != kind.name() {
            let (expected, found) = (kind.name(), found.to_owned());
            return Err(RepositoryError::Kind { id: id.clone(), expected, found });
        }
        check_object(kind, &object, id)?;
        Ok(object)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // Its input ends, so it ends; killing it as well costs nothing and never waits.
        self.ask = None;
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The commit that a name means in a repository now: `HEAD`, a branch, a tag, a short id.
///
/// # Errors
/// `RepositoryError::Revision` when it means none.
pub fn resolve(path: &Path, revision: &str) -> Result<CommitId, RepositoryError> {
    let output = git(path)
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options"])
        .arg(format!("{revision}^{{commit}}"))
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        RepositoryError::Revision(revision.to_owned(), if said.is_empty() { "unknown".into() } else { said })
    })
}

/// Commits that are reached from one and not from another, at most so many.
///
/// # Errors
/// `RepositoryError::Revision` when one is not here, or there are more.
pub fn revisions(
    path: &Path,
    from: &CommitId,
    without: Option<&CommitId>,
    most: usize,
) -> Result<Vec<CommitId>, RepositoryError> {
    let mut command = git(path);
    command.args(["rev-list", &format!("--max-count={}", most + 1), from.as_str()]);
    if let Some(without) = without {
        command.arg(format!("^{without}"));
    }
    let output = command.arg("--").stdin(Stdio::null()).output()?;
    let wrong = |what: &str| RepositoryError::Revision(from.to_string(), what.to_owned());
    if !output.status.success() {
        return Err(wrong(String::from_utf8_lossy(&output.stderr).trim()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let ids = text.lines().map(str::parse).collect::<Result<Vec<_>, _>>();
    let ids = ids.map_err(|_| wrong("git listed something else than commits"))?;
    if ids.len() > most { Err(wrong("more commits lie between than can be judged at once")) } else { Ok(ids) }
}

fn git(path: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("LC_ALL", "C"),
    ] {
        command.env(name, value);
    }
    // The repository's owner may be another user; nothing here trusts it.
    command.args(["-c", "safe.directory=*", "-C"]).arg(path);
    command
}

const LINE_BYTES_MAX: u64 = 1024;
