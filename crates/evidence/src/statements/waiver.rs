//! Waivers: a person accepts one finding until a time, and gives the reason.

use super::rules::{Content, KindRules, Matter};
use super::seen::SeenFinding;
use crate::Digest;
use crate::document::findings::Finding;

/// The finding as its signer saw it. The only subject of the statement is its identity.
pub type Waiver = SeenFinding;

impl Content for Waiver {
    const RULES: KindRules =
        KindRules { roles: &["security", "release-manager"], days_max: 365, bars_authors: true };

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        self.form_fault(subjects)
    }

    fn concerns(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        self.was_found(subjects, matter)
    }

    fn settles(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> bool {
        self.is_seen(subjects, id, finding)
    }

    fn summary(&self) -> String {
        self.told()
    }
}
