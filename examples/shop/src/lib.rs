//! What both services of the shop have in common: a small HTTP server, and a switch for faults.

mod fault;
mod http;

pub use fault::Fault;
pub use http::{Answer, Request, serve};
