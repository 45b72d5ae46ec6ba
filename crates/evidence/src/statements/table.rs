//! The table of kinds. A new kind is one file beside this one and one row here.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deploy_secret::DeploySecret;
use super::grant::SecretGrant;
use super::lift::Lift;
use super::lifted::Lifted;
use super::loan::{Loan, LoanFault, LoanTerms};
use super::not_affected::NotAffected;
use super::r#override::Override;
use super::rules::{Content as _, Given, KindRules, Matter};
use super::scope::Scope;
use super::secret_version::SecretVersion;
use super::seen_report::SeenReport;
use super::sign_off::SignOff;
use super::tag::Tag;
use super::waiver::Waiver;
use crate::document::findings::Finding;
use crate::{Digest, Name};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal $variant:ident($content:ty),)*) => {
        /// Kinds of statements.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum StatementKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        /// The content of a statement, by kind.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Body {
            $($(#[$doc])* $variant($content),)*
        }

        impl StatementKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The rules of the kind.
            #[must_use]
            pub const fn rules(self) -> KindRules {
                match self {
                    $(Self::$variant => <$content>::RULES,)*
                }
            }

            /// Whether statements of the kind can lend a secret to a step.
            #[must_use]
            pub const fn lends(self) -> bool {
                match self {
                    $(Self::$variant => <$content>::LENDS,)*
                }
            }

            /// Whether statements of the kind can lift a rule about time. Approvals stay as they are beside them.
            #[must_use]
            pub const fn lifts(self) -> bool {
                match self {
                    $(Self::$variant => <$content>::LIFTS,)*
                }
            }

            /// Longest validity.
            #[must_use]
            pub const fn longest(self) -> Duration {
                match self {
                    $(Self::$variant => match <$content>::HOURS_MAX {
                        Some(hours) => Duration::from_hours(hours),
                        None => Duration::from_hours(24 * <$content>::RULES.days_max),
                    },)*
                }
            }

            /// The name of the kind in payloads and texts.
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
            pub const fn kind(&self) -> StatementKind {
                match self {
                    $(Self::$variant(_) => StatementKind::$variant,)*
                }
            }

            pub(super) fn read(kind: StatementKind, value: Value) -> Result<Self, serde_json::Error> {
                match kind {
                    $(StatementKind::$variant => serde_json::from_value(value).map(Self::$variant),)*
                }
            }

            pub(super) fn value(&self) -> Result<Value, serde_json::Error> {
                match self {
                    $(Self::$variant(content) => serde_json::to_value(content),)*
                }
            }

            pub(super) fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
                match self {
                    $(Self::$variant(content) => content.fault(subjects),)*
                }
            }

            pub(super) fn fault_in(&self, scope: &Scope) -> Option<&'static str> {
                match self {
                    $(Self::$variant(content) => content.fault_in(scope),)*
                }
            }

            pub(super) fn lends(&self, loan: &Loan<'_>) -> Option<Result<LoanTerms, Vec<LoanFault>>> {
                match self {
                    $(Self::$variant(content) => content.lends(loan),)*
                }
            }

            /// The step to which it lends a secret, if it lends one to a step.
            #[must_use]
            pub fn borrower(&self) -> Option<&Name> {
                match self {
                    $(Self::$variant(content) => content.borrower(),)*
                }
            }

            pub(super) fn concerns(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
                match self {
                    $(Self::$variant(content) => content.concerns(subjects, matter),)*
                }
            }

            pub(super) fn misstates(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
                match self {
                    $(Self::$variant(content) => content.misstates(subjects, matter),)*
                }
            }

            pub(super) fn settles(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> bool {
                match self {
                    $(Self::$variant(content) => content.settles(subjects, id, finding),)*
                }
            }

            pub(super) fn outgrown(
                &self,
                subjects: &[Digest],
                id: &Digest,
                finding: &Finding,
            ) -> Option<String> {
                match self {
                    $(Self::$variant(content) => content.outgrown(subjects, id, finding),)*
                }
            }

            pub(super) fn settles_test(
                &self,
                subjects: &[Digest],
                test: &Digest,
                report: &SeenReport,
            ) -> bool {
                match self {
                    $(Self::$variant(content) => content.settles_test(subjects, test, report),)*
                }
            }

            /// Whether it lifts a rule about time for the release with this number and plan.
            #[must_use]
            pub fn lifts(&self, rule: Lifted, release: u64, plan: &Digest) -> bool {
                match self {
                    $(Self::$variant(content) => content.lifts(rule, release, plan),)*
                }
            }

            pub(super) fn secret(&self) -> Option<&SecretVersion> {
                match self {
                    $(Self::$variant(content) => content.secret(),)*
                }
            }

            pub(super) fn unbars(&self) -> Option<Digest> {
                match self {
                    $(Self::$variant(content) => content.unbars(),)*
                }
            }

            pub(super) fn gives(&self) -> Option<Given<'_>> {
                match self {
                    $(Self::$variant(content) => content.gives(),)*
                }
            }

            /// The content in a few words, with text by others.
            #[must_use]
            pub fn summary(&self) -> String {
                match self {
                    $(Self::$variant(content) => content.summary(),)*
                }
            }
        }
    };
}

kinds! {
    /// A finding or the failure of a test is accepted until a time.
    "waiver" Waiver(Waiver),
    /// A person answers for the results of tests.
    "sign-off" SignOff(SignOff),
    /// A vulnerability of a dependency does not affect the product.
    "not-affected" NotAffected(NotAffected),
    /// An artifact has a version and labels.
    "tag" Tag(Tag),
    /// A version of a secret of a place, which its agents alone can open.
    "deploy-secret" DeploySecret(DeploySecret),
    /// A secret is lent to a step or a service.
    "grant" Grant(SecretGrant),
    /// A release may begin at a time at which none would.
    "override" Override(Override),
    /// The bar of an artifact at a place has ended.
    "lift" Lift(Lift),
}

impl Body {
    /// The grant, if the statement is one.
    #[must_use]
    pub const fn granted(&self) -> Option<&SecretGrant> {
        match self {
            Self::Grant(grant) => Some(grant),
            _ => None,
        }
    }
}
