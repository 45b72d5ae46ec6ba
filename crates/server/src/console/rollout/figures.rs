//! Numbers of a rollout as people read them.

/// A rate in thousandths of requests a second: `25/s`.
pub fn rate_words(thousandths: u64) -> String {
    match thousandths {
        0..10_000 => format!("{}.{}/s", thousandths / 1_000, thousandths % 1_000 / 100),
        _ => format!("{}/s", web::parts::count(thousandths / 1_000)),
    }
}

/// A share in millionths: `0.10 %`.
pub fn share_words(millionths: u64) -> String {
    let hundredths = millionths / 100;
    match hundredths % 100 {
        0 if millionths > 0 && hundredths == 0 => "< 0.01 %".to_owned(),
        0 => format!("{} %", hundredths / 100),
        rest => format!("{}.{rest:02} %", hundredths / 100),
    }
}

/// A time of microseconds: `41 ms`.
pub fn time_words(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        10_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{} s", micros / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_words() {
        assert_eq!([0, 1_500, 25_000, 1_234_000].map(rate_words), ["0.0/s", "1.5/s", "25/s", "1,234/s"]);
        assert_eq!(
            [0, 20, 1_000, 20_000, 1_000_000].map(share_words),
            ["0 %", "< 0.01 %", "0.10 %", "2 %", "100 %"]
        );
        assert_eq!([900, 41_500, 12_000_000].map(time_words), ["0.9 ms", "41 ms", "12 s"]);
    }
}
