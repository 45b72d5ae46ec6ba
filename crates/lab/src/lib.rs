//! A whole installation in memory, with everybody's keys: for tests, benches and what attacks the judge.
//!
//! Invariant: nothing of the product imports it (a law of the tree). All is deterministic: keys come from
//! fixed seeds, moments are constants. Statements are made by the product's own formats, so what is honest
//! here is honest there; what a hostile server does to them stands in `forgery`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a kit for tests: what cannot be made here is a broken test"
)]

pub mod assemble;
mod commits;
mod files;
mod fixed;
pub mod forgery;
mod head;
pub mod parsers;
pub mod parts;
mod people;
mod readers;
mod world;

pub use assemble::{Cosigned, Head, assemble, entry};
pub use commits::{Written, commit};
pub use parts::{Parts, no, yes};
pub use people::{Pair, Person};
pub use readers::{Reader, by_agent, proof_for, said};
pub use world::{Lab, NOW, at, configuration, id, judged_at, lax_policy, ledger_key, name};
