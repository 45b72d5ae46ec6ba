//! The console's pages: values of a page in, HTML out; and the files that a browser needs for them.
//!
//! Input: a [`frame::Frame`] and the model of one page. Output: a whole HTML document, or a fragment of one for a live
//! update. Invariant: every text by others reaches HTML through `maud`, which escapes it, after `shown` has made its
//! control and direction characters visible; no page needs a script to be read; no page names another host. This crate
//! deliberately omits HTTP, sessions, state and storage: it knows the product only by the words that it is given.

pub mod assets;
pub mod frame;
pub mod model;
pub mod pages;
pub mod parts;
pub mod sample;

pub use frame::{Counterpart, Frame, document};

#[cfg(test)]
mod tests;
