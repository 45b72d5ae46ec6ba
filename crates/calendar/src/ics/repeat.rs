//! `RRULE`: how an event repeats (RFC 5545, 3.3.10 and 3.8.5.3).
//!
//! Invariant: a part that is not known is an error, and so is a combination that RFC 5545 leaves open or forbids.

use std::str::FromStr;

use jiff::civil::Weekday;

use super::value::{self, Form, When};
use crate::error::{What, quoted, what};
use crate::recur::{Frequency, Repeat};
use crate::zone::Zone;

/// The end that a rule names; the last start that still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// A local date or time, as the event has.
    Local(jiff::civil::DateTime),
    /// A moment, in seconds since the Epoch.
    Moment(i64),
}

/// Reads a rule for an event that starts then.
pub(super) fn read(text: &str, start: &When) -> Result<(Repeat, Option<Until>), What> {
    let mut repeat = Repeat {
        frequency: Frequency::Daily,
        interval: 1,
        count: None,
        months: Vec::new(),
        month_days: Vec::new(),
        weekdays: Vec::new(),
        positions: Vec::new(),
        week_start: Weekday::Monday,
    };
    let (mut seen, mut until): (Vec<String>, _) = (Vec::new(), None);
    for part in text.split(';') {
        let Some((name, value)) = part.split_once('=') else {
            return what(format!("`{}` is no part of a rule, such as `FREQ=DAILY`", quoted(part)));
        };
        let (name, value) = (name.to_ascii_uppercase(), value.to_ascii_uppercase());
        match name.as_str() {
            _ if seen.contains(&name) => return what(format!("`{}` stands twice", quoted(&name))),
            "FREQ" => repeat.frequency = frequency(&value)?,
            "INTERVAL" => repeat.interval = one(&value, 1, 100_000)?,
            "COUNT" => repeat.count = Some(one(&value, 1, u32::MAX)?),
            "UNTIL" => until = Some(end(&value, start)?),
            "BYMONTH" => repeat.months = list(&value, 1, 12)?,
            "BYMONTHDAY" => repeat.month_days = without_zero(list(&value, -31, 31)?)?,
            "BYSETPOS" => repeat.positions = without_zero(list(&value, -366, 366)?)?,
            "BYDAY" => repeat.weekdays = value.split(',').map(numbered).collect::<Result<_, _>>()?,
            "WKST" => repeat.week_start = weekday(&value)?,
            _ => {
                return what(format!(
                    "`{}` of a rule is not known; known are FREQ, INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS and WKST",
                    quoted(&name)
                ));
            }
        }
        seen.push(name);
    }
    let has = |name: &str| seen.iter().any(|seen| seen == name);
    if !has("FREQ") {
        return what("`FREQ` is missing");
    }
    if has("COUNT") && has("UNTIL") {
        return what("`COUNT` and `UNTIL` are both given");
    }
    combined(&repeat)?;
    Ok((repeat, until))
}

/// Combinations that have one meaning.
fn combined(repeat: &Repeat) -> Result<(), What> {
    let is_numbered = repeat.weekdays.iter().any(|(number, _)| *number != 0);
    let by_days = !repeat.month_days.is_empty();
    let in_months = repeat.frequency == Frequency::Monthly || !repeat.months.is_empty();
    let is_long = matches!(repeat.frequency, Frequency::Monthly | Frequency::Yearly);
    let beyond = in_months && repeat.weekdays.iter().any(|(number, _)| number.abs() > 5);
    let parts = !repeat.weekdays.is_empty() || by_days || !repeat.months.is_empty();
    if is_numbered && (!is_long || by_days) {
        return what("a numbered weekday such as `1MO` needs FREQ=MONTHLY or YEARLY, without BYMONTHDAY");
    }
    if beyond {
        return what("a month has no sixth weekday");
    }
    if by_days && repeat.frequency == Frequency::Weekly {
        return what("FREQ=WEEKLY has no BYMONTHDAY");
    }
    if !repeat.positions.is_empty() && !parts {
        return what("BYSETPOS needs BYDAY, BYMONTHDAY or BYMONTH beside it");
    }
    Ok(())
}

fn frequency(value: &str) -> Result<Frequency, What> {
    match value {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        _ => what(format!(
            "FREQ `{}` is not known; known are DAILY, WEEKLY, MONTHLY and YEARLY",
            quoted(value)
        )),
    }
}

/// The end has the form that RFC 5545 demands: a date for dates, UTC for times of a zone or UTC, else a local time.
fn end(value: &str, start: &When) -> Result<Until, What> {
    match start.form {
        Form::Date => match value::date(value) {
            Some(date) => Ok(Until::Local(date.at(0, 0, 0, 0))),
            None => what("UNTIL has to be a date, as DTSTART is"),
        },
        Form::Floating => match value::local(value) {
            Some(local) => Ok(Until::Local(local)),
            None => what("UNTIL has to be a time without a zone, as DTSTART is"),
        },
        Form::Zoned | Form::Utc => {
            let local = value.strip_suffix('Z').and_then(value::local);
            match local.and_then(|local| Zone::utc().readings(local)) {
                Some(readings) => Ok(Until::Moment(readings.plain)),
                None => what(
                    "UNTIL has to be a time in UTC, such as `20261224T080000Z`, because DTSTART is a time of a zone",
                ),
            }
        }
    }
}

fn numbered(text: &str) -> Result<(i8, Weekday), What> {
    let Some(at) = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at)) else {
        return what(format!("BYDAY `{}` is no weekday", quoted(text)));
    };
    let (number, day) = text.split_at(at);
    let number = if number.is_empty() {
        0
    } else {
        without_zero(list(number, -53, 53)?)?.first().copied().unwrap_or_default()
    };
    Ok((number, weekday(day)?))
}

fn weekday(text: &str) -> Result<Weekday, What> {
    Ok(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return what(format!("`{}` is no weekday such as `MO`", quoted(text))),
    })
}

/// Numbers between two bounds, separated by commas.
fn list<N: FromStr + PartialOrd + Copy + std::fmt::Display>(
    text: &str,
    least: N,
    most: N,
) -> Result<Vec<N>, What> {
    text.split(',').map(|item| one(item, least, most)).collect()
}

fn one<N: FromStr + PartialOrd + Copy + std::fmt::Display>(text: &str, least: N, most: N) -> Result<N, What> {
    match text.parse::<N>() {
        Ok(number) if least <= number && number <= most => Ok(number),
        _ => what(format!("`{}` is no whole number from {least} to {most}", quoted(text))),
    }
}

fn without_zero<N: Default + PartialEq>(numbers: Vec<N>) -> Result<Vec<N>, What> {
    if numbers.iter().any(|number| *number == N::default()) {
        what("0 is no number of a day")
    } else {
        Ok(numbers)
    }
}
