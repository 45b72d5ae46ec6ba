//! Stores of secrets that the operator of a machine names, and what a grant reads there: a value, or a user of a database.
//!
//! Invariant: addresses and logins are the operator's alone; a grant names a store, and a place in it that leads nowhere else. No
//! value is written down, and none is in an error. A user of a database is written into a journal before it can exist. How a
//! store is spoken to is the crate `openbao`'s; who may read is the judge's.

mod access;
mod error;
mod journal;
mod reading;
mod settings;

pub use access::{Access, Bearer};
pub use error::StoresError;
pub use journal::{LeaseJournal, LeaseNote};
pub use reading::{Leased, Wanted, lease, read, revoke};
pub use settings::{STORES_FILE, Stores};
