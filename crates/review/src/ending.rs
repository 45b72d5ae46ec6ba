//! Statements, enrolments and approvals that end soon, each with the action that renews it.
//!
//! Input: views of the server, and the moment. Output: one value for each, the first end first. Invariant: a statement whose
//! scope covers many places is told once. Command line and console list the same.

use std::collections::BTreeSet;
use std::time::Duration;

use evidence::{Digest, Moment};
use wire::{PersonView, PlaceView, StatementState, StatusView};

use crate::ids::short;

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// Its end.
    pub end: Moment,
    /// Its name: `the trust root`.
    pub what: String,
    /// The action that renews it.
    pub renewal: Renewal,
}

/// The action that renews something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Renewal {
    /// A command.
    Command(&'static str),
    /// Words.
    Words(&'static str),
}

/// Everything that may end.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// End of the trust root.
    pub root: Option<Moment>,
    /// The status in force.
    pub status: Option<&'a StatusView>,
    /// Enrolled people.
    pub people: &'a [PersonView],
    /// Places, with their pending releases and the statements about them.
    pub places: &'a [PlaceView],
    /// Statements that settle nothing that runs or waits now.
    pub idle: &'a BTreeSet<Digest>,
}

/// Everything that ends within two weeks, the first one first.
#[must_use]
pub fn soon(of: Sources<'_>, now: Moment) -> Vec<Ending> {
    within(of, now, SOON)
}

/// Everything that ends within a time, the first one first.
#[must_use]
pub fn within(of: Sources<'_>, now: Moment, time: Duration) -> Vec<Ending> {
    let ending = |end, what, renewal| Ending { end, what, renewal };
    let mut ends = Vec::new();
    let renew_root = Renewal::Command("countersign trust root --renew");
    ends.extend(of.root.map(|end| ending(end, "the trust root".to_owned(), renew_root)));
    let renew_status = Renewal::Command("countersign trust status --renew");
    ends.extend(
        of.status.map(|status| ending(status.expires, format!("status {}", status.number), renew_status)),
    );
    ends.extend(of.people.iter().map(|person| {
        let what = format!("the enrolment of {}", named(person));
        ending(person.expires, what, Renewal::Words("have them enrolled anew"))
    }));
    let open = of.places.iter().filter_map(|view| Some((view, view.open.as_ref()?)));
    ends.extend(open.filter_map(|(view, open)| {
        let what = format!("an approval of release {} at {}", open.release, view.place);
        let end = open.approvals_expire?;
        Some(ending(end, what, Renewal::Words("promote it, or have it approved again")))
    }));
    ends.extend(statements(of));
    ends.retain(|ending| ending.end <= now.later_by(time));
    ends.sort();
    ends
}

/// The advice about a statement that still settles something.
pub const SIGN_AGAIN: &str = "sign it again if it is still needed";
/// The advice about a statement that settles nothing that runs or waits.
pub const LET_IT_END: &str = "it settles nothing that runs or waits now: let it end";

/// Statements of people that are in force, each once.
fn statements(of: Sources<'_>) -> Vec<Ending> {
    let mut seen = BTreeSet::new();
    let all = of.places.iter().flat_map(|view| &view.statements);
    let in_force = all.filter(|stated| stated.state == StatementState::InForce);
    let once = in_force.filter(|stated| seen.insert(stated.statement));
    let ending = |stated: &wire::StatementView| {
        let about = stated.content.as_ref().map_or_else(
            || short(&stated.statement.hex()).to_owned(),
            |content| format!("{} for {}", shown::brief(&content.summary, SUMMARY_CHARS), content.scope),
        );
        let is_idle = of.idle.contains(&stated.statement);
        let now = if is_idle { ", which settles nothing now" } else { "" };
        let renewal = Renewal::Words(if is_idle { LET_IT_END } else { SIGN_AGAIN });
        Ending { end: stated.until, what: format!("{} {about}{now}", stated.kind), renewal }
    };
    once.map(ending).collect()
}

impl Ending {
    /// It in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let renewal = match self.renewal {
            Renewal::Command(command) => format!("`{command}`"),
            Renewal::Words(words) => words.to_owned(),
        };
        format!("{}, at {}; {renewal}", self.what, self.end)
    }
}

/// The name by which people call a person.
#[must_use]
pub fn named(person: &PersonView) -> String {
    let id = person.person.to_string();
    match &person.name {
        Some(name) => format!("{} ({})", shown::line(name), short(&id)),
        None => format!("person {id}"),
    }
}

/// A thing that ends within this time is listed.
pub const SOON: Duration = Duration::from_hours(24 * 14);
const SUMMARY_CHARS: usize = 100;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use evidence::{Digest, Moment};
    use wire::StatusView;

    use super::{Sources, soon};

    #[test]
    fn everything_that_ends_soon_is_told_in_order() {
        let at = |day: u64| Moment::from_millis(day * 86_400_000).unwrap();
        let status = StatusView { number: 3, expires: at(28), file: Digest::of(b"status") };
        let lines = |root: u64, now: u64| -> Vec<String> {
            let idle = BTreeSet::new();
            let of = Sources {
                root: Some(at(root)),
                status: Some(&status),
                people: &[],
                places: &[],
                idle: &idle,
            };
            soon(of, at(now)).iter().map(super::Ending::line).collect()
        };
        assert!(lines(365, 10).is_empty());
        let of_status =
            "status 3, at 1970-01-29T00:00:00.000Z; `countersign trust status --renew`".to_owned();
        assert_eq!(lines(365, 20).join("\n"), of_status);
        let of_root = "the trust root, at 1970-01-22T00:00:00.000Z; `countersign trust root --renew`";
        assert_eq!(lines(21, 20), [of_root.to_owned(), of_status]);
    }
}
