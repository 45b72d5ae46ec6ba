//! A pipeline file of GitLab as rules see it: jobs, their scripts and their variables.
//!
//! Invariant: what a file that is included may say is not known, and a job that extends one of another file is not whole.

use std::collections::BTreeSet;

use crate::lint::marked::Marked;
use crate::lint::shell::Script;
use crate::lint::shell::checks::is_scanner;

/// A pipeline file.
#[derive(Debug)]
pub struct Pipeline {
    /// The document with the jobs.
    pub root: Marked,
    /// Its jobs, templates among them.
    pub jobs: Vec<Job>,
    /// Scripts of jobs and of all jobs, with the name of their job.
    pub scripts: Vec<(String, Script)>,
    /// Variables with their places: name, and the value or none if it is no text.
    pub variables: Vec<Variable>,
    /// Names of jobs that run a scanner.
    scanning: BTreeSet<String>,
}

/// A job.
#[derive(Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Line of its name.
    pub line: u32,
    /// Its own value, then those that it extends: what is said first counts.
    nodes: Vec<Marked>,
    /// Whether all that it extends is in this file.
    pub is_whole: bool,
}

/// A variable.
#[derive(Debug)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// Line.
    pub line: u32,
}

impl Pipeline {
    /// The file with this text and document.
    pub fn of(text: &str, root: &Marked) -> Self {
        let is_job = |name: &str, node: &Marked| node.is_map() && !KEYWORDS.contains(&name);
        let lines: Vec<&str> = text.lines().collect();
        let jobs: Vec<Job> = root
            .entries()
            .filter(|(name, node)| is_job(name, node))
            .map(|(name, node)| {
                let mut job =
                    Job { name: name.to_owned(), line: node.line, nodes: Vec::new(), is_whole: true };
                job.extend(root, node, 0);
                job
            })
            .collect();
        let holders = root.entries().filter(|(name, node)| is_job(name, node) || *name == "default");
        let mut scripts = Vec::new();
        for (name, holder) in holders.chain([("all jobs", root)]) {
            for key in ["before_script", "script", "after_script"] {
                for line in holder.get(key).into_iter().flat_map(texts) {
                    scripts.push((name.to_owned(), Script::of_node(&lines, line)));
                }
            }
        }
        let mut variables = Vec::new();
        root.each(&mut |key, node| {
            for (name, value) in node.entries().filter(|_| key == Some("variables")) {
                let text = value.text().or_else(|| value.text_at("value"));
                if let Some(text) = text {
                    variables.push(Variable {
                        name: name.to_owned(),
                        value: text.to_owned(),
                        line: value.line,
                    });
                }
            }
        });
        let scans = |script: &Script| script.all().any(|command| is_scanner(command.program()));
        let scanning =
            scripts.iter().filter(|(_, script)| scans(script)).map(|(name, _)| name.clone()).collect();
        Self { root: root.clone(), jobs, scripts, variables, scanning }
    }

    /// Images and services of jobs: line and name. One that holds a variable is not known and left out.
    pub fn images(&self) -> Vec<(u32, String)> {
        let mut nodes: Vec<&Marked> = vec![&self.root];
        nodes.extend(self.root.get("default"));
        nodes.extend(self.jobs.iter().filter_map(|job| job.nodes.first()));
        let mut images = Vec::new();
        for node in nodes {
            let services = node.get("services").map(Marked::items).unwrap_or_default();
            for image in node.get("image").into_iter().chain(services) {
                let name = image.text().or_else(|| image.text_at("name")).unwrap_or_default();
                if image.tag.is_none() && !name.is_empty() && !name.contains('$') {
                    images.push((image.line, name.to_owned()));
                }
            }
        }
        images
    }

    /// What the file includes.
    pub fn includes(&self) -> &[Marked] {
        self.root.get("include").map(Marked::one_or_more).unwrap_or_default()
    }

    /// Names of variables whose value is text that anybody may choose, by themselves or by a variable that they hold.
    pub fn chosen<'a>(&'a self, names: &[&'a str]) -> Vec<&'a str> {
        let mut chosen = names.to_vec();
        for variable in &self.variables {
            let holds = |name: &&str| {
                variable.value.contains(&format!("${name}"))
                    || variable.value.contains(&format!("${{{name}}}"))
            };
            if names.iter().any(holds) {
                chosen.push(&variable.name);
            }
        }
        chosen
    }
}

impl Job {
    fn extend(&mut self, root: &Marked, node: &Marked, depth: usize) {
        if self.nodes.len() >= NODES_MAX {
            self.is_whole = false;
            return;
        }
        self.nodes.push(node.clone());
        let parents = node.get("extends").map(Marked::one_or_more).unwrap_or_default();
        // Of several parents the last one counts most (<https://docs.gitlab.com/ci/yaml/#extends>).
        for parent in parents.iter().rev() {
            match parent.text().and_then(|name| root.get(name)).filter(|_| depth < DEPTH_MAX) {
                Some(parent) => self.extend(root, parent, depth + 1),
                None => self.is_whole = false,
            }
        }
    }

    /// What it says at a key, or what it extends says.
    pub fn get(&self, key: &str) -> Option<&Marked> {
        self.nodes.iter().find_map(|node| node.get(key))
    }

    /// What it says itself.
    pub fn own(&self, key: &str) -> Option<&Marked> {
        self.nodes.first().and_then(|node| node.get(key))
    }

    /// Whether it only stands there for others to extend.
    pub fn is_template(&self) -> bool {
        self.name.starts_with('.')
    }

    /// Whether it scans for what is unsafe: by its name, by a template of GitLab, or by a program.
    pub fn is_scan(&self, pipeline: &Pipeline) -> bool {
        let names = self.nodes.iter().filter_map(|node| node.get("extends"));
        let names = names.flat_map(Marked::one_or_more).filter_map(Marked::text).chain([self.name.as_str()]);
        let is_named = names.into_iter().any(|name| {
            let name = name.to_ascii_lowercase().replace([' ', '-', ':'], "_");
            SCANS.iter().any(|scan| {
                name.split('_').any(|part| part == *scan) || scan.contains('_') && name.contains(scan)
            })
        });
        is_named || pipeline.scanning.contains(&self.name)
    }

    /// Whether it brings something into use, by its name or stage. One that only tries it does not.
    pub fn is_deployment(&self) -> bool {
        let stage = self.get("stage").and_then(Marked::text).unwrap_or_default();
        let parts = |text: &str| -> Vec<String> {
            text.to_ascii_lowercase()
                .split(|letter: char| !letter.is_ascii_alphanumeric())
                .map(str::to_owned)
                .collect()
        };
        let is_deploy = |text: &str| {
            parts(text).iter().any(|part| matches!(part.as_str(), "deploy" | "deployment" | "rollout"))
        };
        let only_tries = parts(&self.name).iter().any(|part| TRIALS.contains(&part.as_str()));
        let works = self.get("script").is_some() || self.get("trigger").is_some();
        works && !self.is_template() && !only_tries && (is_deploy(stage) || is_deploy(&self.name))
    }
}

/// The texts of a script: one, a list, or lists in it.
fn texts(node: &Marked) -> Vec<&Marked> {
    let mut all = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        // `!reference [job, script]` names texts of another job.
        if node.tag.as_deref() == Some("reference") {
            continue;
        }
        if node.text().is_some() {
            all.push(node);
        }
        open.extend(node.items().iter().rev());
    }
    all
}

/// Keys of the file that are no jobs (<https://docs.gitlab.com/ci/yaml/>).
const KEYWORDS: &[&str] = &[
    "default",
    "include",
    "stages",
    "variables",
    "workflow",
    "spec",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "types",
];
/// Names of scans; those of GitLab's own templates among them.
const SCANS: &[&str] = &[
    "sast",
    "dast",
    "iast",
    "secret_detection",
    "secret_scan",
    "secrets_scan",
    "dependency_scanning",
    "dependency_check",
    "container_scanning",
    "license_scanning",
    "api_fuzzing",
    "coverage_fuzzing",
    "gitleaks",
    "trivy",
    "semgrep",
    "snyk",
    "grype",
    "checkov",
    "bandit",
    "gosec",
    "trufflehog",
    "security_scan",
    "vulnerability_scan",
];
/// Parts of names of jobs that deploy nothing.
const TRIALS: &[&str] = &[
    "test", "tests", "check", "lint", "validate", "plan", "dry", "dryrun", "build", "verify", "docs",
    "pages", "notify", "prepare", "image", "stop",
];
/// GitLab follows no more.
const DEPTH_MAX: usize = 10;
/// A job that extends more than these is not read to its end.
const NODES_MAX: usize = 64;
