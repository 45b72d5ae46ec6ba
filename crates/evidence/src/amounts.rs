//! Amounts with units as people write them in files of a repository: times, shares, ratios.
//!
//! Invariant: the text is parsed at the edge into an integer; nothing is rounded, and a text that would have to be is an error.
//! The error names the text and a spelling that is right.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest time: 366 days in milliseconds.
const TIME_MS_MAX: u64 = 366 * 24 * 3_600_000;

/// The text is not such an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It is not a time.
    #[error(
        "`{0}` is not a time: write a whole number and a unit, such as `500ms`, `90s`, `5m`, `2h` or `30d`"
    )]
    Time(String),
    /// It is not the time of an answer.
    #[error(
        "`{0}` is not the time of an answer: write a whole number and a unit, such as `800us`, `300ms` or `2s`"
    )]
    Latency(String),
    /// It is not a share.
    #[error("`{0}` is not a share: write a percentage with at most four decimals, such as `0.1%`")]
    Portion(String),
    /// It is not a number.
    #[error(
        "`{0}` is not a number: write one with at most six decimals and no sign, such as `100` or `0.25`"
    )]
    Number(String),
    /// It is not a ratio.
    #[error("`{0}` is not a ratio: write a number with at most three decimals, such as `1.5`")]
    Ratio(String),
}

/// A time: a whole number and a unit, such as `500ms`, `90s`, `5m`, `2h` or `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Time(u64);

/// The time of an answer: a whole number and a unit, such as `800us`, `300ms` or `2s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Latency(u64);

/// A share: a percentage with at most four decimals, such as `0.1%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Portion(u64);

/// A ratio with at most three decimals, such as `1.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Ratio(u64);

/// A number with at most six decimals, such as `100` or `0.25`; in a file also without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "String")]
#[schemars(with = "Written")]
pub struct Number(u64);

/// A number as it stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Decimal(f64),
    Text(String),
}

impl TryFrom<Written> for Number {
    type Error = AmountError;

    fn try_from(written: Written) -> Result<Self, AmountError> {
        match written {
            Written::Whole(number) => number.to_string().parse(),
            // The shortest text of a decimal number is the one that was written.
            Written::Decimal(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl Number {
    /// So many millionths.
    #[must_use]
    pub const fn of(millionths: u64) -> Self {
        Self(millionths)
    }

    /// Millionths.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl FromStr for Number {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let number = decimal(text, 6).filter(|number| *number < 1 << 53);
        number.map(Self).ok_or_else(|| AmountError::Number(short(text)))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal(self.0, 6).fmt(f)
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        number.to_string()
    }
}

impl Time {
    /// So many milliseconds.
    #[must_use]
    pub const fn of(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }
}

impl Latency {
    /// So many microseconds.
    #[must_use]
    pub const fn of(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }
}

impl Portion {
    /// So many millionths.
    #[must_use]
    pub const fn of(millionths: u64) -> Self {
        Self(millionths)
    }

    /// Millionths.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl Ratio {
    /// So many thousandths.
    #[must_use]
    pub const fn of(thousandths: u64) -> Self {
        Self(thousandths)
    }

    /// Thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u64 {
        self.0
    }
}

impl FromStr for Time {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let amount = with_unit(text, &TIME_UNITS).filter(|time| *time <= TIME_MS_MAX);
        amount.map(Self).ok_or_else(|| AmountError::Time(short(text)))
    }
}

impl FromStr for Latency {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let amount = with_unit(text, &LATENCY_UNITS).filter(|time| *time <= TIME_MS_MAX);
        amount.map(Self).ok_or_else(|| AmountError::Latency(short(text)))
    }
}

impl FromStr for Portion {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let amount = text.strip_suffix('%').and_then(|number| decimal(number.trim_end(), 4));
        let amount = amount.filter(|share| *share <= 1_000_000);
        amount.map(Self).ok_or_else(|| AmountError::Portion(short(text)))
    }
}

impl FromStr for Ratio {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        decimal(text, 3).map(Self).ok_or_else(|| AmountError::Ratio(short(text)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, self.0, &TIME_UNITS)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, self.0, &LATENCY_UNITS)
    }
}

impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", Decimal(self.0, 4))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal(self.0, 3).fmt(f)
    }
}

/// An integer with so many decimals, without zeros at its end.
struct Decimal(u64, u32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, digits) = (10_u64.pow(self.1), self.1 as usize);
        let rest = format!("{:0digits$}", self.0 % by);
        match rest.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / by),
            rest => write!(f, "{}.{rest}", self.0 / by),
        }
    }
}

/// Conversions that serde needs, by `FromStr` and `Display`.
macro_rules! as_text {
    ($($amount:ident),+) => {
        $(
            impl TryFrom<String> for $amount {
                type Error = AmountError;

                fn try_from(text: String) -> Result<Self, AmountError> {
                    text.parse()
                }
            }

            impl From<$amount> for String {
                fn from(amount: $amount) -> Self {
                    amount.to_string()
                }
            }
        )+
    };
}

as_text!(Time, Latency, Portion, Ratio);

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|sign: char| !sign.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, each) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*each)
}

fn decimal(text: &str, decimals: u32) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(rest) || rest.len() > decimals as usize {
        return None;
    }
    let digits = decimals as usize;
    let rest: u64 = format!("{rest:0<digits$}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(10_u64.pow(decimals))?.checked_add(rest)
}

fn shown(f: &mut fmt::Formatter<'_>, amount: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = |each: u64| amount > 0 && amount.is_multiple_of(each);
    let (unit, each) =
        units.iter().rev().find(|(_, each)| fits(*each)).or(units.first()).ok_or(fmt::Error)?;
    write!(f, "{}{unit}", amount / each)
}

/// The beginning of a text, for an error.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Units by rising length, in milliseconds.
const TIME_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// Units by rising length, in microseconds.
const LATENCY_UNITS: [(&str, u64); 3] = [("us", 1), ("ms", 1_000), ("s", 1_000_000)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_integers_and_come_back_as_text() {
        let times = ["500ms", "90s", "5m", "2h", "30d", "0ms"].map(|text| text.parse::<Time>().unwrap());
        assert_eq!(times.map(Time::millis), [500, 90_000, 300_000, 7_200_000, 2_592_000_000, 0]);
        assert_eq!(times.map(String::from), ["500ms", "90s", "5m", "2h", "30d", "0ms"]);
        let answers = ["800us", "300ms", "2s"].map(|text| text.parse::<Latency>().unwrap());
        assert_eq!(answers.map(Latency::micros), [800, 300_000, 2_000_000]);
        assert_eq!(answers.map(String::from), ["800us", "300ms", "2s"]);
        let shares = ["0.1%", "100%", "12.5 %", "0.0001%"].map(|text| text.parse::<Portion>().unwrap());
        assert_eq!(shares.map(Portion::millionths), [1_000, 1_000_000, 125_000, 1]);
        assert_eq!(shares.map(String::from), ["0.1%", "100%", "12.5%", "0.0001%"]);
        let ratios = ["2", "1.5", "1.125"].map(|text| text.parse::<Ratio>().unwrap());
        assert_eq!(ratios.map(Ratio::thousandths), [2_000, 1_500, 1_125]);
        assert_eq!(ratios.map(String::from), ["2", "1.5", "1.125"]);
    }

    #[test]
    fn anything_else_is_named() {
        for wrong in ["5", "m", "5 m", "5min", "-5m", "1.5h", "367d", "99999999999999999999d", ""] {
            assert_eq!(
                wrong.parse::<Time>().unwrap_err().to_string(),
                format!(
                    "`{wrong}` is not a time: write a whole number and a unit, such as `500ms`, `90s`, `5m`, `2h` or `30d`"
                )
            );
        }
        for wrong in ["300", "5m", "0.3s"] {
            assert_eq!(
                wrong.parse::<Latency>().unwrap_err().to_string(),
                format!(
                    "`{wrong}` is not the time of an answer: write a whole number and a unit, such as `800us`, `300ms` or `2s`"
                )
            );
        }
        for wrong in ["0.1", "%", ".1%", "1.%", "0.00001%", "100.0001%", "-1%", "1e-3%"] {
            assert_eq!(
                wrong.parse::<Portion>().unwrap_err().to_string(),
                format!(
                    "`{wrong}` is not a share: write a percentage with at most four decimals, such as `0.1%`"
                )
            );
        }
        for wrong in ["two", "1.2345", "-1", "99999999999999999999"] {
            assert_eq!(
                wrong.parse::<Ratio>().unwrap_err().to_string(),
                format!(
                    "`{wrong}` is not a ratio: write a number with at most three decimals, such as `1.5`"
                )
            );
        }
    }
}
