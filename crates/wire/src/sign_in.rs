//! How a person signs in: by one signed request, which opens a session.

use evidence::dsse::Envelope;

use crate::message::Session;

/// Why a person did not sign the request that opens a session; the text is for that person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SignInError(pub String);

/// How a person signs in.
pub trait SignIn: std::fmt::Debug + Send + Sync {
    /// The token of a stored session.
    fn stored_token(&self) -> Option<String>;

    /// A signed request that opens a session at a server.
    ///
    /// # Errors
    /// `SignInError` when the request cannot be signed.
    fn request(&self, server: &str, challenge: &str) -> Result<Envelope, SignInError>;

    /// Stores a session for later commands.
    fn store(&self, session: &Session);
}
