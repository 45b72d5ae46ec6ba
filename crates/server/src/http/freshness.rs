//! Views as new as the ledger, for handlers that read them.

use super::problem::Failure;
use crate::shared::Shared;

/// Brings the views up to date before they are read.
pub fn up_to_date(shared: &Shared) -> Result<(), Failure> {
    shared.gatekeeper.readers().with(|reader| shared.views.catch_up(reader).map_err(Failure::failed))
}
