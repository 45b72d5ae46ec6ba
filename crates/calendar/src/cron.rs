//! Cron expressions: five fields of crontab(5), as starts in local time.
//!
//! Invariant: an expression has one meaning. An expression that cron programs read differently is a fault: a day of the month together with a
//! weekday, steps of one value, ranges that run backwards, `L`, `W`, `#` and words such as `@daily`.

use jiff::civil::{Date, DateTime};

use crate::error::{What, quoted, what};

/// A cron expression; each field as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

impl Cron {
    pub(crate) fn parse(text: &str) -> Result<Self, What> {
        let fields: Vec<&str> = text.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return what(format!(
                "`{}` is no cron expression of five fields: minute, hour, day of the month, month, weekday",
                quoted(text)
            ));
        };
        if *days != "*" && *weekdays != "*" {
            return what(
                "day of the month and weekday are both given, which cron programs read differently; \
                 make two rules, or a calendar with `RRULE:FREQ=MONTHLY;BYDAY=1MO`",
            );
        }
        let cron = Self {
            minutes: MINUTE.bits(minutes)?,
            hours: HOUR.bits(hours)?,
            days: DAY.bits(days)?,
            months: MONTH.bits(months)?,
            weekdays: WEEKDAY.bits(weekdays)?,
        };
        // Sunday is 0 and 7.
        Ok(Self { weekdays: (cron.weekdays | cron.weekdays >> 7) & 0x7f, ..cron })
    }

    /// Whether starts fall on a date.
    fn is_on(&self, date: Date) -> bool {
        has(self.months, date.month())
            && has(self.days, date.day())
            && has(self.weekdays, date.weekday().to_sunday_zero_offset())
    }

    /// All starts from one date to another, both included, in local time.
    pub(crate) fn starts(&self, from: Date, to: Date) -> impl Iterator<Item = DateTime> + '_ {
        let dates = std::iter::successors(Some(from), |date| date.tomorrow().ok())
            .take_while(move |date| *date <= to);
        dates
            .filter(|date| self.is_on(*date))
            .flat_map(|date| self.times().map(move |(hour, minute)| date.at(hour, minute, 0, 0)))
    }

    fn times(&self) -> impl Iterator<Item = (i8, i8)> + '_ {
        let minutes = || (0..60).filter(|minute| has(self.minutes, *minute));
        (0..24)
            .filter(|hour| has(self.hours, *hour))
            .flat_map(move |hour| minutes().map(move |minute| (hour, minute)))
    }

    /// Starts on one date.
    pub(crate) fn starts_of_a_day(&self) -> u32 {
        self.minutes.count_ones() * self.hours.count_ones()
    }
}

/// A field: its name, its first and last value, and names of values.
struct Field {
    name: &'static str,
    first: u8,
    last: u8,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of the month", first: 1, last: 31, names: &[] };
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: &MONTHS };
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WEEKDAY: Field = Field { name: "weekday", first: 0, last: 7, names: &WEEKDAYS };

impl Field {
    /// The values of a list such as `1,3-5,*/2`.
    fn bits(&self, text: &str) -> Result<u64, What> {
        let mut bits = 0;
        for part in text.split(',') {
            bits |= self.part(part)?;
        }
        Ok(bits)
    }

    fn part(&self, part: &str) -> Result<u64, What> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.number(step, part)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            Some((first, last)) => (self.value(first, part)?, self.end(self.value(last, part)?)),
            None if step.is_some() => {
                return self.fault(part, "a step needs a range, such as `*/15` or `0-30/15`");
            }
            None => (self.value(range, part)?, self.value(range, part)?),
        };
        if first > last {
            return self.fault(part, "the range runs backwards; write two ranges");
        }
        let step = step.unwrap_or(1);
        if step == 0 || step > self.last {
            return self.fault(part, "the step is not within the field");
        }
        Ok((first..=last).step_by(usize::from(step)).fold(0, |bits, value| bits | 1 << value))
    }

    /// `sat-sun` ends with the second name of Sunday.
    fn end(&self, value: u8) -> u8 {
        if self.last == 7 && value == 0 { 7 } else { value }
    }

    fn value(&self, text: &str, part: &str) -> Result<u8, What> {
        let lower = text.to_ascii_lowercase();
        if let Some(at) = self.names.iter().position(|name| *name == lower) {
            return Ok(self.first + u8::try_from(at).unwrap_or_default());
        }
        let number = self.number(text, part)?;
        if (self.first..=self.last).contains(&number) {
            return Ok(number);
        }
        self.fault(part, &format!("values are {} to {}", self.first, self.last))
    }

    fn number(&self, text: &str, part: &str) -> Result<u8, What> {
        let plain = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if plain => Ok(number),
            _ => self.fault(part, &format!("`{}` is no value of it", quoted(text))),
        }
    }

    fn fault<T>(&self, part: &str, cause: &str) -> Result<T, What> {
        what(format!("`{}` as {}: {cause}", quoted(part), self.name))
    }
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits >> value & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn starts(text: &str, days: i8) -> Vec<String> {
        let cron = Cron::parse(text).unwrap();
        cron.starts(date(2026, 11, 1), date(2026, 11, days))
            .map(|start| start.strftime("%d %H:%M").to_string())
            .collect()
    }

    #[test]
    fn fields_have_lists_ranges_steps_and_names() {
        assert_eq!(starts("30 9 * * *", 2), ["01 09:30", "02 09:30"]);
        assert_eq!(starts("0,30 9-10 2 * *", 3), ["02 09:00", "02 09:30", "02 10:00", "02 10:30"]);
        assert_eq!(starts("*/20 0 1 nov *", 3), ["01 00:00", "01 00:20", "01 00:40"]);
        assert_eq!(starts("0 0 1-9/4 * *", 30), ["01 00:00", "05 00:00", "09 00:00"]);
        // The first of November 2026 is a Sunday.
        for sunday in ["0 5 * * 0", "0 5 * * 7", "0 5 * * SUN"] {
            assert_eq!(starts(sunday, 8), ["01 05:00", "08 05:00"], "{sunday}");
        }
        assert_eq!(starts("0 5 * * sat-sun", 8), ["01 05:00", "07 05:00", "08 05:00"]);
        assert_eq!(starts("0 5 * Nov Mon,fri", 8), ["02 05:00", "06 05:00"]);
        assert!(starts("0 0 31 11 *", 30).is_empty());
        assert_eq!(Cron::parse("* * * * *").unwrap().starts_of_a_day(), 1_440);
    }

    #[test]
    fn an_expression_with_two_meanings_is_a_fault() {
        for bad in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 8",
            "* * * foo *",
            "5-1 * * * *",
            "*/0 * * * *",
            "*/60 * * * *",
            "5/10 * * * *",
            "1,,2 * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "@daily",
            "* * L * *",
            "* * 15W * *",
            "* * * * 1#1",
            "0 9 1-7 * mon",
            "0 9 */2 * mon",
            "* * * * fri-mon",
            "1- * * * *",
            "0x1 * * * *",
            "001 * * * *",
        ] {
            assert!(Cron::parse(bad).is_err(), "{bad}");
        }
        let text = Cron::parse("0 9 1-7 * mon").unwrap_err().0;
        assert!(text.contains("make two rules"), "{text}");
        assert_eq!(Cron::parse("0 25 * * *").unwrap_err().0, "`25` as hour: values are 0 to 23");
    }
}
