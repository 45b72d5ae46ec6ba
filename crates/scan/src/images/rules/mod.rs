//! Rules about images. A new rule is one file here and one row in [`RULES`].

mod compiler;
mod deleted_secret;
mod device;
mod empty_password;
mod foreign_base;
mod old;
mod package_manager;
mod root_user;
mod secret_value;
mod setuid;
mod shell;
mod writable_by_all;

use evidence::{Digest, Moment};

use super::path::name;
use super::{Image, NodeKind};
use crate::lint::rule::{Facts, Found, Hits, Rule, broken};

/// What is asked about an image beside the rules that need no answer.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Layers of the allowed bases, without compression. If the list is empty, every base is allowed.
    pub bases: Vec<Vec<Digest>>,
    /// The greatest age; if it is absent, every age is allowed.
    pub age: Option<Age>,
}

/// The greatest age.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// Today.
    pub now: Moment,
    /// Days.
    pub days_max: u32,
}

/// The subject of rules: an image, and what is asked about it.
#[derive(Debug)]
pub struct Judged {
    /// The image.
    pub image: Image,
    /// The question.
    pub asked: Asked,
}

/// The rules.
pub const RULES: &[&Rule<Judged>] = &[
    &root_user::RULE,
    &setuid::RULE,
    &writable_by_all::RULE,
    &device::RULE,
    &shell::RULE,
    &compiler::RULE,
    &package_manager::RULE,
    &secret_value::RULE,
    &deleted_secret::RULE,
    &empty_password::RULE,
    &foreign_base::RULE,
    &old::RULE,
];

/// Facts of all rules.
pub fn facts() -> impl Iterator<Item = &'static Facts> {
    RULES.iter().map(|rule| &rule.facts)
}

impl Judged {
    /// Every place that breaks a rule.
    pub fn broken(&self) -> Vec<Found> {
        broken(RULES, self)
    }

    /// Names of accounts with their numbers.
    fn accounts(&self) -> impl Iterator<Item = (String, String)> {
        let text = String::from_utf8_lossy(self.image.file("etc/passwd").unwrap_or_default()).into_owned();
        let account = |line: &str| {
            let mut fields = line.split(':');
            Some((fields.next()?.to_owned(), fields.nth(1)?.to_owned()))
        };
        text.lines().filter_map(account).collect::<Vec<_>>().into_iter()
    }

    /// Programs of these names in the directories where programs are looked up.
    fn programs(&self, hits: &mut Hits, is_meant: impl Fn(&str) -> bool) {
        for (path, node) in self.image.pass.tree.nodes() {
            let is_place =
                path.rsplit_once('/').is_some_and(|(above, _)| matches!(name(above), "bin" | "sbin"));
            if !is_place || !is_meant(name(path)) {
                continue;
            }
            let is_there = match &node.kind {
                NodeKind::File(_) => super::is_program(node),
                // A link to a program that is no longer there starts nothing.
                NodeKind::Link(_) => self.image.pass.tree.resolve(path).is_some(),
                NodeKind::Directory | NodeKind::Special => false,
            };
            if is_there {
                hits.in_file(path, name(path));
            }
        }
    }
}
