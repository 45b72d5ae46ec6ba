//! The server's planner: derives the plan of the wanted artifact at a place, and summarises its build.
//!
//! Invariant: the result is a pure function of state and blobs, so that replay plans the same again.

use evidence::Place;

use domain::{Command, State, release};
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::plan::{Destination, Plan};
use evidence::preview::at_slot;
use evidence::provenance::provenance;
use evidence::receipt::Receipt;
use evidence::release_file::{self, ReleaseFile};
use evidence::source_pack::SourcePack;
use evidence::trust_root::TrustRoot;

use crate::store::{Store, Unavailable};

/// A planned proposal, not yet signed.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The place.
    pub place: Place,
    /// The artifact that is wanted.
    pub artifact: evidence::Digest,
    /// Number of the environment statement.
    pub statement: u64,
    /// Plan and unsigned provenance, or the code of the reason why no plan could be derived.
    pub made: Result<(Plan, Envelope), String>,
}

/// Plans the wanted artifact at a place. `None` if no artifact is wanted, or the place is not free.
///
/// # Errors
/// `Unavailable` when bytes of the ledger are unavailable.
pub fn plan(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    place: &Place,
) -> Result<Option<Planned>, Unavailable> {
    let standing = state.release.at(place).filter(|standing| standing.is_free());
    let Some(wanted) = standing.and_then(|standing| standing.wanted.as_ref()) else { return Ok(None) };
    let (Some(environment), Some(artifact)) =
        (state.gate.environment(place), state.artifact.get(wanted.run, &wanted.artifact))
    else {
        return Ok(None);
    };
    let Some(source) = state.source.of(artifact.facts.run) else { return Ok(None) };
    let pack = SourcePack::decode(&store.blob(&source.facts.pack)?).map_err(Unavailable::of)?;
    let configuration = store.blob(&environment.facts.configuration)?;
    let mut receipts = Vec::new();
    for digest in &artifact.facts.receipts {
        let envelope = Envelope::decode(&store.blob(digest)?).map_err(Unavailable::of)?;
        let receipt = Receipt::open(&envelope, root).map_err(Unavailable::of)?;
        receipts.push((envelope.payload_digest(), receipt));
    }
    receipts.sort_by_key(|(digest, _)| *digest);
    let slot = environment.facts.preview.as_ref().map(|preview| preview.slot);
    let to = (place, slot, &artifact.facts.commit);
    let made = derive(root, to, &pack, &configuration).and_then(|plan| {
        let summary = provenance(&artifact.facts.name, &artifact.facts.manifest, &receipts);
        summary.map(|summary| (plan, summary)).map_err(|_| "provenance-unsound".to_owned())
    });
    let statement = environment.facts.number;
    Ok(Some(Planned { place: place.clone(), artifact: wanted.artifact, statement, made }))
}

impl Planned {
    /// The command, once plan and signed provenance are durable under these digests.
    #[must_use]
    pub fn command(&self, made: Result<(evidence::Digest, evidence::Digest), String>) -> Command {
        Command::Propose(release::Propose {
            place: self.place.clone(),
            artifact: self.artifact,
            statement: self.statement,
            plan: made,
        })
    }
}

fn derive(
    root: &TrustRoot,
    (place, slot, commit): (&Place, Option<u32>, &evidence::CommitId),
    pack: &SourcePack,
    configuration: &[u8],
) -> Result<Plan, String> {
    let file = pack.files.get(release_file::PATH).ok_or("release-file-missing")?;
    let file = ReleaseFile::parse(&file.0).map_err(|_| "release-file-unsound")?;
    let configuration = Configuration::decode(configuration).map_err(|_| "configuration-unsound")?;
    let to = Destination {
        installation: root.installation,
        project: &place.project,
        service: &place.service,
        environment: &place.environment,
        commit,
    };
    let plan = Plan::derive(&to, &file, &configuration);
    let plan = plan.and_then(|plan| at_slot(plan, slot.unwrap_or_default()));
    plan.map_err(|_| "plan-underivable".into())
}
