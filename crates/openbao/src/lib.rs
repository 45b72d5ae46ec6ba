//! Secrets that lie in OpenBao (<https://openbao.org/api-docs/>) or HashiCorp Vault (<https://developer.hashicorp.com/vault/api-docs>):
//! static ones of the KV engine, version 2, credentials that the database engine makes, and encryption by the transit engine.
//!
//! Invariant: a token and a value go to the address that the operator wrote, over TLS, and along no redirect. Every answer is
//! read up to a bound, is overwritten in memory once it was read, and nothing of it but the server's own complaint enters an
//! error. Knows nothing of the product; it does not write policies or roles of the store.

mod answer;
mod error;
mod login;
mod path;
mod place;
mod session;
mod store;
mod token;

pub use answer::{Clear, Credentials, Fields, KvValue, KvVersion, Lease};
pub use error::StoreError;
pub use login::Login;
pub use path::{StorePath, StorePathError};
pub use place::{Place, PlaceError};
pub use session::Session;
pub use store::Store;
pub use token::{Token, public_key_pem};
