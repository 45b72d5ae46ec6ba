//! Statements of people about facts that no machine can vouch for. Format: `docs/formats/statement.md`.
//!
//! Invariant: exactly one approval key of the person signs one envelope of one form, whatever the kind. The table of
//! kinds says who may make a statement, for how long, and whether change authors are barred. This module compares a
//! statement with nothing: the caller does.
//!
//! A new kind is one file here and a row in `table.rs`.

mod deploy_secret;
mod form;
mod grant;
mod hours;
mod lending;
mod lift;
mod lifted;
mod loan;
mod not_affected;
mod r#override;
mod rules;
mod scope;
mod secret_version;
mod seen;
mod seen_report;
mod sign_off;
mod store_source;
mod table;
mod tag;
mod waiver;

pub use deploy_secret::DeploySecret;
pub use form::{BYTES_MAX, NAMESPACE, PAYLOAD_TYPE, Statement, StatementError};
pub use grant::{Borrower, GrantedSecret, GrantedSecretError, SecretGrant};
pub use hours::{ClockTime, ClockTimeError, Day, Hours, HoursError};
pub use lending::lend;
pub use lift::Lift;
pub use lifted::Lifted;
pub use loan::{Loan, LoanFault, LoanTerms, Reach};
pub use not_affected::{Justification, NotAffected};
pub use r#override::Override;
pub use rules::{Given, KindRules, Matter};
pub use scope::Scope;
pub use secret_version::{SEAL_KEYS_MAX, SecretVersion};
pub use seen::{SeenFinding, weight};
pub use seen_report::SeenReport;
pub use sign_off::{SignOff, results};
pub use store_source::{StoreItem, StoreSource, StoreSourceError};
pub use table::{Body, StatementKind};
pub use tag::Tag;
pub use waiver::{SeenTest, Waiver};
