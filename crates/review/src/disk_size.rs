//! Sizes on disk in words.

/// Bytes in words, rounded up to the unit: `812 bytes`, `4 KiB`, `37 MiB`, `2 GiB`.
#[must_use]
pub fn words(bytes: u64) -> String {
    match bytes {
        0..1_024 => shown::many(usize::try_from(bytes).unwrap_or_default(), "byte"),
        1_024..1_048_576 => format!("{} KiB", bytes.div_ceil(1_024)),
        1_048_576..10_737_418_240 => format!("{} MiB", bytes.div_ceil(1_048_576)),
        _ => format!("{} GiB", bytes.div_ceil(1_073_741_824)),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_size_is_rounded_up() {
        let sizes = [0, 1, 1_023, 1_024, 1_025, 1_048_576, 1_048_577, 10_737_418_240];
        let said = ["0 bytes", "1 byte", "1023 bytes", "1 KiB", "2 KiB", "1 MiB", "2 MiB", "10 GiB"];
        assert_eq!(sizes.map(words), said);
    }
}
