//! Values that the holder reads in stores of the operator, and users of databases that it gives back.
//!
//! Invariant: all stores together have a bounded time. A user of a database is made for this step alone, and is given back when
//! the step has ended, whatever its end; what cannot be given back is in the journal, and the runner revokes it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use evidence::Name;
use stores::{LeaseJournal, Leased, StoresError, Wanted};
use zeroize::Zeroizing;

use super::protocol::Work;

/// Values by the names of their files, and the users that were made.
#[derive(Default)]
pub struct StoreValues {
    pub values: BTreeMap<String, Zeroizing<Vec<u8>>>,
    leases: Vec<Leased>,
}

impl StoreValues {
    /// Reads everything that a step gets from stores.
    ///
    /// # Errors
    /// `StoresError` of the first one that cannot be read. Users that were made for others end with their sessions.
    pub fn read(work: &Work) -> Result<Self, StoresError> {
        let until = Instant::now() + TIME_MAX;
        let mut read = Self::default();
        for one in &work.elsewhere {
            let wanted = Wanted { access: &one.access, from: &one.from };
            let left = until.saturating_duration_since(Instant::now());
            if !one.from.is_database() {
                read.values.insert(one.file.to_string(), stores::read(wanted, left)?);
                continue;
            }
            let place = || StoresError::Place(one.from.store.clone(), one.from.to_string());
            let dir = work.leases.as_deref().ok_or_else(place)?;
            let journal = LeaseJournal::of(dir, work.nonce, &one.file);
            let seconds = work.spec.limits.wall_ms.div_ceil(1000);
            let mut leased = stores::lease(wanted, journal, seconds, left)?;
            let [username, password] = files(&one.file);
            read.values.insert(username, std::mem::take(&mut leased.username));
            read.values.insert(password, std::mem::take(&mut leased.password));
            read.leases.push(leased);
        }
        Ok(read)
    }

    /// Gives back every user. The result says which ones could not be.
    pub fn end(self) -> Vec<String> {
        let ended = self.leases.into_iter().filter_map(|leased| leased.end(END_TIME_MAX).err());
        ended.map(|error| format!("{error}; the runner revokes it soon")).collect()
    }
}

/// Names of the two files of a user of a database. No name in a pipeline has `_`.
pub fn files(name: &Name) -> [String; 2] {
    ["username", "password"].map(|part| format!("{name}_{part}"))
}

/// Longest time of all reads: the runner waits so long for its inputs to be taken.
const TIME_MAX: Duration = Duration::from_secs(20);
const END_TIME_MAX: Duration = Duration::from_secs(10);
