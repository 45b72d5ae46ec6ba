//! The results of a scan as text and as data, and its decision.
//!
//! Invariant: no text holds a secret; whatever was not scanned or judged is named, and never passes.

use std::collections::{BTreeMap, BTreeSet};

use domain::gate::GateOutcome;
use evidence::document::findings::{Class, IdentityPlace, Site, identity};
use evidence::document::{ComponentsDocument, findings};
use policy::Reason;
use scan::advisories::LOCKFILE_DRIFT;
use scan::exports::{Listing, Row};
use scan::lint::Subject;
use serde::Serialize;

use super::scan_advisories::{Judged, NOT_JUDGED};
use super::scan_image_facts::ImageFacts;
use super::scan_rules::RuleFindings;
use crate::failure::Failure;

/// Results of a scan.
#[derive(Debug, Serialize)]
pub struct ScanReport {
    /// The trees that were compared; absent if a whole directory was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// The history, if its commits were scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// The image, if one was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFacts>,
    /// Number of files; of an image those of all its layers; of a history the number of contents of files.
    pub files: usize,
    /// Secrets.
    pub secrets: Vec<FoundSecret>,
    /// Packages; null if the lockfiles could not be read, or none changed.
    pub components: Option<Components>,
    /// Problems of packages; null if they were not judged.
    pub packages: Option<Judged>,
    /// Broken rules in files of infrastructure; null if none changed.
    pub infrastructure: Option<RuleFindings>,
    /// Broken rules in files of pipelines; null if none changed.
    pub pipelines: Option<RuleFindings>,
    /// Broken rules of an image; absent if none was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<RuleFindings>,
    /// Files that were not scanned, each with the reason.
    pub unread: BTreeMap<String, String>,
}

/// The trees of which one has findings that the other does not have.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Commit before the changes; absent before the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Last commit of the changes; absent if the index was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Number of commits.
    pub commits: usize,
    /// Paths at which another repository is used; it has its own scan.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub repositories: BTreeSet<String>,
}

/// A history whose commits were scanned.
#[derive(Debug, Serialize)]
pub struct History {
    /// Number of commits.
    pub commits: usize,
    /// Number of different contents of files.
    pub contents: usize,
    /// Paths at which another repository is used; it has its own scan.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub repositories: BTreeSet<String>,
}

/// A secret, without its text.
#[derive(Debug, Serialize)]
pub struct FoundSecret {
    /// Identity.
    pub id: String,
    /// Rule.
    pub rule: String,
    /// Severity.
    pub severity: &'static str,
    /// Path and line.
    pub at: String,
    /// The commit that brought it, if no later tree has it any more; of a history the first commit with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Sentence about it.
    pub message: String,
    #[serde(skip)]
    site: Site,
}

/// The packages that lockfiles name; of a comparison the new ones.
#[derive(Debug, Serialize)]
pub struct Components {
    /// Number of packages.
    pub count: usize,
    /// Lockfiles.
    pub sources: BTreeSet<String>,
    /// Packages that are fixed by no checksum.
    pub unpinned: Vec<String>,
    /// Differences between manifests and their lockfiles, by manifest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub drift: BTreeMap<String, BTreeSet<String>>,
}

impl FoundSecret {
    /// A finding that a person reads about.
    pub fn new(id: String, finding: findings::Finding, commit: Option<String>) -> Self {
        Self {
            id,
            rule: finding.rule,
            severity: finding.severity.as_str(),
            at: finding.site.to_string(),
            commit,
            message: finding.message,
            site: finding.site,
        }
    }

    fn remedy(&self) -> String {
        match &self.commit {
            None => "revoke it, and take it out of the file".to_owned(),
            Some(commit) => format!(
                "revoke it: commit {} holds it until you rewrite your history (`git rebase --interactive`)",
                short(commit)
            ),
        }
    }
}

impl Components {
    /// The packages of a document that another one does not have.
    pub fn of(document: &ComponentsDocument, before: Option<&ComponentsDocument>) -> Self {
        let is_old = |purl: &str, pinned: bool| {
            let old = before.and_then(|before| before.components.get(purl));
            old.is_some_and(|old| old.pinned == pinned)
        };
        let new = document.components.iter().filter(|(purl, one)| !is_old(purl, one.pinned));
        let unpinned = new.clone().filter(|(_, component)| !component.pinned);
        let mut drift = document.drift.clone();
        for (path, known) in before.iter().flat_map(|before| &before.drift) {
            if let Some(sentences) = drift.get_mut(path) {
                sentences.retain(|sentence| !known.contains(sentence));
            }
        }
        drift.retain(|_, sentences| !sentences.is_empty());
        Self {
            drift,
            count: new.clone().count(),
            sources: document.sources.clone(),
            unpinned: unpinned.map(|(purl, _)| purl.clone()).collect(),
        }
    }
}

impl Components {
    /// Drift, for other programs.
    fn rows(&self) -> impl Iterator<Item = Row> {
        let sentences = self.drift.iter().flat_map(|(path, all)| all.iter().map(move |one| (path, one)));
        let id = |path: &str, text: &str| {
            identity(Class::Supply, LOCKFILE_DRIFT, &IdentityPlace::Source { path, text, nth: 0 })
        };
        sentences.map(move |(path, sentence)| Row {
            id: id(path, sentence).map(|id| id.to_string()).unwrap_or_default(),
            rule: LOCKFILE_DRIFT.to_owned(),
            is_secret: false,
            is_stopping: false,
            score: 5.0,
            file: Some(path.clone()),
            line: None,
            message: sentence.clone(),
            remedy: "write the lockfile again with your package manager, and review both".to_owned(),
        })
    }
}

/// Files about packages that were not read and that another document does not have as well, and entries of which nobody
/// knows what they install, each with the reason.
pub fn unread_packages(
    document: &ComponentsDocument,
    before: Option<&ComponentsDocument>,
) -> BTreeMap<String, String> {
    let mut unread = BTreeMap::new();
    for (directory, skipped) in &document.skipped {
        if before.is_none_or(|before| before.skipped.get(directory) != Some(skipped)) {
            let files = shown::many(skipped.files as usize, "file");
            let why = format!(
                "{files} about packages, as part of installed packages; scan the directory by itself"
            );
            unread.insert(directory.clone(), why);
        }
    }
    for (purl, component) in &document.components {
        let old = before.and_then(|before| before.components.get(purl));
        if let Some(difference) =
            component.differs.as_ref().filter(|_| old.is_none_or(|old| old.differs != component.differs))
        {
            unread.insert(purl.clone(), format!("{difference}; correct the lockfile"));
        }
    }
    unread
}

impl ScanReport {
    /// Exit code 3 if secrets, critical problems of packages or broken rules of severity high were found; 4 if something could not be read or judged.
    pub fn outcome(&self) -> Result<(), Failure> {
        let mut stops = Vec::new();
        if !self.secrets.is_empty() {
            let secrets = shown::many(self.secrets.len(), &format!("{}secret", self.only()));
            stops.push(format!(
                "{secrets}: revoke each, and remove it; a secret in a commit stays in its history"
            ));
        }
        let stopping = self.packages.as_ref().map_or(0, Judged::stopping);
        if stopping > 0 {
            let problems = shown::many(stopping, &format!("{}critical or exploited problem", self.only()));
            stops.push(format!("{problems} of packages: upgrade each, or replace it"));
        }
        let broken = self.by_rules().map(|(_, found)| found.stopping()).sum::<usize>();
        if broken > 0 {
            let places = shown::many(broken, &format!("{}place", self.only()));
            stops.push(format!("{places} with a configuration of severity high or critical: correct each"));
        }
        if !stops.is_empty() {
            return Err(Failure::counted(stops.join("; "), Vec::new()));
        }
        let undecided = self.packages.as_ref().map_or(0, Judged::undecided);
        // A change that touches no file is scanned whole.
        let is_empty = self.files == 0 && self.compared.is_none();
        if self.unread.is_empty() && !is_empty && undecided == 0 {
            return Ok(());
        }
        let reason = |(path, why): (&String, &String)| Reason {
            code: "not-scanned".to_owned(),
            what: format!("{path}: {why}"),
            remedy: "mend the file, or scan a directory without it".to_owned(),
            finding: None,
        };
        let reasons = self.unread.iter().map(reason).collect();
        let what = if is_empty && self.unread.is_empty() {
            "no file was scanned; name a directory with files that its repository does not ignore"
        } else if self.unread.is_empty() {
            "not every package could be judged; the findings above that could not be decided say why"
        } else {
            "not everything could be scanned"
        };
        Err(Failure::decided(GateOutcome::Undecided, what, reasons))
    }

    fn by_rules(&self) -> impl Iterator<Item = (Subject, &RuleFindings)> {
        let infrastructure = self.infrastructure.iter().map(|found| (Subject::Infrastructure, found));
        let pipelines = self.pipelines.iter().map(|found| (Subject::Pipelines, found));
        let images = self.images.iter().map(|found| (Subject::Images, found));
        infrastructure.chain(pipelines).chain(images)
    }

    fn only(&self) -> &'static str {
        if self.compared.is_some() { "new " } else { "" }
    }

    /// Everything that was found, for other programs.
    pub fn listing(&self) -> Listing {
        let mut rows = Vec::new();
        for found in &self.secrets {
            let (file, line) = match &found.site {
                Site::File { path, line, .. } => (Some(path.clone()), *line),
                _ => (None, None),
            };
            rows.push(Row {
                id: found.id.clone(),
                rule: found.rule.clone(),
                is_secret: true,
                is_stopping: true,
                score: if found.severity == "high" { 8.0 } else { 5.0 },
                file,
                // The line is that of the commit, which no later file shows.
                line: line.filter(|_| found.commit.is_none()),
                message: found.message.clone(),
                remedy: found.remedy(),
            });
        }
        rows.extend(self.components.iter().flat_map(Components::rows));
        rows.extend(self.packages.iter().flat_map(Judged::rows));
        rows.extend(self.by_rules().flat_map(|(_, found)| found.rows()));
        Listing { rows, unread: self.unread.clone().into_iter().collect() }
    }
}

/// Text for people.
pub fn text(report: &ScanReport) -> String {
    let mut lines = Vec::new();
    let noun = match (&report.compared, &report.history) {
        (Some(_), _) => "changed file",
        (None, Some(_)) => "content",
        (None, None) => "file",
    };
    let files = shown::many(report.files, noun);
    lines.extend(report.compared.as_ref().map(compared));
    lines.extend(report.history.as_ref().map(history));
    lines.extend(report.image.as_ref().map(ImageFacts::line));
    lines.push(match report.secrets.len() {
        0 => format!("secrets: none found in {files}"),
        count => format!("secrets: {count} found in {files}"),
    });
    for found in &report.secrets {
        let at = found.commit.as_ref().map(|commit| format!(" in commit {}", short(commit)));
        let at = at.unwrap_or_default();
        lines.push(format!("  {}{at}: {} ({})", found.at, found.message, found.rule));
        let is_of_commits = report.compared.is_some() || report.history.is_some();
        lines.extend(is_of_commits.then(|| format!("    {}", found.remedy())));
    }
    if let Some(components) = &report.components {
        let mut sources: Vec<&str> = components.sources.iter().map(String::as_str).collect();
        // An image has a file for each package of a language.
        let others = shown::many(sources.len().saturating_sub(SHOWN_MAX), "other file");
        if sources.len() > SHOWN_MAX {
            sources.truncate(SHOWN_MAX);
            sources.push(&others);
        }
        let sources = sources.join(", ");
        lines.push(match (components.count, report.compared.is_some()) {
            (0, false) => "components: no lockfile names any".to_owned(),
            (count, false) => format!("components: {count} in {sources}"),
            (0, true) => "components: none is new".to_owned(),
            (count, true) => format!("components: {count} new in {sources}"),
        });
        if !components.unpinned.is_empty() {
            lines.push(format!("  {} are fixed by no checksum:", components.unpinned.len()));
            lines.extend(components.unpinned.iter().take(SHOWN_MAX).map(|purl| format!("    {purl}")));
            let more = components.unpinned.len().saturating_sub(SHOWN_MAX);
            lines.extend((more > 0).then(|| format!("    and {more} more, see -o json")));
        }
        lines.extend(drift(&components.drift));
    }
    match &report.packages {
        None if report.history.is_some() => {}
        Some(judged) => lines.extend(judged.lines()),
        None if report.compared.is_some() && report.components.is_none() => {
            lines.push("components: no lockfile changed".to_owned());
        }
        None => lines.push(format!("vulnerabilities: {NOT_JUDGED}")),
    }
    for (subject, found) in report.by_rules() {
        lines.extend(found.lines(subject, report.compared.is_some()));
    }
    lines.extend(report.unread.iter().map(|(path, why)| format!("not scanned: {path}: {why}")));
    lines.join("\n")
}

fn drift(drift: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let sentences = drift.iter().flat_map(|(path, all)| all.iter().map(move |one| (path, one)));
    let count = sentences.clone().count();
    if count == 0 {
        return Vec::new();
    }
    let mut lines = vec![format!("  {} of manifest and lockfile:", shown::many(count, "difference"))];
    lines.extend(sentences.take(SHOWN_MAX).map(|(path, sentence)| format!("    {path}: {sentence}")));
    let more = count.saturating_sub(SHOWN_MAX);
    lines.extend((more > 0).then(|| format!("    and {more} more, see -o json")));
    lines
}

fn compared(compared: &Compared) -> String {
    let base = compared.base.as_ref().map_or("nothing", |base| short(base));
    let mut line = match &compared.head {
        None => format!("compared: the index with {base}"),
        Some(head) => {
            let commits = shown::many(compared.commits, "commit");
            format!("compared: {} with {base}, {commits}; what is not committed was not read", short(head))
        }
    };
    others(&mut line, &compared.repositories);
    line
}

fn history(history: &History) -> String {
    let mut line =
        format!("history: {}; what is not committed was not read", shown::many(history.commits, "commit"));
    others(&mut line, &history.repositories);
    line
}

fn others(line: &mut String, repositories: &BTreeSet<String>) {
    for path in repositories {
        *line += "\nanother repository, to be scanned there: ";
        *line += path;
    }
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

const SHOWN_MAX: usize = 10;
