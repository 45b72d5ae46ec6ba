//! The console: what each page shows to one reader at one moment.
//!
//! Input: a [`Reading`], and the words of an address. Output: a model of the crate `web`, or the failure that the API would
//! answer. Invariant: a page shows nothing that the API would refuse this caller, neither in its content nor in its counts.
//! This module deliberately omits HTML, which is in `web`, and HTTP, which is in `http/console`.

mod frame;
mod log;
mod overview;
mod pages;
mod reading;
mod release;
mod run;

pub use pages::{Form, PAGES, Page, PageAddress};
pub use reading::Reading;
