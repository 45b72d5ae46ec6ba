//! The observations of a bundle, as the server collects them.
//!
//! Invariant: a policy that reads nothing gets nothing, and each kind comes from the place that its table says.

use std::collections::BTreeSet;

use domain::State;
use evidence::bundle::Lanes;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::policy_files::PolicyFiles;
use evidence::trust_root::TrustRoot;
use evidence::{Bytes, Digest, Place};

use crate::lanes::observations::{observations_of_itself, observations_that_apply, read_kinds};
use crate::lanes::parity::plan_to_compare;
use crate::store::{Store, Unavailable};

/// The newest observations of the environment directly before, and of the place itself.
pub struct Newest<'a> {
    pub state: &'a State,
    pub store: &'a dyn Store,
    pub place: &'a Place,
    pub policy: &'a PolicyFiles,
    pub root: Option<&'a TrustRoot>,
}

impl Newest<'_> {
    /// Carries those that the policy reads and that are about the release of an artifact there, and the plan that runs there if it
    /// reads that.
    pub fn about(
        &self,
        lanes: &mut Lanes,
        artifact: Digest,
        environments: &[Envelope],
        reports: &[Envelope],
    ) -> Result<(), Unavailable> {
        let plan = plan_to_compare(self.policy, self.root, self.place, (environments, reports));
        lanes.before_plan = plan.map(|plan| self.store.blob(&plan).map(Bytes)).transpose()?;
        let kinds = self.root.map(|root| read_kinds(self.policy, root.mode, self.place));
        let kinds = kinds.unwrap_or_default();
        let own: BTreeSet<_> = kinds.iter().copied().filter(|kind| kind.is_of_itself()).collect();
        let mut all = Vec::new();
        if let (false, Some(here)) = (own.is_empty(), environments.last()) {
            let here = Environment::read(here).map_err(Unavailable::of)?;
            let bytes = self.store.blob(&here.configuration)?;
            let configuration = Configuration::decode(&bytes).map_err(Unavailable::of)?;
            all.extend(observations_of_itself(&here, &configuration, &own, self.at(self.place)?));
        }
        if let [before, _] = environments {
            let before = Environment::read(before).map_err(Unavailable::of)?;
            let at = Place { environment: before.environment.clone(), ..self.place.clone() };
            let kinds = &kinds - &own;
            all.extend(observations_that_apply(artifact, reports, &before, &kinds, self.at(&at)?));
        }
        all.sort_by_key(Envelope::payload_digest);
        lanes.observations = all;
        Ok(())
    }

    fn at(&self, place: &Place) -> Result<Vec<Envelope>, Unavailable> {
        let newest: Vec<_> = self.state.observation.at(place).map(|known| known.facts.envelope).collect();
        let read = |digest: &Digest| Envelope::decode(&self.store.blob(digest)?).map_err(Unavailable::of);
        newest.iter().map(read).collect()
    }
}

/// Number of the entry of an observation in the environment directly before, or at the place itself.
pub fn entries_of_observation(state: &State, place: &Place, envelope: &Envelope) -> Option<u64> {
    let before = state.gate.environment(place)?.facts.after.clone();
    let before = before.map(|environment| Place { environment, ..place.clone() });
    let places = before.into_iter().chain([place.clone()]);
    let mut at = places.flat_map(|place| state.observation.at(&place).collect::<Vec<_>>());
    at.find(|known| known.facts.observation == envelope.payload_digest()).map(|known| known.entry)
}
