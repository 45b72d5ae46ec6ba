//! The part of `countersign scan` that judges components by a database of advisories.
//!
//! Invariant: without a database nothing is judged, and the output says so; a database that cannot be read is named and
//! never passes as "nothing found".

use std::collections::BTreeMap;
use std::path::PathBuf;

use client::advisories;
use evidence::document::findings::{Class, Finding, Severity, Site};
use evidence::document::{ComponentsDocument, FindingsDocument, Knowledge};
use scan::advisories::{
    Ecosystem, LOCKFILE_DRIFT, LOCKFILE_MISSING, LOCKFILES_SKIPPED, SOURCE_DIFFERS, UNPINNED,
};
use scan::exports::Row;
use serde::Serialize;

use crate::failure::Failure;

/// Answers about vulnerabilities.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// The advisories that they were judged by.
    advisories: Knowledge,
    /// Problems, the most severe first.
    findings: Vec<Problem>,
    /// Number of components.
    #[serde(skip)]
    components: usize,
    /// Ecosystems of which the advisories hold no record, each with its number of components.
    #[serde(skip)]
    not_held: BTreeMap<String, usize>,
}

/// A problem of a component.
#[derive(Debug, Serialize)]
struct Problem {
    id: String,
    class: Class,
    rule: String,
    aliases: Vec<String>,
    severity: Severity,
    score: Option<u8>,
    epss: Option<u16>,
    exploited: bool,
    undecided: bool,
    at: String,
    through: Vec<String>,
    message: String,
    fixed: Option<String>,
    /// A lockfile that names the component.
    #[serde(skip)]
    file: Option<String>,
}

/// Judges components; `None` if there is no database at the usual place, and none was named. Problems that the components
/// before a change have as well are no news.
pub fn judge(
    components: &ComponentsDocument,
    before: Option<&ComponentsDocument>,
    named: Option<&PathBuf>,
) -> Result<Option<Judged>, Failure> {
    let file = match named {
        Some(file) => file.clone(),
        None => match advisories::default_file() {
            Ok(file) if file.exists() => file,
            _ => return Ok(None),
        },
    };
    let database = advisories::open(&file)?;
    let mut document = scan::advisories::judge(components, &database)?;
    if let Some(before) = before.filter(|_| !document.findings.is_empty()) {
        let old = scan::advisories::judge(before, &database)?;
        document.findings.retain(|id, _| !old.findings.contains_key(id));
    }
    let mut findings = problems(document);
    for problem in &mut findings {
        let component = components.components.get(&problem.at);
        problem.file = component.and_then(|component| component.sources.first().cloned());
    }
    let mut not_held: BTreeMap<String, usize> = BTreeMap::new();
    for purl in components.components.keys() {
        if let Some(ecosystem) = scan::advisories::not_held(purl, &database) {
            *not_held.entry(ecosystem).or_default() += 1;
        }
    }
    let components = components.components.len();
    Ok(Some(Judged { advisories: database.knowledge(), findings, components, not_held }))
}

fn problems(document: FindingsDocument) -> Vec<Problem> {
    let findings = document.findings.into_iter();
    // A scan says these things without advisories, too.
    let told = [UNPINNED, LOCKFILES_SKIPPED, LOCKFILE_DRIFT, SOURCE_DIFFERS, LOCKFILE_MISSING];
    let mut problems: Vec<Problem> = findings
        .filter(|(_, finding)| !told.contains(&finding.rule.as_str()))
        .map(|(id, found)| problem(id.to_string(), found))
        .collect();
    let key = |problem: &Problem| (problem.undecided, std::cmp::Reverse((problem.severity, problem.score)));
    problems.sort_by(|one, other| {
        key(one).cmp(&key(other)).then_with(|| (&one.at, &one.rule).cmp(&(&other.at, &other.rule)))
    });
    problems
}

fn problem(id: String, finding: Finding) -> Problem {
    let at = match &finding.site {
        Site::Whole => "components".to_owned(),
        site => site.to_string(),
    };
    let through = match finding.site {
        Site::Component { through, .. } => through,
        _ => Vec::new(),
    };
    Problem {
        id,
        class: finding.class,
        rule: finding.rule,
        aliases: finding.aliases.into_iter().collect(),
        severity: finding.severity,
        score: finding.score,
        epss: finding.epss,
        exploited: finding.exploited,
        undecided: finding.undecided,
        at,
        through,
        message: finding.message,
        fixed: finding.fixed,
        file: None,
    }
}

impl Problem {
    /// Whether it stops a scan: critical ones, among them malicious packages, and exploited ones do.
    fn is_stopping(&self) -> bool {
        self.severity == Severity::Critical || self.exploited
    }

    fn row(&self) -> Row {
        let level = match self.severity {
            Severity::None => 0.0,
            Severity::Low => 2.0,
            Severity::Medium | Severity::Unknown => 5.0,
            Severity::High => 8.0,
            Severity::Critical => 9.5,
        };
        Row {
            id: self.id.clone(),
            rule: self.rule.clone(),
            is_secret: false,
            is_stopping: self.is_stopping() || self.undecided,
            score: self.score.map_or(level, |score| f32::from(score) / 10.0),
            file: self.file.clone(),
            line: None,
            message: format!("{}: {}", self.at, self.message),
            remedy: match &self.fixed {
                Some(version) => format!("upgrade to {version}"),
                None => "upgrade or replace it".to_owned(),
            },
        }
    }
}

impl Judged {
    /// Number of problems that stop a scan.
    pub fn stopping(&self) -> usize {
        self.findings.iter().filter(|problem| problem.is_stopping()).count()
    }

    /// Everything that was found, for other programs.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.findings.iter().map(Problem::row)
    }

    /// Number of answers that could not be given.
    pub fn undecided(&self) -> usize {
        self.findings.iter().filter(|problem| problem.undecided).count()
    }

    /// The way to have the other components judged.
    fn to_sync(&self) -> String {
        let is_known = |name: &str| Ecosystem::ALL.iter().any(|ecosystem| ecosystem.as_str() == name);
        let names = self.not_held.keys().map(String::as_str);
        let (known, unknown): (Vec<_>, Vec<_>) = names.partition(|name| is_known(name));
        let sync = |noun: &str| format!("sync the {noun} {}", known.join(", "));
        let sync = match known.len() {
            0 => None,
            1 => Some(sync("ecosystem")),
            _ => Some(sync("ecosystems")),
        };
        let never =
            (!unknown.is_empty()).then(|| format!("no advisories are read of {}", unknown.join(", ")));
        sync.into_iter().chain(never).collect::<Vec<_>>().join("; ")
    }

    /// Lines for people.
    pub fn lines(&self) -> Vec<String> {
        let Knowledge { source, modified, .. } = &self.advisories;
        let date = modified.to_string().get(..10).unwrap_or_default().to_owned();
        let by = format!("by the advisories of {date} from {source}");
        let unjudged: usize = self.not_held.values().sum();
        let among = match unjudged {
            0 => String::new(),
            _ => format!("in {} judged ", self.components.saturating_sub(unjudged)),
        };
        let not_judged = if unjudged == 0 {
            String::new()
        } else {
            format!("; {unjudged} not judged: {}", self.to_sync())
        };
        let mut lines = vec![match self.findings.len() - self.undecided() {
            0 => format!("vulnerabilities: none found {among}{by}{not_judged}"),
            count => format!("vulnerabilities: {count} found {among}{by}{not_judged}"),
        }];
        for problem in self.findings.iter().take(SHOWN_MAX) {
            lines.push(format!("  {} {}: {}", problem.severity.as_str(), problem.at, problem.message));
            let mut more = vec![problem.rule.clone()];
            more.extend(problem.aliases.iter().cloned());
            let mut rest = vec![more.join(", ")];
            rest.extend(problem.exploited.then(|| "known to be exploited".to_owned()));
            rest.extend(problem.fixed.as_ref().map(|version| format!("fixed in {version}")));
            rest.extend(
                (problem.through.len() > 1).then(|| format!("through {}", problem.through.join(" > "))),
            );
            lines.push(format!("    {}", rest.join("; ")));
        }
        let more = self.findings.len().saturating_sub(SHOWN_MAX);
        lines.extend((more > 0).then(|| format!("  and {more} more, see -o json")));
        lines
    }
}

/// Printed where there is no database.
pub const NOT_JUDGED: &str = "not judged, run `countersign osv sync`";

const SHOWN_MAX: usize = 50;
