//! A real splitter on free ports of loopback, with real backends and clients.
#![expect(clippy::unwrap_used, reason = "test code")]

mod broken;
mod http1;
mod shares;
mod shop;
mod support;
mod switches;
mod tcp;
