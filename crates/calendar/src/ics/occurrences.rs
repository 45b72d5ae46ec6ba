//! Occurrences: the times of events, with replaced, added, removed and cancelled ones.
//!
//! Invariant: an opening event takes the plain reading of local times, a closing one reaches from the earlier reading of its
//! start to the later reading of its end. Every event that replaces a start replaces one that there is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::event::Event;
use super::lines::place;
use super::repeat::Until;
use super::value::Length;
use crate::error::{CalendarError, What, what};
use crate::recur::{Budget, Spent};
use crate::zone::Zone;

/// A start that happens, with its zone.
type Start<'a> = (DateTime, &'a Zone);

/// A series of events, and the events that replace starts of it.
#[derive(Default)]
struct Series<'a> {
    event: Option<&'a Event>,
    /// By the moment of the start that they replace.
    replacing: BTreeMap<i64, &'a Event>,
}

/// Gives the times of all events that start before `until`.
pub(super) fn spans(
    file: &str,
    events: &[Event],
    closes: bool,
    until: i64,
    budget: &mut Budget,
    each: &mut dyn FnMut(i64, i64),
) -> Result<(), CalendarError> {
    let at = |event: &Event, what: What| what.at(place(file, event.number));
    let mut all: BTreeMap<&str, Series<'_>> = BTreeMap::new();
    for event in events {
        all.entry(&event.uid).or_default().take(event).map_err(|what| at(event, what))?;
    }
    for series in all.values() {
        let mut give = |event: &Event, (start, zone): Start<'_>| {
            if let Some((start, end)) = span(start, zone, event.length, closes)? {
                each(start, end);
            }
            Ok(())
        };
        if let Some(event) = series.event {
            for start in series.starts(event, until, budget).map_err(|(event, what)| at(event, what))? {
                give(event, start).map_err(|what| at(event, what))?;
            }
        }
        for event in series.replacing.values().filter(|event| !event.cancelled) {
            give(event, (event.start.local, &event.start.zone)).map_err(|what| at(event, what))?;
        }
    }
    Ok(())
}

impl<'a> Series<'a> {
    fn take(&mut self, event: &'a Event) -> Result<(), What> {
        let former = match &event.replaces {
            None => self.event.replace(event),
            Some(when) => self.replacing.insert(when.moment()?, event),
        };
        if former.is_some() {
            return what("another event has the same UID and RECURRENCE-ID, or none of them has one");
        }
        Ok(())
    }

    /// Starts of the series that nothing replaces; else the fault of an event.
    fn starts(
        &self,
        event: &'a Event,
        until: i64,
        budget: &mut Budget,
    ) -> Result<Vec<Start<'a>>, (&'a Event, What)> {
        if event.cancelled {
            let living = self.replacing.values().find(|other| !other.cancelled);
            let text = "its series is cancelled, and this event is not";
            return living.map_or(Ok(Vec::new()), |other| Err((other, What(text.into()))));
        }
        // Replaced starts are looked for, also where they are later than everything else that is asked for.
        let latest = self.replacing.keys().copied().fold(until, i64::max);
        let mut starts = all(event, latest, budget).map_err(|what| (event, what))?;
        for (moment, other) in &self.replacing {
            if starts.remove(moment).is_none() {
                return Err((other, What("its RECURRENCE-ID is no start of the series".into())));
            }
        }
        Ok(starts.into_iter().filter(|(moment, _)| *moment < until).map(|(_, start)| start).collect())
    }
}

/// All starts of an event up to a moment, by the moment.
fn all<'a>(event: &'a Event, latest: i64, budget: &mut Budget) -> Result<BTreeMap<i64, Start<'a>>, What> {
    let zone = &event.start.zone;
    let first = event.start.moment()?;
    let mut starts = BTreeMap::from([(first, (event.start.local, zone))]);
    if first <= latest {
        for local in repeated(event, latest, budget)? {
            let Some(readings) = zone.readings(local) else { return what(BEYOND) };
            starts.insert(readings.plain, (local, zone));
        }
    }
    for when in &event.added {
        starts.insert(when.moment()?, (when.local, &when.zone));
    }
    for when in &event.removed {
        starts.remove(&when.moment()?);
    }
    Ok(starts)
}

/// Starts by the rule of a series, up to a moment.
fn repeated(event: &Event, latest: i64, budget: &mut Budget) -> Result<Vec<DateTime>, What> {
    let Some((repeat, until)) = &event.repeat else { return Ok(Vec::new()) };
    let (date, time) = (event.start.local.date(), event.start.local.time());
    let ends = |date: jiff::civil::Date| {
        let local = date.to_datetime(time);
        match until {
            None => false,
            Some(Until::Local(last)) => local > *last,
            Some(Until::Moment(last)) => {
                event.start.zone.readings(local).is_none_or(|readings| readings.plain > *last)
            }
        }
    };
    // A local date is at most one day after that of UTC.
    let last = Timestamp::from_second(latest).ok().map(|stamp| TimeZone::UTC.to_datetime(stamp).date());
    let last = last.and_then(|date| date.tomorrow().ok());
    let Some(last) = last else { return what(BEYOND) };
    let dates = match repeat.dates(date, last, &ends, budget) {
        Ok(dates) => dates,
        Err(Spent) => {
            return what(
                "events of this calendar repeat too often to be compiled; give them later starts, or use fewer",
            );
        }
    };
    if dates.first() != Some(&date) {
        return what("DTSTART is no start by its RRULE; programs read such a series differently");
    }
    Ok(dates.into_iter().map(|date| date.to_datetime(time)).collect())
}

/// The span of one occurrence; nothing where a change of the clock leaves no time between its ends.
pub(crate) fn span(
    start: DateTime,
    zone: &Zone,
    length: Length,
    closes: bool,
) -> Result<Option<(i64, i64)>, What> {
    let beyond = || What(BEYOND.into());
    let from = zone.readings(start).ok_or_else(beyond)?;
    let (plain, later) = match length {
        Length::Exact(seconds) => (from.plain.checked_add(seconds), from.later.checked_add(seconds)),
        Length::Nominal { days, seconds } => {
            let local = start.checked_add(days.days()).map_err(|_| beyond())?;
            let end = zone.readings(local).ok_or_else(beyond)?;
            (end.plain.checked_add(seconds), end.later.checked_add(seconds))
        }
    };
    let (plain, later) = (plain.ok_or_else(beyond)?, later.ok_or_else(beyond)?);
    let (start, end) = if closes { (from.earlier, later) } else { (from.plain, plain) };
    Ok((start < end).then_some((start, end)))
}

const BEYOND: &str = "it reaches beyond the calendar";
