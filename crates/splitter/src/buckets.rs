//! Buckets of times: one for each of the first sixteen microseconds, then sixteen for each doubling, to more than a minute.
//!
//! Invariant: they are those of `evidence`, whose observations carry the counts. This crate may not import them; a test of
//! `agent` compares the two.

/// Buckets below this one hold a single microsecond each.
const LINEAR: u64 = 16;
/// Each doubling of the time has so many buckets.
const EACH_DOUBLING: u64 = 16;
/// The last bucket: everything from 2^26 microseconds.
pub const BUCKET_LAST: u16 = 368;

/// The bucket of a time in microseconds.
#[must_use]
pub fn bucket(micros: u64) -> u16 {
    if micros < LINEAR {
        return u16::try_from(micros).unwrap_or(BUCKET_LAST);
    }
    let doubling = u64::from(micros.ilog2()) - u64::from(LINEAR.ilog2());
    let index = LINEAR + doubling * EACH_DOUBLING + (micros >> doubling) - LINEAR;
    u16::try_from(index).map_or(BUCKET_LAST, |index| index.min(BUCKET_LAST))
}

/// The shortest time of a bucket, in microseconds.
#[must_use]
pub fn bucket_start(bucket: u16) -> u64 {
    let bucket = u64::from(bucket.min(BUCKET_LAST));
    if bucket < LINEAR {
        return bucket;
    }
    (LINEAR + (bucket - LINEAR) % EACH_DOUBLING) << ((bucket - LINEAR) / EACH_DOUBLING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_bucket_between_two_starts() {
        for index in 0..=BUCKET_LAST {
            assert_eq!(bucket(bucket_start(index)), index);
            assert_eq!(bucket((bucket_start(index + 1) - 1).max(bucket_start(index))), index);
        }
        assert_eq!((bucket_start(BUCKET_LAST), bucket(u64::MAX)), (1 << 26, BUCKET_LAST));
    }
}
