//! Values of time: dates, local times, times of a zone and UTC, and durations (RFC 5545, 3.3.4 to 3.3.6).
//!
//! Invariant: each value has exactly one zone: its own, UTC, or that of the rule that uses the calendar. Without one it is an error.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};

use super::lines::Line;
use crate::error::{What, quoted, what};
use crate::zone::{self, Zone};

/// A date or time of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct When {
    pub local: DateTime,
    pub zone: Zone,
    pub form: Form,
}

/// How a date or time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A date.
    Date,
    /// A time without a zone.
    Floating,
    /// A time of a named zone.
    Zoned,
    /// A time that ends with `Z`.
    Utc,
}

/// How long an event lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// So many seconds.
    Exact(i64),
    /// So many days of the local calendar, then so many seconds.
    Nominal { days: i64, seconds: i64 },
}

/// Reads values. Each zone is looked up once.
pub(super) struct Values<'a> {
    common: Option<&'a Zone>,
    zones: BTreeMap<String, Zone>,
}

impl When {
    /// The moment in the reading of RFC 5545, by which instances of an event are compared.
    pub fn moment(&self) -> Result<i64, What> {
        match self.zone.readings(self.local) {
            Some(readings) => Ok(readings.plain),
            None => what("the time is beyond the calendar"),
        }
    }
}

impl<'a> Values<'a> {
    pub fn new(common: Option<&'a Zone>) -> Self {
        Self { common, zones: BTreeMap::new() }
    }

    /// The dates or times of a line, separated by commas.
    pub fn whens(&mut self, line: &Line) -> Result<Vec<When>, What> {
        let (mut zone, mut kind) = (None, None);
        for (name, value) in &line.parameters {
            match (name.as_str(), value.to_ascii_uppercase().as_str()) {
                ("TZID", _) if zone.is_none() => zone = Some(self.zone(value)?),
                ("VALUE", "DATE") if kind.is_none() => kind = Some(true),
                ("VALUE", "DATE-TIME") if kind.is_none() => kind = Some(false),
                _ => {
                    return what(format!(
                        "parameter `{}` with `{}` is not known here",
                        quoted(name),
                        quoted(value)
                    ));
                }
            }
        }
        line.value.split(',').map(|text| self.when(text, zone.clone(), kind == Some(true))).collect()
    }

    /// The one date or time of a line.
    pub fn when_of(&mut self, line: &Line) -> Result<When, What> {
        let mut found = self.whens(line)?;
        match (found.pop(), found.is_empty()) {
            (Some(when), true) => Ok(when),
            _ => what("one date or time is expected"),
        }
    }

    fn when(&self, text: &str, zone: Option<Zone>, is_date: bool) -> Result<When, What> {
        if is_date {
            let Some(date) = date(text) else {
                return what(format!("`{}` is no date such as `20261224`", quoted(text)));
            };
            if zone.is_some() {
                return what("a date has no TZID");
            }
            return Ok(When { local: date.at(0, 0, 0, 0), zone: self.common()?, form: Form::Date });
        }
        let (plain, is_utc) = text.strip_suffix('Z').map_or((text, false), |plain| (plain, true));
        let Some(local) = local(plain) else {
            return what(format!("`{}` is no time such as `20261224T080000`", quoted(text)));
        };
        match (zone, is_utc) {
            (Some(_), true) => what("a time in UTC has no TZID"),
            (Some(zone), false) => Ok(When { local, zone, form: Form::Zoned }),
            (None, true) => Ok(When { local, zone: Zone::utc(), form: Form::Utc }),
            (None, false) => Ok(When { local, zone: self.common()?, form: Form::Floating }),
        }
    }

    fn common(&self) -> Result<Zone, What> {
        match self.common {
            Some(zone) => Ok(zone.clone()),
            None => what("a date, or a time without a zone: give the rule that uses this calendar a `zone`"),
        }
    }

    fn zone(&mut self, name: &str) -> Result<Zone, What> {
        if let Some(zone) = self.zones.get(name) {
            return Ok(zone.clone());
        }
        let zone = zone::zone(name)?;
        self.zones.insert(name.to_owned(), zone.clone());
        Ok(zone)
    }
}

/// A date such as `20261224`.
pub(super) fn date(text: &str) -> Option<Date> {
    let number = |from, to| number(text.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let whole = text.len() == 8;
    whole.then(|| Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()).flatten()
}

/// A local time such as `20261224T080000`. No second is a leap second: 60 counts as 59, as RFC 5545 allows.
pub(super) fn local(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once('T')?;
    let part = |from, to| i8::try_from(number(time.get(from..to)?)?).ok();
    let (hour, minute, second) = (part(0, 2)?, part(2, 4)?, part(4, 6)?);
    let time = (time.len() == 6)
        .then(|| Time::new(hour, minute, if second == 60 { 59 } else { second }, 0).ok())??;
    Some(date(day)?.to_datetime(time))
}

fn number(text: &str) -> Option<i16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A duration such as `P1DT2H` or `P2W`; only whole, positive ones.
pub(super) fn duration(text: &str) -> Result<Length, What> {
    let wrong = || What(format!("`{}` is no duration above zero, such as `PT1H30M` or `P2D`", quoted(text)));
    let body = text.strip_prefix('+').unwrap_or(text).strip_prefix('P').ok_or_else(wrong)?;
    let (dates, times) = body.split_once('T').map_or((body, None), |(dates, times)| (dates, Some(times)));
    if times.is_some_and(str::is_empty) {
        return Err(wrong());
    }
    let days = units(dates, &[('W', 7), ('D', 1)]).ok_or_else(wrong)?;
    let seconds = units(times.unwrap_or_default(), &[('H', 3_600), ('M', 60), ('S', 1)]).ok_or_else(wrong)?;
    if days == 0 && seconds == 0 {
        return Err(wrong());
    }
    Ok(Length::Nominal { days, seconds })
}

/// The sum of numbers with units in their order.
fn units(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut total = 0;
    for (unit, factor) in units {
        let Some(end) = text.find(*unit) else { continue };
        let digits = text.get(..end)?;
        let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        total += plain.then(|| digits.parse::<i64>().ok())?? * factor;
        text = text.get(end + 1..)?;
    }
    text.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_and_positive() {
        for (text, days, seconds) in [
            ("P1D", 1, 0),
            ("P2W", 14, 0),
            ("PT1H30M", 0, 5_400),
            ("+P1DT1S", 1, 1),
            ("PT90M", 0, 5_400),
            ("P1W1D", 8, 0),
        ] {
            assert_eq!(duration(text), Ok(Length::Nominal { days, seconds }), "{text}");
        }
        for bad in [
            "",
            "P",
            "PT",
            "P0D",
            "-P1D",
            "1D",
            "P1H",
            "PT1D",
            "P1DT",
            "PT1M1H",
            "P1.5D",
            "PT",
            "P9999999D",
            "P1Dx",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_and_times_exist() {
        assert_eq!(local("20261224T080060"), local("20261224T080059"));
        for bad in ["20260230", "2026122", "202612244", "20261301", "+2261224", "2026-2-4"] {
            assert!(date(bad).is_none(), "{bad}");
        }
        for bad in
            ["20261224T240000", "20261224T0800", "20261224 080000", "20261224T08000Z", "20261224T080061"]
        {
            assert!(local(bad).is_none(), "{bad}");
        }
    }
}
