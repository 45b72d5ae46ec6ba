//! The plan of `apply`: every difference, and the statements that end it, in an order in which each one is valid: root, status,
//! people, places with the first environments first, statements.
//!
//! Input: what files declare and what is in force. Invariant: nothing that is in force and in no file changes, unless it is to be
//! pruned; a plan for what is in force already has no step.

mod people;
mod places;
mod statements;
mod status;
mod trust;

use super::declaration::{Declared, Part};
use super::fault::Faults;
use super::in_force::InForce;
use super::leaves::Leaves;
use super::values::Handles;
use crate::error::Error;

pub use super::step::{PlaceDraft, Plan, StatusStep, Step, Way};

/// The declared values of a place with digests and full lines, as they are compared; `None` for other parts and at a fault.
#[must_use]
pub fn resolved_values(declared: &Declared, in_force: &InForce, part: &Part) -> Option<Leaves> {
    match part {
        Part::Place(place) => places::compared(declared, in_force, place),
        Part::Trust => declared.trust.as_ref().map(|leaves| trust::resolved(leaves, &in_force.root)),
        _ => None,
    }
}

impl Plan {
    /// Makes the plan.
    ///
    /// # Errors
    /// `Error` with every fault that shows only beside what is in force.
    pub fn make(declared: &Declared, in_force: &InForce, way: Way) -> Result<Self, Error> {
        let mut plan = Self::default();
        let mut faults = Faults::default();
        let handles = Handles::of(Some(declared), in_force);
        trust::plan(declared, in_force, &handles, way, &mut plan, &mut faults)?;
        let mut withdrawn = Vec::new();
        let enrolments =
            people::plan(declared, in_force, &handles, way, &mut plan, &mut withdrawn, &mut faults);
        let stated = statements::plan(declared, in_force, way, &mut plan, &mut withdrawn);
        status::plan(declared, in_force, way, withdrawn, &mut plan);
        plan.steps.extend(enrolments);
        places::plan(declared, in_force, way, &mut plan, &mut faults)?;
        plan.steps.extend(stated);
        faults.end().map(|()| plan)
    }

    /// Whether something differs.
    #[must_use]
    pub const fn differs(&self) -> bool {
        !self.rows.is_empty()
    }
}
