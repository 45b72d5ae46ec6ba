//! Parts of a statement that this program is too old for.

use evidence::Digest;

/// Why a part of the newest statement cannot be read. The one that was known stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Its configuration.
    #[error("this program cannot read the configuration of statement {statement}: {why}; upgrade this agent")]
    Configuration {
        /// Number of the statement.
        statement: u64,
        /// Cause.
        why: String,
    },
    /// Its policy.
    #[error(
        "this program cannot read the policy {policy} of statement {statement}: {why}; upgrade this agent"
    )]
    Policy {
        /// Digest of the policy.
        policy: Digest,
        /// Number of the statement.
        statement: u64,
        /// Cause.
        why: String,
    },
}
