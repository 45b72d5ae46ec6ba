//! Ids as people read them: their first digits.
//!
//! Invariant: a shown beginning names one id alone among those that are shown beside it.

use evidence::Digest;

/// The shortest usual beginning of each id that no other one of them has. The ids are sorted.
#[must_use]
pub fn beginnings<'a>(ids: impl IntoIterator<Item = &'a Digest>) -> Vec<String> {
    let all: Vec<_> = ids.into_iter().map(Digest::hex).collect();
    let begins = |nth: usize, id: &String| {
        // Of sorted ids, those beside an id share the most digits with it.
        let beside = [nth.checked_sub(1), nth.checked_add(1)];
        let beside = beside.into_iter().filter_map(|nth| all.get(nth?));
        let shared = beside.map(|other| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count());
        let digits = shared.max().map_or(DIGITS_SHOWN, |shared| DIGITS_SHOWN.max(shared + 1));
        id.get(..digits).unwrap_or(id).to_owned()
    };
    all.iter().enumerate().map(|(nth, id)| begins(nth, id)).collect()
}

/// The first digits of an id, for display.
#[must_use]
pub fn short(id: &str) -> &str {
    id.get(..DIGITS_SHOWN).unwrap_or(id)
}

/// Number of digits that are shown of an id, unless more are needed.
const DIGITS_SHOWN: usize = 12;
