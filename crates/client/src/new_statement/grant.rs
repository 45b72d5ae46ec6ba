//! The grant of a secret: its content, the page that a person reads before they sign, and the trust that the statement names.
//!
//! Input: what a person typed, and roots and checkpoint that the server shows. Output: a statement to sign. Invariant: roots are
//! walked from the pinned one, and the checkpoint continues the pinned one; no value of a secret is near.

use std::collections::BTreeSet;

use evidence::Name;
use evidence::Place;
use evidence::git::RefPattern;
use evidence::pool::Pool;
use evidence::statements::{Borrower, GrantedSecret, Hours, Scope, SecretGrant, StoreSource};
use wire::Client;

use super::{SeenTrust, Until};
use crate::dossier::nothing_pinned;
use crate::error::Error;
use crate::fetched;
use crate::pins;
use crate::profile::Profile;

/// The receiver, as people type it.
#[derive(Clone, Debug)]
pub enum To {
    /// A step of the secret's project.
    Step(Name),
    /// A service at a place.
    Service(Place),
}

/// Bounds of a grant, as people type them.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Refs.
    pub refs: Vec<RefPattern>,
    /// Pools.
    pub pools: Vec<Pool>,
    /// Destinations.
    pub network: Vec<String>,
    /// Hours.
    pub hours: Option<Hours>,
    /// The store that has the value.
    pub from: Option<StoreSource>,
}

/// The scope and content of a grant.
///
/// # Errors
/// `Error` when the secret is not of the sort that the receiver can get.
pub fn body(secret: GrantedSecret, to: &To, bounds: Bounds) -> Result<(Scope, SecretGrant), Error> {
    let (scope, to) = match (to, &secret) {
        (To::Step(step), GrantedSecret::Build(name)) => {
            let scope = Scope { project: name.project().clone(), service: None, environment: None };
            (scope, Borrower::Step(step.clone()))
        }
        (To::Service(place), GrantedSecret::Deploy(_)) => {
            let Place { project, service, environment } = place.clone();
            let to = Borrower::Service(service.clone());
            (Scope { project, service: Some(service), environment: Some(environment) }, to)
        }
        (To::Step(_), GrantedSecret::Deploy(name)) => {
            return Err(Error::unusable(format!(
                "a step gets a build secret, PROJECT/PATH, and `{name}` has no project"
            )));
        }
        (To::Service(_), GrantedSecret::Build(name)) => {
            return Err(Error::unusable(format!(
                "a service gets a deploy secret, named at its place, and `{name}` is a build secret"
            )));
        }
    };
    let network: BTreeSet<String> = bounds.network.into_iter().map(|to| to.to_ascii_lowercase()).collect();
    let (refs, pools) = (bounds.refs.into_iter().collect(), bounds.pools.into_iter().collect());
    Ok((scope, SecretGrant { secret, to, refs, pools, network, hours: bounds.hours, from: bounds.from }))
}

/// The page that a person reads before the signature.
#[must_use]
pub fn page(grant: &SecretGrant, scope: &Scope, until: Until) -> String {
    let to = match &grant.to {
        Borrower::Step(step) => format!("step {step} of {}", scope.project),
        Borrower::Service(service) => format!("service {service} in {scope}"),
    };
    let mut lines = vec![format!("grant secret {} to {to}, until {} in UTC", grant.secret, until.0)];
    let listed = |all: Vec<String>| shown::line(&all.join(", "));
    if matches!(grant.to, Borrower::Step(_)) {
        lines.push(format!("  on {}", listed(grant.refs.iter().map(ToString::to_string).collect())));
        lines.push(format!("  in pool {}", listed(grant.pools.iter().map(ToString::to_string).collect())));
        let reach = match grant.network.is_empty() {
            true => "nothing".to_owned(),
            false => listed(grant.network.iter().cloned().collect()),
        };
        lines.push(format!("  while it holds the secret, it reaches {reach}"));
    }
    lines.extend(grant.hours.as_ref().map(|hours| format!("  only {hours}")));
    lines.extend(grant.from.as_ref().map(|from| {
        let user =
            if from.is_database() { "a user of a database, made for this step alone" } else { "its value" };
        format!("  {user}, from {from}, where the operator of its machine lets it read")
    }));
    lines.push("  people who change its commands can use the secret, and take it".into());
    lines.join("\n")
}

/// The trust that a statement about no release names, verified under the person's pin.
///
/// # Errors
/// `Error` when nothing is pinned, or the server shows another installation.
pub async fn seen(profile: &Profile, client: &Client) -> Result<SeenTrust, Error> {
    let pin = pins::read(profile.installation)?.ok_or_else(nothing_pinned)?;
    let roots: Vec<_> = fetched::roots(client, &pin).await?.into_iter().map(|(_, root)| root).collect();
    let checkpoint = fetched::checkpoint(client, &roots, &pin).await?.to_string();
    let root = roots.last().map_or(pin.root_version, |root| root.version);
    Ok(SeenTrust { installation: pin.installation, root, checkpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_granted_to_what_can_get_it() {
        let (step, place) = ("publish".parse().unwrap(), "shop/api/production".parse().unwrap());
        let (step, service) = (To::Step(step), To::Service(place));
        let scope = |secret: &str, to: &To| {
            let made = body(secret.parse().unwrap(), to, Bounds::default());
            made.map(|(scope, _)| scope.to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(scope("shop/registry/token", &step), Ok("shop/*/*".into()));
        assert_eq!(scope("database", &service), Ok("shop/api/production".into()));
        assert_eq!(
            scope("database", &step),
            Err("a step gets a build secret, PROJECT/PATH, and `database` has no project".into())
        );
        assert_eq!(
            scope("shop/registry/token", &service),
            Err("a service gets a deploy secret, named at its place, and `shop/registry/token` is a build secret".into())
        );
    }

    #[test]
    fn people_read_every_bound() {
        let bounds = Bounds {
            refs: vec!["refs/heads/main".parse().unwrap(), "refs/tags/v*".parse().unwrap()],
            pools: vec![Pool::Protected],
            network: vec!["Registry.example:443".into()],
            hours: Some("mon-fri 08:00-18:00".parse().unwrap()),
            from: None,
        };
        let (secret, until): (GrantedSecret, Until) =
            ("shop/registry/token".parse().unwrap(), "2026-12-31".parse().unwrap());
        let (scope, grant) = body(secret.clone(), &To::Step("publish".parse().unwrap()), bounds).unwrap();
        assert_eq!(
            page(&grant, &scope, until),
            "grant secret shop/registry/token to step publish of shop, until 2027-01-01T00:00:00.000Z in UTC\n  on refs/heads/main, \
             refs/tags/v*\n  in pool protected\n  while it holds the secret, it reaches registry.example:443\n  only mon,tue,wed,thu,fri \
             08:00-18:00 UTC\n  people who change its commands can use the secret, and take it"
        );
        let step = To::Step("publish".parse().unwrap());
        let (_, bare) = body(secret.clone(), &step, Bounds::default()).unwrap();
        assert!(page(&bare, &scope, until).contains("it reaches nothing"));
        let from = |text: &str| {
            let bounds = Bounds { from: Some(text.parse().unwrap()), ..Bounds::default() };
            page(&body(secret.clone(), &step, bounds).unwrap().1, &scope, until)
        };
        assert!(
            from("bao:secret/shop/registry#token")
                .contains("\n  its value, from bao:secret/shop/registry#token, where")
        );
        assert!(
            from("bao:database/creds/app")
                .contains("\n  a user of a database, made for this step alone, from bao:database/creds/app")
        );
    }
}
