//! Entries of the ledger that the reader may read, each in one line.

use domain::Event;
use evidence::entry::{Actor, Entry, Header};
use review::sentences::{About, Sentence};
use web::model::{Badge, EntryRow, State};

use super::query::Asked;
use crate::caller::refused_of_none;
use crate::console::reading::{Reading, nothing, time};
use crate::console::words::{badge, person, release_href, run_href};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::views::project_of;
use crate::views::search::{self, Found, FoundEntry};

/// The entries that a search finds.
pub fn find(at: &Reading<'_>, asked: &Asked, most: usize) -> Result<Found, Failure> {
    up_to_date(at.shared)?;
    let (state, now) = (at.shared.intake.state(), at.now);
    let may = |found: &FoundEntry| match (&found.project, found.refused) {
        (Some(project), _) => at.caller.may_read(project, &state, now),
        (None, Some(sender)) => at.caller.may_read_refused(sender, &state, now),
        (None, None) => true,
    };
    let conditions = asked.conditions();
    at.shared.views.ask(|rows| search::find(rows, &conditions, most, &may)).map_err(Failure::failed)
}

/// An entry with its header and event.
#[derive(Debug)]
pub struct Read {
    /// Its header.
    pub header: Header,
    /// Its event.
    pub event: Event,
    /// Its bytes.
    pub entry: Entry,
}

/// An entry in one line, if the caller may read it.
pub fn row(at: &Reading<'_>, number: u64) -> Result<(Read, EntryRow), Failure> {
    let entry = entries(at, &[number])?.pop().ok_or_else(|| missing(number))?;
    line(at, number, entry)
}

/// Entries in one line each, if the caller may read all of them. The numbers fall.
pub fn rows(at: &Reading<'_>, numbers: &[u64]) -> Result<Vec<(Read, EntryRow)>, Failure> {
    let entries = entries(at, numbers)?;
    numbers.iter().zip(entries).map(|(number, entry)| line(at, *number, entry)).collect()
}

/// Entries by falling numbers. Neighbours are read together.
fn entries(at: &Reading<'_>, numbers: &[u64]) -> Result<Vec<Entry>, Failure> {
    at.shared.gatekeeper.readers().with(|reader| -> Result<_, Failure> {
        let size = reader.head()?.frontier.size();
        let mut found = Vec::with_capacity(numbers.len());
        if let Some(beyond) = numbers.iter().find(|number| **number >= size) {
            return Err(missing(*beyond));
        }
        for neighbours in numbers.chunk_by(|later, earlier| earlier + 1 == *later) {
            for part in neighbours.chunks(READ_TOGETHER) {
                let (Some(last), Some(first)) = (part.first(), part.last()) else { continue };
                found.extend(reader.entries(*first, last + 1)?.into_iter().rev());
            }
        }
        Ok(found)
    })
}

fn missing(number: u64) -> Failure {
    nothing(format!("the ledger has no entry {number}"))
}

fn line(at: &Reading<'_>, number: u64, entry: Entry) -> Result<(Read, EntryRow), Failure> {
    let read = read(at, number, entry)?;
    let named = |of| person(at.shared, of);
    let Sentence { title, detail, about } = Sentence::of(&read.event, &named);
    let row = EntryRow {
        entry: number,
        badge: state_of(&read.event, &read.header.kind),
        title,
        detail,
        actor: match &read.header.actor {
            Actor::Person(of) => named((*of).into()),
            Actor::Machine(machine) => machine.to_string(),
            Actor::System => "the server".to_owned(),
        },
        time: time(read.header.time),
        href: format!("/ledger/{number}"),
        about: page_about(&about),
    };
    Ok((read, row))
}

fn read(at: &Reading<'_>, number: u64, entry: Entry) -> Result<Read, Failure> {
    let header = entry.check().map_err(Failure::failed)?;
    let event = Event::read(&header.kind, &entry.facts).map_err(Failure::failed)?;
    let state = at.shared.intake.state();
    let project = project_of(header.project.as_ref(), &event);
    if !at.caller.may_read_entry(project, &event, &state, at.now) {
        // The same answer as for an entry that does not exist would be untrue: its number is below the ledger's size.
        let whose = refused_of_none(project, &event)
            .map_or("a project in which you hold no role", |_| "another person's refused request");
        return Err(Failure::new(wire::ProblemKind::Forbidden, format!("entry {number} is about {whose}")));
    }
    Ok(Read { header, event, entry })
}

/// The page of the matter of an entry, with its name.
fn page_about(about: &About) -> Option<(String, String)> {
    match about {
        About::Release(place, number) => Some((format!("release {number}"), release_href(place, *number))),
        About::Run(run) => Some((format!("run {}", review::ids::short(&run.to_string())), run_href(*run))),
        About::Place(_) | About::Installation => None,
    }
}

/// The kind of an event with the state that it tells.
fn state_of(event: &Event, kind: &str) -> Badge {
    use domain::build::RunOutcome;
    use domain::gate::GateOutcome;
    use evidence::approval::Decision;
    use evidence::report::ReleaseOutcome;
    let state = match event {
        Event::Refused(_) | Event::Unplannable(_) | Event::ChecksLost(_) => State::Stop,
        Event::Reported(reported) if !reported.passed => State::Stop,
        Event::Ended(ended) if ended.outcome != RunOutcome::Passed => State::Stop,
        Event::Judged(judged) if judged.outcome != GateOutcome::Pass => State::Stop,
        Event::Given(given) if given.decision == Decision::Reject => State::Stop,
        Event::AgentReported(reported) if reported.outcome != ReleaseOutcome::Running => State::Stop,
        Event::Observed(observed) if observed.bars => State::Stop,
        Event::StatusSet(status) if !status.frozen.is_empty() => State::Frozen,
        Event::Held(_) => State::Wait,
        Event::Due(_) | Event::GateDue(_) | Event::ReleaseDue(_) | Event::Wanted(_) | Event::Started(_) => {
            State::Busy
        }
        Event::Recorded(recorded) if recorded.kinds.iter().any(|kind| kind.is_urgent()) => State::Stop,
        Event::Recorded(_) | Event::Snapshotted(_) => State::Quiet,
        _ => State::Pass,
    };
    badge(state, kind)
}

/// Most neighbours that are read at once.
const READ_TOGETHER: usize = 256;
