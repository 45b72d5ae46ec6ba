//! Logarithms to base 2 in fixed point, so that every machine computes the same bits.
//!
//! Invariant: the result is at most 2^-47 below the true value and never above it.

use evidence::rollout_counts::COUNT_MAX;

/// Fixed point: one is 2 to this power.
pub const ONE_LOG: u32 = 48;
/// One bit of evidence, in fixed point.
pub const ONE: i128 = 1 << ONE_LOG;

/// The logarithm of a number from 1, in fixed point. Zero counts as one.
pub const fn log2(number: u128) -> i128 {
    let number = if number == 0 { 1 } else { number };
    let whole = number.ilog2();
    // A number from 1 to below 2, as 2^63 times itself.
    let mut rest = if whole >= 63 { number >> (whole - 63) } else { number << (63 - whole) };
    let mut result = whole as i128;
    let mut bit = 0;
    while bit < ONE_LOG {
        rest = (rest * rest) >> 63;
        let is_two = rest >> 64;
        rest >>= is_two;
        #[expect(clippy::cast_possible_wrap, reason = "it is 0 or 1")]
        let digit = is_two as i128;
        result = (result << 1) | digit;
        bit += 1;
    }
    result
}

/// Bits in fixed point as thousandths of a bit, at most the largest integer of canonical JSON.
pub fn thousandths(bits: i128) -> u64 {
    u64::try_from(bits.max(0) / (ONE / 1_000)).unwrap_or(COUNT_MAX).min(COUNT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_exact() {
        for power in 0..127 {
            assert_eq!(log2(1 << power), i128::from(power) * ONE, "{power}");
        }
        assert_eq!(log2(0), 0);
    }

    #[test]
    fn known_values() {
        // log2(3), log2(10) and log2(1,000,000), computed with 40 digits elsewhere, times 2^48.
        let known = [(3, 446_127_282_977_750), (10, 935_039_633_142_894), (1_000_000, 5_610_237_798_857_365)];
        for (number, bits) in known {
            assert!((log2(number) - bits).abs() <= 1, "{number}: {} is not {bits}", log2(number));
        }
    }

    #[test]
    fn it_rises_and_products_are_sums() {
        for number in 1..5_000_u128 {
            assert!(log2(number) < log2(number + 1), "{number}");
            let sum = log2(number) + log2(7_919);
            assert!((log2(number * 7_919) - sum).abs() <= 3, "{number}");
        }
    }
}
