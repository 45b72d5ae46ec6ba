//! Rules: the file that says when releases of a place may begin. `docs/operating/windows.md` explains it.
//!
//! Invariant: everything that the file says is read; unknown fields, two kinds of one rule and times with two meanings are
//! faults with their place. Deny wins over allow; an exception wins over both; an exception that closes wins over one that
//! opens.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use evidence::Digest;
use jiff::civil::{Date, DateTime};
use serde::Deserialize;

use crate::cron::Cron;
use crate::error::{CalendarError, What, quoted, what};
use crate::length;
use crate::zone::{self, Zone};

/// Largest file of rules in bytes.
pub const BYTES_MAX: usize = 64 * 1024;
const RULES_MAX: usize = 64;
const EXCEPTIONS_MAX: usize = 1_024;
/// One source is the file itself.
const CALENDARS_MAX: usize = evidence::windows::SOURCES_MAX - 1;

/// Rules of a file.
#[derive(Debug)]
pub(crate) struct Rules {
    pub allow: Vec<Rule>,
    pub deny: Vec<Rule>,
    pub exceptions: Vec<Exception>,
    /// Calendars that rules name, with their digests.
    pub calendars: BTreeMap<String, Digest>,
}

/// A rule: times that repeat.
#[derive(Debug)]
pub(crate) enum Rule {
    /// All times.
    Always,
    /// Starts, each with the same length.
    Cron { cron: Cron, seconds: i64, zone: Zone },
    /// Events of a file. The zone is for dates and for times without a zone.
    Calendar { path: String, zone: Option<Zone> },
}

/// Times that do not repeat.
#[derive(Debug)]
pub(crate) struct Exception {
    pub opens: bool,
    pub start: DateTime,
    pub end: DateTime,
    pub zone: Zone,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    zone: Option<String>,
    #[serde(default)]
    allow: Vec<RuleText>,
    #[serde(default)]
    deny: Vec<RuleText>,
    #[serde(default)]
    exceptions: Vec<ExceptionText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    always: Option<bool>,
    cron: Option<String>,
    #[serde(rename = "for")]
    length: Option<String>,
    zone: Option<String>,
    calendar: Option<String>,
    digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionText {
    open: Option<String>,
    closed: Option<String>,
    until: Option<String>,
    through: Option<String>,
    zone: Option<String>,
}

/// Parses a file of rules.
pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Rules, CalendarError> {
    let shape = |text: &str| What(text.to_owned()).at(name);
    if bytes.len() > BYTES_MAX {
        return Err(shape("rules have at most 64 KiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| shape("rules are text in UTF-8"))?;
    let file: File =
        serde_saphyr::from_str(text).map_err(|error| shape(&error.to_string().replace("<input>", "line")))?;
    if file.version != 1 {
        return Err(shape("`version` is not 1, the version that this program knows"));
    }
    if file.allow.len().max(file.deny.len()) > RULES_MAX || file.exceptions.len() > EXCEPTIONS_MAX {
        return Err(shape("at most 64 rules allow, 64 deny, and 1,024 exceptions"));
    }
    if file.allow.is_empty() && file.exceptions.iter().all(|exception| exception.open.is_none()) {
        return Err(shape(
            "nothing would ever be open; begin with `allow: [{ always: true }]` and deny what you want closed",
        ));
    }
    let common = match file.zone.as_deref() {
        Some(zone) => Some(zone::zone(zone).map_err(|what| what.at(format!("{name}: zone")))?),
        None => None,
    };
    let mut reader = Reader { name, common, calendars: BTreeMap::new() };
    let allow = reader.rules("allow", file.allow)?;
    let deny = reader.rules("deny", file.deny)?;
    let exceptions = file.exceptions.into_iter().enumerate();
    let exceptions = exceptions.map(|(at, text)| {
        reader.exception(text).map_err(|what| what.at(format!("{name}: exceptions[{at}]")))
    });
    let exceptions = exceptions.collect::<Result<_, _>>()?;
    if reader.calendars.len() > CALENDARS_MAX {
        return Err(shape("at most 63 calendars"));
    }
    Ok(Rules { allow, deny, exceptions, calendars: reader.calendars })
}

struct Reader<'a> {
    name: &'a str,
    common: Option<Zone>,
    calendars: BTreeMap<String, Digest>,
}

impl Reader<'_> {
    fn rules(&mut self, list: &str, texts: Vec<RuleText>) -> Result<Vec<Rule>, CalendarError> {
        let mut rules = Vec::with_capacity(texts.len());
        for (at, text) in texts.into_iter().enumerate() {
            rules.push(self.rule(text).map_err(|what| what.at(format!("{}: {list}[{at}]", self.name)))?);
        }
        Ok(rules)
    }

    fn rule(&mut self, text: RuleText) -> Result<Rule, What> {
        let own = text.zone.as_deref().map(zone::zone).transpose()?;
        let has_own_zone = own.is_some();
        let zone = own.or_else(|| self.common.clone());
        match (text.always, text.cron, text.length, text.calendar, text.digest) {
            (Some(true), None, None, None, None) if !has_own_zone => Ok(Rule::Always),
            (None, Some(cron), Some(length), None, None) => {
                let (cron, seconds) = (Cron::parse(&cron)?, length::seconds(&length)?);
                let Some(zone) = zone else { return what(NO_ZONE) };
                Ok(Rule::Cron { cron, seconds, zone })
            }
            (None, None, None, Some(path), Some(digest)) => {
                let path = plain(path)?;
                let Ok(digest) = digest.parse::<Digest>() else {
                    return what(
                        "`digest` is not `sha256:` and 64 hex digits; `countersign calendar import` prints it",
                    );
                };
                let former = self.calendars.insert(path.clone(), digest);
                if former.is_some_and(|former| former != digest) {
                    return what(format!("`{}` has another digest in an earlier rule", quoted(&path)));
                }
                Ok(Rule::Calendar { path, zone })
            }
            (None, None, None, Some(_), None) => {
                what("`digest` is missing beside `calendar`; `countersign calendar import` prints it")
            }
            (None, Some(_), None, None, None) => what("`for` is missing beside `cron`, such as `for: 7h`"),
            _ => what(
                "a rule is one of `always: true`, `cron` with `for`, or `calendar` with `digest`; `cron` and `calendar` can have a `zone`",
            ),
        }
    }

    fn exception(&self, text: ExceptionText) -> Result<Exception, What> {
        let zone = text.zone.as_deref().map(zone::zone).transpose()?.or_else(|| self.common.clone());
        let Some(zone) = zone else { return what(NO_ZONE) };
        let (opens, start) = match (text.open, text.closed) {
            (Some(start), None) => (true, start),
            (None, Some(start)) => (false, start),
            _ => return what("an exception is `open` or `closed`, one of both"),
        };
        let (start, end) = match (day(&start), text.until, text.through) {
            (Some(first), None, last) => {
                let last = last.as_deref().map_or(Some(first), day);
                let after = last.filter(|last| first <= *last).and_then(|last| last.tomorrow().ok());
                let Some(after) = after else {
                    return what("`through` is not a date from the first one on, such as `2026-12-31`");
                };
                (midnight(first), midnight(after))
            }
            (None, Some(until), None) => (minute(&start)?, minute(&until)?),
            _ => return what("a date goes `through` a date, a time lasts `until` a time"),
        };
        if start >= end {
            return what("it ends before it starts");
        }
        Ok(Exception { opens, start, end, zone })
    }
}

/// A relative path below the directory of the rules.
fn plain(path: String) -> Result<String, What> {
    let below = Path::new(&path).components().all(|part| matches!(part, Component::Normal(_)));
    let named =
        (1..=evidence::windows::NAME_BYTES_MAX).contains(&path.len()) && !path.chars().any(char::is_control);
    if below && named {
        Ok(path)
    } else {
        what("`calendar` is not a path below the directory of this file, of at most 128 bytes")
    }
}

fn day(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

fn minute(text: &str) -> Result<DateTime, What> {
    let date = text.get(..10).and_then(day);
    let time = text.get(10..).and_then(|rest| rest.strip_prefix(['T', ' '])).and_then(|time| {
        let (hour, minute) = time.split_once(':')?;
        let number = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i8>().ok()).flatten()
        };
        (time.len() == 5).then_some((number(hour)?, number(minute)?))
    });
    let read = date.zip(time).and_then(|(date, (hour, minute))| {
        let time = jiff::civil::Time::new(hour, minute, 0, 0).ok()?;
        Some(date.to_datetime(time))
    });
    read.ok_or_else(|| What(format!("`{}` is no local time such as `2026-12-24T08:00`", quoted(text))))
}

fn midnight(date: Date) -> DateTime {
    date.at(0, 0, 0, 0)
}

const NO_ZONE: &str = "`zone` is missing here and at the top of the file, such as `zone: Europe/Berlin`";
