//! Numbers as people read them.

/// A number with commas: `48,201`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A duration of milliseconds in at most two units: `3 min 12 s`.
#[must_use]
pub fn took(ms: u64) -> String {
    let two = |high: u64, unit: &str, low: u64, below: &str| match low {
        0 => format!("{high} {unit}"),
        _ => format!("{high} {unit} {low} {below}"),
    };
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..10 => format!("{seconds}.{} s", ms % 1_000 / 100),
        10..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    }
}

/// A size: `103 MiB`.
#[must_use]
pub fn bytes(size: u64) -> String {
    match size {
        0..1_024 => format!("{size} B"),
        1_024..1_048_576 => format!("{} KiB", size >> 10),
        1_048_576..1_073_741_824 => format!("{} MiB", size >> 20),
        _ => format!("{}.{} GiB", size >> 30, (size >> 20) % 1_024 * 10 / 1_024),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, took};

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0, 999, 1_000, 48_201, 1_000_000].map(count),
            ["0", "999", "1,000", "48,201", "1,000,000"]
        );
        assert_eq!([0, 820, 1_430, 12_999, 60_000].map(took), ["0 ms", "820 ms", "1.4 s", "12 s", "1 min"]);
        assert_eq!([192_000, 7_500_000, 90_000_000].map(took), ["3 min 12 s", "2 h 5 min", "1 d 1 h"]);
        assert_eq!([9, 2_048, 108_003_328, 1 << 30].map(bytes), ["9 B", "2 KiB", "103 MiB", "1.0 GiB"]);
    }
}
