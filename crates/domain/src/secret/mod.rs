//! Secret: the versions of a project's build secrets, by name. Their values are sealed bytes outside the ledger.
//!
//! Words: a person *puts* a version and *destroys* it; a *secret owner* may do both. A version *expires*; a secret is *due*
//! for rotation when its newest version is older than its cadence. Invariant: a number is given once, and rises by one.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{Destroy, Put, ROLE, SECRETS_MAX, destroy, put};
pub use event::{SecretDestroyed, SecretPut};
pub use state::{ROTATE_DAYS_MAX, Rotation, Secret, State, VERSIONS_MAX, Version};
