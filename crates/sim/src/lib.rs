//! The whole product under virtual time and seeded faults, on one thread: server, runners, agents, witnesses
//! and people. `seed` makes an installation of any size in the same way, but without faults and messages.
//!
//! Invariant: the nodes are the product's own writer, edge, executor, bench, deployer, judge and witness, over real files;
//! only network, clocks, chance, build steps and services are simulated. A seed always gives the same course of events.
//! `truth` checks after every event.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a kit for tests: what cannot be made here is a broken test"
)]

mod build;
mod control;
mod deploy;
mod dry_runs;
mod event;
mod fault_rates;
mod figures;
mod installation;
mod machine;
mod net;
mod people;
mod power;
mod promises;
mod report;
mod seed;
mod services;
mod trouble;
mod truth;
mod world;

pub use dry_runs::{DryRunTimes, Outcome, by_brute_force, dry_run_of};
pub use figures::{Projects, ReplayTimes, projects_of, replay_of};
pub use power::survived;
pub use promises::Promises;
pub use report::Report;
pub use seed::{SeedOrder, Seeded, seed, seeded_root};
pub use world::{run, told, watched};
