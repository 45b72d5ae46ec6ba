//! Tags: a release manager names the semantic version (<https://semver.org/spec/v2.0.0.html>) and labels of an artifact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rules::{Content, KindRules, Matter};
use crate::document::TEXT_BYTES_MAX;
use crate::{Digest, Name};

/// Version and labels. The only subject of the statement is the artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// The version, strictly by the specification.
    pub version: String,
    /// Labels by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Name, String>,
}

impl Content for Tag {
    const RULES: KindRules = KindRules { roles: &["release-manager"], days_max: 3_650, bars_authors: false };

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        if subjects.len() != 1 {
            return Some("it has one subject, the artifact");
        }
        if self.version.len() > TEXT_BYTES_MAX || semver::Version::parse(&self.version).is_err() {
            return Some("its version is not a semantic version, such as 1.4.0 or 2.0.0-rc.1");
        }
        let fine =
            |text: &String| (1..=LABEL_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
        (self.labels.len() > LABELS_MAX || !self.labels.values().all(fine)).then_some(
            "it has more than 32 labels, or one is empty, longer than 200 bytes or has control characters",
        )
    }

    fn concerns(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        subjects == [matter.artifact]
    }

    fn summary(&self) -> String {
        let labels: String = self.labels.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        format!("{}{labels}", self.version)
    }
}

const LABELS_MAX: usize = 32;
const LABEL_BYTES_MAX: usize = 200;
