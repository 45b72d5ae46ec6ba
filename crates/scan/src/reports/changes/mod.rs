//! Reports about changes of infrastructure.

pub(super) mod infracost;
pub(super) mod terraform_plan;
