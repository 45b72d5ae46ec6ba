//! VEX: a person in the role for security says why a vulnerability of a dependency does not affect the product
//! (<https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md>, status `not_affected`).

use serde::{Deserialize, Serialize};

use super::rules::{Content, KindRules, Matter};
use super::seen::SeenFinding;
use crate::Digest;
use crate::document::findings::Finding;

/// The reason of the OpenVEX list. The only subject of the statement is the identity of the finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotAffected {
    /// The finding as the person saw it.
    pub finding: SeenFinding,
    /// Why it does not affect the product.
    pub justification: Justification,
    /// Digest of the VEX document whose claim the person took over. Absent if they stated it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vex: Option<Digest>,
}

/// The justifications of OpenVEX
/// (<https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md#status-justifications>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Justification {
    /// The component is not in the product.
    ComponentNotPresent,
    /// The component is there without the vulnerable code.
    VulnerableCodeNotPresent,
    /// The vulnerable code is never executed.
    VulnerableCodeNotInExecutePath,
    /// An adversary cannot control the vulnerable code.
    VulnerableCodeCannotBeControlledByAdversary,
    /// Built-in protection exists, which cannot be switched off.
    InlineMitigationsAlreadyExist,
}

impl Justification {
    /// All justifications.
    pub const ALL: [Self; 5] = [
        Self::ComponentNotPresent,
        Self::VulnerableCodeNotPresent,
        Self::VulnerableCodeNotInExecutePath,
        Self::VulnerableCodeCannotBeControlledByAdversary,
        Self::InlineMitigationsAlreadyExist,
    ];

    /// The name in OpenVEX.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ComponentNotPresent => "component_not_present",
            Self::VulnerableCodeNotPresent => "vulnerable_code_not_present",
            Self::VulnerableCodeNotInExecutePath => "vulnerable_code_not_in_execute_path",
            Self::VulnerableCodeCannotBeControlledByAdversary => {
                "vulnerable_code_cannot_be_controlled_by_adversary"
            }
            Self::InlineMitigationsAlreadyExist => "inline_mitigations_already_exist",
        }
    }
}

impl Content for NotAffected {
    const RULES: KindRules = KindRules { roles: &["security"], days_max: 365, bars_authors: true };

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        if self.finding.component.is_none() {
            return Some(
                "`not-affected` is about the vulnerability of a dependency, so `component` is needed",
            );
        }
        self.finding.form_fault(subjects)
    }

    fn concerns(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        self.finding.was_found(subjects, matter)
    }

    fn misstates(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        self.finding.misstates(subjects, matter)
    }

    fn settles(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> bool {
        self.finding.settles(subjects, id, finding)
    }

    fn outgrown(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> Option<String> {
        self.finding.outgrown(subjects, id, finding)
    }

    fn summary(&self) -> String {
        format!("{}, {}", self.finding.told(), self.justification.as_str())
    }
}
