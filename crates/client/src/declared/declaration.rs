//! An installation as a directory declares it, and the names of its parts.
//!
//! Invariant: a directory with a fault declares nothing. A part that has no file of its sort is not compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use evidence::{Moment, Name, Place};

use super::directory::{Directory, MAIN};
use super::fault::{At, Faults};
use super::keys::Keys;
use super::leaves::Leaves;
use super::people::DeclaredPerson;
use super::places::{DeclaredPlace, Policies};
use super::statements::DeclaredStatement;
use super::{people, places, statements, status, trust};
use crate::error::Error;

/// An installation as a directory declares it. A part that the directory does not have is not compared.
#[derive(Debug)]
pub struct Declared {
    /// The directory.
    pub path: PathBuf,
    /// Projects whose places and statements are compared; `None` for all.
    pub projects: Option<BTreeSet<Name>>,
    /// Places.
    pub places: BTreeMap<Place, DeclaredPlace>,
    /// Policies by path.
    pub policies: Policies,
    /// Values of the trust root.
    pub trust: Option<Leaves>,
    /// People by the name of their file.
    pub people: Option<BTreeMap<String, DeclaredPerson>>,
    /// Values of the status.
    pub status: Option<Leaves>,
    /// Statements by the name of their file.
    pub statements: Option<BTreeMap<String, DeclaredStatement>>,
    /// Public keys.
    pub(super) keys: Keys,
}

/// A part of an installation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The trust root.
    Trust,
    /// A person, by the name of the file.
    Person(String),
    /// The status.
    Status,
    /// A place.
    Place(Place),
    /// A statement, by the name of the file.
    Statement(String),
}

/// The text names no part.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is neither a place, PROJECT/SERVICE/ENVIRONMENT, nor trust, status, people/NAME or statements/NAME"
)]
pub struct PartError(String);

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trust => f.write_str("trust"),
            Self::Person(name) => write!(f, "people/{name}"),
            Self::Status => f.write_str("status"),
            Self::Place(place) => write!(f, "{place}"),
            Self::Statement(name) => write!(f, "statements/{name}"),
        }
    }
}

impl FromStr for Part {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        match text.split_once('/') {
            None if text == "trust" => Ok(Self::Trust),
            None if text == "status" => Ok(Self::Status),
            Some(("people", name)) if !name.contains('/') => Ok(Self::Person(name.to_owned())),
            Some(("statements", name)) if !name.contains('/') => Ok(Self::Statement(name.to_owned())),
            _ => text.parse().map(Self::Place).map_err(|_| PartError(text.to_owned())),
        }
    }
}

impl Declared {
    /// Reads a directory.
    ///
    /// # Errors
    /// `Error` with every fault, each with its place.
    pub fn read(dir: &Path, now: Moment) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let directory = Directory::read(dir, &mut faults)?;
        let (projects, defaults) = main(&directory, &mut faults);
        let keys = Keys::read(&directory, &mut faults);
        let (places, policies) = places::read(&directory, defaults, &keys, projects.as_ref(), &mut faults);
        let declared = Self {
            places,
            policies,
            trust: trust::read(&directory, &keys, &mut faults),
            people: directory.has("people").then(|| people::read(&directory, &keys, &mut faults)),
            status: status::read(&directory, &mut faults),
            statements: directory.has("statements").then(|| statements::read(&directory, now, &mut faults)),
            path: directory.path,
            projects,
            keys,
        };
        faults.end().map(|()| declared)
    }

    /// The effective values of a part, if files declare it.
    #[must_use]
    pub fn leaves(&self, part: &Part) -> Option<&Leaves> {
        match part {
            Part::Trust => self.trust.as_ref(),
            Part::Status => self.status.as_ref(),
            Part::Place(place) => self.places.get(place).map(|declared| &declared.leaves),
            Part::Person(name) => self.people.as_ref()?.get(name).map(|declared| &declared.leaves),
            Part::Statement(name) => self.statements.as_ref()?.get(name).map(|declared| &declared.leaves),
        }
    }

    /// Whether places and statements of a project are compared.
    #[must_use]
    pub fn has_project(&self, project: &Name) -> bool {
        self.projects.as_ref().is_none_or(|projects| projects.contains(project))
    }
}

/// The projects and the weakest layer.
fn main(directory: &Directory, faults: &mut Faults) -> (Option<BTreeSet<Name>>, Leaves) {
    let (mut projects, mut defaults) = (None, Leaves::default());
    let Some(node) = directory.files.get(MAIN) else { return (projects, defaults) };
    let mut version = None;
    for (key, node) in node.fields(&["version", "projects", "defaults"], faults) {
        match key.text.as_str() {
            "version" => version = Some(node),
            "projects" => {
                projects = Some(node.list(faults).iter().filter_map(|node| node.parsed(faults)).collect());
            }
            _ => defaults = places::layer(node, &places::KNOWN, faults),
        }
    }
    if version.is_none_or(|node| node.json() != 1) {
        let at = version.map_or_else(|| At::file(MAIN), |node| node.at.clone());
        faults.add(&at, "`version: 1` is expected, the version that this program knows");
    }
    (projects, defaults)
}
