//! A version of a secret of a place: sealed on this machine to the place's agents, and signed.
//!
//! Input: a value. Output: the sealed value, and a statement that names it. Invariant: the agents are those of the statement that
//! this program verified under the person's pin, so a server cannot name one of its choice. The value leaves this machine
//! sealed alone; nobody but these agents opens it, the person who put it included.

use std::collections::BTreeMap;

use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::seal::SealKey;
use evidence::statements::{Body, DeploySecret, Scope, SecretVersion};
use evidence::{Digest, Name, Place};
use tlog::Checkpoint;
use vault::SealedValue;
use wire::Client;

use super::{NewStatement, SeenTrust, Until, sign_under};
use crate::error::Error;
use crate::fetched::{checkpoint, walked};
use crate::pins;
use crate::profile::Profile;
use crate::random;
use crate::statements::statement_in;

/// The next version of a secret, before it is sealed.
#[derive(Clone, Debug)]
pub struct NextVersion {
    /// The place.
    pub place: Place,
    /// Name of the secret there.
    pub secret: Name,
    /// Number of the version.
    pub number: u32,
    /// Agents that can open it, with their seal keys.
    pub agents: Vec<(Name, SealKey)>,
    seen: SeenTrust,
}

/// A sealed version.
#[derive(Clone, Debug)]
pub struct SealedVersion {
    /// The signed statement.
    pub statement: Envelope,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

/// The next version of a secret of a place, with the agents of the place.
pub async fn next(
    profile: &Profile,
    client: &Client,
    place: &Place,
    secret: &Name,
) -> Result<NextVersion, Error> {
    let pin = pins::read(profile.installation)?.ok_or_else(crate::dossier::nothing_pinned)?;
    let chain = walked(client.roots().await?, &pin)?;
    let roots: Vec<_> = chain.into_iter().map(|(_, root)| root).collect();
    let root = roots.last().ok_or_else(|| crate::fetched::other_root(&pin))?;
    let places = client.places().await?;
    let view = places.iter().find(|view| view.place == *place).ok_or_else(|| {
        Error::unusable(format!("there is no place `{place}`; `countersign status` shows the places"))
    })?;
    let envelope = Envelope::decode(&client.blob(&view.envelope, ENVELOPE_BYTES_MAX).await?)?;
    let statement = statement_in(&envelope, place, root, Some(&pin))?;
    let mut agents = Vec::new();
    for agent in &statement.agents {
        let seal = agent.seal.ok_or_else(|| {
            Error::unusable(format!(
                "the statement of {place} gives {} no seal key, so nothing can be sealed to it: let its operator print its line with \
                 `countersign agent key`, and name it with `countersign trust environment {place} --agent LINE`",
                agent.name
            ))
        })?;
        agents.push((agent.name.clone(), seal));
    }
    let seen: Checkpoint = checkpoint(client, &roots, &pin).await?;
    let known = client.place_secrets(place).await?.numbers.get(secret).copied().unwrap_or_default();
    Ok(NextVersion {
        place: place.clone(),
        secret: secret.clone(),
        number: known.saturating_add(1),
        agents,
        seen: SeenTrust { installation: root.installation, root: root.version, checkpoint: seen.to_string() },
    })
}

impl NextVersion {
    /// The page that a person reads before the signature. It has no value.
    pub fn page(&self, bytes: usize, until: Until) -> String {
        let agents: String = self.agents.iter().map(|(name, seal)| format!("\n  {name}, {seal}")).collect();
        let Self { place, secret, number, .. } = self;
        format!(
            "put version {number} of secret {secret} of {place}, {}, until {} in UTC\nonly these agents can open it:{agents}",
            shown::many(bytes, "byte"),
            until.0
        )
    }

    /// Seals a value to the agents, and signs the statement about it.
    pub fn seal(
        &self,
        profile: &Profile,
        value: &[u8],
        until: Until,
        reason: String,
    ) -> Result<SealedVersion, Error> {
        let unusable = |error: &dyn std::fmt::Display| Error::unusable(error.to_string());
        let SeenTrust { installation, .. } = self.seen;
        let of = vault::SecretVersion::deploy(self.place.clone(), self.secret.clone(), self.number);
        let sealing = random::drawing(|draw| SealedValue::seal(installation, &of, value, draw))?;
        let (sealed, key) = sealing.map_err(|error| unusable(&error))?;
        let binding = sealed.binding(installation, None).map_err(|error| unusable(&error))?;
        let mut keys = BTreeMap::new();
        for (_, seal) in &self.agents {
            keys.insert(*seal, key.wrap(seal, &binding).map_err(|error| unusable(&error))?);
        }
        let sealed = sealed.encode().map_err(|error| unusable(&error))?;
        let value = Digest::of(&sealed);
        let body = SecretVersion { secret: self.secret.clone(), number: self.number, value, keys };
        let Place { project, service, environment } = self.place.clone();
        let new = NewStatement {
            scope: Scope { project, service: Some(service), environment: Some(environment) },
            subjects: vec![value],
            until,
            reason,
            body: Body::DeploySecret(DeploySecret(body)),
        };
        Ok(SealedVersion { statement: sign_under(profile, self.seen.clone(), new)?, sealed })
    }
}
