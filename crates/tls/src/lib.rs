//! Transport between hosts: TLS 1.3 (<https://www.rfc-editor.org/rfc/rfc8446>), the installation's authority, and the
//! certificates of its roles.
//!
//! Invariant: a certificate proves transport only. No right of a person or a machine rests on it: claims, receipts and
//! signed answers are checked above it as on loopback. The crate does no I/O but on streams that it is given, and knows
//! neither HTTP nor state.

mod algorithms;
#[cfg(test)]
mod attacks;
mod authority;
mod certificate;
mod connect;
mod error;
mod identity;
#[cfg(test)]
mod in_transit;
mod own_authority;
mod serve;
mod spiffe;
#[cfg(test)]
mod tests;
mod transport_key;

pub use authority::{Authority, VALIDITY};
pub use certificate::Chain;
pub use connect::{Trust, client_config};
pub use error::TlsError;
pub use identity::Identity;
pub use own_authority::{OwnAuthority, OwnIdentity};
pub use rustls::{ClientConfig, ServerConfig};
pub use serve::{PeerCertificate, Served, accept};
pub use spiffe::{Role, SpiffeId};
pub use tokio_rustls::server::TlsStream;
pub use transport_key::{PublicKey, TransportKey};
