//! Images of containers: layers and hostile ones, packages, rules.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod hostile;
mod layers;
mod packages;
mod pages;
mod rules;
mod support;
mod toolchain;
