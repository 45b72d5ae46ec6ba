//! A build script as rules see it: the shell text of a script, a Makefile, a Jenkinsfile or the scripts of `package.json`.

use super::{groovy, make};
use crate::lint::file::{LintFile, ends_in, name_of};
use crate::lint::marked::Marked;
use crate::lint::shell::Script;
use crate::lint::unread::Unread;

/// A build script.
#[derive(Debug)]
pub struct Source {
    /// Its sort.
    pub kind: Kind,
    /// The commands that it runs.
    pub script: Script,
    /// Its text.
    pub text: String,
    /// Steps of a Jenkinsfile that run shell text.
    pub steps: Vec<groovy::Step>,
    /// Scripts of a package: name and text.
    pub entries: Vec<(String, Marked)>,
}

/// Sorts of build scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A script of a shell.
    Shell,
    /// A Makefile.
    Make,
    /// A Jenkinsfile.
    Jenkins,
    /// `package.json`.
    Package,
}

impl Kind {
    /// The sort of a file, by its path.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let name = name_of(path);
        if name == "package.json" {
            return Some(Self::Package);
        }
        if name == "jenkinsfile" || name.starts_with("jenkinsfile.") || ends_in(path, &[".jenkinsfile"]) {
            return Some(Self::Jenkins);
        }
        if matches!(name.as_str(), "makefile" | "gnumakefile") || ends_in(path, &[".mk", ".mak"]) {
            return Some(Self::Make);
        }
        ends_in(path, &[".sh", ".bash", ".zsh", ".ksh"]).then_some(Self::Shell)
    }
}

impl Source {
    /// Reads a file of this sort.
    ///
    /// # Errors
    /// `Unread` with the reason why it cannot be read.
    pub fn of(file: &LintFile, kind: Kind) -> Result<Self, Unread> {
        let text = file.text().to_owned();
        let mut source =
            Self { kind, script: Script::default(), text, steps: Vec::new(), entries: Vec::new() };
        match kind {
            Kind::Shell => source.script = Script::of(file.text(), 1),
            Kind::Make => source.script = Script::of_chars(make::recipes(file.text())),
            Kind::Jenkins => {
                source.steps = groovy::steps(file.text());
                let steps = source.steps.iter();
                source.script = Script::of_chars(steps.flat_map(|step| step.shell.iter().copied()).collect());
            }
            Kind::Package => {
                let documents = file.documents()?.iter();
                let scripts =
                    documents.filter_map(|document| document.get("scripts")).flat_map(Marked::entries);
                source.entries = scripts.map(|(name, node)| (name.to_owned(), node.clone())).collect();
                let lines = source.entries.iter().flat_map(|(_, node)| {
                    let text = node.text().unwrap_or_default();
                    text.chars().chain(['\n']).map(|letter| (letter, node.line))
                });
                source.script = Script::of_chars(lines.collect());
            }
        }
        Ok(source)
    }
}
