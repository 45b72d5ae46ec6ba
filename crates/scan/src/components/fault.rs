//! The error of a reader of lockfiles: the place in the file and the cause. The table of formats adds the file's name
//! and the remedy.

/// The place and the cause.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    /// A fault without a place.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// The same fault, inside this place.
    #[must_use]
    pub fn within(self, place: impl std::fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }

    /// A version of the format that this program does not know.
    pub fn version(found: impl std::fmt::Display, known: &str) -> Self {
        Self(format!("the format has version {found}, this program reads {known}"))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&evidence::document::text(&self.0, FAULT_BYTES_MAX))
    }
}

/// Adds the place to an error.
pub trait Within<T> {
    /// The same result; an error is inside this place.
    fn within<P: std::fmt::Display>(self, place: impl FnOnce() -> P) -> Result<T, Fault>;
}

impl<T> Within<T> for Result<T, Fault> {
    fn within<P: std::fmt::Display>(self, place: impl FnOnce() -> P) -> Self {
        self.map_err(|fault| fault.within(place()))
    }
}

const FAULT_BYTES_MAX: usize = 600;
