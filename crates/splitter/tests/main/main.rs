//! A real splitter on free ports of loopback, with real backends and clients.
#![expect(clippy::unwrap_used, reason = "test code")]

mod attacks;
mod broken;
mod http1;
mod http2;
mod shares;
mod shop;
mod support;
mod switches;
mod tcp;
