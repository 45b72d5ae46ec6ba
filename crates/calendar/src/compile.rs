//! The compiler: rules and calendars to windows.
//!
//! Invariant: the same bytes, time and program give the same windows. Open is what rules allow and none denies, and what an
//! exception opens, without all that an exception closes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use evidence::windows::{INTERVALS_MAX, Interval, SPAN_MAX, WindowSource, Windows};
use evidence::{Digest, Moment};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::cron::Cron;
use crate::error::{CalendarError, What, quoted};
use crate::ics;
use crate::length::SECONDS_MAX;
use crate::rules::{self, Exception, Rule, Rules};
use crate::spans::Spans;
use crate::zone::{self, Zone};

/// Most days that windows speak about.
pub const DAYS_MAX: u32 = 400;
/// Most starts of all cron expressions together.
const STARTS_MAX: u64 = 2_000_000;
const DAY_SECONDS: i64 = 86_400;

/// The time and the program of a compilation.
#[derive(Clone, Copy, Debug)]
pub struct Compiler<'a> {
    /// First moment; signers who compile on one day get the same bytes if it is the start of that day ([`start_of_day`]).
    pub from: Moment,
    /// Number of days of 24 hours, at most 400.
    pub days: u32,
    /// Name and version of the program.
    pub program: &'a str,
}

/// The start of the day of a moment, in UTC.
#[must_use]
pub fn start_of_day(moment: Moment) -> Moment {
    let day = DAY_SECONDS.unsigned_abs() * 1_000;
    Moment::from_millis(moment.millis() / day * day).unwrap_or(moment)
}

/// Compiles a file of rules; calendars are read below its directory.
///
/// # Errors
/// `CalendarError` names the place and the remedy.
pub fn compile_file(compiler: &Compiler<'_>, path: &Path) -> Result<Windows, CalendarError> {
    let read_error = |source| CalendarError::Read { name: path.display().to_string(), source };
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Err(read_error(io::ErrorKind::InvalidFilename.into()));
    };
    let bytes = read(path, rules::BYTES_MAX).map_err(read_error)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    compiler.compile(name, &bytes, &|calendar| read(&directory.join(calendar), ics::BYTES_MAX))
}

/// At most one byte more than allowed, so that the reader of the format refuses it.
fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Compiler<'_> {
    /// Compiles rules; `read` gives the bytes of a calendar by its path.
    ///
    /// # Errors
    /// `CalendarError` names the place and the remedy.
    pub fn compile(
        &self,
        name: &str,
        bytes: &[u8],
        read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    ) -> Result<Windows, CalendarError> {
        let (from, until) = self.time(name)?;
        let rules = rules::parse(name, bytes)?;
        let calendars = calendars(name, &rules, read)?;
        let mut work = Work { name, calendars: &calendars, from, until, starts_left: STARTS_MAX };
        let allowed = work.spans("allow", &rules.allow, false)?;
        let denied = work.spans("deny", &rules.deny, true)?;
        let opened = work.exceptions(&rules.exceptions, true)?;
        let closed = work.exceptions(&rules.exceptions, false)?;
        let open = allowed.without(&denied).with(opened).without(&closed).between(from, until);
        self.fits(name, &open, from)?;
        let own = WindowSource { name: name.to_owned(), digest: Digest::of(bytes) };
        let others =
            rules.calendars.iter().map(|(name, digest)| WindowSource { name: name.clone(), digest: *digest });
        let mut sources: Vec<_> = others.chain([own]).collect();
        sources.sort();
        let interval = |(start, end)| Some(Interval { start: moment(start)?, end: moment(end)? });
        let windows = Windows {
            v: 1,
            from: self.from,
            until: moment(until).unwrap_or(Moment::LAST),
            open: open.iter().filter_map(interval).collect(),
            sources,
            compiled_by: format!("{}, zones {}", self.program, zone::VERSION),
        };
        windows.encode()?;
        Ok(windows)
    }

    fn time(&self, name: &str) -> Result<(i64, i64), CalendarError> {
        let wrong = |text: &str| What(text.to_owned()).at(name);
        if !(1..=DAYS_MAX).contains(&self.days) {
            return Err(wrong("windows speak about 1 to 400 days"));
        }
        let until = self
            .from
            .later_by(Duration::from_secs(u64::from(self.days) * DAY_SECONDS.unsigned_abs()).min(SPAN_MAX));
        let whole = self
            .from
            .millis()
            .is_multiple_of(1_000)
            .then_some(self.from)
            .and_then(seconds)
            .zip(seconds(until));
        whole.ok_or_else(|| wrong("windows begin at a whole second"))
    }

    /// Windows that never open, and those that do not fit, are refused with a remedy.
    fn fits(&self, name: &str, open: &Spans, from: i64) -> Result<(), CalendarError> {
        if open.iter().len() == 0 {
            return Err(What(format!(
                "nothing is open within {} days; to stop all releases, use `countersign freeze`",
                self.days
            ))
            .at(name));
        }
        let Some((first_left, _)) = open.iter().nth(INTERVALS_MAX) else { return Ok(()) };
        let days = (first_left - from) / DAY_SECONDS;
        Err(What(format!(
            "more than 4,096 intervals are open within {} days; at most {days} days fit",
            self.days
        ))
        .at(name))
    }
}

/// The bytes of all calendars, each with the digest that the rules name.
fn calendars(
    name: &str,
    rules: &Rules,
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>, CalendarError> {
    let mut all = BTreeMap::new();
    for (path, digest) in &rules.calendars {
        if path == name {
            return Err(What("the file of rules is no calendar".into()).at(name));
        }
        let bytes = read(path).map_err(|source| CalendarError::Read { name: path.clone(), source })?;
        let found = Digest::of(&bytes);
        if found != *digest {
            let text = format!(
                "the rules name {digest}, and the file has {found}; look at it, then name this digest"
            );
            return Err(What(text).at(quoted(path)));
        }
        all.insert(path.clone(), bytes);
    }
    Ok(all)
}

struct Work<'a> {
    name: &'a str,
    calendars: &'a BTreeMap<String, Vec<u8>>,
    from: i64,
    until: i64,
    starts_left: u64,
}

impl Work<'_> {
    fn spans(&mut self, list: &str, rules: &[Rule], closes: bool) -> Result<Spans, CalendarError> {
        let mut all = Spans::default();
        for (at, rule) in rules.iter().enumerate() {
            let here = format!("{}: {list}[{at}]", self.name);
            let found = match rule {
                Rule::Always => vec![(self.from, self.until)],
                Rule::Cron { cron, seconds, zone } => {
                    self.cron(cron, *seconds, zone, closes).map_err(|what| what.at(here))?
                }
                Rule::Calendar { path, zone } => {
                    let bytes = self.calendars.get(path).map_or(&[][..], Vec::as_slice);
                    ics::spans(path, bytes, zone.as_ref(), closes, (self.from, self.until))?
                }
            };
            all = all.with(Spans::of(found));
        }
        Ok(all)
    }

    fn cron(
        &mut self,
        cron: &Cron,
        seconds: i64,
        zone: &Zone,
        closes: bool,
    ) -> Result<Vec<(i64, i64)>, What> {
        // A local date is at most one day away from that of UTC, and a start of long ago may still last.
        let (first, last) = (date(self.from - SECONDS_MAX - DAY_SECONDS)?, date(self.until + DAY_SECONDS)?);
        let days = (self.until - self.from) / DAY_SECONDS + 34;
        let cost = u64::from(cron.starts_of_a_day()) * days.unsigned_abs();
        let Some(left) = self.starts_left.checked_sub(cost) else {
            return Err(What("the rules have more than 2,000,000 starts; use fewer, longer ones".into()));
        };
        self.starts_left = left;
        let length = ics::Length::Exact(seconds);
        let spans = cron.starts(first, last).map(|start| ics::span(start, zone, length, closes));
        spans.filter_map(Result::transpose).collect()
    }

    fn exceptions(&self, exceptions: &[Exception], opens: bool) -> Result<Spans, CalendarError> {
        let mut all = Vec::new();
        for (at, exception) in exceptions.iter().enumerate().filter(|(_, exception)| exception.opens == opens)
        {
            let fault = || {
                What("the time is beyond the calendar".into()).at(format!("{}: exceptions[{at}]", self.name))
            };
            let read = |local: DateTime| exception.zone.readings(local).ok_or_else(fault);
            let (start, end) = (read(exception.start)?, read(exception.end)?);
            all.push(if opens { (start.plain, end.plain) } else { (start.earlier, end.later) });
        }
        Ok(Spans::of(all))
    }
}

fn seconds(moment: Moment) -> Option<i64> {
    i64::try_from(moment.millis() / 1_000).ok()
}

fn moment(seconds: i64) -> Option<Moment> {
    Moment::from_millis(u64::try_from(seconds).ok()?.checked_mul(1_000)?).ok()
}

fn date(seconds: i64) -> Result<Date, What> {
    let stamp =
        Timestamp::from_second(seconds).map_err(|_| What("the time is beyond the calendar".into()))?;
    Ok(TimeZone::UTC.to_datetime(stamp).date())
}
