//! The grounds of a signature about a release: everything that is proven without people's word on it.

use evidence::Moment;
use evidence::bundle::Bundle;

use crate::lanes::DocumentProof;
use crate::ledger::LedgerProof;
use crate::requests::PeopleProof;
use crate::trust::TrustProof;

/// Everything that statements and approvals are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'a> {
    /// The bundle.
    pub bundle: &'a Bundle,
    /// Root, status and environment statement in force.
    pub trust: &'a TrustProof,
    /// Facts that the ledger proves.
    pub ledger: &'a LedgerProof,
    /// People, and what they did and asked for.
    pub people: &'a PeopleProof,
    /// Facts that the reports of steps prove.
    pub documents: &'a DocumentProof,
    /// The time of the judgement.
    pub now: Moment,
}
