//! Packages that were installed in an image.

use std::collections::BTreeMap;

use evidence::document::ComponentsDocument;

use super::release::Release;

/// Packages, and what could not be read.
#[derive(Debug)]
pub struct Packages {
    /// The bill of materials.
    pub document: ComponentsDocument,
    /// The distribution, if the image names one.
    pub release: Option<Release>,
    /// Files that name packages and could not be read, with the reasons.
    pub unread: BTreeMap<String, String>,
}

/// A package of a distribution.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// Version, with the epoch that is not 0.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// Name and version of its source, as far as they differ from those of the package.
    pub source: Option<(String, Option<String>)>,
    /// Licence, as its database says it.
    pub licence: Option<String>,
}
