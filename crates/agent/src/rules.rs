//! The newest rules of the place that this agent has verified: trust roots, environment statement, policy and configuration. A
//! release that comes back is judged by them, also while the server is away.
//!
//! Invariant: the version of the newest root and the number of the statement only rise. The rules lie in a file beside the memory;
//! one that cannot be read counts as absent, and the next release or order brings them again.

use std::path::Path;

use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::configuration_order::ConfigurationOrder;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::policy_files::PolicyFiles;
use evidence::{Bytes, Digest};
use judge::NewestRules;
use serde::{Deserialize, Serialize};
use tracing::warn;

/// Verified rules of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownRules {
    v: u8,
    /// Trust roots from version 1 on.
    roots: Vec<Envelope>,
    /// The environment statement.
    statement: Envelope,
    /// The policy that it names; absent until the agent has got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyFiles>,
    /// The configuration that it names.
    configuration: Bytes,
}

impl KnownRules {
    /// The rules by which a bundle was judged; `None` if it has no statement.
    pub(crate) fn of(bundle: &Bundle) -> Option<Self> {
        Some(Self {
            v: 1,
            roots: bundle.roots.clone(),
            statement: bundle.environments.last()?.clone(),
            policy: Some(bundle.policy.clone()),
            configuration: bundle.configuration.clone(),
        })
    }

    /// The rules of an order that was checked. It has no policy.
    pub(crate) fn ordered(order: &ConfigurationOrder) -> Self {
        Self {
            v: 1,
            roots: order.roots.clone(),
            statement: order.statement.clone(),
            policy: None,
            configuration: order.configuration.clone(),
        }
    }

    /// Number of the statement; 0 if it cannot be read.
    pub(crate) fn number(&self) -> u64 {
        Environment::read(&self.statement).map_or(0, |statement| statement.number)
    }

    /// The bytes of the configuration.
    pub(crate) fn configuration(&self) -> &[u8] {
        &self.configuration.0
    }

    /// The trust roots.
    pub(crate) fn roots(&self) -> &[Envelope] {
        &self.roots
    }

    /// The rules as the judge takes them.
    pub(crate) const fn newest(&self) -> NewestRules<'_> {
        NewestRules {
            statement: &self.statement,
            policy: self.policy.as_ref(),
            configuration: self.configuration.0.as_slice(),
        }
    }

    fn policy_digest(&self) -> Option<Digest> {
        Environment::read(&self.statement).ok().map(|statement| statement.policy)
    }
}

/// The newest rules, if any were verified.
#[derive(Clone, Debug, Default)]
pub struct NewestKnown(Option<KnownRules>);

impl NewestKnown {
    /// Reads the file in an agent's directory.
    pub fn read(dir: &Path) -> Self {
        let path = dir.join(RULES_FILE);
        let read = match disk::read_bounded(&path, BYTES_MAX as u64) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::default(),
            read => read.ok().and_then(|(bytes, _)| serde_json::from_slice::<KnownRules>(&bytes).ok()),
        };
        let read = read.filter(|rules| rules.v == 1);
        if read.is_none() {
            warn!("`{}` cannot be read; the next release or order brings it again", path.display());
        }
        Self(read)
    }

    /// The newest rules.
    pub const fn rules(&self) -> Option<&KnownRules> {
        self.0.as_ref()
    }

    /// Takes verified rules, as far as they are newer than what is known.
    pub fn take(&mut self, dir: &Path, mut new: KnownRules) {
        if let Some(known) = &self.0 {
            if known.roots.len() > new.roots.len() {
                new.roots.clone_from(&known.roots);
            }
            if known.number() > new.number() {
                new = KnownRules { roots: new.roots, ..known.clone() };
            } else if new.policy.is_none() && known.policy_digest() == new.policy_digest() {
                new.policy.clone_from(&known.policy);
            }
            if *known == new {
                return;
            }
        }
        self.store(dir, new);
    }

    /// Takes verified trust roots, if there are more of them.
    pub fn take_roots(&mut self, dir: &Path, roots: &[Envelope]) {
        if let Some(known) = self.0.as_ref().filter(|known| known.roots.len() < roots.len()) {
            let new = KnownRules { roots: roots.to_vec(), ..known.clone() };
            self.store(dir, new);
        }
    }

    /// Digest of the policy that is missing.
    pub fn missing_policy(&self) -> Option<Digest> {
        self.0.as_ref().filter(|known| known.policy.is_none()).and_then(KnownRules::policy_digest)
    }

    /// Takes the missing policy. Any other one changes nothing.
    pub fn take_policy(&mut self, dir: &Path, policy: PolicyFiles) {
        let missing = self.missing_policy();
        if let Some(known) = self.0.as_ref().filter(|_| missing.is_some() && policy.digest().ok() == missing)
        {
            let new = KnownRules { policy: Some(policy), ..known.clone() };
            self.store(dir, new);
        }
    }

    fn store(&mut self, dir: &Path, new: KnownRules) {
        let written = serde_json::to_vec(&new).map_err(std::io::Error::other);
        let written = written.and_then(|text| {
            disk::replace("agent.rules", &dir.join(RULES_FILE), &text, 0o600).map_err(std::io::Error::other)
        });
        // They hold from now on; a start asks for them again.
        if let Err(error) = written {
            warn!("the newest rules of the place cannot be stored: {error}");
        }
        self.0 = Some(new);
    }
}

/// Name of the file in an agent's directory.
pub const RULES_FILE: &str = "rules.json";
