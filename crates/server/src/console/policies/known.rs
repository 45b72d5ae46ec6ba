//! A policy with its files, read for a gate input, and kept: neither of both ever changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::Digest;
use evidence::policy_files::PolicyFiles;
use judge::Store as _;

use crate::console::policy_reading::PolicyReading;
use crate::console::reading::Reading;
use crate::http::problem::Failure;
use review::policy_facts::PolicyFacts;

/// The policy of this digest, read for an input.
///
/// # Errors
/// `Failure` if its files are not stored.
pub fn known(at: &Reading<'_>, policy: Digest, input: &str) -> Result<Arc<PolicyReading>, Failure> {
    let key = (policy, Digest::of(input.as_bytes()));
    at.shared.pages.policies.or_make(key, || {
        let files = files(at, policy)?;
        let facts = PolicyFacts::of(&files, input).map_err(|error| error.to_string());
        Ok(PolicyReading { files, facts })
    })
}

fn files(at: &Reading<'_>, policy: Digest) -> Result<BTreeMap<String, String>, Failure> {
    let bytes = at.shared.gatekeeper.store().blob(&policy).map_err(Failure::failed)?;
    Ok(PolicyFiles::decode(&bytes).map_err(Failure::failed)?.files)
}
