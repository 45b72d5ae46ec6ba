//! An installation as files declare it: read, compared with what is in force, and exported. `docs/operating/configuration.md`
//! explains the files.
//!
//! Invariant: nothing here signs or sends. A directory with a fault has no difference, so nothing of it is ever sent.

pub mod declaration;
pub mod difference;
mod directory;
pub mod explain;
pub mod export;
pub mod fault;
pub mod in_force;
mod keys;
pub mod leaves;
pub mod node;
pub mod origin;
pub mod people;
pub mod places;
pub mod plan;
mod statements;
mod status;
mod step;
mod trust;
mod values;
mod yaml;

#[cfg(test)]
mod tests;
