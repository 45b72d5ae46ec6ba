//! Loans of build secrets to steps: what is asked, and the reasons why nothing is lent, as server and runners name them.
//!
//! Invariant: each reason has one code and one remedy, at the server and at runners.

use std::collections::BTreeSet;

use super::store_source::StoreSource;
use crate::git::RefName;
use crate::pool::Pool;
use crate::secret_name::SecretName;
use crate::{Moment, Name};

/// A secret that a step asks for, with the facts that decide.
#[derive(Clone, Copy, Debug)]
pub struct Loan<'a> {
    /// The secret.
    pub secret: &'a SecretName,
    /// Project of the run.
    pub project: &'a Name,
    /// The step.
    pub step: &'a Name,
    /// The ref that the run's request names. A runner passes it only after it has verified that the ref has the commit.
    pub at_ref: Option<&'a RefName>,
    /// Pool of the run by its ref.
    pub pool: Pool,
    /// The time at which the step asks.
    pub moment: Moment,
}

/// Why a statement, or none of all, lends a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoanFault {
    /// No statement lends the secret to the step.
    NotGranted,
    /// The statement has ended, or begins later.
    NotInForce(Moment, Moment),
    /// The run names no ref, so nobody has verified where its commit comes from.
    RefUnverified,
    /// The statement is for other refs.
    OtherRef(RefName, String),
    /// The statement is for other pools.
    OtherPool(Pool, String),
    /// The moment is outside the hours of the statement.
    OutsideHours(String),
    /// The statements name several places of its value.
    SeveralSources(String),
}

/// Destinations, `HOST:PORT`, that a step may reach while it holds a secret.
pub type Reach = BTreeSet<String>;

/// How a secret is lent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoanTerms {
    /// Destinations to which the step is bound.
    pub reach: Reach,
    /// The store that has the value; absent for the vault.
    pub from: Option<StoreSource>,
}

impl LoanFault {
    /// The code of the refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.told().code
    }

    /// The reason as a sentence, for a step and a secret.
    #[must_use]
    pub fn what(&self, loan: &Loan<'_>) -> String {
        let Loan { secret, step, project, .. } = loan;
        let named = format!("step {step} of {project} gets no secret {secret}:");
        match self {
            Self::NotGranted => format!("{named} no grant in force names both"),
            Self::NotInForce(from, to) => format!("{named} its grant counts from {from} until {to}"),
            Self::RefUnverified => format!("{named} the run names no ref that has the commit"),
            Self::OtherRef(own, refs) => format!("{named} the run is for {own}, the grant for {refs}"),
            Self::OtherPool(own, pools) => format!("{named} the run is in pool {own}, the grant for {pools}"),
            Self::OutsideHours(hours) => format!("{named} the grant counts {hours}"),
            Self::SeveralSources(places) => {
                format!("{named} its grants name several places of its value: {places}")
            }
        }
    }

    /// The remedy.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        self.told().remedy
    }

    const fn told(&self) -> Told {
        match self {
            Self::NotGranted | Self::NotInForce(..) => Told {
                code: "secret-not-granted",
                remedy: "have somebody in role secret-owner grant it: `countersign secret grant`",
            },
            Self::RefUnverified => Told {
                code: "secret-ref-unverified",
                remedy: "run it with `--ref`, from a remote that the runners know",
            },
            Self::OtherRef(..) => Told { code: "secret-ref", remedy: OTHER_REF },
            Self::OtherPool(..) => Told { code: "secret-pool", remedy: OTHER_REF },
            Self::OutsideHours(_) => Told {
                code: "secret-outside-hours",
                remedy: "run it again within the hours, or have it granted for this time",
            },
            Self::SeveralSources(_) => Told {
                code: "secret-sources",
                remedy: "withdraw the grants for all places but one: `countersign trust status --withdraw`",
            },
        }
    }
}

/// Code and remedy of a fault.
struct Told {
    code: &'static str,
    remedy: &'static str,
}

const OTHER_REF: &str = "run it on a ref that the grant names, or have it granted for this one";
