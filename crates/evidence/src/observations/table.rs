//! The table of kinds. A new kind is one file beside this one and one row here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::baseline::BaselineMeasured;
use super::drift::DriftSeen;
use super::preview_removed::PreviewRemoved;
use super::rollout_verdict::RolloutVerdict;
use super::rules::{About, Content};
use crate::configuration::Configuration;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal $variant:ident($content:ty),)*) => {
        /// Kinds of observations.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ObservationKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        /// The content of an observation, by kind.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Body {
            $($(#[$doc])* $variant($content),)*
        }

        impl ObservationKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of the kind in payloads, policies and texts.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether a gate reads it of the place itself, and not of the environment before.
            #[must_use]
            pub const fn is_of_itself(self) -> bool {
                match self {
                    $(Self::$variant => <$content as Content>::OF_ITSELF,)*
                }
            }
        }

        impl Body {
            /// The kind.
            #[must_use]
            pub const fn kind(&self) -> ObservationKind {
                match self {
                    $(Self::$variant(_) => ObservationKind::$variant,)*
                }
            }

            pub(super) fn read(kind: ObservationKind, value: Value) -> Result<Self, serde_json::Error> {
                match kind {
                    $(ObservationKind::$variant => serde_json::from_value(value).map(Self::$variant),)*
                }
            }

            pub(super) fn value(&self) -> Result<Value, serde_json::Error> {
                match self {
                    $(Self::$variant(content) => serde_json::to_value(content),)*
                }
            }

            pub(super) fn fault(&self) -> Option<&'static str> {
                match self {
                    $(Self::$variant(content) => content.fault(),)*
                }
            }

            /// The release that it is about; `None` if it is about the place, whatever runs there.
            #[must_use]
            pub fn about(&self) -> Option<About> {
                match self {
                    $(Self::$variant(content) => content.about(),)*
                }
            }

            /// Whether a later one of the same kind and release says all that this one says.
            #[must_use]
            pub fn is_intermediate(&self) -> bool {
                match self {
                    $(Self::$variant(content) => content.is_intermediate(),)*
                }
            }

            /// Whether the release must not come again at this place until a person lifts that.
            #[must_use]
            pub fn bars(&self) -> bool {
                match self {
                    $(Self::$variant(content) => content.bars(),)*
                }
            }

            /// Whether it measures what this configuration of its place declares.
            #[must_use]
            pub fn fits(&self, configuration: &Configuration) -> bool {
                match self {
                    $(Self::$variant(content) => content.fits(configuration),)*
                }
            }

            /// Whether its agent applies no release until a later one of this kind.
            #[must_use]
            pub fn holds(&self) -> bool {
                match self {
                    $(Self::$variant(content) => content.holds(),)*
                }
            }

            /// Number of the statement of a preview that the agent removed with everything that it left.
            #[must_use]
            pub fn ends(&self) -> Option<u64> {
                match self {
                    $(Self::$variant(content) => content.ends(),)*
                }
            }

            /// The content as policies read it, with numbers and words alone.
            #[must_use]
            pub fn facts(&self) -> Value {
                match self {
                    $(Self::$variant(content) => content.facts(),)*
                }
            }

            /// The content in a few words.
            #[must_use]
            pub fn summary(&self) -> String {
                match self {
                    $(Self::$variant(content) => content.summary(),)*
                }
            }

            /// Why, in words with numbers; empty if there is nothing to explain.
            #[must_use]
            pub fn detail(&self) -> String {
                match self {
                    $(Self::$variant(content) => content.detail(),)*
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
    /// How a step of a rollout was judged, with the counts that were judged.
    "rollout-verdict" RolloutVerdict(RolloutVerdict),
    /// How a place differs from what was declared for it.
    "drift" Drift(DriftSeen),
    /// Whether the host of an agent is as the configuration declares it.
    "baseline" Baseline(BaselineMeasured),
    /// That a preview and everything that it left were removed.
    "preview-removed" PreviewRemoved(PreviewRemoved),
}
