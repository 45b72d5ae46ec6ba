//! The question to a policy that comes before all others: which reports it reads.
//!
//! Invariant: the answer depends on the mode and the place alone. So the server finds it before anything is
//! proven, and every judge finds the same.

use evidence::Name;
use evidence::Place;
use evidence::canonical::{self, CanonicalError};
use evidence::policy_files::PolicyFiles;
use evidence::trust_root::Mode;
use policy::{Budget, Gate};
use serde::Serialize;

/// Compiles a policy.
pub fn compile(files: &PolicyFiles) -> Result<Gate, UnusablePolicy> {
    Ok(Gate::compile(&policy::Bundle::new(files.files.clone())?)?)
}

/// Why a policy cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum UnusablePolicy {
    /// Its files are no policy.
    #[error(transparent)]
    Bundle(#[from] policy::BundleError),
    /// It does not compile.
    #[error(transparent)]
    Gate(#[from] policy::GateError),
}

/// Encodes the part of the input that the `reads` of a policy may depend on.
///
/// # Errors
/// `CanonicalError` when it cannot be encoded.
pub fn reads_input(mode: Mode, place: &Place) -> Result<String, CanonicalError> {
    let place =
        ReadsPlace { project: &place.project, service: &place.service, environment: &place.environment };
    let bytes = canonical::encode("gate input", &ReadsInput { v: 1, mode, place })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The budgets of findings that a policy has for places, in their order: for people. `None` for a policy that has none or cannot be
/// asked.
#[must_use]
pub fn budgets_of(files: &PolicyFiles, mode: Mode, places: &[&Place]) -> Vec<Option<Budget>> {
    let gate = compile(files).ok();
    let budget = |place: &&Place| gate.as_ref()?.budget(&reads_input(mode, place).ok()?);
    places.iter().map(budget).collect()
}

/// The number of runners that a policy asks for in a place, in its own number and in the reports that it reads. `None` if
/// the policy does not say one.
pub fn runners_needed(files: &PolicyFiles, mode: Mode, place: &Place) -> Option<u32> {
    let gate = compile(files).ok()?;
    let input = reads_input(mode, place).ok()?;
    let needed = gate.runners_needed(&input)?;
    let reads = gate.reads(&input).ok()?;
    Some(reads.iter().map(|read| read.runners).max().unwrap_or(0).max(needed))
}

/// Whether a policy reads how what runs in the environment before differs. One that cannot be compiled reads nothing.
#[must_use]
pub fn compares(files: &PolicyFiles, mode: Mode, place: &Place) -> bool {
    let compares = compile(files).ok().and_then(|gate| gate.compares(&reads_input(mode, place).ok()?).ok());
    compares.unwrap_or(false)
}

#[derive(Serialize)]
struct ReadsInput<'a> {
    v: u8,
    mode: Mode,
    place: ReadsPlace<'a>,
}

#[derive(Serialize)]
struct ReadsPlace<'a> {
    project: &'a Name,
    service: &'a Name,
    environment: &'a Name,
}
