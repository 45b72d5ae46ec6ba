//! Values that pages need again, in memory: a table for values of one kind.
//!
//! Invariant: a key names everything that its value depends on, so a value is never stale. The number of values is bounded, and
//! so is their memory, as far as the table can weigh them; the oldest one goes first.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A bounded table.
pub struct Cache<K, V> {
    most: usize,
    bytes_most: usize,
    weigh: fn(&V) -> usize,
    known: Mutex<Known<K, V>>,
}

/// The values, and their keys in the order in which they came.
struct Known<K, V> {
    values: BTreeMap<K, Arc<V>>,
    order: VecDeque<K>,
    /// Bytes of all values.
    bytes: usize,
}

impl<K: Ord + Clone, V> Cache<K, V> {
    /// An empty table for at most so many values.
    pub fn new(most: usize) -> Self {
        Self::weighed(most, usize::MAX, |_| 0)
    }

    /// An empty table for at most so many values, which have at most so many bytes together. The newest value stays in any case.
    pub const fn weighed(most: usize, bytes_most: usize, weigh: fn(&V) -> usize) -> Self {
        let known = Known { values: BTreeMap::new(), order: VecDeque::new(), bytes: 0 };
        Self { most, bytes_most, weigh, known: Mutex::new(known) }
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).values.get(key).map(Arc::clone)
    }

    /// The value of a key, made if it is missing. Two readers may make the same value at once: nobody waits for another.
    ///
    /// # Errors
    /// The error of `make`; nothing is stored then.
    pub fn or_make<E>(&self, key: K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        if let Some(known) = self.get(&key) {
            return Ok(known);
        }
        let made = Arc::new(make()?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { values, order, bytes } = &mut *known;
        *bytes = bytes.saturating_add((self.weigh)(&made));
        match values.insert(key.clone(), Arc::clone(&made)) {
            Some(before) => *bytes = bytes.saturating_sub((self.weigh)(&before)),
            None => order.push_back(key),
        }
        while (values.len() > self.most || *bytes > self.bytes_most) && values.len() > 1 {
            let Some(oldest) = order.pop_front() else { break };
            let gone = values.remove(&oldest).map_or(0, |gone| (self.weigh)(&gone));
            *bytes = bytes.saturating_sub(gone);
        }
        Ok(made)
    }

    /// The same if the value is there, or if one more may be made: `left` counts down. `None` otherwise.
    ///
    /// # Errors
    /// The error of `make`; nothing is stored then.
    pub fn or_make_within<E>(
        &self,
        key: K,
        left: &mut usize,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<Option<Arc<V>>, E> {
        if let Some(known) = self.get(&key) {
            return Ok(Some(known));
        }
        let Some(less) = left.checked_sub(1) else { return Ok(None) };
        *left = less;
        self.or_make(key, make).map(Some)
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

    #[test]
    fn only_so_many_values_are_made_and_known_ones_cost_nothing() {
        let cache = Cache::new(10);
        let ask = |key: u8, left: &mut usize| {
            cache.or_make_within(key, left, || Ok::<_, Infallible>(key)).unwrap().map(|value| *value)
        };
        let mut left = 2;
        assert_eq!(
            [1, 1, 2, 3, 1].map(|key| ask(key, &mut left)),
            [Some(1), Some(1), Some(2), None, Some(1)]
        );
        assert_eq!((left, ask(3, &mut 1), ask(2, &mut 0)), (0, Some(3), Some(2)));
    }

    #[test]
    fn values_leave_when_they_are_too_large_together_and_the_newest_stays() {
        let cache: Cache<u8, Vec<u8>> = Cache::weighed(10, 100, Vec::len);
        let put = |key: u8, len: usize| cache.or_make(key, || Ok::<_, Infallible>(vec![key; len])).unwrap();
        let kept = || (1..=5).filter(|key| cache.get(key).is_some()).collect::<Vec<_>>();
        put(1, 60);
        put(2, 40);
        assert_eq!(kept(), [1, 2]);
        put(3, 30);
        assert_eq!(kept(), [2, 3], "130 bytes are too many");
        put(4, 500);
        assert_eq!(kept(), [4], "a value alone may be larger");
        put(5, 1);
        assert_eq!(kept(), [5]);
    }
}
