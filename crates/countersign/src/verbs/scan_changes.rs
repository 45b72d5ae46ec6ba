//! The part of `countersign scan` that looks at changes: of commits, of the index, of a push.
//!
//! Invariant: a finding is new if neither the tree before the changes nor the file that a commit replaced has it, by its
//! identity; a secret that a commit brought and a later one removed is new. Everything else passes only if it was read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use client::changes::{Contents, Repository, Tree, Version, VersionKind};
use evidence::Digest;
use evidence::document::ComponentsDocument;
use evidence::document::findings::Finding;
use scan::links::{self, LinkFault};

use super::scan_advisories::{self, Judged};
use super::scan_report::{Compared, Components, FoundSecret, ScanReport, unread_packages};
use super::scan_rules::{Judging, RuleFindings};
use crate::failure::Failure;

/// Scans the commits between a base and HEAD.
pub fn since(path: Option<&Path>, base: &str, advisories: Option<&PathBuf>) -> Result<ScanReport, Failure> {
    let repository = Repository::open(path)?;
    let mut contents = repository.contents()?;
    let (base, head) = (contents.commit(base)?, contents.commit("HEAD")?);
    // The base may have gone on since the two histories parted; that is no change of this one.
    let fork = repository.fork(&base, &head).unwrap_or_else(|| base.clone());
    let span =
        Span { bases: BTreeSet::from([base.clone(), fork.clone()]), tree: Some(fork), without: vec![base] };
    commits(&repository, contents, &head, &span, advisories)
}

/// Scans the commits that a push brings to a remote. `known` is the commit that the remote has under that name.
pub fn pushed(remote: &str, known: &str, head: &str) -> Result<ScanReport, Failure> {
    let repository = Repository::open(None)?;
    let mut contents = repository.contents()?;
    let head = contents.commit(head)?;
    let known = contents.try_commit(known)?;
    let mut without = vec![format!("--remotes={remote}")];
    without.extend(known.clone());
    let words: Vec<_> = without.iter().map(String::as_str).collect();
    // A branch that the remote does not have begins at commits that it has under other names.
    let mut bases: BTreeSet<String> = repository.range(&head, &words)?.before.into_iter().collect();
    let fork = known.as_ref().and_then(|known| repository.fork(known, &head));
    let tree = fork.or_else(|| bases.first().cloned());
    bases.extend(known);
    commits(&repository, contents, &head, &Span { bases, tree, without }, None)
}

/// Scans the versions that the index holds and the last commit does not.
pub fn staged(path: Option<&Path>, advisories: Option<&PathBuf>) -> Result<ScanReport, Failure> {
    let repository = Repository::open(path)?;
    let mut contents = repository.contents()?;
    let head = contents.try_commit("HEAD")?;
    let versions = repository.staged(head.as_deref())?;
    let mut changes = Changes::new(&repository, contents);
    // A branch that is merged now has brought its secrets by its own commits.
    changes.bases = head.iter().cloned().chain(repository.merged()).collect();
    for version in &versions {
        changes.scan(version)?;
    }
    let (tree, paths) = (Tree::Index, versions.iter().map(|version| version.path.as_slice()));
    let before = head.as_deref().map(Tree::Commit);
    let (components, packages) = changes.dependencies(tree, before, paths.clone(), advisories)?;
    changes.judge(tree, before, paths)?;
    let compared = Compared { base: head, head: None, commits: 0, repositories: BTreeSet::new() };
    Ok(changes.report(compared, components, packages))
}

/// Where the changes begin.
struct Span {
    /// Commits whose findings are not new.
    bases: BTreeSet<String>,
    /// The commit whose tree the last one is compared with, if there is one.
    tree: Option<String>,
    /// Commits that are no changes, nor is anything before them.
    without: Vec<String>,
}

fn commits(
    repository: &Repository,
    contents: Contents,
    head: &str,
    span: &Span,
    advisories: Option<&PathBuf>,
) -> Result<ScanReport, Failure> {
    let without: Vec<_> = span.without.iter().map(String::as_str).collect();
    let range = repository.range(head, &without)?;
    let mut versions = match &span.tree {
        Some(tree) => repository.between(tree, head)?,
        None => Vec::new(),
    };
    // The last tree comes first, so that a finding that it has is shown there.
    versions.extend(repository.brought(&range.commits)?);
    let mut changes = Changes::new(repository, contents);
    changes.bases.clone_from(&span.bases);
    for version in &versions {
        changes.scan(version)?;
    }
    if range.is_cut {
        let why = "this clone is shallow and ends within the commits to scan; `git fetch --unshallow`";
        changes.unread.insert("history".to_owned(), why.to_owned());
    }
    let paths = versions.iter().map(|version| version.path.as_slice());
    let before = span.tree.as_deref().map(Tree::Commit);
    let (components, packages) =
        changes.dependencies(Tree::Commit(head), before, paths.clone(), advisories)?;
    changes.judge(Tree::Commit(head), before, paths)?;
    let compared = Compared {
        base: span.tree.clone(),
        head: Some(head.to_owned()),
        commits: range.commits.len(),
        repositories: BTreeSet::new(),
    };
    Ok(changes.report(compared, components, packages))
}

/// Changes that are being scanned.
struct Changes<'r> {
    repository: &'r Repository,
    contents: Contents,
    bases: BTreeSet<String>,
    /// Contents at paths that were scanned, with those that they replace.
    seen: BTreeSet<(String, String, Vec<String>)>,
    files: BTreeSet<String>,
    found: BTreeMap<Digest, FoundSecret>,
    rules: [Option<RuleFindings>; 2],
    unread: BTreeMap<String, String>,
    repositories: BTreeSet<String>,
}

impl<'r> Changes<'r> {
    fn new(repository: &'r Repository, contents: Contents) -> Self {
        Self {
            repository,
            contents,
            bases: BTreeSet::new(),
            seen: BTreeSet::new(),
            files: BTreeSet::new(),
            found: BTreeMap::new(),
            rules: [None, None],
            unread: BTreeMap::new(),
            repositories: BTreeSet::new(),
        }
    }

    /// The report of all versions that were scanned.
    fn report(
        self,
        compared: Compared,
        components: Option<Components>,
        packages: Option<Judged>,
    ) -> ScanReport {
        let [infrastructure, pipelines] = self.rules;
        ScanReport {
            compared: Some(Compared { repositories: self.repositories, ..compared }),
            history: None,
            files: self.files.len(),
            secrets: self.found.into_values().collect(),
            components,
            packages,
            image: None,
            images: None,
            infrastructure,
            pipelines,
            unread: self.unread,
        }
    }

    /// Scans a version, and keeps what is new in it.
    fn scan(&mut self, version: &Version) -> Result<(), Failure> {
        let Ok(path) = str::from_utf8(&version.path) else {
            let name = String::from_utf8_lossy(&version.path).into_owned();
            self.unread.insert(name, "its name is not UTF-8; rename it".to_owned());
            return Ok(());
        };
        match version.kind {
            VersionKind::Repository => {
                self.repositories.insert(path.to_owned());
                return Ok(());
            }
            VersionKind::Conflict => {
                let why = "it has a conflict; solve it, and `git add` the file";
                self.unread.insert(path.to_owned(), why.to_owned());
                return Ok(());
            }
            VersionKind::File | VersionKind::Link => {}
        }
        if !self.seen.insert((path.to_owned(), version.blob.clone(), version.before.clone())) {
            return Ok(());
        }
        let found = self.contents.read(&version.blob)?.bytes.and_then(|bytes| secrets(path, bytes));
        let mut new = match found {
            Ok(new) => new,
            Err(why) => {
                let at = version.commit.as_ref().map(|commit| format!(" (in commit {commit})"));
                let why = format!("{why}{}", at.unwrap_or_default());
                self.unread.entry(path.to_owned()).or_insert(why);
                return Ok(());
            }
        };
        self.files.insert(path.to_owned());
        if version.kind == VersionKind::Link {
            // The name of a link says nothing about the content of a file.
            new.retain(|_, (_, finding)| !is_by_name(finding));
        }
        new.retain(|local, _| !self.found.contains_key(local));
        if new.is_empty() {
            return Ok(());
        }
        let mut before: BTreeSet<String> = version.before.iter().cloned().collect();
        for base in &self.bases {
            before.extend(self.contents.at(base, path)?);
        }
        for blob in before {
            // A version that cannot be read there hides nothing here.
            let old = self.contents.read(&blob)?.bytes.and_then(|bytes| secrets(path, bytes));
            for local in old.unwrap_or_default().keys() {
                new.remove(local);
            }
        }
        let new = new.into_iter().map(|(local, (id, finding))| {
            let found = FoundSecret::new(id.to_string(), finding, version.commit.clone());
            (local, found)
        });
        self.found.extend(new);
        Ok(())
    }

    /// New packages and their problems, if a file changed that can say something about packages.
    fn dependencies<'v>(
        &mut self,
        tree: Tree<'_>,
        before: Option<Tree<'_>>,
        mut paths: impl Iterator<Item = &'v [u8]>,
        advisories: Option<&PathBuf>,
    ) -> Result<(Option<Components>, Option<Judged>), Failure> {
        // The file behind a link may have any name.
        let is_linked = |path: &str| scan::components::format_of(path).is_some();
        let has_links = self.repository.links(tree)?.iter().any(|(path, _)| is_linked(path));
        if !has_links && !paths.any(|path| str::from_utf8(path).is_ok_and(scan::components::is_read)) {
            return Ok((None, None));
        }
        let document = match scan::components::of(&self.manifests(tree, true)?) {
            Ok(document) => document,
            Err(error) => {
                self.unread.insert("components".to_owned(), error.to_string());
                return Ok((None, None));
            }
        };
        // If the lockfiles before cannot be read, every package is new.
        let before: Option<ComponentsDocument> = match before {
            Some(before) => scan::components::of(&self.manifests(before, false)?).ok(),
            None => None,
        };
        self.unread.extend(unread_packages(&document, before.as_ref()));
        let judged = scan_advisories::judge(&document, before.as_ref(), advisories)?;
        Ok((Some(Components::of(&document, before.as_ref())), judged))
    }

    /// Judges the changed files that configure, and keeps what the tree before does not have.
    fn judge<'v>(
        &mut self,
        tree: Tree<'_>,
        before: Option<Tree<'_>>,
        paths: impl Iterator<Item = &'v [u8]>,
    ) -> Result<(), Failure> {
        let changed: BTreeSet<&str> =
            paths.filter_map(|path| str::from_utf8(path).ok()).filter(|path| Judging::reads(path)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let now = self.judged(tree, &changed, true)?;
        let before = before.map(|before| self.judged(before, &changed, false)).transpose()?;
        self.unread.extend(now.unread().map(|(path, why)| (path.clone(), why.clone())));
        self.rules = now.beside(before.as_ref()).map(Some);
        Ok(())
    }

    fn judged(&mut self, tree: Tree<'_>, of: &BTreeSet<&str>, is_named: bool) -> Result<Judging, Failure> {
        let mut judging = Judging::default();
        for (path, blob) in self.repository.files(tree, |path| of.contains(path))? {
            match self.contents.read(&blob)?.bytes {
                Ok(bytes) => judging.add(&path, &bytes),
                Err(why) if is_named => drop(self.unread.insert(path, why)),
                Err(_) => {}
            }
        }
        Ok(judging)
    }

    fn manifests(&mut self, tree: Tree<'_>, is_named: bool) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        let mut manifests = BTreeMap::new();
        for (path, blob) in self.repository.files(tree, scan::components::is_read)? {
            match self.contents.read(&blob)?.bytes {
                Ok(bytes) => drop(manifests.insert(path, bytes)),
                Err(why) if is_named => drop(self.unread.insert(path, why)),
                Err(_) => {}
            }
        }
        for (path, found) in self.linked(tree)? {
            match found {
                Ok(bytes) => drop(manifests.insert(path, bytes)),
                Err(why) if is_named => drop(self.unread.insert(path, why)),
                Err(_) => {}
            }
        }
        Ok(manifests)
    }

    /// The contents that links with a name of a lockfile or a manifest lead to, by the paths of the links.
    fn linked(&mut self, tree: Tree<'_>) -> Result<BTreeMap<String, Result<Vec<u8>, String>>, Failure> {
        let all = self.repository.links(tree)?;
        let named: Vec<_> =
            all.iter().filter(|(path, _)| scan::components::format_of(path).is_some()).cloned().collect();
        let (mut targets, mut found) = (BTreeMap::new(), BTreeMap::new());
        if named.is_empty() {
            return Ok(found);
        }
        for (path, blob) in all {
            let target = self.contents.read(&blob)?.bytes;
            targets
                .insert(path, target.map_or_else(|why| why, |it| String::from_utf8_lossy(&it).into_owned()));
        }
        for (path, _) in named {
            let content = match links::resolve(&path, |path| targets.get(path).cloned()) {
                Ok(file) => match self.repository.files(tree, |path| path == file)?.first() {
                    Some((_, blob)) => self.contents.read(blob)?.bytes,
                    None => Err(LinkFault::Nothing.to_string()),
                },
                Err(fault) => Err(fault.to_string()),
            };
            found.insert(path, content);
        }
        Ok(found)
    }
}

/// The secrets of a file with their identities, or the reason why it was not scanned. The keys are those by which versions of
/// the file are compared: where only other lines differ, a password has another identity and is no news.
pub fn secrets(path: &str, bytes: Vec<u8>) -> Result<BTreeMap<Digest, (Digest, Finding)>, String> {
    let scanned = scan::secrets::of(&BTreeMap::from([(path.to_owned(), bytes)]));
    let scanned = scanned.map_err(|error| error.to_string())?;
    match scanned.skipped.first() {
        Some(skipped) => Err(skipped.why.to_owned()),
        None => {
            let findings = scanned.document.findings.into_iter();
            let local = |id: &Digest| scanned.local.get(id).copied().unwrap_or(*id);
            Ok(findings.map(|(id, finding)| (local(&id), (id, finding))).collect())
        }
    }
}

/// Whether a finding is about the name of a file.
pub fn is_by_name(finding: &Finding) -> bool {
    !matches!(finding.site, evidence::document::findings::Site::File { line: Some(_), .. })
}
