//! Reading in a store, by a process that ends soon: one session for each store, which ends when everything is read.
//!
//! Invariant: nothing but the operator's address is asked, and nothing but what the grant names. The token of a user of a database is
//! in the journal before the user is made, so that a crash at any point leaves nothing that is not revoked afterwards.

use std::fmt;
use std::time::{Duration, Instant};

use evidence::Name;
use evidence::statements::{StoreItem, StoreSource};
use openbao::{Clear, Lease, Session, Store as _, StoreError, StorePath};
use zeroize::Zeroizing;

use crate::access::Access;
use crate::error::StoresError;
use crate::journal::{LeaseJournal, LeaseNote};

/// A value that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The store, and a login to it.
    pub access: &'a Access,
    /// Where it is.
    pub from: &'a StoreSource,
}

/// A user of a database, and the session under which it was made.
pub struct Leased {
    /// Its name.
    pub username: Zeroizing<Vec<u8>>,
    /// Its password.
    pub password: Zeroizing<Vec<u8>>,
    lease: Lease,
    session: Session,
    journal: LeaseJournal,
    at: (Name, String),
}

impl fmt::Debug for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Reads a value, within this time.
///
/// # Errors
/// `StoresError` names store and place.
pub fn read(wanted: Wanted<'_>, within: Duration) -> Result<Zeroizing<Vec<u8>>, StoresError> {
    let Wanted { access, from } = wanted;
    let (store, at) = (from.store.clone(), from.to_string());
    let Some(StoreItem::Field { path, field, version }) = from.item() else {
        return Err(StoresError::Place(store, at));
    };
    let (mount, path) = (name(&from.mount, from)?, name(path, from)?);
    let session = access.open(&at, Instant::now() + within)?;
    let failed = |error| StoresError::Store { store: store.clone(), at: at.clone(), error: Box::new(error) };
    let read = session.read(&mount, &path, version.map(u64::from));
    // A token that is not given back ends by itself; the value is what counts.
    drop(session.end());
    let value = read
        .map_err(failed)?
        .fields
        .remove(field)
        .ok_or_else(|| StoresError::Field(store.clone(), at.clone()))?;
    if value.as_str().len() > VALUE_BYTES_MAX {
        return Err(StoresError::Long(store, at));
    }
    Ok(bytes(&value))
}

/// Has a user of a database made, which has to last so many seconds.
///
/// # Errors
/// `StoresError` names store and place; then nothing is left but what the journal names.
pub fn lease(
    wanted: Wanted<'_>,
    journal: LeaseJournal,
    seconds: u64,
    within: Duration,
) -> Result<Leased, StoresError> {
    let Wanted { access, from } = wanted;
    let (store, at) = (from.store.clone(), from.to_string());
    let Some(StoreItem::Database { role }) = from.item() else {
        return Err(StoresError::Place(store, at));
    };
    let (mount, role) = (name(&from.mount, from)?, name(role, from)?);
    let session = access.open(&at, Instant::now() + within)?;
    let short =
        |found| StoresError::Short { store: store.clone(), at: at.clone(), seconds: found, needed: seconds };
    // The end of the token is the end of everything that was lent under it.
    if let Some(found) = session.seconds().filter(|found| *found < seconds) {
        return Err(short(found));
    }
    let accessor = session.accessor().ok_or_else(|| StoresError::Accessor(store.clone(), at.clone()))?;
    journal.note(&LeaseNote { v: 1, store: store.clone(), accessor: accessor.to_owned() })?;
    let failed = |error| StoresError::Store { store: store.clone(), at: at.clone(), error: Box::new(error) };
    let made = match session.credentials(&mount, &role) {
        Ok(made) if made.lease.seconds >= seconds => made,
        refused => {
            let why = match refused {
                Ok(made) => {
                    drop(session.give_back(&made.lease));
                    short(made.lease.seconds)
                }
                Err(error) => failed(error),
            };
            // The end of the token takes with it what was made all the same.
            if session.end().is_ok() {
                journal.forget()?;
            }
            return Err(why);
        }
    };
    let (username, password) = (made.username.into_bytes().into(), bytes(&made.password));
    Ok(Leased { username, password, lease: made.lease, session, journal, at: (store, at) })
}

impl Leased {
    /// Gives the user back: when this returns, it is gone.
    ///
    /// # Errors
    /// `StoresError` if the store could not be told. Then the journal names it still.
    pub fn end(self, within: Duration) -> Result<(), StoresError> {
        let Self { lease, mut session, journal, at: (store, at), .. } = self;
        session.lasts_until(Instant::now() + within);
        // A login that may not revoke leases ends them by the end of its token.
        let given = session.give_back(&lease);
        session.end().or_else(|error| given.map_err(|_| error)).map_err(|error| StoresError::Store {
            store,
            at,
            error: Box::new(error),
        })?;
        journal.forget()
    }
}

/// Revokes what a process left that was killed: the token under which it was made, and all with it.
///
/// # Errors
/// `StoresError` if the store could not be told.
pub fn revoke(access: &Access, note: &LeaseNote, within: Duration) -> Result<(), StoresError> {
    let at = "auth/token/revoke-accessor";
    let session = access.open(at, Instant::now() + within)?;
    let revoked = session.revoke(&note.accessor);
    drop(session.end());
    match revoked {
        // It has ended by itself.
        Ok(()) | Err(StoreError::Absent { .. }) => Ok(()),
        Err(StoreError::Failed { status: 400, said, .. }) if said.contains("invalid accessor") => Ok(()),
        Err(error) => {
            Err(StoresError::Store { store: access.store.clone(), at: at.to_owned(), error: Box::new(error) })
        }
    }
}

fn bytes(text: &Clear) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_str().as_bytes().to_vec())
}

fn name(text: &str, from: &StoreSource) -> Result<StorePath, StoresError> {
    text.parse().map_err(|_| StoresError::Place(from.store.clone(), from.to_string()))
}

const VALUE_BYTES_MAX: usize = 1 << 20;
