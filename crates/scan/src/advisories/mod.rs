//! Dependencies against advisories: records in the OSV format become a database, and a bill of materials is judged by it
//! (`docs/scan/advisories.md`).
//!
//! Invariant: "could not decide" is a finding, and a database that is damaged is an error; neither is "nothing found".
//! This module deliberately reads no file and no network: callers bring bytes.

mod affected;
mod builder;
mod database;
mod ecosystem;
mod error;
mod feeds;
mod groups;
mod index;
mod judge;
mod layout;
mod paths;
mod record;
mod requirements;
mod rustsec;
mod stored;
pub mod versions;

pub use affected::{Affected, Event, Parsed, Verdict};
pub use builder::{Builder, RECORDS_MAX};
pub use database::{Database, Source};
pub use ecosystem::{Ecosystem, Package};
pub use error::AdvisoriesError;
pub use feeds::FEED_BYTES_MAX;
pub use index::INDEX_BYTES_MAX;
pub use judge::{
    ADVISORIES_MISSING, DEPRECATED, LOCKFILE_DRIFT, LOCKFILE_MISSING, LOCKFILES_SKIPPED, SOURCE_DIFFERS,
    UNPINNED, VERSION_OPEN, YANKED, judge, not_held,
};
pub use layout::{Header, Held};
pub use record::{RECORD_BYTES_MAX, Record};
pub use rustsec::is_rustsec;
pub use stored::{Entry, Sort, StoredRecord, Withdrawal, Withdrawn};
