//! Properties: compiled windows against slow references that look at each minute, or at each day, and share no code with
//! the compiler. Local times of the references come from moments, never the other way round.
#![expect(clippy::unwrap_used, reason = "test code")]

#[path = "support/slow_rule.rs"]
mod slow_rule;

use std::collections::{BTreeMap, HashSet};

use calendar::{Compiler, Zone};
use evidence::windows::{WindowState, Windows};
use evidence::{Digest, Moment};
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;
use proptest::sample::select;
use slow_rule::rule;

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

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 20_000, ..ProptestConfig::with_cases(160) })]

    #[test]
    fn recurrence_rules_hold_on_each_day(rule in rule(), around in 0..700_i32, later in 0..900_i32) {
        let earliest = Date::constant(2023, 5, 17) + around.days();
        // The first day of a series follows its rule.
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
