//! A language of files that configure.

use super::file::LintFile;
use super::rule::{Facts, Found};
use super::unread::Unread;

/// Sorts of files that configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Those of hosts, clusters and clouds.
    Infrastructure,
    /// Those that build, test and deploy.
    Pipelines,
    /// Those of images, which are not judged one by one: see [`images`](crate::images).
    Images,
}

impl Subject {
    /// The name of its scan.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::Pipelines => "pipelines",
            Self::Images => "images",
        }
    }
}

/// A language of files.
#[derive(Debug)]
pub struct Language {
    /// Its name, for people.
    pub name: &'static str,
    /// The subject of its files.
    pub subject: Subject,
    /// Whether a file of this path may be of the language. It is quick, and a runner asks it for every file of a tree.
    pub reads: fn(path: &str) -> bool,
    /// Whether a file is of the language, by its path or its values, or by its text where it cannot be read.
    pub claims: fn(file: &LintFile) -> bool,
    /// The broken rules of a file of the language, or why it cannot be read.
    pub judge: fn(file: &LintFile) -> Result<Vec<Found>, Unread>,
    /// Facts of its rules.
    pub rules: fn() -> Vec<&'static Facts>,
}
