//! Parallel work on batches while the next ones are read. Hashing and parsing take most of the time of verification and
//! replay, and need no knowledge of earlier entries.
//!
//! Invariant: results have the order of the input; only a few batches are in progress at once; a panic of a worker
//! becomes a panic of the caller.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// The results of a batch, or the panic of its worker.
type BatchResult<U> = Result<Vec<U>, Box<dyn Any + Send>>;

/// Reads batches until an empty one, processes their parts on all processors, and passes the results on in order.
///
/// # Errors
/// The error of `read` or `take`.
pub fn in_order<T: Send, U: Send, E>(
    mut read: impl FnMut() -> Result<Vec<T>, E>,
    work: impl Fn(T) -> U + Sync,
    mut take: impl FnMut(Vec<U>) -> Result<(), E>,
) -> Result<(), E> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(WORKERS_MAX);
    let (to_work, unworked) = sync_channel::<(u64, Vec<T>)>(workers);
    let (to_take, worked) = sync_channel::<(u64, BatchResult<U>)>(2 * workers + 1);
    let unworked = Mutex::new(unworked);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (unworked, to_take, work) = (&unworked, to_take.clone(), &work);
            scope.spawn(move || worker(unworked, &to_take, work));
        }
        drop(to_take);
        // Dropped at the end of the scope, which ends the workers.
        let to_work = to_work;
        let mut waiting = BTreeMap::new();
        let (mut sent, mut taken) = (0, 0);
        loop {
            let batch = read()?;
            let is_last = batch.is_empty();
            if !is_last && to_work.send((sent, batch)).is_ok() {
                sent += 1;
            }
            // Bounds the batches in progress to what the workers and their queue hold.
            while taken < sent && (is_last || sent - taken > workers as u64) {
                match worked.recv() {
                    Ok((number, batch)) => drop(waiting.insert(number, batch)),
                    // All workers are gone. The scope passes their panic on when it ends.
                    Err(_) => return Ok(()),
                }
                while let Some(batch) = waiting.remove(&taken) {
                    take(batch.unwrap_or_else(|panic| resume_unwind(panic)))?;
                    taken += 1;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    })
}

fn worker<T, U>(
    unworked: &Mutex<Receiver<(u64, Vec<T>)>>,
    to_take: &SyncSender<(u64, BatchResult<U>)>,
    work: &impl Fn(T) -> U,
) {
    loop {
        let next = unworked.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = next else { return };
        let done = catch_unwind(AssertUnwindSafe(|| batch.into_iter().map(work).collect()));
        if to_take.send((number, done)).is_err() {
            return;
        }
    }
}

/// With more workers, the reader would be the bottleneck.
const WORKERS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_out_in_order_and_errors_end_it() {
        let mut batches = (0..50_u8).map(|n| vec![n; 3]).collect::<Vec<_>>();
        batches.reverse();
        let mut seen = Vec::new();
        let read = || Ok::<_, String>(batches.pop().unwrap_or_default());
        in_order(
            read,
            |n| n + 1,
            |batch| {
                seen.extend(batch);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(seen, (1..51_u8).flat_map(|n| [n; 3]).collect::<Vec<_>>());
        let endless = || Ok(vec![1]);
        assert_eq!(in_order(endless, |n| n, |_| Err("enough".to_owned())), Err("enough".to_owned()));
        let none = || Err::<Vec<u8>, _>("no disk".to_owned());
        assert_eq!(in_order(none, |n| n, |_| Ok(())), Err("no disk".to_owned()));
        let panics = || {
            let mut batches = (0..50).map(|n| vec![n]).collect::<Vec<_>>();
            let read = || Ok::<_, String>(batches.pop().unwrap_or_default());
            in_order(read, |n: i32| assert_ne!(n, 20), |_| Ok(()))
        };
        assert!(catch_unwind(panics).is_err(), "it neither hangs nor passes");
    }
}
