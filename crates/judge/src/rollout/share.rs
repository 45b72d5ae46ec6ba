//! The test of a share of requests against a limit.
//!
//! Invariant: a share is over its limit for certain if a release within the limit shows so many failures in at most one of
//! 2^`CERTAIN_LOG` samples of this size, by the bound of Chernoff and Hoeffding: with `n` samples and the observed share `q`
//! above the limit `p`, that probability is at most `2^(-n D(q, p))`, where `D` is the relative entropy in bits.

use evidence::rollout_metric::Share;

use super::logarithm::{ONE, log2};

/// Odds against chance that are needed, as a power of two.
pub const CERTAIN_LOG: i128 = 10;

/// A share beside its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It is at most the limit.
    Within,
    /// It is over the limit, which can still be chance.
    Over,
    /// It is over the limit, and that is no chance.
    Certain,
}

/// Compares a share with its limit.
pub fn compare(share: Share) -> Compared {
    let Share { failing, samples, at_most } = share;
    let failing = failing.min(samples);
    if u128::from(failing) * MILLION <= u128::from(at_most) * u128::from(samples) {
        return Compared::Within;
    }
    if surprise(failing, samples, at_most) >= CERTAIN_LOG * ONE { Compared::Certain } else { Compared::Over }
}

/// `n D(q, p)` in bits, in fixed point, for a share above its limit.
pub fn surprise(failing: u64, samples: u64, at_most: u64) -> i128 {
    let (n, k, p) = (u128::from(samples), u128::from(failing), u128::from(at_most));
    if p == 0 {
        return i128::MAX;
    }
    // k log(k / (n p)) + (n - k) log((n - k) / (n (1 - p))), with p in millionths.
    let term = |count: u128, part: u128| {
        let logs = log2(count) + log2(MILLION) - log2(n) - log2(part);
        i128::try_from(count).unwrap_or(i128::MAX).saturating_mul(logs)
    };
    let good = if k == n { 0 } else { term(n - k, MILLION.saturating_sub(p)) };
    term(k, p).saturating_add(good)
}

/// How many times as fast as allowed the budget burns, in thousandths.
pub fn burning(failing: u64, samples: u64, objective: u64) -> u64 {
    let rate = u128::from(failing) * 1_000_000_000 / (u128::from(samples) * u128::from(objective)).max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

const MILLION: u128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(failing: u64, samples: u64, at_most: u64) -> i128 {
        surprise(failing, samples, at_most) * 1_000 / ONE
    }

    #[test]
    fn surprises_computed_by_hand() {
        // 4 of 100 at 0.1 %: 4 log2(40) + 96 log2(0.96 / 0.999) = 21.288 - 5.515 = 15.772.
        assert_eq!(bits(4, 100, 1_000), 15_772);
        // 2 of 100 at 0.1 %: 2 log2(20) + 98 log2(0.98 / 0.999) = 8.644 - 2.715 = 5.928.
        assert_eq!(bits(2, 100, 1_000), 5_928);
        // 10 of 10 at 50 %: 10 bits, like ten heads in a row.
        assert_eq!(bits(10, 10, 500_000), 10_000);
    }

    #[test]
    fn one_failure_among_few_can_be_chance() {
        let share = |failing, samples, at_most| compare(Share { failing, samples, at_most });
        assert_eq!(share(0, 0, 0), Compared::Within);
        assert_eq!(share(1, 1_000, 1_000), Compared::Within);
        assert_eq!(share(1, 100, 1_000), Compared::Over);
        assert_eq!(share(2, 100, 1_000), Compared::Over);
        assert_eq!(share(4, 100, 1_000), Compared::Certain);
        assert_eq!(share(1, 1_000_000, 0), Compared::Certain);
        assert_eq!(share(10, 10, 1_000_000), Compared::Within);
        assert_eq!(share(u64::MAX, 1 << 53, 999_999), Compared::Certain);
    }

    #[test]
    fn more_failures_are_never_better() {
        let rank = |failing| match compare(Share { failing, samples: 400, at_most: 20_000 }) {
            Compared::Within => 0,
            Compared::Over => 1,
            Compared::Certain => 2,
        };
        assert!((0..400).all(|failing| rank(failing) <= rank(failing + 1)));
        assert_eq!((rank(8), rank(9), rank(400)), (0, 1, 2));
    }
}
