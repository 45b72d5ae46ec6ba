//! The nouns: a separate type for each kind of random id, so that the compiler tells them apart.
//!
//! Invariant: an id reveals nothing about its subject. Names of people are particulars.

use std::fmt;
use std::str::FromStr;

use evidence::{Id, IdError};
use serde::{Deserialize, Serialize};

macro_rules! id_kinds {
    ($($(#[$doc:meta])* $kind:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $kind(Id);

        impl $kind {
            /// The plain id, as headers carry it.
            #[must_use]
            pub const fn id(self) -> Id {
                self.0
            }
        }

        impl From<Id> for $kind {
            fn from(id: Id) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $kind {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

id_kinds! {
    /// A natural person, as an enrolment identifies them.
    PersonId
    /// One execution of a project's pipeline for one commit.
    RunId
}
