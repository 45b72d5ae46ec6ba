//! Objects of a git repository, read through `git cat-file --batch`.
//!
//! Invariant: git only transports. Each object's bytes are checked against the requested id, so a repository can withhold
//! objects but cannot change them. `git.rs` describes how git is kept from running other programs.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use evidence::CommitId;
use evidence::git::{OBJECT_BYTES_MAX, ObjectError, ObjectKind, check_object};

use crate::budget::{Budget, BudgetError};
use crate::git::Git;

/// An open repository.
#[derive(Debug)]
pub struct Repository<'a> {
    path: PathBuf,
    answers: BufReader<Git<'a>>,
}

/// Why an object cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Git could not be run or failed, or the budget is spent.
    #[error("git in `{0}`: {1}")]
    Io(PathBuf, io::Error),
    /// The budget is spent.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// Git refused; the text is git's own.
    #[error("git in `{0}` says: {1}")]
    Git(PathBuf, String),
    /// The object is missing, although the clone should be complete.
    #[error(
        "object {id} is not in the repository `{}`; was the commit pushed there? `git -C {} fsck` checks whether the repository is damaged",
        path.display(), path.display()
    )]
    Missing {
        /// The object.
        id: CommitId,
        /// The repository.
        path: PathBuf,
    },
    /// The object is missing in a clone that is incomplete by intent.
    #[error(
        "object {id} is not in the repository `{}`, which is a {form} clone; complete it with `git -C {} fetch {remedy}`",
        path.display(), path.display()
    )]
    Incomplete {
        /// The object.
        id: CommitId,
        /// The repository.
        path: PathBuf,
        /// `shallow` or `partial`.
        form: &'static str,
        /// Options of `git fetch` that complete the clone.
        remedy: &'static str,
    },
    /// The object has another kind than expected.
    #[error("object {id} is a {found}, expected a {expected}")]
    Kind {
        /// The object.
        id: CommitId,
        /// The expected kind.
        expected: &'static str,
        /// The kind that git reports.
        found: String,
    },
    /// The object is too large.
    #[error("object {id} has {bytes} bytes, at most {max} are allowed")]
    Long {
        /// The object.
        id: CommitId,
        /// Size of the object.
        bytes: u64,
        /// Largest allowed size.
        max: u64,
    },
    /// The objects of a commit are too large to be sent.
    #[error(
        "the files of commit {commit} take more than {} MiB packed, which is the most that is uploaded; have the runners' operators \
         set a remote (`countersign runner remote add`), push the commit there, and name its branch with `--ref`", max >> 20
    )]
    Pack {
        /// The commit.
        commit: CommitId,
        /// Largest allowed size.
        max: u64,
    },
    /// The bytes do not match the requested id.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// Git's answer does not follow its own format.
    #[error("git answered `{0}`")]
    Answer(String),
    /// A name that does not name a commit.
    #[error("`{0}` names no commit of this repository: {1}; name a branch, a tag or an id")]
    Revision(String, String),
    /// A range with more commits than can be judged.
    #[error("more than {0} commits lie between; {1}")]
    Range(usize, &'static str),
}

/// Largest file in bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;

impl<'a> Repository<'a> {
    /// Opens the repository at an absolute path that is not a link.
    ///
    /// # Errors
    /// `RepositoryError::Io` if it is not a directory or git cannot be run.
    pub fn open(path: &Path, budget: Budget<'a>) -> Result<Self, RepositoryError> {
        let git = Git::start(path, &["cat-file", "--batch"], budget);
        let git = git.map_err(|error| RepositoryError::io(path, error))?;
        Ok(Self { path: path.to_path_buf(), answers: BufReader::new(git) })
    }

    /// The limits for reading it.
    #[must_use]
    pub fn budget(&self) -> Budget<'a> {
        *self.answers.get_ref().budget()
    }

    /// The bytes of one object, checked against its id.
    ///
    /// # Errors
    /// `RepositoryError` if it is missing, has another kind, is too large, or does not match its id.
    pub fn object(&mut self, kind: ObjectKind, id: &CommitId) -> Result<Vec<u8>, RepositoryError> {
        let asked = self.answers.get_mut().ask(id.as_str());
        asked.map_err(|error| self.broken(error))?;
        let mut line = String::new();
        let read = self.answers.by_ref().take(LINE_BYTES_MAX).read_line(&mut line);
        read.map_err(|error| self.broken(error))?;
        if line.is_empty() {
            return Err(self.broken(io::Error::other("it ended without an answer")));
        }
        let answer = || RepositoryError::Answer(line.trim_end().chars().take(120).collect());
        let words: Vec<_> = line.trim_end().split(' ').collect();
        let (found, bytes) = match words.as_slice() {
            [_, "missing"] => return Err(self.missing(id)),
            [echoed, found, bytes] if *echoed == id.as_str() => {
                (*found, bytes.parse::<u64>().map_err(|_| answer())?)
            }
            _ => return Err(answer()),
        };
        let max = if kind == ObjectKind::Blob { FILE_BYTES_MAX } else { OBJECT_BYTES_MAX as u64 };
        if bytes > max {
            // The object's content is not read, so this git process cannot be used for the next object.
            drop(self.answers.get_mut().complaint());
            return Err(RepositoryError::Long { id: id.clone(), bytes, max });
        }
        let mut object = Vec::new();
        let read = self.answers.by_ref().take(bytes + 1).read_to_end(&mut object);
        read.map_err(|error| self.broken(error))?;
        if object.pop() != Some(b'\n') || object.len() as u64 != bytes {
            return Err(self.broken(io::Error::other("it sent fewer bytes than it announced")));
        }
        if found != kind.name() {
            let (expected, found) = (kind.name(), found.to_owned());
            return Err(RepositoryError::Kind { id: id.clone(), expected, found });
        }
        check_object(kind, &object, id)?;
        Ok(object)
    }

    /// Why git failed: its own words, if it printed any.
    fn broken(&mut self, error: io::Error) -> RepositoryError {
        let error = RepositoryError::io(&self.path, error);
        let words = self.answers.get_mut().complaint();
        match error {
            RepositoryError::Io(path, _) if !words.is_empty() => RepositoryError::Git(path, words),
            other => other,
        }
    }

    /// Why an object is missing: the clone is incomplete by intent, or damaged.
    fn missing(&self, id: &CommitId) -> RepositoryError {
        let (id, path) = (id.clone(), self.path.clone());
        match incomplete(&path, self.budget()) {
            Some((form, remedy)) => RepositoryError::Incomplete { id, path, form, remedy },
            None => RepositoryError::Missing { id, path },
        }
    }
}

impl RepositoryError {
    /// The error of a call of git in a repository.
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<BudgetError>()) {
            Some(spent) => Self::Budget(*spent),
            None => Self::Io(path.to_path_buf(), error),
        }
    }
}

/// Whether a clone's history is cut short by intent. The result only improves a message.
#[must_use]
pub fn is_shallow(path: &Path) -> bool {
    incomplete(path, Budget::default()).is_some_and(|(form, _)| form == "shallow")
}

/// Whether a clone is incomplete by intent: the name of its form, and the options of `git fetch` that complete it.
fn incomplete(path: &Path, budget: Budget<'_>) -> Option<(&'static str, &'static str)> {
    let says = |arguments: &[&str]| {
        // The result only improves a message, so a failed query leaves the plain message.
        let said = Git::output(path, arguments, budget, LINE_BYTES_MAX).ok()?;
        said.status.success().then(|| String::from_utf8_lossy(&said.output).trim().to_owned())
    };
    if says(&["rev-parse", "--is-shallow-repository"]).as_deref() == Some("true") {
        return Some(("shallow", "--unshallow"));
    }
    let partial =
        says(&["config", "--local", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$"]);
    partial.map(|_| ("partial", "--refetch --no-filter"))
}

/// The commit that a name currently means in a repository: `HEAD`, a branch, a tag, a short id.
///
/// # Errors
/// `RepositoryError::Revision` if it does not name a commit.
pub fn resolve(path: &Path, revision: &str) -> Result<CommitId, RepositoryError> {
    let wanted = format!("{revision}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--end-of-options", &wanted];
    let said = Git::output(path, &arguments, Budget::default(), LINE_BYTES_MAX);
    let said = said.map_err(|error| RepositoryError::io(path, error))?;
    let text = String::from_utf8_lossy(&said.output);
    text.trim().parse().map_err(|_| {
        let words = if said.complaint.is_empty() { "it is unknown".into() } else { said.complaint };
        RepositoryError::Revision(revision.to_owned(), words)
    })
}

/// Commits that are reachable from one commit and not from another, up to a limit.
///
/// # Errors
/// `RepositoryError::Revision` if one of them is missing, `RepositoryError::Range` if there are more.
pub fn revisions(
    path: &Path,
    from: &CommitId,
    without: Option<&CommitId>,
    most: usize,
) -> Result<Vec<CommitId>, RepositoryError> {
    let (count, without) = (format!("--max-count={}", most + 1), without.map(|id| format!("^{id}")));
    let mut arguments = vec!["rev-list", &count, from.as_str()];
    arguments.extend(without.as_deref());
    arguments.push("--");
    let bytes = (most as u64 + 1) * (from.as_str().len() as u64 + 1);
    let said = Git::output(path, &arguments, Budget::default(), bytes);
    let said = said.map_err(|error| RepositoryError::io(path, error))?;
    let wrong = |what: &str| RepositoryError::Revision(from.to_string(), what.to_owned());
    if !said.status.success() {
        return Err(wrong(&said.complaint));
    }
    let text = String::from_utf8_lossy(&said.output);
    let ids = text.lines().map(str::parse).collect::<Result<Vec<_>, _>>();
    let ids = ids.map_err(|_| wrong("git listed something other than commits"))?;
    if ids.len() > most { Err(RepositoryError::Range(most, RANGE_REMEDY)) } else { Ok(ids) }
}

/// Checks that git accepts a directory as a repository.
///
/// # Errors
/// `RepositoryError` with git's own words if not.
pub fn verify(path: &Path) -> Result<(), RepositoryError> {
    words(path, &["rev-parse", "--git-dir"], PATH_BYTES_MAX).map(drop)
}

/// The remote from which a partial clone gets its missing objects.
///
/// # Errors
/// `RepositoryError` if git fails.
pub fn promisor(path: &Path) -> Result<Option<String>, RepositoryError> {
    let arguments = ["config", "--local", "--name-only", "--get-regexp", r"^remote\..*\.promisor$"];
    let said = Git::output(path, &arguments, Budget::default(), PATH_BYTES_MAX);
    let said = said.map_err(|error| RepositoryError::io(path, error))?;
    let text = String::from_utf8_lossy(&said.output);
    let name = text.lines().next().and_then(|line| line.strip_prefix("remote.")?.strip_suffix(".promisor"));
    Ok(name.map(str::to_owned))
}

/// Ids of the missing objects of a commit's tree.
///
/// # Errors
/// `RepositoryError` if git fails.
pub fn missing(path: &Path, commit: &CommitId) -> Result<Vec<String>, RepositoryError> {
    let list =
        ["rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk", "--end-of-options"];
    let arguments = [list.as_slice(), &[commit.as_str(), "--"]].concat();
    let listed = words(path, &arguments, LIST_BYTES_MAX)?;
    Ok(listed.lines().filter_map(|line| line.strip_prefix('?')).map(str::to_owned).collect())
}

/// The changed files between two commits, with numbers of lines; for people to read.
///
/// # Errors
/// `RepositoryError` if git fails.
pub fn diff_stat(path: &Path, from: &CommitId, to: &CommitId) -> Result<String, RepositoryError> {
    let plain =
        ["diff", "--no-color", "--stat", "--no-ext-diff", "--no-textconv", from.as_str(), to.as_str(), "--"];
    words(path, &plain, LIST_BYTES_MAX).map(|text| text.trim_end().to_owned())
}

/// Git's standard output as text.
fn words(path: &Path, arguments: &[&str], most: u64) -> Result<String, RepositoryError> {
    let said = Git::output(path, arguments, Budget::default(), most);
    let said = said.map_err(|error| RepositoryError::io(path, error))?;
    if said.status.success() {
        return Ok(String::from_utf8_lossy(&said.output).into_owned());
    }
    Err(RepositoryError::Git(path.to_path_buf(), said.complaint))
}

/// A path in the form that is sent to a runner: unchanged if it is UTF-8, else as a `file:` URL (RFC 8089).
#[must_use]
pub fn path_text(path: &Path) -> String {
    match path.to_str().filter(|text| !text.starts_with(URL)) {
        Some(text) => text.to_owned(),
        None => {
            let escaped = |byte: &u8| match *byte {
                byte @ (b'/' | b'-' | b'.' | b'_' | b'~') => char::from(byte).to_string(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            };
            format!("{URL}{}", path.as_os_str().as_bytes().iter().map(escaped).collect::<String>())
        }
    }
}

/// The path in a received text; `None` if its `file:` URL is invalid.
#[must_use]
pub fn path_of(text: &str) -> Option<PathBuf> {
    let Some(escaped) = text.strip_prefix(URL) else { return Some(PathBuf::from(text)) };
    let (mut bytes, mut rest) = (Vec::new(), escaped.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    let path = std::ffi::OsString::from_vec(bytes);
    (!path.as_os_str().as_bytes().contains(&0)).then(|| PathBuf::from(AsRef::<OsStr>::as_ref(&path)))
}

const LINE_BYTES_MAX: u64 = 1024;
const PATH_BYTES_MAX: u64 = 64 * 1024;
/// The list for a tree of 200,000 files has as many lines of 66 bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;
const URL: &str = "file://";
const RANGE_REMEDY: &str = "release a commit in between first: `countersign run COMMIT`";
