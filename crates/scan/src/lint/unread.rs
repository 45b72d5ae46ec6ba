//! Why a file of a language is not judged.

/// Why a file of a language is not judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It makes another file.
    #[error("it is a template; write what it makes into a file of a step, and let the scan need that step")]
    Template,
    /// It is not as its language demands.
    #[error("{0}")]
    Fault(String),
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self::Fault(why)
    }
}

impl From<Unread> for String {
    fn from(why: Unread) -> Self {
        why.to_string()
    }
}
