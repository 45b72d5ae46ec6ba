//! The table of kinds. A new kind is one file beside this one and one row here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::ChangesDocument;
use super::components::ComponentsDocument;
use super::coverage::CoverageDocument;
use super::findings::FindingsDocument;
use super::form::{Document, DocumentError, TOOL_BYTES_MAX, text};
use super::tests::TestsDocument;
use crate::Digest;

/// A document with its row in the table.
pub trait Listed: Document {
    /// Its kind.
    const KIND: DocumentKind;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal $field:ident: $variant:ident($document:ty),)*) => {
        /// Kinds of canonical documents.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum DocumentKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        /// A document of any kind.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum AnyDocument {
            $($(#[$doc])* $variant($document),)*
        }

        /// The documents of many reports, merged into one of each kind.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Documents {
            $($(#[$doc])* pub $field: Option<$document>,)*
        }

        $(impl Listed for $document {
            const KIND: DocumentKind = DocumentKind::$variant;
        })*

        impl DocumentKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in files, policies and receipts.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl AnyDocument {
            /// Parses a document of this kind.
            ///
            /// # Errors
            /// `DocumentError` names the fault.
            pub fn decode(kind: DocumentKind, bytes: &[u8]) -> Result<Self, DocumentError> {
                match kind {
                    $(DocumentKind::$variant => <$document>::decode(bytes).map(Self::$variant),)*
                }
            }

            /// Counts of its entries by sort, as a receipt states them.
            #[must_use]
            pub fn items(&self) -> BTreeMap<String, u64> {
                match self {
                    $(Self::$variant(document) => document.items(),)*
                }
            }

            /// Identities of its entries that failed.
            #[must_use]
            pub fn failing(&self) -> BTreeSet<Digest> {
                match self {
                    $(Self::$variant(document) => document.failing(),)*
                }
            }

            /// One document of two runners' documents of the same report.
            ///
            /// # Errors
            /// `DocumentError::Differs` where they contradict each other or have to be equal, or if they are of two kinds.
            pub fn join(self, other: Self) -> Result<Self, DocumentError> {
                match (self, other) {
                    $((Self::$variant(one), Self::$variant(other)) => one.join(other).map(Self::$variant),)*
                    (one, _) => Err(DocumentError::Differs {
                        document: one.title(),
                        what: "they are of two kinds".into(),
                    }),
                }
            }

            fn title(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$document>::TITLE,)*
                }
            }

            fn summary(&self) -> Summary {
                match self {
                    $(Self::$variant(document) => summary(document),)*
                }
            }
        }

        impl Documents {
            /// Adds the document of one more report.
            ///
            /// # Errors
            /// `DocumentError::Differs` if it contradicts a document from before, which then stands alone.
            pub fn add(&mut self, document: AnyDocument) -> Result<(), DocumentError> {
                match document {
                    $(AnyDocument::$variant(one) => {
                        let what = self.$field.as_ref().and_then(|all| all.contradiction(&one));
                        if let Some(what) = what {
                            return Err(DocumentError::Differs { document: <$document>::TITLE, what });
                        }
                        self.$field = Some(match self.$field.take() {
                            Some(all) => all.merge(one),
                            None => one,
                        });
                    })*
                }
                Ok(())
            }

            /// Adds documents that are less trusted than these: where both have an entry, people read the texts of these.
            ///
            /// # Errors
            /// `DocumentError::Differs` names the first contradiction; the documents of its kind then stand alone.
            pub fn add_below(&mut self, others: Self) -> Result<(), DocumentError> {
                let mut fault = None;
                $(self.$field = match (self.$field.take(), others.$field) {
                    (Some(own), Some(other)) => match own.contradiction(&other) {
                        Some(what) => {
                            fault.get_or_insert(DocumentError::Differs { document: <$document>::TITLE, what });
                            Some(own)
                        }
                        None => Some(own.over(other)),
                    },
                    (own, other) => own.or(other),
                };)*
                fault.map_or(Ok(()), Err)
            }

            /// Facts for policies, by the name of the kind. A kind that the judge joins with other evidence has none.
            ///
            /// # Errors
            /// `serde_json::Error` when JSON cannot express them.
            pub fn facts(&self) -> Result<BTreeMap<&'static str, Value>, serde_json::Error> {
                let mut facts = BTreeMap::new();
                $(if let Some(known) = self.$field.as_ref().map(Document::facts).transpose()?.flatten() {
                    facts.insert($name, known);
                })*
                Ok(facts)
            }
        }
    };
}

kinds! {
    /// Problems that a scanner found.
    "findings" findings: Findings(FindingsDocument),
    /// Packages that the source or the artifact is made of.
    "components" components: Components(ComponentsDocument),
    /// Results of tests.
    "tests" tests: Tests(TestsDocument),
    /// Lines that tests ran.
    "coverage" coverage: Coverage(CoverageDocument),
    /// Changes of infrastructure that a plan makes.
    "changes" changes: Changes(ChangesDocument),
}

impl DocumentKind {
    /// Checks the bytes of a document of this kind, and sums it up.
    ///
    /// # Errors
    /// `DocumentError` names the fault.
    pub fn inspect(self, bytes: &[u8]) -> Result<Summary, DocumentError> {
        AnyDocument::decode(self, bytes).map(|document| document.summary())
    }
}

impl std::fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A document in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Counts of its entries by sort.
    pub items: BTreeMap<String, u64>,
    /// Its tools in one line.
    pub tool: String,
}

fn summary<D: Document>(document: &D) -> Summary {
    let tools: Vec<_> = document.tools().iter().map(ToString::to_string).collect();
    Summary { items: document.items(), tool: text(&tools.join(", "), TOOL_BYTES_MAX) }
}
