//! Observations: what an agent measured at its own place, signed by its report key. Format: `docs/formats/observation.md`.
//!
//! Invariant: exactly one key signs one envelope of one form, whatever the kind. An observation stands in one chain with
//! the agent's reports, so that a withheld one leaves a gap. This module compares an observation with nothing but the
//! statement that names the agent's key: the caller does the rest.
//!
//! A new kind is one file here and a row in `table.rs`.

mod baseline;
mod drift;
mod form;
mod preview_removed;
mod rollout_verdict;
mod rules;
mod table;

pub use baseline::{BaselineMeasured, Difference};
pub use drift::{DriftDone, DriftFinding, DriftSeen, Drifted, FINDINGS_MAX, TEXT_BYTES_MAX};
pub use form::{BYTES_MAX, Observation, ObservationError, PAYLOAD_TYPE};
pub use preview_removed::{PreviewRemoved, RemovedBecause};
pub use rollout_verdict::{RolloutEnd, RolloutVerdict, VerdictOfStep};
pub use rules::About;
pub use table::{Body, ObservationKind};
