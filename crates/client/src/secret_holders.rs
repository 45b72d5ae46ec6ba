//! The holders of a secret, as verified statements say it: grants, and the agents that can open a version at a place.
//!
//! Input: the name of a secret. Output: what people signed, verified under the person's pin with the enrolments that a registrar
//! signed. Invariant: a statement that nobody signed is an error, never a line. A server can withhold statements, not invent them.

use std::collections::{BTreeMap, BTreeSet};

use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::pin::Pin;
use evidence::secret_name::SecretName;
use evidence::statements::{Body, GrantedSecret, Statement};
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use evidence::{Name, Place};
use judge::{KnownGrant, VerificationContext, check_secrets, known_grants, recipients};
use wire::Client;

use crate::clock;
use crate::dossier::nothing_pinned;
use crate::error::Error;
use crate::fetched::{enrolment, other_root, status_file, walked};
use crate::pins;
use crate::profile::Profile;
use crate::statements::{statement_in, status_in};

/// A version of a secret of a place, in force.
#[derive(Clone, Debug)]
pub struct KnownVersion {
    /// Its number.
    pub number: u32,
    /// Agents that can open it.
    pub agents: Vec<Name>,
    /// A sentence for each agent that cannot, and for each key of nobody.
    pub faults: Vec<String>,
}

/// The grants of a build secret.
///
/// # Errors
/// `Error` if there is no answer, or the server shows a grant that nobody signed.
pub async fn of_step(
    profile: &Profile,
    client: &Client,
    secret: &SecretName,
) -> Result<Vec<KnownGrant>, Error> {
    let own = GrantedSecret::Build(secret.clone());
    let under = Under::now(profile, client).await?;
    let grants = under.grants(client, secret.project()).await?;
    Ok(grants.into_iter().filter(|grant| grants_secret(&grant.statement, &own)).collect())
}

/// The grants of a secret of a place, and who can open its version.
///
/// # Errors
/// `Error` if there is no answer, or the server shows what nobody signed.
pub async fn of_place(
    profile: &Profile,
    client: &Client,
    place: &Place,
    secret: &Name,
) -> Result<(Vec<KnownGrant>, Option<KnownVersion>), Error> {
    let own = GrantedSecret::Deploy(secret.clone());
    let under = Under::now(profile, client).await?;
    let mut grants = under.grants(client, &place.project).await?;
    grants.retain(|grant| grants_secret(&grant.statement, &own) && grant.statement.scope.covers(place));
    Ok((grants, under.version(client, place, secret).await?))
}

fn grants_secret(statement: &Statement, secret: &GrantedSecret) -> bool {
    matches!(&statement.body, Body::Grant(grant) if grant.secret == *secret)
}

/// Root and status under which statements count.
struct Under {
    pin: Pin,
    root: TrustRoot,
    status: Status,
}

impl Under {
    async fn now(profile: &Profile, client: &Client) -> Result<Self, Error> {
        let pin = pins::read(profile.installation)?.ok_or_else(nothing_pinned)?;
        let (_, root) = walked(client.roots().await?, &pin)?.pop().ok_or_else(|| other_root(&pin))?;
        let status = status_in(&status_file(client).await?, &root, Some(&pin))?;
        Ok(Self { pin, root, status })
    }

    async fn grants(&self, client: &Client, project: &Name) -> Result<Vec<KnownGrant>, Error> {
        let shown = client.secret_grants(project).await?;
        let statements: Vec<_> = shown.into_iter().map(|signed| signed.statement).collect();
        let mut signers = BTreeSet::new();
        for envelope in &statements {
            let read = Statement::read(envelope);
            let statement = read.map_err(|error| {
                Error::unusable(format!("the server sent a grant that cannot be read: {error}"))
            })?;
            signers.insert(statement.person);
        }
        let mut enrolments: BTreeMap<_, Envelope> = BTreeMap::new();
        for person in client.installation().await?.people {
            if signers.contains(&person.person.id()) {
                let (envelope, _) = enrolment(client, &person.enrolment).await?;
                enrolments.insert(envelope.payload_digest(), envelope);
            }
        }
        let enrolments: Vec<_> = enrolments.into_values().collect();
        let under = (&self.root, &self.status);
        let known = known_grants(&statements, &enrolments, under, project, clock::now()?);
        known.map_err(|reasons| {
            Error::unusable(format!("the server shows a grant that does not hold: {reasons}"))
        })
    }

    async fn version(
        &self,
        client: &Client,
        place: &Place,
        secret: &Name,
    ) -> Result<Option<KnownVersion>, Error> {
        let order = client.place_secrets(place).await?;
        let anchors =
            judge::Anchors { version: self.pin.root_version, digest: self.pin.root, rehearsal: true };
        let seen = VerificationContext {
            root: self.root.version,
            status: self.status.number,
            ..VerificationContext::default()
        };
        let checked = check_secrets(&order, &anchors, &seen, clock::now()?);
        let checked = checked.map_err(|reasons| {
            Error::unusable(format!("the server shows secrets of {place} that do not hold: {reasons}"))
        })?;
        let Some(version) = checked.put.into_iter().find(|version| version.secret == *secret) else {
            return Ok(None);
        };
        let places = client.places().await?;
        let view = places.iter().find(|view| view.place == *place).ok_or_else(|| {
            Error::unusable(format!("there is no place `{place}`; `countersign status` shows the places"))
        })?;
        let envelope = Envelope::decode(&client.blob(&view.envelope, ENVELOPE_BYTES_MAX).await?)?;
        let environment = statement_in(&envelope, place, &self.root, Some(&self.pin))?;
        let opens = environment
            .agents
            .iter()
            .filter(|agent| agent.seal.is_some_and(|seal| version.keys.contains_key(&seal)));
        let agents = opens.map(|agent| agent.name.clone()).collect();
        let faults = recipients(&version, &environment).into_iter().map(|(_, what)| what).collect();
        Ok(Some(KnownVersion { number: version.number, agents, faults }))
    }
}
