//! The calendar of rotation: a line for each secret, from its newest version to the moment at which it needs another one.
//!
//! Invariant: every end in the state is here, the first one first, also where no cadence is demanded: a version that ends is not
//! used any more either.

use std::time::Duration;

use domain::secret::Secret;
use domain::statement::RecordedStatement;
use evidence::Moment;
use evidence::secret_name::SecretName;
use review::ending::SOON;
use web::model::{SheetCell, SheetTable, Span, State};

use super::super::reading::time;
use super::super::sheets::cell;
use super::super::words::{badge, command, minute};

/// A secret whose newest version will need another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// The moment from which it is not lent or used any more.
    pub due: Moment,
    name: String,
    begins: Moment,
    why: String,
    put: String,
}

/// The end of a build secret, by its cadence or its own end.
pub fn of_build(name: &SecretName, secret: &Secret) -> Option<Ending> {
    let (_, newest) = secret.newest().filter(|(_, newest)| !newest.destroyed)?;
    let cadence = secret.rotate_days.map(|days| format!("every {}", shown::many(days as usize, "day")));
    let ends = [secret.due().zip(cadence), newest.expires.map(|end| (end, "its version ends".to_owned()))];
    let (due, why) = ends.into_iter().flatten().min()?;
    let put = format!("countersign secret put {name} --file FILE");
    Some(Ending { due, name: name.to_string(), begins: newest.at, why, put })
}

/// The end of a secret of a place: that of the statement which puts its version.
pub fn of_place(known: &RecordedStatement) -> Option<Ending> {
    let secret = known.facts.secret.as_ref()?;
    let (place, name) = (&secret.place, &secret.name);
    Some(Ending {
        due: known.facts.expires,
        name: format!("{name} of {place}"),
        begins: known.facts.not_before,
        why: "its version ends".to_owned(),
        put: format!("countersign secret put --place {place} {name} --reason WHY --file FILE"),
    })
}

/// Secrets that need a newer version soon, or needed one already.
pub fn soon(all: &[Ending], now: Moment) -> usize {
    all.iter().filter(|ending| ending.due <= now.later_by(SOON)).count()
}

/// The table, the first end first.
pub fn table(mut all: Vec<Ending>, now: Moment) -> SheetTable {
    all.sort();
    let rows: Vec<_> = all.iter().take(ROWS_MAX).map(|ending| row(ending, now)).collect();
    SheetTable {
        title: "Rotation calendar".to_owned(),
        columns: vec!["Secret".to_owned(), window(now), "Newer version".to_owned()],
        more: all.len().saturating_sub(rows.len()),
        rows,
        empty: "No version ends, and no secret has a cadence.".to_owned(),
        fill: Some(command("countersign secret put PROJECT/PATH --rotate-days 90 --file FILE")),
    }
}

/// The time that a line covers: a year with the present in it.
fn window(now: Moment) -> String {
    let day = |moment: Moment| minute(moment).get(..DAY_CHARS).unwrap_or_default().to_owned();
    format!("From {} to {}, with a mark for today", day(first(now)), day(first(now).later_by(YEAR)))
}

fn first(now: Moment) -> Moment {
    let past = u64::try_from(PAST.as_millis()).unwrap_or_default();
    Moment::from_millis(now.millis().saturating_sub(past)).unwrap_or_default()
}

fn row(ending: &Ending, now: Moment) -> Vec<SheetCell> {
    let (state, word) = match ending.due {
        due if due <= now => (State::Stop, "overdue"),
        due if due <= now.later_by(SOON) => (State::Wait, "due soon"),
        _ => (State::Quiet, ""),
    };
    let at = |moment: Moment| {
        let since = moment.millis().saturating_sub(first(now).millis());
        let whole = u64::try_from(YEAR.as_millis()).unwrap_or(u64::MAX);
        u16::try_from((since.min(whole) * 1_000) / whole).unwrap_or(1_000)
    };
    let sentence = format!("from {} until {}, {}", minute(ending.begins), minute(ending.due), ending.why);
    let drawn = Span { from: at(ending.begins), to: at(ending.due), today: at(now), state, sentence };
    let due = SheetCell {
        badge: (!word.is_empty()).then(|| badge(state, word)),
        time: Some(time(ending.due)),
        notes: vec![ending.why.clone()],
        commands: if word.is_empty() { Vec::new() } else { vec![command(&ending.put)] },
        ..SheetCell::default()
    };
    vec![cell(&ending.name), SheetCell { span: Some(drawn), ..SheetCell::default() }, due]
}

/// Most rows of the table.
const ROWS_MAX: usize = 100;
const YEAR: Duration = Duration::from_hours(365 * 24);
/// The part of the year that is over.
const PAST: Duration = Duration::from_hours(90 * 24);
/// Characters of a day: `2026-11-29`.
const DAY_CHARS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(begins: u64, due: u64) -> Ending {
        let at = |day: u64| Moment::from_millis(day * 24 * 3_600_000).unwrap();
        let text = || "shop/token".to_owned();
        Ending { due: at(due), name: text(), begins: at(begins), why: "every 90 days".into(), put: text() }
    }

    #[test]
    fn a_line_shows_where_a_version_stands_in_the_year() {
        let now = Moment::from_millis(1_000 * 24 * 3_600_000).unwrap();
        let table = table(vec![ending(900, 2_000), ending(1_000, 1_010), ending(990, 1_000)], now);
        let drawn: Vec<_> = table.rows.iter().map(|row| row[1].span.clone().unwrap()).collect();
        let stands: Vec<_> = drawn.iter().map(|span| (span.from, span.to, span.today, span.state)).collect();
        assert_eq!(
            stands,
            [(219, 246, 246, State::Stop), (246, 273, 246, State::Wait), (0, 1_000, 246, State::Quiet)],
            "the first end first, and what lies outside the year is at its edge"
        );
        let words: Vec<_> =
            table.rows.iter().map(|row| row[2].badge.clone().map(|badge| badge.word)).collect();
        assert_eq!(words, [Some("overdue".to_owned()), Some("due soon".to_owned()), None]);
        assert!(table.rows[2][2].commands.is_empty() && !table.rows[0][2].commands.is_empty());
        assert_eq!(table.columns[1], "From 1972-06-29 to 1973-06-29, with a mark for today");
        assert_eq!(soon(&[ending(1, 1_014), ending(1, 1_015)], now), 1);
    }
}
