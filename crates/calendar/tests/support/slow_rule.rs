//! Rules of recurrence, drawn at random, and a slow reference that looks at each day and counts.
#![allow(dead_code, reason = "each test file uses a part of it")]

use jiff::ToSpan as _;
use jiff::civil::Date;
use proptest::prelude::*;
use proptest::sample::select;

/// A rule of recurrence as lists of values.
#[derive(Clone, Debug)]
pub struct SlowRule {
    frequency: &'static str,
    interval: i32,
    months: Vec<i8>,
    month_days: Vec<i8>,
    weekdays: Vec<(i8, i8)>,
    positions: Vec<i16>,
    week_start: i8,
    count: Option<usize>,
    until: Option<i32>,
}

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

impl SlowRule {
    /// The rule as a calendar has it.
    pub fn text(&self, start: Date) -> String {
        let mut text =
            format!("FREQ={};INTERVAL={};WKST={}", self.frequency, self.interval, weekday(self.week_start));
        let mut add = |name: &str, values: Vec<String>| {
            if !values.is_empty() {
                text += &format!(";{name}={}", values.join(","));
            }
        };
        add("BYMONTH", self.months.iter().map(ToString::to_string).collect());
        add("BYMONTHDAY", self.month_days.iter().map(ToString::to_string).collect());
        let number = |number: i8| if number == 0 { String::new() } else { number.to_string() };
        add(
            "BYDAY",
            self.weekdays.iter().map(|(n, day)| format!("{}{}", number(*n), weekday(*day))).collect(),
        );
        add("BYSETPOS", self.positions.iter().map(ToString::to_string).collect());
        add("COUNT", self.count.iter().map(ToString::to_string).collect());
        add(
            "UNTIL",
            self.until.iter().map(|days| (start + days.days()).strftime("%Y%m%d").to_string()).collect(),
        );
        text
    }

    /// The first and last day of the period of a date, and whether the rule looks at it.
    fn period(&self, date: Date, start: Date) -> (Date, Date, bool) {
        let days = |from: Date, to: Date| from.duration_until(to).as_hours() / 24;
        let week = |date: Date| {
            let into = (date.weekday().to_monday_zero_offset() - self.week_start).rem_euclid(7);
            date - i64::from(into).days()
        };
        let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
        let (from, to, number) = match self.frequency {
            "DAILY" => (date, date, days(start, date)),
            "WEEKLY" => (week(date), week(date) + 6.days(), days(week(start), week(date)) / 7),
            "MONTHLY" => (date.first_of_month(), date.last_of_month(), months(date) - months(start)),
            _ => (date.first_of_year(), date.last_of_year(), i64::from(date.year() - start.year())),
        };
        (from, to, number % i64::from(self.interval) == 0)
    }

    fn fits(&self, date: Date, start: Date) -> bool {
        let from_end = date.day() - date.days_in_month() - 1;
        let by_month = self.months.is_empty() || self.months.contains(&date.month());
        let by_day = self.month_days.contains(&date.day()) || self.month_days.contains(&from_end);
        let own = date.weekday().to_monday_zero_offset();
        let in_month = self.frequency == "MONTHLY" || !self.months.is_empty();
        let (from, to) = if in_month {
            (date.first_of_month(), date.last_of_month())
        } else {
            (date.first_of_year(), date.last_of_year())
        };
        let same = |from: Date, to: Date| {
            from.series(1.day())
                .take_while(|day| *day <= to)
                .filter(|day| day.weekday() == date.weekday())
                .count()
        };
        if !by_month || (!self.month_days.is_empty() && !by_day) {
            return false;
        }
        let by_weekday =
            self.weekdays.iter().filter(|(_, day)| *day == own).any(|(number, _)| match number {
                0 => true,
                1.. => same(from, date) == usize::from(number.unsigned_abs()),
                _ => same(date, to) == usize::from(number.unsigned_abs()),
            });
        let (days, weekdays) = (!self.month_days.is_empty(), !self.weekdays.is_empty());
        let by_default = match self.frequency {
            "DAILY" => true,
            "WEEKLY" => date.weekday() == start.weekday(),
            "MONTHLY" => date.day() == start.day(),
            _ => date.day() == start.day() && (!self.months.is_empty() || date.month() == start.month()),
        };
        if days || weekdays { !weekdays || by_weekday } else { by_default }
    }

    /// Whether python-dateutil 2.9 reads the rule otherwise: it takes `TH,2TU` as days that are both, and leaves the days of the
    /// first week before the start out of its positions.
    pub fn differs_in_dateutil(&self) -> bool {
        let numbered = self.weekdays.iter().filter(|(number, _)| *number != 0).count();
        let is_mixed = numbered != 0 && numbered != self.weekdays.len();
        is_mixed || (self.frequency == "WEEKLY" && !self.positions.is_empty())
    }

    /// Whether a series from a day on has an event on a date.
    pub fn is_on(&self, date: Date, start: Date) -> bool {
        let (from, to, is_due) = self.period(date, start);
        if !is_due || !self.fits(date, start) {
            return false;
        }
        let all: Vec<Date> =
            from.series(1.day()).take_while(|day| *day <= to).filter(|day| self.fits(*day, start)).collect();
        let front = i16::try_from(all.iter().position(|day| *day == date).unwrap()).unwrap();
        let back = front - i16::try_from(all.len()).unwrap();
        self.positions.contains(&(front + 1)) || self.positions.contains(&back)
    }

    /// All dates up to the last.
    pub fn dates(&self, start: Date, last: Date) -> Vec<Date> {
        let end = self.until.map_or(last, |days| last.min(start + days.days()));
        let all = start.series(1.day()).take_while(|day| *day <= end).filter(|day| self.is_on(*day, start));
        all.take(self.count.unwrap_or(usize::MAX)).collect()
    }
}

fn weekday(number: i8) -> &'static str {
    WEEKDAYS.get(usize::try_from(number).unwrap()).unwrap()
}

/// Rules of recurrence, each with one meaning.
pub fn rule() -> impl Strategy<Value = SlowRule> {
    let some = |values: Vec<i8>, most: usize| {
        prop_oneof![Just(Vec::new()), proptest::sample::subsequence(values, 1..=most)]
    };
    let days = (1..=31).chain(-31..=-1).collect::<Vec<i8>>();
    let numbered = (select(vec![0_i8, 0, 0, 1, 2, 4, 5, -1, -2, 20, -50]), 0..7_i8);
    let positions = prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(select(vec![1_i16, 2, 3, -1, -2]), 1..3)];
    let ends = prop_oneof![
        Just((None, None)),
        (1..40_usize).prop_map(|count| (Some(count), None)),
        (0..900_i32).prop_map(|days| (None, Some(days)))
    ];
    (
        select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
        1..5_i32,
        some((1..=12).collect(), 4),
        some(days, 5),
        proptest::collection::vec(numbered, 0..4),
        positions,
        0..7_i8,
        ends,
    )
        .prop_map(
            |(frequency, interval, months, month_days, weekdays, positions, week_start, (count, until))| {
                let mut rule = SlowRule {
                    frequency,
                    interval,
                    months,
                    month_days,
                    weekdays,
                    positions,
                    week_start,
                    count,
                    until,
                };
                repaired(&mut rule);
                rule
            },
        )
}

/// Takes away what the format forbids.
fn repaired(rule: &mut SlowRule) {
    if rule.frequency == "WEEKLY" {
        rule.month_days.clear();
    }
    let is_long = ["MONTHLY", "YEARLY"].contains(&rule.frequency);
    let in_month = rule.frequency == "MONTHLY" || !rule.months.is_empty();
    for (number, _) in &mut rule.weekdays {
        if !is_long || !rule.month_days.is_empty() || (in_month && number.abs() > 5) {
            *number = 0;
        }
    }
    if rule.months.is_empty() && rule.month_days.is_empty() && rule.weekdays.is_empty() {
        rule.positions.clear();
    }
}
