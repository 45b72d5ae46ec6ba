//! The parts of each kind of lines: a content, the rules of its form, and its subject.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::Actor;
use crate::secret_name::SecretName;
use crate::{Id, Name, Place};

/// The subject of a line, as views of the ledger keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns<'a> {
    /// The project whose members may read the line; absent for people with a right in every project.
    pub project: Option<&'a Name>,
    /// The secret.
    pub secret: Option<&'a SecretName>,
    /// Number of its version.
    pub number: Option<u32>,
    /// The person or machine that acted.
    pub who: &'a Actor,
    /// The run.
    pub run: Option<Id>,
    /// The step of its pipeline.
    pub step: Option<&'a Name>,
    /// The place.
    pub place: Option<&'a Place>,
    /// Number of the release at the place.
    pub release: Option<u64>,
    /// Whether it was allowed; absent if the line is no decision.
    pub allowed: Option<bool>,
}

/// The content of a kind.
pub(super) trait Content: Serialize + DeserializeOwned {
    /// Whether people should look at such a line now.
    const URGENT: bool;

    /// A broken rule of the form.
    fn fault(&self) -> Option<&'static str>;

    /// Its subject.
    fn columns(&self) -> Columns<'_>;

    /// The content in a few words.
    fn summary(&self) -> String;
}
