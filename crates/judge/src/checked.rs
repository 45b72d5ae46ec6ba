//! A bundle whose every part was proven, grouped by what the parts prove.
//!
//! Input of policies, pages that people read before they sign, and the numbers that an agent keeps come from here alone.
//! Each group is proven in the file that its type is from; the statements of people, and their votes, come last.

use evidence::bundle::Bundle;
use evidence::{Digest, Moment, Place};
use policy::Gate;

use crate::approvals::{self, Vote};
use crate::derived::PlanProof;
use crate::grounds::Grounds;
use crate::input_reads::UnusablePolicy;
use crate::lanes::LanesProof;
use crate::ledger::LedgerProof;
use crate::reasons::Reasons;
use crate::receipts::BuildProof;
use crate::reports::Before;
use crate::requests::PeopleProof;
use crate::source::SourceProof;
use crate::trust::TrustProof;
use crate::windows::WindowsProof;

/// A bundle whose every part was proven.
#[derive(Debug)]
pub struct Checked<'a> {
    /// The bundle.
    pub bundle: &'a Bundle,
    /// The place.
    pub place: Place,
    /// The time of the judgement.
    pub now: Moment,
    /// Root, status and environment statement in force.
    pub trust: TrustProof,
    /// Facts that the ledger proves.
    pub ledger: LedgerProof,
    /// People, and what they did and asked for.
    pub people: PeopleProof,
    /// The source, and the range of the change.
    pub source: SourceProof,
    /// Facts that the receipts prove.
    pub build: BuildProof,
    /// The plan.
    pub plan: PlanProof,
    /// Report of the environment that comes before, if there is one.
    pub before: Option<Before>,
    /// Facts that came by the lanes.
    pub lanes: LanesProof,
    /// The evidence that approvers have to name, and their votes.
    pub approvals: ApprovalProof,
    /// Windows of the place, and the times that they are asked for.
    pub windows: WindowsProof,
    /// The policy, compiled; or the reason why it cannot be.
    pub gate: Result<Gate, UnusablePolicy>,
    /// Authentic evidence against the release.
    pub reasons: Reasons,
}

/// The evidence that approvers have to name, and their votes.
#[derive(Clone, Debug)]
pub struct ApprovalProof {
    /// Digest of the evidence manifest.
    pub evidence: Digest,
    /// Approvals and rejections.
    pub votes: Vec<Vote>,
}

impl Checked<'_> {
    /// Whether a person may not approve this release, by subject.
    #[must_use]
    pub fn is_barred(&self, subject: &str) -> bool {
        approvals::is_barred(&self.grounds(), subject)
    }

    /// The grounds that a signature about this release is compared with.
    pub(crate) fn grounds(&self) -> Grounds<'_> {
        Grounds {
            bundle: self.bundle,
            trust: &self.trust,
            ledger: &self.ledger,
            people: &self.people,
            documents: &self.lanes.documents,
            now: self.now,
        }
    }
}
