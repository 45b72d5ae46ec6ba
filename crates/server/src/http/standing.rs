//! Whether a machine whose request waits is still named.
//!
//! Invariant: a request that waits for work is answered as if it came now: a machine that people removed meanwhile gets
//! nothing more. Its claim is verified again only if root or statement changed, since most changes are other ones.

use std::sync::{Arc, Mutex, PoisonError};

use domain::State;
use evidence::claim::ClaimedOperation;
use evidence::dsse::Envelope;
use evidence::{Digest, Moment, Name, Place};

use super::problem::Failure;
use super::requester::blocking;
use crate::clock;
use crate::edge::EdgeError;
use crate::shared::Shared;

/// A machine's claim, and the statements under which it was verified last.
#[derive(Debug)]
pub struct Standing {
    claim: Envelope,
    asked: ClaimedOperation,
    /// The place of an agent; `None` for a runner.
    place: Option<Place>,
    /// When the claim came. It counts for minutes, and nothing waits for as long.
    came: Moment,
    named_by: Mutex<Option<NamedBy>>,
}

/// Envelopes of the trust root and of the place's statement.
type NamedBy = (Option<Digest>, Option<Digest>);

impl Standing {
    /// The claim of a machine, which is not verified yet.
    pub fn of(claim: Envelope, asked: ClaimedOperation, place: Option<Place>) -> Arc<Self> {
        Arc::new(Self { claim, asked, place, came: clock::now(), named_by: Mutex::default() })
    }

    /// The machine, verified for the first time; with the name that a wrong claim of a runner gives.
    pub async fn verified(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<Name, (Option<Name>, Failure)> {
        let (standing, at) = (Arc::clone(self), Arc::clone(shared));
        let verified = blocking(move || Ok(standing.named(&at, &at.intake.state())));
        match verified.await {
            Ok(named) => named.map_err(|(name, error)| (name, error.into())),
            Err(failure) => Err((None, failure)),
        }
    }

    /// Fails if root or statement changed and no longer name the machine.
    ///
    /// # Errors
    /// `Failure` with the reason.
    pub fn still(&self, shared: &Shared, state: &State) -> Result<(), Failure> {
        let known = *self.named_by.lock().unwrap_or_else(PoisonError::into_inner);
        match known == Some(self.statements(state)) {
            true => Ok(()),
            false => self.named(shared, state).map(drop).map_err(|(_, error)| error.into()),
        }
    }

    fn named(&self, shared: &Shared, state: &State) -> Result<Name, (Option<Name>, EdgeError)> {
        let (keeper, claim, asked) = (&shared.gatekeeper, &self.claim, &self.asked);
        let name = match &self.place {
            None => keeper.runner(state, claim, asked, self.came),
            Some(place) => keeper.agent(state, place, claim, asked, self.came).map_err(|error| (None, error)),
        }?;
        *self.named_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.statements(state));
        Ok(name)
    }

    fn statements(&self, state: &State) -> NamedBy {
        let statement = self.place.as_ref().and_then(|place| state.gate.environment(place));
        (state.identity.root().map(|root| root.envelope), statement.map(|set| set.facts.envelope))
    }
}
