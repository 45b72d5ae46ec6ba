//! Ports inside a sandbox that are taken.

/// Port of the proxy.
pub const PROXY_PORT: u16 = 3128;
