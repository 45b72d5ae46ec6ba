//! Entries checked beside the reading of the next ones: hashing and parsing is most of what verification costs.
//!
//! Invariant: what comes out has the order of what went in; at most a few batches are under way at once.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use evidence::entry::{Entry, EntryError, Header};
use tlog::{Hash, leaf_hash};

/// A row as it was read: the entry, if its salts are ones, and the leaf hash beside it.
pub type Read = (Option<Entry>, Vec<u8>);

/// An entry with its leaf hash, and its header where it is sound.
pub struct Checked {
    pub entry: Entry,
    pub leaf: Hash,
    pub header: Result<Header, EntryError>,
}

/// A row with what was found out about it.
pub type Done = (Option<Checked>, Vec<u8>);

/// Reads batches until there is none, and hands them on in order, checked.
///
/// # Errors
/// What reading or taking answers.
pub fn in_order<E>(
    mut read: impl FnMut() -> Result<Vec<Read>, E>,
    mut take: impl FnMut(Vec<Done>) -> Result<(), E>,
) -> Result<(), E> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(WORKERS_MAX);
    let (to_check, unchecked) = sync_channel::<(u64, Vec<Read>)>(workers);
    let (to_take, checked) = sync_channel::<(u64, Vec<Done>)>(2 * workers + 1);
    let unchecked = Mutex::new(unchecked);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (unchecked, to_take) = (&unchecked, to_take.clone());
            scope.spawn(move || work(unchecked, &to_take));
        }
        drop(to_take);
        // Dropped at the end, and with it the workers' reason to wait.
        let to_check = to_check;
        let mut waiting = BTreeMap::new();
        let (mut sent, mut taken) = (0, 0);
        loop {
            let batch = read()?;
            let is_last = batch.is_empty();
            if !is_last && to_check.send((sent, batch)).is_ok() {
                sent += 1;
            }
            // No more are under way than the workers and their queue hold.
            while taken < sent && (is_last || sent - taken > workers as u64) {
                match checked.recv() {
                    Ok((number, batch)) => drop(waiting.insert(number, batch)),
                    // The workers are gone, which only a panic of theirs does; leaving the scope passes it on.
                    Err(_) => return Ok(()),
                }
                while let Some(batch) = waiting.remove(&taken) {
                    take(batch)?;
                    taken += 1;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    })
}

fn work(unchecked: &Mutex<Receiver<(u64, Vec<Read>)>>, to_take: &SyncSender<(u64, Vec<Done>)>) {
    loop {
        let next = unchecked.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = next else { return };
        let done = batch.into_iter().map(|(entry, leaf)| (entry.map(check), leaf)).collect();
        if to_take.send((number, done)).is_err() {
            return;
        }
    }
}

fn check(entry: Entry) -> Checked {
    Checked { leaf: leaf_hash(&entry.header), header: entry.check(), entry }
}

/// More would wait for the one that reads.
const WORKERS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_out_in_order_and_errors_end_it() {
        let mut batches = (0..50_u8).map(|n| vec![(None, vec![n]); 3]).collect::<Vec<_>>();
        batches.reverse();
        let mut seen = Vec::new();
        let read = || Ok::<_, String>(batches.pop().unwrap_or_default());
        in_order(read, |batch| {
            seen.extend(batch.into_iter().map(|(_, leaf)| leaf));
            Ok(())
        })
        .unwrap();
        let expected: Vec<_> = (0..50_u8).flat_map(|n| vec![vec![n]; 3]).collect();
        assert_eq!(seen, expected);
        let endless = || Ok(vec![(None, Vec::new())]);
        assert_eq!(in_order(endless, |_| Err("enough".to_owned())), Err("enough".to_owned()));
        assert_eq!(in_order(|| Err("no disk".to_owned()), |_| Ok(())), Err("no disk".to_owned()));
    }
}
