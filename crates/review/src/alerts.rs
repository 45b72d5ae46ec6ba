//! Alerts about places: their deadlines, their lines in the ledger, and what they say to people.
//!
//! Input: findings and lines. Output: values. Invariant: an alert decides nothing. Deadlines are the operator's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evidence::document::findings::{Finding, Severity};
use evidence::document::text;
use evidence::records::{
    ALIASES_BYTES_MAX, AlertAnswer, AlertCause, AlertNews, AnswerSort, Body, PlaceAlert,
};
use evidence::{Digest, Moment, Name, Place};
use serde::Deserialize;

use crate::inventory::Problem;

/// An alert, as its newest line has it.
pub type OpenAlert = PlaceAlert;
/// An answer to an alert.
pub type Answer = AlertAnswer;
/// Sorts of causes.
pub type Cause = AlertCause;

/// A line about an alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told<'a> {
    /// News.
    News(&'a OpenAlert),
    /// An answer.
    Answer(&'a Answer),
}

/// The news or the answer of a line about an alert; `None` for every other line.
#[must_use]
pub const fn told(body: &Body) -> Option<Told<'_>> {
    match body {
        Body::PlaceAlert(news) => Some(Told::News(news)),
        Body::AlertAnswer(answer) => Some(Told::Answer(answer)),
        _ => None,
    }
}

/// The operator's rules about alerts: `alerts.json` in the data directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AlertRules {
    /// Days until an alert is overdue, by severity.
    pub days: Deadlines,
    /// Champions by the owner of a service, as release files name it: the person who sees to overdue alerts.
    pub champions: BTreeMap<String, String>,
    /// Environments whose gates hold an artifact while a critical alert about it is open.
    pub hold: BTreeSet<Name>,
    /// Most alerts of one project that are open at a time.
    pub most: u32,
}

impl Default for AlertRules {
    fn default() -> Self {
        let (days, champions, hold) = (Deadlines::default(), BTreeMap::new(), BTreeSet::new());
        Self { days, champions, hold, most: 10_000 }
    }
}

/// Days by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Deadlines {
    /// For critical ones, and those that are known to be exploited.
    pub critical: u16,
    /// For high ones.
    pub high: u16,
    /// For medium ones, and those whose severity is unknown.
    pub medium: u16,
    /// For all others.
    pub low: u16,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { critical: 7, high: 30, medium: 90, low: 180 }
    }
}

impl Deadlines {
    /// Time by which a problem has to be mended.
    #[must_use]
    pub fn due(&self, severity: Severity, exploited: bool, opened: Moment) -> Moment {
        let days = match severity {
            Severity::Critical => self.critical,
            _ if exploited => self.critical,
            Severity::High => self.high,
            Severity::Medium | Severity::Unknown => self.medium,
            Severity::Low | Severity::None => self.low,
        };
        opened.later_by(Duration::from_hours(24 * u64::from(days)))
    }
}

/// Whether an alert is critical: by its severity, or because the problem is known to be exploited.
#[must_use]
pub fn is_critical(alert: &OpenAlert) -> bool {
    alert.severity == Severity::Critical || alert.exploited
}

/// The release that an alert is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The place.
    pub place: Place,
    /// Number of the release, if it has one.
    pub release: Option<u64>,
    /// Its artifact.
    pub artifact: Digest,
    /// The service's owner.
    pub owner: Option<String>,
}

/// The alert about a problem of a release, as it would be opened now. `None` if its identity cannot be made.
#[must_use]
pub fn of_problem(
    cause: AlertCause,
    subject: &Subject,
    problem: &Problem,
    (rules, snapshot, now): (&AlertRules, Option<Moment>, Moment),
) -> Option<OpenAlert> {
    let Finding { rule, aliases, severity, exploited, message, fixed, .. } = &problem.finding;
    let Subject { place, release, artifact, owner } = subject;
    Some(PlaceAlert {
        alert: PlaceAlert::identity(cause, place, &problem.id.to_string()).ok()?,
        news: AlertNews::Opened,
        cause,
        place: place.clone(),
        release: *release,
        artifact: *artifact,
        finding: Some(problem.id),
        subject: rule.clone(),
        aliases: fitting(aliases),
        component: problem.component().map(str::to_owned),
        severity: *severity,
        exploited: *exploited,
        what: message.clone(),
        fixed: fixed.clone(),
        champion: owner
            .as_ref()
            .and_then(|owner| rules.champions.get(owner))
            .map(|name| text(name, CHAMPION_BYTES_MAX))
            .filter(|name| !name.is_empty()),
        owner: owner.clone(),
        due: rules.days.due(*severity, *exploited, now),
        snapshot,
    })
}

/// The first aliases, as many as a line has room for: a report of a step may name long ones.
fn fitting(aliases: &BTreeSet<String>) -> BTreeSet<String> {
    let mut left = ALIASES_BYTES_MAX;
    let fits = |alias: &&String| {
        let rest = left.checked_sub(alias.len());
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    aliases.iter().filter(fits).cloned().collect()
}

const CHAMPION_BYTES_MAX: usize = 200;

/// The line of an alert that a new judgement found, beside the one that is on record: `None` if nothing is new.
#[must_use]
pub fn news(known: Option<&OpenAlert>, found: OpenAlert) -> Option<Body> {
    let Some(known) = known else { return Some(found.into()) };
    // The time that people had stays the same, unless the problem became worse.
    let is_worse = is_worse(known, &found);
    let due = if is_worse { found.due.min(known.due) } else { known.due };
    let now = PlaceAlert { news: AlertNews::Changed, due, ..found };
    let same = PlaceAlert { news: now.news, snapshot: now.snapshot, ..known.clone() };
    (same != now).then(|| now.into())
}

/// Whether an alert is worse than it was, so that an earlier acknowledgement does not speak of it.
#[must_use]
pub fn is_worse(known: &OpenAlert, found: &OpenAlert) -> bool {
    found.severity > known.severity || (found.exploited && !known.exploited)
}

/// The line for an alert whose time is over; `None` before.
#[must_use]
pub fn overdue(alert: &OpenAlert, now: Moment) -> Option<Body> {
    (alert.due <= now).then(|| PlaceAlert { news: AlertNews::Overdue, ..alert.clone() }.into())
}

/// The line for an alert whose cause is gone.
#[must_use]
pub fn closed(alert: &OpenAlert, why: &str) -> Body {
    let (subject, place) = (alert.subject.clone(), alert.place.clone());
    let (answer, who) = (AnswerSort::Closed, evidence::entry::Actor::System);
    AlertAnswer { alert: alert.alert, answer, place, subject, who, reason: why.to_owned() }.into()
}

/// The line for an alert that a person looks after.
#[must_use]
pub fn acknowledged(alert: &OpenAlert, person: evidence::Id, reason: &str) -> Body {
    let (subject, place) = (alert.subject.clone(), alert.place.clone());
    let (answer, who) = (AnswerSort::Acknowledged, evidence::entry::Actor::Person(person));
    AlertAnswer { alert: alert.alert, answer, place, subject, who, reason: reason.to_owned() }.into()
}

/// Whether an answer closes its alert.
#[must_use]
pub fn is_closing(answer: &Answer) -> bool {
    answer.answer == AnswerSort::Closed
}

/// Whether news say that an alert's time is over.
#[must_use]
pub fn is_overdue(alert: &OpenAlert) -> bool {
    alert.news == AlertNews::Overdue
}

/// The best answer to an alert, in words.
#[must_use]
pub fn remedy(alert: &OpenAlert) -> String {
    match (&alert.fixed, &alert.component) {
        (Some(fixed), Some(purl)) => format!("upgrade {} to {fixed}", crate::inventory::bare(purl)),
        (None, Some(purl)) => {
            let bare = crate::inventory::bare(purl);
            format!("no fixed version is known: replace {bare}, or run again and waive the finding there")
        }
        _ => "mend it and release again, or run again and waive the finding there".to_owned(),
    }
}
