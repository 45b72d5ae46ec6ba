//! The table of kinds. A new kind is one file beside this one and one row here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alert::Alert;
use super::alert_answer::AlertAnswer;
use super::place_alert::PlaceAlert;
use super::record_error::RecordError;
use super::rules::{Columns, Content as _};
use super::secret_used::SecretUsed;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal $variant:ident($content:ty),)*) => {
        /// Kinds of lines.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum RecordKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        /// The content of a line, by kind.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Body {
            $($(#[$doc])* $variant($content),)*
        }

        impl RecordKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Whether people should look at it now.
            #[must_use]
            pub const fn is_urgent(self) -> bool {
                match self {
                    $(Self::$variant => <$content>::URGENT,)*
                }
            }

            /// The name of the kind in lines and texts.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl Body {
            /// The kind.
            #[must_use]
            pub const fn kind(&self) -> RecordKind {
                match self {
                    $(Self::$variant(_) => RecordKind::$variant,)*
                }
            }

            pub(super) fn read(kind: RecordKind, value: Value) -> Result<Self, serde_json::Error> {
                match kind {
                    $(RecordKind::$variant => serde_json::from_value(value).map(Self::$variant),)*
                }
            }

            /// Checks that it keeps the rules of its form.
            ///
            /// # Errors
            /// `RecordError` names the rule.
            pub fn check(&self) -> Result<(), RecordError> {
                self.fault().map_or(Ok(()), |fault| Err(RecordError::Rule(fault)))
            }

            fn fault(&self) -> Option<&'static str> {
                match self {
                    $(Self::$variant(content) => content.fault(),)*
                }
            }

            /// Its subject, as views keep it.
            #[must_use]
            pub fn columns(&self) -> Columns<'_> {
                match self {
                    $(Self::$variant(content) => content.columns(),)*
                }
            }

            /// The content in a few words.
            #[must_use]
            pub fn summary(&self) -> String {
                match self {
                    $(Self::$variant(content) => content.summary(),)*
                }
            }
        }

        $(impl From<$content> for Body {
            fn from(content: $content) -> Self {
                Self::$variant(content)
            }
        })*
    };
}

kinds! {
    /// A secret was read, or a read was refused.
    "secret-used" SecretUsed(SecretUsed),
    /// Something happened that people should look at now.
    "alert" Alert(Alert),
    /// A release that runs or waits at a place is judged worse now than when it was released.
    "place-alert" PlaceAlert(PlaceAlert),
    /// A person answered such an alert, or its cause went.
    "alert-answer" AlertAnswer(AlertAnswer),
}
