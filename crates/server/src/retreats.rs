//! The order by which an agent goes back from a release that did not work at another agent of its place.
//!
//! Invariant: the order is a pure function of the state and the blobs.

use domain::State;
use domain::release::Retreat;
use evidence::dsse::Envelope;
use evidence::retreat_order::RetreatOrder;
use evidence::status::StatusFile;
use evidence::{Digest, Place};
use judge::Store as _;

use crate::edge::{EdgeError, Gatekeeper};

/// The order to go back, with the signed report and the observation that say why.
///
/// # Errors
/// `EdgeError` if the evidence on disk cannot be read.
pub fn order(
    keeper: &Gatekeeper,
    state: &State,
    place: &Place,
    retreat: &Retreat,
) -> Result<RetreatOrder, EdgeError> {
    let store = keeper.store();
    let read = |digest: &Digest| {
        let bytes = store.blob(digest).map_err(failed)?;
        Envelope::decode(&bytes).map_err(failed)
    };
    let environment = state.gate.environment(place).ok_or_else(|| failed("the place has no statement"))?;
    let status = state.identity.status().ok_or_else(|| failed("there is no valid status"))?;
    let mut bars = state.observation.bars(place).iter();
    let bar = bars.find(|bar| (bar.release, &bar.agent) == (retreat.release, &retreat.from));
    Ok(RetreatOrder {
        v: 1,
        place: place.clone(),
        release: retreat.release,
        roots: state.identity.roots().iter().map(read).collect::<Result<_, _>>()?,
        status: StatusFile::decode(&store.blob(&status.2).map_err(failed)?).map_err(failed)?,
        statement: read(&environment.facts.envelope)?,
        report: read(&retreat.report)?,
        observation: bar.map(|bar| read(&bar.envelope)).transpose()?,
    })
}

fn failed(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Evidence(error.to_string())
}
