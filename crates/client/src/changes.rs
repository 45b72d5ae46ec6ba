//! Changes of a repository, as git records them: the versions of files that commits or the index bring, and their bytes.
//!
//! Invariant: nothing of the repository changes and nothing is fetched; the working tree is not read. A version that some
//! commit brings is listed even if a later commit removes it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;

mod contents;

pub use contents::{Content, Contents};

/// A repository, or a part of it.
#[derive(Debug)]
pub struct Repository {
    dir: PathBuf,
    /// The variables by which git tells a hook its repository and its index.
    variables: Vec<(&'static str, OsString)>,
    /// The file that lists the commits whose parents a shallow clone does not have.
    shallow: Option<PathBuf>,
    /// The file that lists the commits of a merge that is not committed yet.
    merge_head: PathBuf,
    /// Path of the part in the repository; empty for all of it.
    part: Vec<u8>,
}

/// A version of a file that a change brings.
#[derive(Debug)]
pub struct Version {
    /// Path in the repository.
    pub path: Vec<u8>,
    /// The sort of thing that git keeps at the path.
    pub kind: VersionKind,
    /// Id of its content.
    pub blob: String,
    /// Ids of the contents of the same path before the change, one for each parent that has the file.
    pub before: Vec<String>,
    /// The commit that brings it; `None` if it is in the last tree of the change.
    pub commit: Option<String>,
}

/// Sorts of things that git keeps at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionKind {
    /// A file.
    File,
    /// A link; its content is the path that it leads to.
    Link,
    /// The id of a commit of another repository.
    Repository,
    /// Several versions between which a person has to choose.
    Conflict,
}

/// Commits that a range holds.
#[derive(Debug, Default)]
pub struct Range {
    /// Ids, parents first.
    pub commits: Vec<String>,
    /// Parents of these commits that are not in the range.
    pub before: Vec<String>,
    /// Whether a shallow clone misses some of them.
    pub is_cut: bool,
}

/// Commits that the references of a repository lead to.
#[derive(Debug, Default)]
pub struct History {
    /// Ids, parents first.
    pub commits: Vec<String>,
    /// Whether there are more, which are older.
    pub is_more: bool,
    /// Whether a shallow clone misses some of them.
    pub is_cut: bool,
}

/// A tree of files.
#[derive(Clone, Copy, Debug)]
pub enum Tree<'a> {
    /// That of a commit.
    Commit(&'a str),
    /// That of the commit that `git commit` would make now.
    Index,
}

impl Repository {
    /// The repository of a directory or a file, limited to that path; without a path the one in which the program was
    /// started, as git names it to a hook.
    ///
    /// # Errors
    /// `Error` outside of a repository.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let here = Path::new(".");
        let meta = path.map(|path| fs::metadata(path).map_err(|error| (path, error))).transpose();
        let meta = meta
            .map_err(|(path, error)| Error::unusable(format!("cannot read `{}`: {error}", path.display())))?;
        let is_file = meta.is_some_and(|meta| !meta.is_dir());
        let above = path.and_then(Path::parent).filter(|dir| !dir.as_os_str().is_empty());
        let dir = if is_file { above.unwrap_or(here) } else { path.unwrap_or(here) };
        let own = |name: &'static str| std::env::var_os(name).map(|value| (name, value));
        let variables =
            if path.is_none() { HOOK_VARIABLES.into_iter().filter_map(own).collect() } else { Vec::new() };
        let mut open = Self {
            dir: dir.to_path_buf(),
            variables,
            shallow: None,
            merge_head: PathBuf::new(),
            part: Vec::new(),
        };
        let said = open
            .git(&[
                "rev-parse",
                "--is-shallow-repository",
                "--git-path",
                "shallow",
                "--git-path",
                "MERGE_HEAD",
                "--show-prefix",
            ])
            .map_err(|error| {
                Error::unusable(format!("`{}` is in no repository of git: {error}", dir.display()))
            })?;
        let mut lines = said.split(|byte| *byte == b'\n');
        let mut line = || lines.next().unwrap_or_default();
        let (is_shallow, file, merge_head, prefix) = (line() == b"true", line(), line(), line());
        open.shallow = is_shallow.then(|| dir.join(os_path(file)));
        open.merge_head = dir.join(os_path(merge_head));
        if path.is_some() {
            open.part = prefix.to_vec();
            if let Some(name) = path.filter(|_| is_file).and_then(Path::file_name) {
                open.part.extend(name.as_encoded_bytes());
            }
        }
        Ok(open)
    }

    /// The commit at which two histories part; `None` if they have none in common.
    #[must_use]
    pub fn fork(&self, one: &str, other: &str) -> Option<String> {
        self.word(&["merge-base", one, other]).ok().filter(|id| !id.is_empty())
    }

    /// The commits that lead to one and not to others, which are names as `git rev-list --not` takes them.
    ///
    /// # Errors
    /// `Error` when git cannot list them, or they are too many.
    pub fn range(&self, head: &str, without: &[&str]) -> Result<Range, Error> {
        let most = (COMMITS_MAX + 1).to_string();
        let mut words =
            vec!["rev-list", "--reverse", "--topo-order", "--boundary", "--max-count", &most, head];
        words.push("--not");
        words.extend(without);
        let said = self.git(&words)?;
        let mut range = Range::default();
        for line in String::from_utf8_lossy(&said).lines() {
            match line.strip_prefix('-') {
                Some(before) => range.before.push(before.to_owned()),
                None => range.commits.push(line.to_owned()),
            }
        }
        if range.commits.len() > COMMITS_MAX {
            return Err(Error::unusable(format!(
                "there are more than {COMMITS_MAX} commits to scan; name a later one"
            )));
        }
        range.is_cut = self.is_cut(&range.commits)?;
        Ok(range)
    }

    /// The newest commits that HEAD, a branch, a tag or another reference leads to.
    ///
    /// # Errors
    /// `Error` when git cannot list them.
    pub fn history(&self, commits_max: u32) -> Result<History, Error> {
        let most = (u64::from(commits_max) + 1).to_string();
        let mut words = vec!["rev-list", "--topo-order", "--max-count", &most, "--all"];
        // A repository without a commit has no HEAD.
        words.extend(
            self.word(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).is_ok().then_some("HEAD"),
        );
        let said = self.git(&words)?;
        let mut commits: Vec<_> = String::from_utf8_lossy(&said).lines().map(str::to_owned).collect();
        let most = usize::try_from(commits_max).unwrap_or(usize::MAX);
        let is_more = commits.len() > most;
        commits.truncate(most);
        commits.reverse();
        let is_cut = self.is_cut(&commits)?;
        Ok(History { commits, is_more, is_cut })
    }

    /// Whether a shallow clone misses the parents of some of these commits.
    fn is_cut(&self, commits: &[String]) -> Result<bool, Error> {
        let Some(file) = &self.shallow else { return Ok(false) };
        let cut = fs::read_to_string(file)?;
        let cut: BTreeSet<&str> = cut.lines().collect();
        Ok(commits.iter().any(|commit| cut.contains(commit.as_str())))
    }

    /// The versions by which the tree of one commit differs from that of another.
    ///
    /// # Errors
    /// `Error` when git cannot compare them.
    pub fn between(&self, base: &str, head: &str) -> Result<Vec<Version>, Error> {
        let words: Vec<_> = ["diff-tree"].into_iter().chain(RAW).chain([base, head]).collect();
        self.versions(&self.git(&words)?)
    }

    /// The versions that each of these commits brings. A merge brings those that no parent has.
    ///
    /// # Errors
    /// `Error` when git cannot compare them.
    pub fn brought(&self, commits: &[String]) -> Result<Vec<Version>, Error> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let words: Vec<_> = ["diff-tree", "--stdin", "-c", "--root"].into_iter().chain(RAW).collect();
        let lines: String = commits.iter().map(|commit| format!("{commit}\n")).collect();
        self.versions(&self.told(&words, lines.as_bytes())?)
    }

    /// The versions that the index holds and a commit does not; without a commit all of the index.
    ///
    /// # Errors
    /// `Error` when git cannot compare them.
    pub fn staged(&self, head: Option<&str>) -> Result<Vec<Version>, Error> {
        // Git knows the tree without files by its id alone, which the format of the repository decides.
        let nothing = match head {
            Some(_) => String::new(),
            None => self.word(&["hash-object", "-t", "tree", "--stdin"])?,
        };
        let words: Vec<_> =
            ["diff-index", "--cached"].into_iter().chain(RAW).chain([head.unwrap_or(&nothing)]).collect();
        self.versions(&self.git(&words)?)
    }

    /// The commits that a merge, which is not committed yet, joins with the last one.
    #[must_use]
    pub fn merged(&self) -> Vec<String> {
        fs::read_to_string(&self.merge_head).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Paths of a tree that are UTF-8, each with the id of its content, as far as `wanted` says yes.
    ///
    /// # Errors
    /// `Error` when git cannot list them.
    pub fn files(
        &self,
        tree: Tree<'_>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, String)>, Error> {
        self.listed(tree, "100", wanted)
    }

    /// Paths of all links of a tree that are UTF-8, each with the id of its content.
    ///
    /// # Errors
    /// `Error` when git cannot list them.
    pub fn links(&self, tree: Tree<'_>) -> Result<Vec<(String, String)>, Error> {
        self.listed(tree, "120", |_| true)
    }

    /// Entries whose mode begins like this.
    fn listed(
        &self,
        tree: Tree<'_>,
        kind: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, String)>, Error> {
        let said = match tree {
            Tree::Commit(id) => self.git(&["ls-tree", "-r", "-z", "--full-tree", id])?,
            Tree::Index => self.git(&["ls-files", "--stage", "-z", "--full-name", "--", ":/"])?,
        };
        let mut files = Vec::new();
        for entry in said.split(|byte| *byte == 0) {
            let Some((facts, path)) = std::str::from_utf8(entry).ok().and_then(|it| it.split_once('\t'))
            else {
                continue;
            };
            // `100644 blob ID` of a tree, `100644 ID 0` of the index.
            let mut words = facts.split(' ');
            let is_file = words.next().is_some_and(|mode| mode.starts_with(kind));
            let id = words.find(|word| word.len() >= ID_CHARS_MIN);
            if let Some(id) = id.filter(|_| is_file && self.is_part(path.as_bytes()) && wanted(path)) {
                files.push((path.to_owned(), id.to_owned()));
            }
        }
        Ok(files)
    }

    /// Starts to read contents.
    ///
    /// # Errors
    /// `Error` when git cannot be started.
    pub fn contents(&self) -> Result<Contents, Error> {
        let mut command = self.command(&["cat-file", "--batch"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().map_err(unstarted)?;
        Ok(Contents::new(child))
    }

    /// A path that git makes for this repository, such as its directory of hooks.
    ///
    /// # Errors
    /// `Error` when git does not know it.
    pub fn git_path(&self, name: &str) -> Result<PathBuf, Error> {
        let said = self.git(&["rev-parse", "--git-path", name])?;
        let path = self.dir.join(os_path(said.strip_suffix(b"\n").unwrap_or(&said)));
        Ok(std::path::absolute(path)?)
    }

    /// Directory of the working tree.
    ///
    /// # Errors
    /// `Error` when the repository has none.
    pub fn top(&self) -> Result<PathBuf, Error> {
        let said = self.git(&["rev-parse", "--show-toplevel"])?;
        Ok(os_path(said.strip_suffix(b"\n").unwrap_or(&said)))
    }

    fn is_part(&self, path: &[u8]) -> bool {
        let rest = path.strip_prefix(self.part.as_slice());
        rest.is_some_and(|rest| {
            self.part.is_empty() || self.part.ends_with(b"/") || rest.is_empty() || rest.starts_with(b"/")
        })
    }

    /// Reads the raw output of `git diff-tree` and its like
    /// (<https://git-scm.com/docs/git-diff#_raw_output_format>).
    fn versions(&self, raw: &[u8]) -> Result<Vec<Version>, Error> {
        let mut versions = Vec::new();
        let mut commit = None;
        let mut words = raw.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let word = String::from_utf8_lossy(word);
            if !word.starts_with(':') {
                commit = Some(word.trim().to_owned());
                continue;
            }
            let (Some(path), Some(version)) = (words.next(), entry(&word)) else {
                return Err(Error::unusable("git lists changes in a form that this program does not know"));
            };
            if let Some((kind, blob, before)) = version.filter(|_| self.is_part(path)) {
                versions.push(Version { path: path.to_vec(), kind, blob, before, commit: commit.clone() });
            }
        }
        if versions.len() > VERSIONS_MAX {
            return Err(Error::unusable(format!(
                "more than {VERSIONS_MAX} versions of files changed; name a later commit"
            )));
        }
        Ok(versions)
    }

    fn word(&self, arguments: &[&str]) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.git(arguments)?).lines().next().unwrap_or_default().to_owned())
    }

    fn git(&self, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        self.told(arguments, b"")
    }

    /// Runs git in the person's own repository, in their name and with their configuration.
    fn told(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Error> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(unstarted)?;
        let pipe = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // Git may end before it has read everything; its own words then say why.
            scope.spawn(move || pipe.map(|mut pipe| pipe.write_all(input)));
            child.wait_with_output()
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let verb = arguments.first().copied().unwrap_or_default();
        Err(Error::unusable(format!("`git {verb}`: {said}")))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = runner::program::of_person("git");
        command.current_dir(&self.dir).args(arguments).envs(self.variables.iter().cloned());
        // A clone in which objects are missing would fetch them one by one; replaced objects are not those that are pushed.
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0");
        command.env("GIT_NO_REPLACE_OBJECTS", "1");
        command
    }
}

/// One entry of the raw output; the inner `None` is a file that was removed.
fn entry(word: &str) -> Option<Option<(VersionKind, String, Vec<String>)>> {
    let parents = word.bytes().take_while(|byte| *byte == b':').count();
    let words: Vec<&str> = word.get(parents..)?.split(' ').collect();
    let (modes, rest) = words.split_at_checked(parents + 1)?;
    let (ids, status) = rest.split_at_checked(parents + 1)?;
    let (mode, id, status) = (modes.last()?, ids.last()?, status.first()?);
    let kind = match &mode[..] {
        _ if status.starts_with('U') => VersionKind::Conflict,
        "000000" => return Some(None),
        "120000" => VersionKind::Link,
        "160000" => VersionKind::Repository,
        _ => VersionKind::File,
    };
    let before = modes.iter().zip(ids).take(parents);
    let before = before.filter(|(mode, _)| mode.starts_with("10") || mode.starts_with("12"));
    Some(Some((kind, (*id).to_owned(), before.map(|(_, id)| (*id).to_owned()).collect())))
}

fn os_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

fn unstarted(error: std::io::Error) -> Error {
    Error::unusable(format!("cannot run `git`: {error}"))
}

/// How git lists changes: one entry for each path of each tree, whatever the person's settings say.
const RAW: [&str; 6] = ["-r", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-relative"];
/// Variables that git sets for a hook, and that name the repository, its files and the index of the commit to be made.
const HOOK_VARIABLES: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"];
const COMMITS_MAX: usize = 50_000;
const VERSIONS_MAX: usize = 1_000_000;
const ID_CHARS_MIN: usize = 40;
