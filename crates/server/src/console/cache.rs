//! Values that pages need again, in memory: facts of commits, and judged releases.
//!
//! Invariant: a key names everything that its value depends on, so a value is never stale. The number of values is bounded;
//! the oldest one goes first.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A bounded table.
pub struct Cache<K, V> {
    most: usize,
    known: Mutex<Known<K, V>>,
}

/// The values, and their keys in the order in which they came.
struct Known<K, V> {
    values: BTreeMap<K, Arc<V>>,
    order: VecDeque<K>,
}

impl<K: Ord + Clone, V> Cache<K, V> {
    /// An empty table for at most so many values.
    pub const fn new(most: usize) -> Self {
        Self { most, known: Mutex::new(Known { values: BTreeMap::new(), order: VecDeque::new() }) }
    }

    /// The value of a key, made if it is missing. Two readers may make the same value at once: nobody waits for another.
    ///
    /// # Errors
    /// The error of `make`; nothing is stored then.
    pub fn or_make<E>(&self, key: K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).values.get(&key) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(make()?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { values, order } = &mut *known;
        if values.insert(key.clone(), Arc::clone(&made)).is_none() {
            order.push_back(key);
        }
        if values.len() > self.most
            && let Some(oldest) = order.pop_front()
        {
            values.remove(&oldest);
        }
        Ok(made)
    }

    /// Number of values.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).values.len()
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::Cache;

    #[test]
    fn a_value_is_made_once_and_the_oldest_goes_first() {
        let (cache, mut made) = (Cache::new(2), Vec::new());
        for key in [1, 2, 1, 3, 2, 1] {
            let value = cache.or_make(key, || {
                made.push(key);
                Ok::<_, Infallible>(key * 10)
            });
            assert_eq!(*value.unwrap(), key * 10);
        }
        assert_eq!(made, [1, 2, 3, 1], "3 took the place of 1");
        assert_eq!(cache.or_make(9, || Err("no")).unwrap_err(), "no");
        assert_eq!(*cache.or_make(9, || Ok::<_, &str>(90)).unwrap(), 90, "a failure is not kept");
    }
}
