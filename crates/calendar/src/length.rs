//! Lengths: `7h`, `90m`, `1h30m`, `2d`. A day has 24 hours, so a length is the same on each day of the year.

use crate::error::{What, quoted, what};

/// Longest time that a rule keeps open or closed from one start, in seconds.
pub(crate) const SECONDS_MAX: i64 = 31 * 86_400;

/// Seconds of a length.
pub(crate) fn seconds(text: &str) -> Result<i64, What> {
    let shape = || {
        format!(
            "`{}` is no length; write hours, minutes or days, such as `7h`, `1h30m` or `2d`",
            quoted(text)
        )
    };
    let (mut total, mut digits, mut before) = (0_i64, String::new(), i64::MAX);
    for letter in text.chars() {
        if letter.is_ascii_digit() && digits.len() < 6 {
            digits.push(letter);
            continue;
        }
        let unit = match letter {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            _ => return what(shape()),
        };
        let Ok(count) = digits.parse::<i64>() else { return what(shape()) };
        if unit >= before {
            return what(shape());
        }
        total += count * unit;
        before = unit;
        digits.clear();
    }
    if !digits.is_empty() || text.is_empty() {
        return what(shape());
    }
    if !(60..=SECONDS_MAX).contains(&total) {
        return what(format!("`{text}` is not between one minute and 31 days"));
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_unit_after_each_number() {
        for (text, expected) in [
            ("7h", 25_200),
            ("90m", 5_400),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("31d", SECONDS_MAX),
            ("1d1h1m", 90_060),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in
            ["", "7", "h", "7H", "7s", "1h1h", "1m1h", "0m", "32d", "-1h", "1.5h", "1h ", "9999999m", "٣h"]
        {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
