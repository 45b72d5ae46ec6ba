//! Whose turn is it? Groups by their weights, evenly mixed; and the group of a value, the same each time.
//!
//! Invariant: over any run of turns each group is within one turn of its share (smooth weighted round robin), so two groups of
//! equal weight get equally many. The group of a value depends on the value, ids and weights alone, and a group whose weight
//! rises keeps the values that it had (weighted rendezvous hashing). There is no chance in it.

/// Turns of groups of fixed weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    weights: Vec<i64>,
    /// How far each group is behind its share.
    behind: Vec<i64>,
}

impl Turns {
    /// Turns by these weights. With the same weights as before they go on where they were.
    pub fn after(&self, weights: &[u32]) -> Self {
        let weights: Vec<i64> = weights.iter().copied().map(i64::from).collect();
        if weights == self.weights {
            return self.clone();
        }
        Self { behind: vec![0; weights.len()], weights }
    }

    /// The next group; none if no group has a weight.
    pub fn next(&mut self) -> Option<usize> {
        let mut best: Option<(usize, i64)> = None;
        let mut total = 0;
        for (index, (behind, weight)) in self.behind.iter_mut().zip(&self.weights).enumerate() {
            *behind += weight;
            total += weight;
            if *weight > 0 && best.is_none_or(|(_, most)| *behind > most) {
                best = Some((index, *behind));
            }
        }
        let (index, _) = best?;
        if let Some(behind) = self.behind.get_mut(index) {
            *behind -= total;
        }
        Some(index)
    }
}

/// The group of a value, by ids and weights; none if no group has a weight.
pub fn group_of<'a>(value: &[u8], groups: impl Iterator<Item = (&'a str, u32)>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (index, (id, weight)) in groups.enumerate() {
        if weight == 0 {
            continue;
        }
        let score = f64::from(weight) / -unit(hash(value, id)).ln();
        if best.is_none_or(|(_, most)| score > most) {
            best = Some((index, score));
        }
    }
    best.map(|(index, _)| index)
}

/// A hash between 0 and 1, both excluded.
fn unit(hash: u64) -> f64 {
    // 32 bits are exact in a double.
    let high = u32::try_from(hash >> 32).unwrap_or(u32::MAX);
    (f64::from(high) + 0.5) / (f64::from(u32::MAX) + 1.0)
}

/// FNV-1a over both, then the mixing steps of `SplitMix64`, because FNV's high bits mix little.
fn hash(value: &[u8], id: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes().chain([0xff]).chain(value.iter().copied()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_met_within_one_turn_at_every_moment() {
        for weights in [vec![95, 5], vec![90, 5, 5], vec![1, 1], vec![7, 0, 3], vec![997, 2, 1]] {
            let mut turns = Turns::default().after(&weights);
            let (total, mut counts) = (weights.iter().sum::<u32>(), vec![0_u32; weights.len()]);
            for turn in 1..=3 * total {
                let next = turns.next().unwrap();
                counts[next] += 1;
                for (count, weight) in counts.iter().zip(&weights) {
                    let off = i64::from(count * total) - i64::from(turn * weight);
                    assert!(off.abs() <= i64::from(total), "{weights:?} after {turn}: {counts:?}");
                }
            }
            let exact: Vec<u32> = weights.iter().map(|weight| weight * 3).collect();
            assert_eq!(counts, exact);
        }
        assert_eq!(Turns::default().after(&[0, 0]).next(), None);
    }

    #[test]
    fn a_table_with_the_same_weights_goes_on_where_the_last_one_was() {
        let (mut turns, mut canary) = (Turns::default().after(&[95, 5]), 0);
        for _ in 0..100 {
            turns = turns.after(&[95, 5]);
            canary += turns.next().unwrap();
        }
        assert_eq!(canary, 5);
    }

    #[test]
    fn a_group_whose_weight_rises_keeps_its_values() {
        let of = |value: u32, weight| {
            group_of(&value.to_be_bytes(), [("stable", 100 - weight), ("canary", weight)].into_iter())
                .unwrap()
        };
        let count = |weight| (0..10_000).filter(|value| of(*value, weight) == 1).count();
        for (weight, least, most) in [(5, 400, 600), (25, 2_300, 2_700), (50, 4_800, 5_200)] {
            let count = count(weight);
            assert!((least..most).contains(&count), "{weight}: {count}");
        }
        for value in (0..10_000).filter(|value| of(*value, 5) == 1) {
            assert!(of(value, 25) == 1 && of(value, 50) == 1, "{value}");
        }
        assert_eq!(group_of(b"a", [("stable", 0)].into_iter()), None);
    }
}
