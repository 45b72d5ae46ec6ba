//! Records: lines that the server alone vouches for, such as each read of a secret. Format: `docs/formats/record.md`.
//!
//! Invariant: no decision and no judge reads a line. The lines of one commit of the ledger share an entry, whose facts hold
//! the root of a Merkle tree over them, so that each line is provable without the others. This module compares a line with
//! nothing: the caller does.
//!
//! A new kind is one file here and a row in `table.rs`.

mod alert;
mod alert_answer;
mod form;
mod place_alert;
mod record_error;
mod rules;
mod secret_used;
mod table;

pub use alert::{Alert, AlertSort};
pub use alert_answer::{AlertAnswer, AnswerSort};
pub use form::{LINES_BYTES_MAX, Line, Lines};
pub use place_alert::{ALIASES_BYTES_MAX, AlertCause, AlertNews, PlaceAlert};
pub use record_error::RecordError;
pub use rules::Columns;
pub use secret_used::{REASON_BYTES_MAX, SecretUsed};
pub use table::{Body, RecordKind};
