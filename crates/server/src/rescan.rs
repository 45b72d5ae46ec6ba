//! Releases that run or wait, judged again: by newer advisories, and by statements that have ended since.
//!
//! Invariant: nothing is executed, and no verdict is changed: a difference is an alert. An alert is closed only when its cause is known
//! to be gone: what cannot be judged now stays open.

use std::collections::{BTreeMap, BTreeSet};

use domain::State;
use evidence::dsse::Envelope;
use evidence::records::Body;
use evidence::{Digest, Id, Moment, Name, Place};
use judge::Store as _;
use review::alerts::{self, Cause, OpenAlert, Subject, Told};
use review::contents::Contents;
use review::inventory::Problem;
use review::standing::{Counting, Standing, settles_by_name};
use rusqlite::Connection;
use wire::RescanView;

use crate::caller::Caller;
use crate::clock;
use crate::console::{Reading, contents, statements_at};
use crate::http::problem::Failure;
use crate::inventory::catch_up;
use crate::shared::Shared;
use crate::views::alerts::AlertRow;
use crate::views::inventory::{Judged, Watched, finding_of};
use crate::views::{alerts as rows_of_alerts, statements};

/// One judgement of many releases.
struct Round<'a> {
    shared: &'a Shared,
    state: &'a State,
    rows: &'a Connection,
    now: Moment,
    judged: &'a Judged,
    /// Alerts that are due now.
    found: BTreeMap<Digest, OpenAlert>,
    /// Alerts whose findings a statement settles now.
    settled: BTreeSet<Digest>,
    /// Number of statements that could not be read.
    unread: u64,
}

/// The lines for everything that changed, and the counts of the judgement; only for some places.
///
/// # Errors
/// `Failure` if the views, stored evidence or the advisories cannot be read. Nothing is known then.
pub fn judge(
    shared: &Shared,
    now: Moment,
    covers: &dyn Fn(&Place) -> bool,
) -> Result<(Vec<Body>, RescanView), Failure> {
    catch_up(shared, usize::MAX)?;
    let (state, rows) = (shared.intake.state(), shared.views.beside().map_err(Failure::failed)?);
    let judged = Judged::of(&rows, covers, shared.advisories.as_deref()).map_err(Failure::failed)?;
    let (found, settled) = (BTreeMap::new(), BTreeSet::new());
    let mut round =
        Round { shared, state: &state, rows: &rows, now, judged: &judged, found, settled, unread: 0 };
    judged.watched.iter().try_for_each(|one| round.release(one))?;
    let mut open = rows_of_alerts::open(&rows).map_err(Failure::failed)?;
    let mut taken: BTreeMap<Name, u64> = BTreeMap::new();
    for row in &open {
        *taken.entry(row.alert.place.project.clone()).or_default() += 1;
    }
    open.retain(|row| covers(&row.alert.place));
    let mut view = RescanView {
        releases: judged.watched.len() as u64,
        packages: judged.packages as u64,
        snapshot: judged.knowledge.as_ref().map(|knowledge| knowledge.modified),
        source: judged.knowledge.as_ref().map(|knowledge| knowledge.source.clone()),
        opened: 0,
        changed: 0,
        closed: 0,
        left: 0,
        not_held: counted(judged.not_held.values()),
        unlisted: round.unlisted(),
        unread: judged.unread + round.unread,
    };
    let lines = round.lines((&open, taken), &mut view);
    Ok((lines, view))
}

fn counted<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for name in names {
        *counts.entry(name.clone()).or_default() += 1;
    }
    counts
}

impl Round<'_> {
    /// The alerts about one release.
    fn release(&mut self, one: &Watched) -> Result<(), Failure> {
        let news = self.judged.news(one).into_iter();
        let mut problems: Vec<(Cause, Problem)> =
            news.map(|problem| (Cause::Advisory, problem.clone())).collect();
        problems.extend(self.ended(one)?);
        if problems.is_empty() {
            return Ok(());
        }
        let contents = self.contents(one)?;
        let contents = contents.as_ref();
        let reading =
            Reading { shared: self.shared, caller: &Caller::Owner, now: self.now, session_ends: None };
        let counting = statements_at(&reading, self.state, &one.place);
        // While nobody knows the people behind a change, a statement that they may not sign does not count.
        let is_barred = |person: &Id| contents.is_none_or(|known| known.barred.contains(person));
        let counts = |known: &&Counting| {
            !(known.statement.kind().rules().bars_authors && is_barred(&known.statement.person))
        };
        let counting: Vec<&Counting> = counting.iter().map(AsRef::as_ref).filter(counts).collect();
        let subject = Subject {
            place: one.place.clone(),
            release: one.release,
            artifact: one.artifact,
            owner: contents.and_then(|known| known.owner.clone()),
        };
        let snapshot = self.judged.knowledge.as_ref().map(|knowledge| knowledge.modified);
        for (cause, problem) in problems {
            let by = (&self.shared.alert_rules, snapshot, self.now);
            let Some(alert) = alerts::of_problem(cause, &subject, &problem, by) else { continue };
            if Standing::of(&problem.id, &problem.finding, &counting).is_open() {
                // A release that runs is looked at before one that waits at the same place.
                self.found.entry(alert.alert).or_insert(alert);
            } else {
                self.settled.insert(alert.alert);
            }
        }
        Ok(())
    }

    /// Problems that a statement settled when the release began to run, and settles no more.
    fn ended(&mut self, one: &Watched) -> Result<Vec<(Cause, Problem)>, Failure> {
        let (Some(since), Some(run)) = (one.since, one.run) else { return Ok(Vec::new()) };
        let judged = self.judged;
        let known = judged.runs.get(&run).map(|facts| &facts.known).filter(|known| !known.is_empty());
        let Some(known) = known else { return Ok(Vec::new()) };
        let ended = statements::ended_since(self.rows, &one.place, (since, self.now));
        let mut found: BTreeMap<Digest, Problem> = BTreeMap::new();
        for (_, envelope) in ended.map_err(Failure::failed)?.iter().filter(|(kind, _)| settles_by_name(kind))
        {
            let Some(stated) = self.statement(envelope) else {
                self.unread += 1;
                continue;
            };
            for id in known.keys().filter(|id| stated.statement.subjects.contains(id)) {
                let problem = finding_of(self.rows, run, id).map_err(Failure::failed)?;
                let settled = problem.filter(|it| stated.statement.settles(&it.id, &it.finding));
                found.extend(settled.map(|problem| (*id, problem)));
            }
        }
        Ok(found.into_values().map(|problem| (Cause::StatementEnded, problem)).collect())
    }

    fn statement(&self, envelope: &Digest) -> Option<Counting> {
        let bytes = self.shared.gatekeeper.store().blob(envelope).ok()?;
        Counting::of(&Envelope::decode(&bytes).ok()?)
    }

    /// Contents of the release's evidence, which names the owner and the people behind the change.
    fn contents(&self, one: &Watched) -> Result<Option<Contents>, Failure> {
        let Some(bundle) = one.bundle else { return Ok(None) };
        let mut left = usize::MAX;
        let found = contents(self.shared, bundle, &mut left)?;
        Ok(found.and_then(|found| Option::clone(&found)))
    }

    /// Places of releases without a list of packages.
    fn unlisted(&self) -> Vec<Place> {
        let Judged { watched, runs, .. } = self.judged;
        let lists = |one: &&Watched| {
            one.run.and_then(|run| runs.get(&run)).is_some_and(|run| !run.packages.is_empty())
        };
        let without: BTreeSet<Place> =
            watched.iter().filter(|one| !lists(one)).map(|one| one.place.clone()).collect();
        without.into_iter().collect()
    }

    /// The lines by which the alerts on record become those that were found.
    fn lines(
        &self,
        (open, mut taken): (&[AlertRow], BTreeMap<Name, u64>),
        view: &mut RescanView,
    ) -> Vec<Body> {
        let known: BTreeMap<Digest, &AlertRow> = open.iter().map(|row| (row.alert.alert, row)).collect();
        let mut lines = Vec::new();
        let most = u64::from(self.shared.alert_rules.most);
        let mut due: Vec<_> = self.found.iter().collect();
        due.sort_by_key(|(_, alert)| std::cmp::Reverse((alerts::is_critical(alert), alert.severity)));
        for (id, found) in due {
            let row = known.get(id);
            // One project must not take the room of another.
            let taken = taken.entry(found.place.project.clone()).or_default();
            if row.is_none() && *taken >= most {
                view.left += 1;
            } else if let Some(line) = alerts::news(row.map(|row| &row.alert), found.clone()) {
                if row.is_some() {
                    view.changed += 1;
                } else {
                    view.opened += 1;
                    *taken += 1;
                }
                lines.push(line);
            } else if let Some(row) = row.filter(|row| row.overdue.is_none())
                && let Some(line) = alerts::overdue(&row.alert, self.now)
            {
                view.changed += 1;
                lines.push(line);
            }
        }
        for row in open.iter().filter(|row| !self.found.contains_key(&row.alert.alert)) {
            if let Some(why) = self.why_closed(&row.alert) {
                view.closed += 1;
                lines.push(alerts::closed(&row.alert, why));
            }
        }
        lines
    }

    /// Why the cause of an alert is gone; `None` while nobody knows that.
    fn why_closed(&self, alert: &OpenAlert) -> Option<&'static str> {
        let is_of = |one: &&Watched| one.place == alert.place && one.artifact == alert.artifact;
        let mut releases = self.judged.watched.iter().filter(is_of).peekable();
        if releases.peek().is_none() {
            return Some("the release neither runs nor waits there any more");
        }
        if self.settled.contains(&alert.alert) {
            return Some("a statement settles it");
        }
        match alert.cause {
            // A list that is lost, or an ecosystem that the advisories do not hold, is no answer.
            Cause::Advisory => releases
                .any(|one| alert.component.as_ref().is_some_and(|purl| self.judged.has_judged(one, purl)))
                .then_some("the advisories name it no more, or no worse than at the release"),
            // A statement that has ended stays so for the release that it let through.
            Cause::StatementEnded => releases
                .all(|one| one.release != alert.release)
                .then_some("it was released again without the statement"),
        }
    }
}

/// Places whose due gates are held by a critical alert, open or due now, with the sentence about it. A gate is held, too, where that
/// cannot be judged: the task that judges everything may be late, or may have failed.
pub fn held(shared: &Shared, state: &State) -> BTreeMap<Place, String> {
    let hold = &shared.alert_rules.hold;
    let due: Vec<Place> = state
        .gate
        .outstanding()
        .map(|due| due.place.clone())
        .filter(|place| hold.contains(&place.environment))
        .collect();
    due.into_iter().filter_map(|place| Some((place.clone(), why_held(shared, state, &place)?))).collect()
}

fn why_held(shared: &Shared, state: &State, place: &Place) -> Option<String> {
    let facts = &state.release.at(place)?.open.as_ref()?.facts;
    let read = || {
        let (news, _) = judge(shared, clock::now(), &|at| at == place)?;
        let found = shared.views.ask(|rows| {
            for alert in news.iter().filter_map(critical) {
                let artifact = &facts.artifact;
                let purl = alert.component.as_deref();
                if alert.artifact == *artifact
                    || purl.map_or(Ok(false), |purl| rows_of_alerts::has_component(rows, artifact, purl))?
                {
                    return Ok(Some(sentence(alert)));
                }
            }
            let open = rows_of_alerts::critical_of(rows, &facts.artifact, place)?;
            Ok(open.map(|row| sentence(&row.alert)))
        });
        found.map_err(Failure::failed)
    };
    read().unwrap_or_else(|error| Some(format!("the artifact cannot be judged again: {error}")))
}

/// The alert of a line, if it is a critical one.
fn critical(line: &Body) -> Option<&OpenAlert> {
    match alerts::told(line) {
        Some(Told::News(alert)) if alerts::is_critical(alert) => Some(alert),
        _ => None,
    }
}

fn sentence(alert: &OpenAlert) -> String {
    let OpenAlert { subject, component, place, .. } = alert;
    let at = component.as_ref().map(|purl| format!(" in {purl}")).unwrap_or_default();
    format!(
        "a critical alert is open about this artifact, or a component that it has: {subject}{at} at {place}; {}",
        alerts::remedy(alert)
    )
}
