//! Secret: the versions of a project's build secrets, by name. Their values are sealed bytes outside the ledger.
//!
//! Words: a person *puts* a version and *destroys* it; a *secret owner* may do both. A version *expires*; a secret is *due*
//! for rotation when its newest version is older than its cadence. A runner is *lent* a secret for a step; a person is *shown* one. An agent *tells* which versions of secrets of its place
//! it uses. Invariant: a number is given once, and rises by one.

mod decide;
mod decision;
mod event;
mod lend;
mod read;
mod show;
mod state;
mod tell;

#[cfg(test)]
mod tests;

pub use decide::{Destroy, Put, ROLE, SECRETS_MAX, destroy, put};
pub use decision::{LentValue, LentVersion, ReadingDecision};
pub use event::{SecretDestroyed, SecretPut};
pub use lend::{Lend, LendingStatement, NAMES_MAX};
pub use read::{Reading, read};
pub use show::Show;
pub use state::{ROTATE_DAYS_MAX, Rotation, Secret, State, VERSIONS_MAX, Version};
pub use tell::{Tell, ToldVersion};
