//! The page behind the link of `countersign open`: one button, which exchanges the link for a session.

use serde::Serialize;

/// An opening that waits for its button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Opening {
    /// The reader: a name, or `owner of this machine`.
    pub reader: String,
    /// The page that is shown next.
    pub page: String,
    /// Address that the form posts to.
    pub action: String,
    /// The ticket, which is valid once. The form sends it under the name `ticket`.
    pub ticket: String,
    /// Hours for which the session lasts.
    pub hours: u64,
}
