//! The parts of a bundle that the ledger must record, and the keys that count for them.
//!
//! Invariant: a revoked key counts only for records that witnesses saw before the revocation took effect. A record
//! without a proven entry counts as seen now.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::Bundle;
use evidence::dsse::{Envelope, EnvelopeError};
use evidence::environment::Environment;
use evidence::report::AgentReport;
use evidence::status::{Revocation, Status};
use evidence::trust_root::Machine;
use evidence::{Digest, Moment};

use crate::reasons::{NEW_BUNDLE, Reasons, one_reason};

/// Digests under which the ledger names its submissions, in the order of the bundle.
#[derive(Clone, Debug)]
pub struct Records {
    /// The source pack.
    pub pack: Digest,
    /// Receipts.
    pub receipts: Vec<Digest>,
    /// Receipts of checks in the environment before.
    pub checks: Vec<Digest>,
    /// Requests.
    pub requests: Vec<Digest>,
    /// Approvals and rejections.
    pub approvals: Vec<Digest>,
    /// Statements of people.
    pub statements: Vec<Digest>,
    /// The report of the environment before, if the artifact has to run there for a time.
    pub soaked: Option<Digest>,
    /// Observations of the agents of the environment before.
    pub observations: Vec<Digest>,
}

/// Digest of no record: a runner has no ledger, so everything counts as seen today.
pub const NOWHERE: Digest = Digest::from_bytes([0; 32]);

impl Records {
    /// The records of a bundle.
    pub fn of(bundle: &Bundle, environment: &Environment) -> Result<Self, Reasons> {
        let unsound =
            |error: &dyn std::fmt::Display| one_reason("evidence-unsound", error.to_string(), NEW_BUNDLE);
        let of = |envelope: &Envelope| envelope.encode().map(|bytes| Digest::of(&bytes));
        let all = |envelopes: &[Envelope]| -> Result<Vec<Digest>, Reasons> {
            let digests: Result<_, EnvelopeError> = envelopes.iter().map(of).collect();
            digests.map_err(|error| unsound(&error))
        };
        let before = environment.after.as_ref().filter(|_| environment.soak_ms.is_some());
        let is_before = |report: &&Envelope| {
            AgentReport::read(report).is_ok_and(|report| Some(&report.environment) == before)
        };
        let soaked = bundle.reports.iter().find(is_before).map(of).transpose();
        Ok(Self {
            soaked: soaked.map_err(|error| unsound(&error))?,
            pack: Digest::of(&bundle.source.encode().map_err(|error| unsound(&error))?),
            receipts: all(&bundle.receipts)?,
            checks: all(bundle.lanes.checks.as_ref().map_or(&[], |checks| checks.receipts.as_slice()))?,
            requests: all(&bundle.requests)?,
            approvals: all(&bundle.approvals)?,
            statements: all(&bundle.lanes.statements)?,
            observations: all(&bundle.lanes.observations)?,
        })
    }

    /// All digests. Each of them must be recorded.
    pub fn all(&self) -> BTreeSet<Digest> {
        let envelopes = self.receipts.iter().chain(&self.checks).chain(&self.requests).chain(&self.approvals);
        let envelopes = envelopes.chain(&self.statements).chain(&self.observations).chain([&self.pack]);
        envelopes.chain(&self.soaked).copied().collect()
    }
}

/// Revoked keys, and the records that they still count for.
#[derive(Clone, Debug)]
pub struct Revoked {
    keys: Vec<Revocation>,
    /// The time by which each record was certainly recorded; empty if no key is revoked.
    there: BTreeMap<Digest, Moment>,
}

impl Revoked {
    /// The revocations of a status at a moment.
    pub fn new(status: &Status, now: Moment, there: &BTreeMap<Digest, Moment>) -> Self {
        let keys: Vec<_> = status.revoked.iter().filter(|r| r.invalid_since <= now).cloned().collect();
        let there = if keys.is_empty() { BTreeMap::new() } else { there.clone() };
        Self { keys, there }
    }

    /// The same, and the former keys of machines, each from its end on.
    #[must_use]
    pub fn with_former<'a>(
        mut self,
        machines: impl IntoIterator<Item = &'a Machine>,
        now: Moment,
        there: &BTreeMap<Digest, Moment>,
    ) -> Self {
        self.keys.extend(ended(machines, now));
        if !self.keys.is_empty() {
            self.there.clone_from(there);
        }
        self
    }

    /// Whether the key that signed an envelope of a machine counts for the record with this digest.
    pub fn counts_signer(&self, envelope: &Envelope, record: &Digest) -> bool {
        envelope.signatures().iter().all(|signature| self.counts(&signature.keyid, record))
    }

    /// Whether a key counts for its signature on the record with this digest.
    pub fn counts(&self, key: &str, record: &Digest) -> bool {
        let there = self.there.get(record).copied().unwrap_or(Moment::LAST);
        self.keys.iter().filter(|r| r.key == key).all(|r| there < r.invalid_since)
    }
}

/// Former keys of machines that have ended, as revocations.
pub fn ended<'a>(
    machines: impl IntoIterator<Item = &'a Machine>,
    now: Moment,
) -> impl Iterator<Item = Revocation> {
    let former = machines.into_iter().filter_map(|machine| machine.former);
    let ended = former.filter(move |former| former.until <= now);
    ended.map(|former| Revocation { key: former.key.id().to_string(), invalid_since: former.until })
}
