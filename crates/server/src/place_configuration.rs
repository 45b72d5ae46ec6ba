//! The configuration of a place as its agents get it between releases.
//!
//! Invariant: the order is a pure function of the state and the blobs.

use domain::State;
use evidence::configuration_order::ConfigurationOrder;
use evidence::dsse::Envelope;
use evidence::{Bytes, Digest, Place};
use judge::Store as _;

use crate::edge::{EdgeError, Gatekeeper};

/// The newest environment statement of a place, with the configuration that it names; `None` if there is no statement.
///
/// # Errors
/// `EdgeError` if the evidence on disk cannot be read.
pub fn order(
    keeper: &Gatekeeper,
    state: &State,
    place: &Place,
) -> Result<Option<ConfigurationOrder>, EdgeError> {
    let store = keeper.store();
    let read = |digest: &Digest| {
        let bytes = store.blob(digest).map_err(failed)?;
        Envelope::decode(&bytes).map_err(failed)
    };
    let Some((environment, root)) = state.gate.environment(place).zip(state.identity.root()) else {
        return Ok(None);
    };
    Ok(Some(ConfigurationOrder {
        v: 1,
        installation: root.installation,
        place: place.clone(),
        roots: state.identity.roots().iter().map(read).collect::<Result<_, _>>()?,
        statement: read(&environment.facts.envelope)?,
        configuration: Bytes(store.blob(&environment.facts.configuration).map_err(failed)?),
    }))
}

fn failed(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Evidence(error.to_string())
}
