//! The facts of a loan, as the server reads them when a runner asks for the secrets of a step.
//!
//! Invariant: they follow from the ledger's bytes and the claim alone. A fact that is missing there lends nothing: the decision
//! (`domain::secret`) refuses it. Runners check the same grants themselves before they ask (`loans.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::State;
use domain::secret::{Lend, LendingStatement};
use evidence::dsse::Envelope;
use evidence::pipeline::{self, Pipeline};
use evidence::pool::Pool;
use evidence::receipt::Work;
use evidence::request::Request;
use evidence::secret_name::SecretName;
use evidence::source_pack::SourcePack;
use evidence::statements::Statement;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Id, Moment, Name};

use crate::requests::choice;
use crate::store::{Store, Unavailable};

/// A runner's claim for the secrets of its work.
#[derive(Clone, Debug)]
pub struct LoanClaim {
    /// The runner that signed the claim.
    pub runner: Name,
    /// Nonce of the work.
    pub nonce: Id,
    /// The secrets that it asks for.
    pub names: BTreeSet<SecretName>,
    /// Secrets that this runner was never lent before.
    pub first: BTreeSet<SecretName>,
    /// Whether the vault is open.
    pub is_open: bool,
}

/// The secrets that each step of a pipeline names.
pub type StepSecrets = BTreeMap<Name, BTreeSet<SecretName>>;
/// Gives the secrets of the pipeline in a source pack, for a project. Both never change, so callers may keep them.
pub type NamedSecrets<'a> = dyn Fn(&Digest, &Name) -> Result<Arc<StepSecrets>, Unavailable> + 'a;

/// Reads the facts of a loan.
///
/// # Errors
/// `Unavailable` when bytes of the ledger are unavailable.
pub fn lending(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    named: &NamedSecrets<'_>,
    claim: LoanClaim,
    moment: Moment,
) -> Result<Lend, Unavailable> {
    let LoanClaim { runner, nonce, names, first, is_open } = claim;
    let due = state.outstanding(&runner).find(|due| due.nonce == nonce).cloned();
    let mut lend = Lend {
        runner,
        nonce,
        work: None,
        names,
        named: BTreeSet::new(),
        at_ref: None,
        pool: Pool::Fork,
        grants: Vec::new(),
        first,
        is_open,
    };
    let Some(due) = due else { return Ok(lend) };
    let (Work::Step(step), Some(source)) = (due.work, state.source.of(due.run)) else { return Ok(lend) };
    lend.work = Some((due.run, step.clone()));
    lend.named = named(&source.facts.pack, &due.project)?.get(&step).cloned().unwrap_or_default();
    let request = envelope(store, &source.facts.request)?;
    let request = Request::read(&request).map_err(Unavailable::of)?;
    let (choice, _) = choice(&request).map_err(Unavailable::of)?;
    lend.pool = choice.trust(root);
    lend.at_ref = choice.at_ref;
    for known in state.statement.lending(&due.project, moment) {
        let signed = envelope(store, &known.facts.envelope)?;
        let statement = Arc::new(Statement::read(&signed).map_err(Unavailable::of)?);
        let Some(key) = signed.signatures().first().map(|signature| signature.keyid.clone()) else {
            continue;
        };
        lend.grants.push(LendingStatement { digest: known.facts.statement, key, statement });
    }
    Ok(lend)
}

/// The secrets that the pipeline of a commit gives each step. Every file of the pack was compared with the commit when it came.
///
/// # Errors
/// `Unavailable` when the pack or its pipeline cannot be read.
pub fn step_secrets(store: &dyn Store, pack: &Digest, project: &Name) -> Result<StepSecrets, Unavailable> {
    let pack = SourcePack::decode(&store.blob(pack)?).map_err(Unavailable::of)?;
    let Some(file) = pack.files.get(pipeline::PATH) else { return Ok(StepSecrets::new()) };
    let pipeline = Pipeline::parse(&file.0).map_err(Unavailable::of)?;
    let steps = pipeline.steps.iter().filter(|(_, step)| step.has_secrets());
    Ok(steps.map(|(name, step)| (name.clone(), step.secrets_in(project).into_values().collect())).collect())
}

fn envelope(store: &dyn Store, digest: &Digest) -> Result<Envelope, Unavailable> {
    Envelope::decode(&store.blob(digest)?).map_err(Unavailable::of)
}
