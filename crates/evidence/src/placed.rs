//! The place of each signed format that holds its three names apart.
//!
//! Invariant: places are compared in one way, by what `place()` joins. Nothing imports this file.

use crate::place::Place;

/// Joins the three names that each of these formats holds.
macro_rules! places {
    ($($format:ty),* $(,)?) => {$(
        impl $format {
            /// The place that it is about.
            #[must_use]
            pub fn place(&self) -> Place {
                Place {
                    project: self.project.clone(),
                    service: self.service.clone(),
                    environment: self.environment.clone(),
                }
            }
        }
    )*};
}

places! {
    crate::approval::Approval,
    crate::bundle::Bundle,
    crate::environment::Environment,
    crate::pin::EnvironmentPin,
    crate::plan::Plan,
    crate::report::AgentReport,
    crate::rollback_order::RollbackOrder,
}
