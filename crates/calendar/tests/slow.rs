//! Properties: compiled windows against slow references that look at each minute, or at each day, and share no code with
//! the compiler. Local times of the references come from moments, never the other way round.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::{BTreeMap, HashSet};

use calendar::{Compiler, Zone};
use evidence::windows::{WindowState, Windows};
use evidence::{Digest, Moment};
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;
use proptest::sample::select;

const ZONES: [&str; 7] = [
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Pacific/Chatham",
];

/// Days around which some zone changes its clock, and one where none does.
const DAYS: [&str; 9] = [
    "2026-10-02",
    "2026-10-23",
    "2026-10-30",
    "2027-03-12",
    "2027-03-26",
    "2027-04-02",
    "2027-02-05",
    "2026-09-25",
    "2026-12-30",
];

/// A cron expression as lists of values.
#[derive(Clone, Debug)]
struct Slow {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    weekdays: Vec<i8>,
    length: i64,
}

impl Slow {
    fn text(&self) -> String {
        let list = |values: &[i8]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let (minutes, hours, weekdays) = (list(&self.minutes), list(&self.hours), list(&self.weekdays));
        format!("{{ cron: '{minutes} {hours} * * {weekdays}', for: {}m }}", self.length)
    }

    fn is_at(&self, local: DateTime) -> bool {
        self.minutes.contains(&local.minute())
            && self.hours.contains(&local.hour())
            && self.weekdays.contains(&local.weekday().to_sunday_zero_offset())
    }

    /// Minutes since the Epoch from and until which an opening or closing rule holds.
    fn spans(&self, clock: &Clock, closes: bool) -> Vec<(i64, i64)> {
        let at = clock.readings.iter().filter(|(local, _)| self.is_at(**local));
        at.map(|(_, reading)| {
            let (first, last) = (*reading.iter().min().unwrap(), *reading.iter().max().unwrap());
            let opens = *reading.first().unwrap();
            if closes { (first, last + self.length) } else { (opens, opens + self.length) }
        })
        .collect()
    }
}

fn slow() -> impl Strategy<Value = Slow> {
    let values = |values: Vec<i8>, most| proptest::sample::subsequence(values, 1..=most);
    let lengths = select(vec![1_i64, 15, 30, 59, 60, 61, 90, 180, 480, 1_440, 2_000]);
    (values(vec![0, 15, 30, 45, 59], 3), values((0..24).collect(), 5), values((0..7).collect(), 7), lengths)
        .prop_map(|(minutes, hours, weekdays, length)| Slow { minutes, hours, weekdays, length })
}

/// Each local minute of some days, with its moments: the reading of an opening first.
struct Clock {
    readings: BTreeMap<DateTime, Vec<i64>>,
}

impl Clock {
    fn new(zone: &str, from: i64, until: i64) -> Self {
        let zone = Zone::named(zone).unwrap();
        let local = |minute: i64| zone.rules().to_datetime(Timestamp::from_second(minute * 60).unwrap());
        let mut readings: BTreeMap<DateTime, Vec<i64>> = BTreeMap::new();
        for minute in from..until {
            let (before, now) = (local(minute - 1), local(minute));
            let mut skipped = before + 1.minute();
            // A skipped time counts as if the clock had not moved; it counts from the other side of the change, too.
            while skipped < now {
                let by_the_old = minute - 1 + minutes_between(before, skipped);
                let by_the_new = minute - minutes_between(skipped, now);
                readings.insert(skipped, vec![by_the_old, by_the_new]);
                skipped += 1.minute();
            }
            readings.entry(now).or_default().push(minute);
        }
        Self { readings }
    }
}

fn minutes_between(from: DateTime, to: DateTime) -> i64 {
    from.duration_until(to).as_mins()
}

fn compile(rules: &str, from: &str, days: u32, files: &[(&str, &str)]) -> Result<Windows, String> {
    let from: Moment = format!("{from}T00:00:00.000Z").parse().unwrap();
    let read = |path: &str| {
        let found = files.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or(std::io::ErrorKind::NotFound.into())
    };
    Compiler { from, days, program: "test" }
        .compile("windows.yaml", rules.as_bytes(), &read)
        .map_err(|error| error.to_string())
}

fn is_open(windows: &Windows, minute: i64) -> bool {
    let moment = Moment::from_millis(u64::try_from(minute * 60_000).unwrap()).unwrap();
    matches!(windows.state_at(moment), WindowState::Open { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn cron_rules_hold_in_each_minute(allow in slow(), deny in slow(), zone in select(&ZONES[..]), day in select(&DAYS[..])) {
        let rules = format!("version: 1\nzone: {zone}\nallow: [{}]\ndeny: [{}]", allow.text(), deny.text());
        let days = 6;
        let from = day.parse::<Date>().unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second() / 60;
        let until = from + i64::from(days) * 1_440;
        let clock = Clock::new(zone, from - 4_000, until + 300);
        let (opens, closes) = (allow.spans(&clock, false), deny.spans(&clock, true));
        let minutes = |spans: &[(i64, i64)]| spans.iter().flat_map(|(start, end)| *start..*end).collect::<HashSet<_>>();
        let (opens, closes) = (minutes(&opens), minutes(&closes));
        let expected = |minute: i64| opens.contains(&minute) && !closes.contains(&minute);
        match compile(&rules, day, days, &[]) {
            Ok(windows) => {
                for minute in from..until {
                    prop_assert_eq!(is_open(&windows, minute), expected(minute), "minute {} of {}", minute - from, rules);
                }
            }
            Err(error) => {
                prop_assert!(error.contains("nothing is open"), "{}", error);
                prop_assert!(!(from..until).any(expected), "{}", rules);
            }
        }
    }
}

/// A rule of recurrence as lists of values.
#[derive(Clone, Debug)]
struct SlowRule {
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
    fn text(&self, start: Date) -> String {
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

    fn is_on(&self, date: Date, start: Date) -> bool {
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

    fn dates(&self, start: Date, last: Date) -> Vec<Date> {
        let end = self.until.map_or(last, |days| last.min(start + days.days()));
        let all = start.series(1.day()).take_while(|day| *day <= end).filter(|day| self.is_on(*day, start));
        all.take(self.count.unwrap_or(usize::MAX)).collect()
    }
}

fn weekday(number: i8) -> &'static str {
    WEEKDAYS.get(usize::try_from(number).unwrap()).unwrap()
}

fn rule() -> impl Strategy<Value = SlowRule> {
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

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 20_000, ..ProptestConfig::with_cases(160) })]

    #[test]
    fn recurrence_rules_hold_on_each_day(rule in rule(), around in 0..700_i32, later in 0..900_i32) {
        let earliest = Date::constant(2023, 5, 17) + around.days();
        // A series starts on a day of its own rule.
        let own = earliest.series(1.day()).take(500).find(|day| rule.is_on(*day, *day));
        prop_assume!(own.is_some());
        let start = own.unwrap();
        let from = start + (later - 100).days();
        let (days, last) = (380_u32, from + 380.days());
        let text = format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:{}\nRRULE:{}\nEND:VEVENT\nEND:VCALENDAR\n",
            start.strftime("%Y%m%d"), rule.text(start)
        );
        let digest = Digest::of(text.as_bytes());
        let rules = format!("version: 1\nzone: UTC\nallow: [{{ calendar: a.ics, digest: '{digest}' }}]");
        let found = compile(&rules, &from.to_string(), days, &[("a.ics", &text)]);
        let expected: Vec<Date> = rule.dates(start, last).into_iter().filter(|day| from <= *day && *day < last).collect();
        match found {
            Ok(windows) => {
                let minute = |day: Date| day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second() / 60;
                let open: Vec<Date> = from.series(1.day()).take(380).filter(|day| is_open(&windows, minute(*day))).collect();
                prop_assert_eq!(open, expected, "{}", text);
            }
            Err(error) => {
                prop_assert!(error.contains("nothing is open"), "{}: {}", error, text);
                prop_assert!(expected.is_empty(), "{}", text);
            }
        }
    }
}
