//! A commit of a project and the results of its steps: what runners, scanners and tests say about it.

use std::collections::BTreeMap;

use evidence::document::components::Component;
use evidence::document::findings::{Class, Finding, IdentityPlace, Severity, Site, identity};
use evidence::document::tests::{Test, TestOutcome};
use evidence::document::{ComponentsDocument, FindingsDocument, TestsDocument, Tool};
use evidence::source_pack::SourcePack;
use evidence::tree_list::TreeList;
use evidence::{Bytes, CommitId, Name};
use fastrand::Rng;
use lab::documents::LabDocument;
use lab::{CommitContent, commit_by};

use super::estate::{Project, Worker};
use crate::machine;

/// The state of a project's source: its history, and what tools find in it.
#[derive(Debug)]
pub struct Source {
    /// The newest commit on the main line.
    pub head: CommitId,
    /// Commits of the main line, the oldest first, with their objects.
    history: Vec<(CommitId, Bytes)>,
    findings: Vec<(&'static str, Severity)>,
    /// Position of each component's version.
    versions: Vec<u32>,
    count: u64,
}

/// A commit, and what its steps will say.
#[derive(Debug)]
pub struct Change {
    /// Its objects, and those of the commits before it that releases need.
    pub pack: SourcePack,
    /// Its files.
    pub list: TreeList,
    /// Documents of its reports, by path.
    pub documents: BTreeMap<String, LabDocument>,
    /// The step that fails on every runner, if one does.
    pub fails: Option<Name>,
    /// Whether the second runner builds other bytes.
    pub differs: bool,
}

impl Source {
    /// The source at its first commit.
    pub fn new(project: &Project) -> Self {
        Self {
            head: project.base.clone(),
            history: Vec::new(),
            findings: vec![("unused-result", Severity::Low)],
            versions: vec![0; COMPONENTS.len()],
            count: 0,
        }
    }

    /// Somebody's commit. One that nobody signs, or that fails, is on a branch.
    pub fn commit(&mut self, project: &Project, by: &Worker, signed: bool, chance: &mut Rng) -> Change {
        self.count += 1;
        let subject = SUBJECTS[chance.usize(..SUBJECTS.len())];
        let message = format!("{subject} ({})", self.count);
        let source = format!("// {}\nfn main() {{ serve({}) }}\n", message, self.count);
        let email = by.keys.email();
        let signer = signed.then_some(&by.keys.commits);
        let parents = [self.head.clone()];
        let written = CommitContent { parents: &parents, email: &email, message: &message, signer };
        let seconds = machine::now().millis() / 1000;
        let (mut pack, list) = commit_by(&project.files(&source), &written, by.name, seconds);
        pack.commits.extend(self.history.iter().map(|(id, bytes)| (id.to_string(), bytes.clone())));
        Change { pack, list, documents: self.documents(), fails: None, differs: false }
    }

    /// Takes a commit into the main line.
    pub fn advance(&mut self, change: &Change) {
        self.head = change.pack.commit.clone();
        let object = change.pack.commits[self.head.as_str()].clone();
        self.history.push((self.head.clone(), object));
    }

    /// Forgets the commits before the oldest one that runs somewhere.
    pub fn forget(&mut self, running: &[CommitId]) {
        let oldest =
            running.iter().map(|id| self.history.iter().position(|(known, _)| known == id)).min().flatten();
        if let Some(oldest) = oldest {
            self.history.drain(..oldest);
        }
    }

    /// Tools find more or less than before.
    pub fn drift(&mut self, chance: &mut Rng) {
        if chance.u32(..100) < 12 && self.findings.len() < RULES.len() {
            let new = RULES[chance.usize(..RULES.len())];
            if !self.findings.contains(&new) {
                self.findings.push(new);
            }
        }
        if chance.u32(..100) < 14 && !self.findings.is_empty() {
            self.findings.remove(chance.usize(..self.findings.len()));
        }
        if chance.u32(..100) < 20 {
            self.versions[chance.usize(..COMPONENTS.len())] += 1;
        }
    }

    /// A finding that blocks production, until it is mended.
    pub fn critical(&mut self, present: bool) {
        self.findings.retain(|(_, severity)| *severity != Severity::Critical);
        if present {
            self.findings.push(CRITICAL);
        }
    }

    fn documents(&self) -> BTreeMap<String, LabDocument> {
        let mut tests = TestsDocument::new([Tool::new("nextest", Some("0.9"))]);
        for n in 0..TESTS {
            let test = Test { outcome: TestOutcome::Passed, message: None, covers: [].into() };
            tests.add("unit".into(), format!("case_{n:02}"), test);
        }
        let mut code = FindingsDocument::new([Tool::new("semgrep", Some("1.95"))]);
        for (nth, (rule, severity)) in (1..).zip(&self.findings) {
            let place = IdentityPlace::Source { path: "src/main.rs", text: rule, nth: 0 };
            let site = Site::File { path: "src/main.rs".into(), line: Some(nth), end: None };
            code.add(identity(Class::Code, rule, &place).unwrap(), finding(rule, *severity, site));
        }
        let osv = FindingsDocument::new([Tool::new("osv-scanner", Some("2.0"))]);
        let secrets = FindingsDocument::new([Tool::new("secrets", None)]);
        let mut components = ComponentsDocument::new([Tool::new("components", None)]);
        for (name, version) in COMPONENTS.iter().zip(&self.versions) {
            components.add(format!("pkg:cargo/{name}@1.{version}.0"), component(name, *version));
        }
        [
            ("tests.xml", LabDocument::of(&tests)),
            ("code.sarif", LabDocument::of(&code)),
            ("osv.json", LabDocument::of(&osv)),
            (lab::documents::SECRETS, LabDocument::of(&secrets)),
            (lab::documents::PACKAGES, LabDocument::of(&components)),
        ]
        .map(|(path, document)| (path.to_owned(), document))
        .into()
    }
}

impl Change {
    /// Lets one of its tests fail.
    pub fn fail_a_test(&mut self) {
        let mut tests = TestsDocument::new([Tool::new("nextest", Some("0.9"))]);
        for n in 0..TESTS {
            let outcome = if n == 7 { TestOutcome::Failed } else { TestOutcome::Passed };
            let message = (n == 7).then(|| "left: 3, right: 4".to_owned());
            tests.add("unit".into(), format!("case_{n:02}"), Test { outcome, message, covers: [].into() });
        }
        self.documents.insert("tests.xml".into(), LabDocument::of(&tests));
    }
}

fn finding(rule: &str, severity: Severity, site: Site) -> Finding {
    Finding {
        class: Class::Code,
        rule: rule.to_owned(),
        aliases: [].into(),
        severity,
        score: None,
        epss: None,
        exploited: false,
        unconfirmed: false,
        undecided: false,
        message: format!("{}: read the rule's page before you change it", rule.replace('-', " ")),
        site,
        published: None,
        fixed: None,
        fix_released: None,
    }
}

fn component(name: &str, version: u32) -> Component {
    Component {
        name: name.to_owned(),
        version: format!("1.{version}.0"),
        scope: Default::default(),
        direct: Some(true),
        pinned: true,
        checksums: [].into(),
        licence: Some("MIT".into()),
        needs: [].into(),
        sources: [].into(),
        differs: None,
    }
}

/// Tests of every project.
const TESTS: u32 = 24;
/// The finding that blocks production.
const CRITICAL: (&str, Severity) = ("sql-from-request", Severity::Critical);
const RULES: [(&str, Severity); 12] = [
    ("unused-result", Severity::Low),
    ("long-function", Severity::Low),
    ("missing-documentation", Severity::Low),
    ("magic-number", Severity::Low),
    ("unchecked-cast", Severity::Medium),
    ("open-redirect", Severity::Medium),
    ("weak-hash", Severity::Medium),
    ("missing-timeout", Severity::Medium),
    ("path-from-request", Severity::High),
    ("command-from-request", Severity::High),
    ("debug-output", Severity::Low),
    ("loop-without-bound", Severity::Medium),
];
const COMPONENTS: [&str; 24] = [
    "anyhow",
    "axum",
    "bytes",
    "chrono",
    "clap",
    "futures",
    "hex",
    "http",
    "hyper",
    "itoa",
    "libc",
    "log",
    "memchr",
    "rand",
    "regex",
    "rustls",
    "serde",
    "serde_json",
    "sha2",
    "sqlx",
    "tokio",
    "tower",
    "tracing",
    "uuid",
];
const SUBJECTS: [&str; 16] = [
    "Round amounts half to even",
    "Answer 404 for unknown accounts",
    "Read the limit from the configuration",
    "Retry a lost connection once",
    "Log the request's id",
    "Index by account and day",
    "Refuse amounts below zero",
    "Upgrade the HTTP library",
    "Say when a page was made",
    "Close idle connections after a minute",
    "Cache the rates for ten seconds",
    "Move the search into its own module",
    "Sort results by relevance",
    "Count failed sign-ins",
    "Sign out after thirty minutes",
    "Write addresses in lower case",
];
