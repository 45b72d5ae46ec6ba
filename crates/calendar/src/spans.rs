//! Sets of times: spans in seconds since the Epoch.
//!
//! Invariant: spans are sorted, none is empty, and none touches the next. The start of a span belongs to it, its end does not.

/// A set of times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<(i64, i64)>);

impl Spans {
    /// The times that are in any of these spans. Spans that end before they start have none.
    pub(crate) fn of(mut any: Vec<(i64, i64)>) -> Self {
        any.retain(|(start, end)| start < end);
        any.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(any.len());
        for (start, end) in any {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        Self(joined)
    }

    /// The times of either set.
    pub(crate) fn with(self, other: Self) -> Self {
        let mut all = self.0;
        all.extend(other.0);
        Self::of(all)
    }

    /// The times of this set that are not in the other.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        let mut cuts = other.0.iter().peekable();
        for &(start, end) in &self.0 {
            let mut at = start;
            while cuts.next_if(|cut| cut.1 <= at).is_some() {}
            let mut rest = cuts.clone();
            while let Some(&&(from, to)) = rest.peek().filter(|cut| cut.0 < end) {
                left.push((at, from));
                at = at.max(to);
                rest.next();
            }
            left.push((at, end));
        }
        Self::of(left)
    }

    /// The times between `from` and `until`.
    pub(crate) fn between(self, from: i64, until: i64) -> Self {
        Self::of(self.0.into_iter().map(|(start, end)| (start.max(from), end.min(until))).collect())
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (i64, i64)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any() -> impl Strategy<Value = Vec<(i64, i64)>> {
        proptest::collection::vec((0..60_i64, 0..60_i64), 0..8)
    }

    fn has(spans: &[(i64, i64)], at: i64) -> bool {
        spans.iter().any(|(start, end)| (*start..*end).contains(&at))
    }

    proptest! {
        #[test]
        fn sets_have_what_their_spans_have(a in any(), b in any(), from in 0..60_i64, until in 0..60_i64) {
            let (left, right) = (Spans::of(a.clone()), Spans::of(b.clone()));
            let (both, less) = (left.clone().with(right.clone()), left.without(&right));
            let cut = left.clone().between(from, until);
            for set in [&left, &both, &less, &cut] {
                prop_assert!(set.0.iter().all(|(start, end)| start < end));
                prop_assert!(set.0.is_sorted_by(|a, b| a.1 < b.0));
            }
            for at in 0..60 {
                prop_assert_eq!(has(&left.0, at), has(&a, at));
                prop_assert_eq!(has(&both.0, at), has(&a, at) || has(&b, at));
                prop_assert_eq!(has(&less.0, at), has(&a, at) && !has(&b, at));
                prop_assert_eq!(has(&cut.0, at), has(&a, at) && (from..until).contains(&at));
            }
        }
    }
}
