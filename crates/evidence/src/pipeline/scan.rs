//! Scans that a runner does itself, by their names in a pipeline file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::DocumentKind;

/// Sorts of scans by the runner itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScanSort {
    /// Secrets in files of the source, and in outputs of the steps that the scan needs.
    Secrets,
    /// Packages that lockfiles of the source name.
    Components,
    /// Known problems of these packages, by the advisories of the runner's operator.
    Dependencies,
    /// Manifests, templates and plans of what services run on, in the source and in outputs of the steps that the scan needs.
    Infrastructure,
    /// Files that build, test and deploy.
    Pipelines,
    /// Images in which steps of the pipeline run: their secrets, packages and accounts, before a step uses them.
    Images,
}

impl ScanSort {
    /// All sorts.
    pub const ALL: [Self; 6] = [
        Self::Secrets,
        Self::Components,
        Self::Dependencies,
        Self::Infrastructure,
        Self::Pipelines,
        Self::Images,
    ];

    /// The name in pipeline files and receipts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Components => "components",
            Self::Dependencies => "dependencies",
            Self::Infrastructure => "infrastructure",
            Self::Pipelines => "pipelines",
            Self::Images => "images",
        }
    }

    /// The sort of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == name)
    }

    /// Kind of its document.
    #[must_use]
    pub const fn document(self) -> DocumentKind {
        match self {
            Self::Secrets | Self::Dependencies | Self::Infrastructure | Self::Pipelines | Self::Images => {
                DocumentKind::Findings
            }
            Self::Components => DocumentKind::Components,
        }
    }
}

impl std::fmt::Display for ScanSort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
