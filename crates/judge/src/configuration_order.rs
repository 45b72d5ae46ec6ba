//! The configuration of a place that an agent gets between releases.
//!
//! Invariant: it counts only if the policy signers of the judge's own root signed the statement that names it, for exactly this
//! place, and no newer statement was seen. It lets nothing begin: it says what an agent compares and how it answers.

use evidence::Digest;
use evidence::configuration_order::ConfigurationOrder;
use evidence::environment::Environment;

use crate::context::{Anchors, VerificationContext};
use crate::reasons::{Reasons, one_reason};
use crate::remedies::remedy_of;
use crate::roots::walk;

/// A configuration that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedConfiguration {
    /// Version of the newest trust root.
    pub root: u32,
    /// Number of the environment statement.
    pub statement: u64,
    /// Its bytes.
    pub configuration: Vec<u8>,
}

/// Checks an order against a pinned root and the judge's own knowledge.
///
/// # Errors
/// `Reasons` with the fault.
pub fn check_configuration(
    order: &ConfigurationOrder,
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<CheckedConfiguration, Reasons> {
    let wrong = |what: String| one_reason("environment-unsound", what, UNSOUND);
    if order.v != 1 {
        return Err(wrong("the order is of a version that this program does not know".into()));
    }
    let (root, _) = walk(&order.roots, anchors, seen)?;
    if order.installation != root.installation {
        return Err(wrong("the order is of another installation".into()));
    }
    let statement = Environment::open(&order.statement, &root).map_err(|error| wrong(error.to_string()))?;
    if statement.place() != order.place {
        return Err(wrong("the environment statement is of another place".into()));
    }
    if statement.number < seen.statement {
        let what = format!("statement {} was seen before, this is {}", seen.statement, statement.number);
        return Err(one_reason(OLDER, what, remedy_of(OLDER)));
    }
    if Digest::of(&order.configuration.0) != statement.configuration {
        let what = "the configuration is not the one that the environment statement names".to_owned();
        return Err(one_reason(DIFFERS, what, remedy_of(DIFFERS)));
    }
    Ok(CheckedConfiguration {
        root: root.version,
        statement: statement.number,
        configuration: order.configuration.0.clone(),
    })
}

const OLDER: &str = "environment-rollback";
const DIFFERS: &str = "configuration-differs";
const UNSOUND: &str = "have its signers sign it again; if they did, look into the server, which sent it";
