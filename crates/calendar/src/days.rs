//! Days: open intervals as a person of a zone reads them.
//!
//! Invariant: an interval that reaches over midnight stands on both days. The lengths of days follow the clock of the zone.

use evidence::Moment;
use evidence::windows::Windows;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::zone::Zone;

/// A day of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocalDay {
    /// Its date, such as `2026-11-23`.
    pub date: String,
    /// Its weekday, such as `Mon`.
    pub weekday: &'static str,
    /// Open times of the day, from and until.
    pub open: Vec<(String, String)>,
}

/// The days of a zone from that of a moment on.
#[must_use]
pub fn days(windows: &Windows, zone: &Zone, from: Moment, count: u16) -> Vec<LocalDay> {
    let first = local(zone, from).map(|local| local.date());
    let dates = std::iter::successors(first, |date| date.tomorrow().ok()).take(usize::from(count));
    dates.filter_map(|date| day(windows, zone, date)).collect()
}

fn day(windows: &Windows, zone: &Zone, date: Date) -> Option<LocalDay> {
    let (start, end) = (midnight(zone, date)?, midnight(zone, date.tomorrow().ok()?)?);
    let time = |moment: Moment| match moment == end {
        true => Some("24:00".to_owned()),
        false => Some(local(zone, moment)?.strftime("%H:%M").to_string()),
    };
    let open = windows.between(start, end).into_iter();
    let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
    Some(LocalDay {
        date: date.to_string(),
        weekday: WEEKDAYS.get(weekday)?,
        open: open.filter_map(|interval| Some((time(interval.start)?, time(interval.end)?))).collect(),
    })
}

fn local(zone: &Zone, moment: Moment) -> Option<jiff::civil::DateTime> {
    let stamp = Timestamp::from_millisecond(i64::try_from(moment.millis()).ok()?).ok()?;
    Some(zone.rules().to_datetime(stamp))
}

fn midnight(zone: &Zone, date: Date) -> Option<Moment> {
    let seconds = u64::try_from(zone.readings(date.at(0, 0, 0, 0))?.plain).ok()?;
    Moment::from_millis(seconds.checked_mul(1_000)?).ok()
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
