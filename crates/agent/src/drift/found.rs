//! One difference between what was declared and what is there, and what would put it back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evidence::observations::{Drifted, TEXT_BYTES_MAX};

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub what: Drifted,
    pub name: String,
    pub declared: String,
    pub found: String,
    pub mend: Mend,
}

/// The way to put a difference back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// Nothing that an agent may do.
    None,
    /// The file of the release with this path.
    File(PathBuf),
    /// The process with this keeper starts again; the name of its group.
    Restart(u32, &'static str),
    /// A process of the service's own group ends: its id, and the name of the group.
    End(u32, String),
    /// A setting of the kernel gets this value.
    Setting(String, String),
}

impl Found {
    /// The name under which corrections of it are counted. A process has another number after each start, and chooses the names of its variables.
    pub fn counted(&self) -> (Drifted, String) {
        match &self.mend {
            Mend::Restart(_, group) => (self.what, (*group).to_owned()),
            _ => (self.what, self.name.clone()),
        }
    }

    pub fn new(what: Drifted, name: &str, declared: &str, found: &str, mend: Mend) -> Self {
        Self { what, name: text(name), declared: text(declared), found: text(found), mend }
    }
}

/// The differences by what and name: an observation names each once.
pub fn sorted(all: Vec<Found>) -> Vec<Found> {
    let keyed = all.into_iter().map(|one| ((one.what, one.name.clone()), one));
    keyed.collect::<BTreeMap<_, _>>().into_values().collect()
}

/// A text as an observation may have it: not empty, not too long, and without control characters.
pub fn text(given: &str) -> String {
    let plain: String = given.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let end = plain.floor_char_boundary(TEXT_BYTES_MAX);
    let bounded = plain.get(..end).unwrap_or_default();
    if bounded.is_empty() { "-".to_owned() } else { bounded.to_owned() }
}
