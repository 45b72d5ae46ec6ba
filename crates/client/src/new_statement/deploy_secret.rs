//! A version of a secret of a place: sealed on this machine to the place's agents, and signed.
//!
//! Input: a value. Output: the sealed value, and a statement that names it. Invariant: the agents are those of the statement that
//! this program verified under the person's pin, so a server cannot name one of its choice, nor show an older statement than the
//! person has sealed to before, which may name an agent that people removed since. The value leaves this machine
//! sealed alone; nobody but these agents opens it, the person who put it included.

use std::collections::BTreeMap;

use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::environment::Environment;
use evidence::pin::EnvironmentPin;
use evidence::seal::SealKey;
use evidence::secrets_order::SecretsOrder;
use evidence::statements::{Body, DeploySecret, Scope, SecretVersion, Statement};
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
    pins::raise(&pin, |pin| pin.environments = seen(&statement).beside(&pin.environments))?;
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
    let order = client.place_secrets(place).await?;
    Ok(NextVersion {
        place: place.clone(),
        secret: secret.clone(),
        number: after(order.numbers.get(secret).copied().unwrap_or_default(), shown(&order, secret), secret)?,
        agents,
        seen: SeenTrust { installation: root.installation, root: root.version, checkpoint: seen.to_string() },
    })
}

/// The numbers of a place as a person pins them.
fn seen(statement: &Environment) -> EnvironmentPin {
    EnvironmentPin {
        project: statement.project.clone(),
        service: statement.service.clone(),
        environment: statement.environment.clone(),
        number: statement.number,
        release: 0,
    }
}

/// The highest number of a secret of which the order shows a statement; 0 if it shows none.
fn shown(order: &SecretsOrder, secret: &Name) -> u32 {
    let read = order.statements.iter().filter_map(|envelope| Statement::read(envelope).ok());
    let numbers = read.filter_map(|one| one.secret().filter(|of| of.secret == *secret).map(|of| of.number));
    numbers.max().unwrap_or_default()
}

/// The number of the next version. Agents never go back to a lower one, so a number that leaves no room for later ones would be the
/// end of the secret.
fn after(known: u32, shown: u32, secret: &Name) -> Result<u32, Error> {
    let known = known.max(shown);
    let next = known.checked_add(1).filter(|next| next.saturating_sub(shown) <= LEAP_MAX);
    next.ok_or_else(|| {
        Error::unusable(format!(
            "the server says that version {known} of {secret} was put, and shows none above {shown}: a number is used once, so \
             few would be left; clarify this before you sign anything, or take another name"
        ))
    })
}

/// Most versions in a row that do not count any more.
const LEAP_MAX: u32 = 1_000;

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

#[cfg(test)]
mod tests {
    use lab::Lab;

    use super::*;

    #[test]
    fn attack_a_server_that_uses_up_the_numbers_of_a_secret() {
        let secret = "database".parse().unwrap();
        let next = |known, shown| after(known, shown, &secret).map_err(|error| error.to_string());
        assert_eq!(next(0, 0), Ok(1));
        assert_eq!(next(7, 7), Ok(8));
        assert_eq!(next(6, 7), Ok(8), "the number that is shown counts");
        assert_eq!(next(9, 7), Ok(10), "later ones were withdrawn");
        for known in [1_007, u32::MAX - 1, u32::MAX] {
            let said = next(known, 7).unwrap_err();
            assert!(
                said.starts_with(&format!("the server says that version {known} of database was put")),
                "{said}"
            );
        }
        assert_eq!(next(1_006, 7), Ok(1_007));
    }

    /// The older statement names an agent that people removed since: its disk may be in wrong hands.
    #[test]
    fn attack_an_older_statement_after_a_version_was_put() {
        let lab = Lab::default();
        let place: Place = "shop/api/production".parse().unwrap();
        let older = lab.environment("production", &lab.base());
        let newer = Environment { number: 2, ..older.clone() };
        let [older, newer] = [older, newer].map(|statement| lab.signed_environment(&statement, &[0, 1]));
        let (pin, root) = (lab.pin(), lab.root());
        let read =
            |envelope: &Envelope, pin: &evidence::pin::Pin| statement_in(envelope, &place, &root, Some(pin));
        let pin = evidence::pin::Pin { environments: Vec::new(), ..pin };
        assert!(read(&older, &pin).is_ok(), "the person has seen no newer one");
        let environments = seen(&read(&newer, &pin).unwrap()).beside(&pin.environments);
        let pin = evidence::pin::Pin { environments, ..pin };
        assert!(read(&newer, &pin).is_ok());
        let said = read(&older, &pin).unwrap_err().to_string();
        assert!(said.contains("number 1, and you have seen 2"), "{said}");
    }
}
