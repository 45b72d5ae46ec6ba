//! Grants: an owner of secrets lends one to a step, or lets one service have it.
//!
//! Invariant: nothing is granted that the statement does not name: no ref, no pool and no destination by default. A build secret
//! goes to a step of the same project on a verified ref; a deploy secret goes to a service at one place.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::hours::Hours;
use super::loan::{Loan, LoanFault, LoanTerms};
use super::rules::{Content, Given, KindRules, Matter};
use super::scope::Scope;
use super::store_source::StoreSource;
use crate::git::RefPattern;
use crate::pool::Pool;
use crate::rules::{ECOSYSTEMS, network_fault};
use crate::secret_name::SecretName;
use crate::{Digest, Name};

/// A secret lent to a step or to a service. The only subject of the statement is [`GrantedSecret::subject`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretGrant {
    /// The secret.
    pub secret: GrantedSecret,
    /// The step or service.
    pub to: Borrower,
    /// Refs on which a run may be; only for a step.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refs: BTreeSet<RefPattern>,
    /// Pools in which a run may be; only for a step.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub pools: BTreeSet<Pool>,
    /// Destinations, `HOST:PORT`, that a step may reach while it holds the secret.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub network: BTreeSet<String>,
    /// Hours in which it counts; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The store that has the value; absent for the vault, or for versions that are sealed to the agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StoreSource>,
}

/// A secret as a grant names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum GrantedSecret {
    /// A build secret, written `PROJECT/PATH`.
    Build(SecretName),
    /// A deploy secret, written as its name at the place.
    Deploy(Name),
}

/// The receiver of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Borrower {
    /// A step of the pipeline.
    Step(Name),
    /// A service.
    Service(Name),
}

/// The text is not the name of a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a secret: expected PROJECT/PATH for a build secret, or a name for a deploy secret")]
pub struct GrantedSecretError(String);

impl GrantedSecret {
    /// The subject of a statement about the secret: SHA-256 of `countersign-secret@v1` and the name, a line each.
    #[must_use]
    pub fn subject(&self) -> Digest {
        Digest::of(format!("{SUBJECT}\n{self}\n").as_bytes())
    }
}

impl Content for SecretGrant {
    const RULES: KindRules = KindRules { roles: &["secret-owner"], days_max: 366, bars_authors: true };
    const LENDS: bool = true;

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        if subjects != [self.secret.subject()] {
            return Some("its subject is not the secret");
        }
        let counts = self.refs.len() <= REFS_MAX && self.network.len() <= DESTINATIONS_MAX;
        if !counts {
            return Some("it names more than 16 refs or 32 destinations");
        }
        if !self.network.iter().all(|text| is_destination(text)) {
            return Some("a destination is not HOST:PORT");
        }
        if let Some(fault) = self.hours.as_ref().and_then(Hours::fault) {
            return Some(fault);
        }
        if let Some(fault) = self.from.as_ref().and_then(StoreSource::fault) {
            return Some(fault);
        }
        match (&self.secret, &self.to) {
            (GrantedSecret::Build(_), Borrower::Step(_)) => step_fault(self),
            (GrantedSecret::Deploy(_), Borrower::Service(_)) => service_fault(self),
            (GrantedSecret::Deploy(_), Borrower::Step(_)) => {
                Some("a step gets build secrets alone, written PROJECT/PATH")
            }
            (GrantedSecret::Build(_), Borrower::Service(_)) => {
                Some("a service gets deploy secrets alone, named at their place")
            }
        }
    }

    fn fault_in(&self, scope: &Scope) -> Option<&'static str> {
        match (&self.secret, &self.to) {
            (GrantedSecret::Build(secret), _) => {
                if *secret.project() != scope.project {
                    return Some("the secret is of another project than the statement");
                }
                let whole = scope.service.is_none() && scope.environment.is_none();
                (!whole).then_some(
                    "a grant to a step counts in the whole project: runs have no service or environment",
                )
            }
            (GrantedSecret::Deploy(_), Borrower::Service(name)) => {
                let placed = scope.service.as_ref() == Some(name) && scope.environment.is_some();
                (!placed).then_some("a grant to a service counts for this service in one environment")
            }
            (GrantedSecret::Deploy(_), Borrower::Step(_)) => None,
        }
    }

    fn concerns(&self, _subjects: &[Digest], matter: &Matter<'_>) -> bool {
        match (&self.secret, &self.to) {
            (GrantedSecret::Deploy(secret), Borrower::Service(service)) => {
                matter.secrets.contains(&(service, secret))
            }
            _ => false,
        }
    }

    fn lends(&self, loan: &Loan<'_>) -> Option<Result<LoanTerms, Vec<LoanFault>>> {
        let (GrantedSecret::Build(secret), Borrower::Step(step)) = (&self.secret, &self.to) else {
            return None;
        };
        if secret != loan.secret || step != loan.step || secret.project() != loan.project {
            return None;
        }
        let mut faults = Vec::new();
        match loan.at_ref {
            None => faults.push(LoanFault::RefUnverified),
            Some(own) if !self.refs.iter().any(|pattern| pattern.has(own)) => {
                faults.push(LoanFault::OtherRef(own.clone(), listed(&self.refs)));
            }
            Some(_) => {}
        }
        if !self.pools.contains(&loan.pool) {
            faults.push(LoanFault::OtherPool(loan.pool, listed(&self.pools)));
        }
        if let Some(hours) = self.hours.as_ref().filter(|hours| !hours.has(loan.moment)) {
            faults.push(LoanFault::OutsideHours(hours.to_string()));
        }
        let terms = || LoanTerms { reach: self.network.clone(), from: self.from.clone() };
        Some(if faults.is_empty() { Ok(terms()) } else { Err(faults) })
    }

    fn gives(&self) -> Option<Given<'_>> {
        match (&self.secret, &self.to) {
            (GrantedSecret::Deploy(secret), Borrower::Service(service)) => {
                Some(Given { service, secret, hours: self.hours.as_ref(), from: self.from.as_ref() })
            }
            _ => None,
        }
    }

    fn borrower(&self) -> Option<&Name> {
        match &self.to {
            Borrower::Step(step) => Some(step),
            Borrower::Service(_) => None,
        }
    }

    fn summary(&self) -> String {
        let to = match &self.to {
            Borrower::Step(step) => format!("step {step}"),
            Borrower::Service(service) => format!("service {service}"),
        };
        let part = |before: &str, all: String| if all.is_empty() { all } else { format!(", {before} {all}") };
        format!(
            "secret {} to {to}{}{}{}{}{}",
            self.secret,
            part("on", listed(&self.refs)),
            part("in pool", listed(&self.pools)),
            match (&self.to, self.network.is_empty()) {
                // A service has the network of its place, which no grant bounds.
                (Borrower::Service(_), true) => String::new(),
                (Borrower::Step(_), true) => ", without network".to_owned(),
                (_, false) => format!(", with {}", listed(&self.network)),
            },
            part("only", self.hours.as_ref().map(ToString::to_string).unwrap_or_default()),
            part("its value from", self.from.as_ref().map(ToString::to_string).unwrap_or_default()),
        )
    }
}

/// The reason why a step cannot be lent a secret so; `None` if it can.
fn step_fault(grant: &SecretGrant) -> Option<&'static str> {
    if grant.refs.is_empty() {
        return Some("it names no ref, so it would lend nothing");
    }
    // Runs in the pool `fork` get no secrets, and no step runs in the pool `deploy`.
    let pools = [Pool::Branch, Pool::Protected];
    let named = !grant.pools.is_empty() && grant.pools.iter().all(|pool| pools.contains(pool));
    (!named).then_some("its pools are not `branch`, `protected` or both")
}

/// The reason why a service cannot have a secret so; `None` if it can.
fn service_fault(grant: &SecretGrant) -> Option<&'static str> {
    if !grant.refs.is_empty() || !grant.pools.is_empty() {
        return Some("a grant to a service names refs or pools, which only runs of steps have");
    }
    let is_leased = grant.from.as_ref().is_some_and(StoreSource::is_database);
    is_leased.then_some("a store makes a user of a database for a step alone: a service would outlive it")
}

fn is_destination(text: &str) -> bool {
    let port = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let bracketed = !text.starts_with('[') || text.contains("]:");
    port && bracketed
        && !ECOSYSTEMS.contains(&text)
        && network_fault(text).is_none()
        && text.is_ascii()
        && !text.contains(char::is_uppercase)
}

fn listed<T: ToString>(all: &BTreeSet<T>) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for GrantedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(name) => name.fmt(f),
            Self::Deploy(name) => name.fmt(f),
        }
    }
}

impl FromStr for GrantedSecret {
    type Err = GrantedSecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || GrantedSecretError(text.chars().take(80).collect());
        if text.contains('/') {
            text.parse().map(Self::Build).map_err(|_| fault())
        } else {
            text.parse().map(Self::Deploy).map_err(|_| fault())
        }
    }
}

impl TryFrom<String> for GrantedSecret {
    type Error = GrantedSecretError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<GrantedSecret> for String {
    fn from(secret: GrantedSecret) -> Self {
        secret.to_string()
    }
}

/// First line of what the subject is the digest of.
const SUBJECT: &str = "countersign-secret@v1";
const REFS_MAX: usize = 16;
const DESTINATIONS_MAX: usize = 32;
