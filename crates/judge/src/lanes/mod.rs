//! Lanes: the ways by which facts of one sort come in, each proven in one place whatever their kind.
//!
//! `documents` proves the reports of steps and checks; `checks` proves the checks of the release in the environment
//! before; `observations` what its agents measured there; `parity` the plan that runs there; `statements` the statements of people. Invariant: kinds are decoded and joined by their own files in
//! `evidence`; everything about lanes that refuses a bundle is here.

pub mod checks;
mod documents;
pub mod observations;
pub mod parity;
mod proven;
mod statements;

pub use documents::{
    BYTES_MAX as DOCUMENTS_BYTES_MAX, DocumentProof, documents_read, needed_documents, prove,
};
pub use proven::ProvenReport;
pub use statements::{
    ProvenStatement, counting, outgrown, prove_statements, retain_concerning, settling_finding,
    settling_test, sizes, statements_that_apply,
};

use checks::CheckProof;
use observations::ObservationProof;
use parity::ParityProof;

/// Facts that came by the lanes.
#[derive(Clone, Debug)]
pub struct LanesProof {
    /// Facts that checks of the release in the environment before prove.
    pub checks: CheckProof,
    /// Facts that the reports of steps prove.
    pub documents: DocumentProof,
    /// Facts that agents of the environment before measured.
    pub observed: ObservationProof,
    /// How what runs in the environment before differs, if that was compared.
    pub parity: Option<ParityProof>,
    /// Statements of people.
    pub statements: Vec<ProvenStatement>,
}
