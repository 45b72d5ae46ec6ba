//! The console: what each page shows to one reader at one moment.
//!
//! Input: a [`Reading`], and the words of an address. Output: a model of the crate `web`, or the failure that the API would
//! answer. Invariant: a page shows nothing that the API would refuse this caller, neither in its content nor in its counts.
//! This module deliberately omits HTML, which is in `web`, and HTTP, which is in `http/console`.

mod acting;
mod alerts;
mod board;
mod budgets;
mod cache;
mod caches;
mod calendar;
mod capacity;
mod commit_facts;
mod commits;
mod compare;
mod comparison;
mod components;
mod counting;
mod delivery;
mod drift;
mod environments;
mod exposure;
mod exposure_caches;
mod fields;
mod findings;
mod frame;
mod idle;
mod judged;
mod judgement;
mod ledger;
mod located;
mod log;
mod machines;
mod overview;
mod pages;
mod parity;
mod pending;
mod place;
mod policies;
mod policy_reading;
mod posture;
mod previews;
mod reading;
mod record;
mod recorded;
mod release;
mod rollout;
mod run;
mod running;
mod secrets;
mod service;
mod service_choice;
mod sheets;
mod signing;
mod situation;
mod situation_reading;
mod system;
#[cfg(test)]
mod tests;
mod trust;
mod uncovered;
mod waiting;
mod words;

pub use caches::PageCaches;
pub use counting::at_place as statements_at;
pub use judged::contents;
pub use ledger::{FileSort, file};
pub use pages::{Form, PAGES, Page, PageAddress};
pub use reading::Reading;
