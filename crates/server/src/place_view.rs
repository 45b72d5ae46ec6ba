//! The current view of places: their releases, machines, checks, and the statements of people about them.

use domain::State;
use domain::gate::{AgentKey, EnvironmentSet, PreviewMade, is_over};
use domain::observation::Bar;
use domain::release::{Current, Open, RolledBack, Stage};
use evidence::approval::Decision;
use evidence::dsse::Envelope;
use evidence::observations::Observation;
use evidence::receipt::Work;
use evidence::request::Request;
use evidence::statements::Statement;
use evidence::windows::WindowState;
use evidence::{Digest, Moment, Name, Place};
use judge::Store as _;
use rusqlite::Connection;
use wire::{
    BarView, CheckView, MachineView, NamedPerson, PendingReleaseView, PlaceView, PreviewView, ReleaseStage,
    RollbackView, RunningReleaseView, StatementContent, StatementState, StatementView, WindowsView,
    WorkState,
};

use crate::agent_turns;
use crate::attendance::MachineId;
use crate::drift_view;
use crate::http::names::named;
use crate::http::problem::Failure;
use crate::lifted_view;
use crate::openings;
use crate::rollout_view;
use crate::shared::Shared;
use crate::views::{releases, statements};

/// The current view of every place of readable projects.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn all(
    shared: &Shared,
    state: &State,
    moment: Moment,
    may: &dyn Fn(&Name) -> bool,
) -> Result<Vec<PlaceView>, Failure> {
    let facts = state.gate.environments().map(|environment| &environment.facts);
    let readable = facts.filter(|facts| may(&facts.place.project));
    readable.map(|facts| one(shared, state, facts, moment)).collect()
}

/// The current view of one place.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn one(
    shared: &Shared,
    state: &State,
    facts: &EnvironmentSet,
    moment: Moment,
) -> Result<PlaceView, Failure> {
    let standing = state.release.at(&facts.place).cloned().unwrap_or_default();
    let at = &facts.place;
    let running = |now: &Option<Current>| {
        let view = now.as_ref().map(|now| shared.views.ask(|rows| running_view(rows, at, now)));
        view.transpose().map_err(Failure::failed)
    };
    let agent = |agent: &AgentKey| present(shared, facts, &agent.name);
    let earlier: Result<Vec<_>, Failure> = standing
        .earlier
        .iter()
        .map(|now| shared.views.ask(|rows| running_view(rows, at, now)).map_err(Failure::failed))
        .collect();
    let now = standing.running.as_ref();
    let (drift, baseline) = drift_view::of(shared, state, at);
    Ok(PlaceView {
        place: at.clone(),
        after: facts.after.clone(),
        automatic: facts.automatic,
        statement: facts.number,
        envelope: facts.envelope,
        entry: state.gate.environment(at).map(|set| set.entry),
        base: now
            .filter(|_| facts.preview.is_none())
            .map_or_else(|| facts.baseline.clone(), |now| now.commit.clone()),
        running: running(&standing.running)?,
        before: running(&standing.before)?,
        earlier: earlier?,
        open: standing.open.as_ref().map(|open| open_view(shared, state, open, moment)),
        wanted: standing.wanted.is_some(),
        last: shared.views.ask(|rows| releases::last(rows, at)).map_err(Failure::failed)?,
        releases: shared.views.ask(|rows| releases::at_place(rows, at)).map_err(Failure::failed)?,
        highest: standing.highest,
        rollback: standing.returning.as_ref().map(|(returning, _)| returning.release),
        rolled_back: standing
            .rolled_back
            .iter()
            .map(|bar| rolled_back(shared, at, bar))
            .collect::<Result<_, _>>()?,
        bars: state.observation.bars(at).iter().map(|bar| barred(shared, state, at, bar, moment)).collect(),
        drift,
        baseline,
        frozen: state.identity.is_frozen(at),
        windows: facts.windows.map(|windows| windows_view(shared, state, at, windows, moment)),
        previews: facts.previews.clone(),
        preview: facts.preview.as_deref().map(|made| preview_view(shared, state, (at, made), moment)),
        agents: facts.agents.iter().map(agent).collect(),
        turns: agent_turns::of(&standing, facts),
        service: shared.services.view(at),
        agent_secrets: shared.services.secrets(at),
        checks: state.check.at(at).map(checks).unwrap_or_default(),
        statements: stated(shared, state, facts, moment)?,
    })
}

/// An agent, as far as the server heard from it. The agent of a template asks for each preview after it took it up, and before
/// that for the template alone.
fn present(shared: &Shared, facts: &EnvironmentSet, agent: &Name) -> MachineView {
    let seen_at = |place: Place| shared.attendance.of(&MachineId::Agent(agent.clone(), place));
    let own = seen_at(facts.place.clone());
    let Some(made) = &facts.preview else { return own };
    let of_template = seen_at(Place { environment: made.template.clone(), ..facts.place.clone() });
    MachineView { silent_seconds: own.silent_seconds.min(of_template.silent_seconds), ..own }
}

/// A preview at a moment.
fn preview_view(
    shared: &Shared,
    state: &State,
    (at, made): (&Place, &PreviewMade),
    moment: Moment,
) -> PreviewView {
    PreviewView {
        template: made.template.clone(),
        slot: made.slot,
        until: made.until,
        owner: named(shared, made.person).name,
        ending: state.gate.environment(at).is_some_and(|set| is_over(set, moment)),
    }
}

/// The windows of a place at a moment.
fn windows_view(shared: &Shared, state: &State, at: &Place, windows: Digest, moment: Moment) -> WindowsView {
    let found = openings::windows_of(state, &shared.gatekeeper.store(), at);
    let (open, changes) = match found.map(|found| found.state_at(moment)) {
        Some(WindowState::Open { until }) => (true, Some(until)),
        Some(WindowState::Closed { opens }) => (false, opens),
        None => (false, None),
    };
    let pending = state.release.at(at).and_then(|standing| standing.open.as_ref());
    let lifted = pending.and_then(|pending| lifted_view::of_windows(shared, state, pending, moment));
    WindowsView { windows, open, changes, lifted }
}

/// Statements of people whose scope covers a place.
fn stated(
    shared: &Shared,
    state: &State,
    facts: &EnvironmentSet,
    moment: Moment,
) -> Result<Vec<StatementView>, Failure> {
    let at = &facts.place;
    let found = shared.views.ask(|rows| statements::at(rows, at, moment)).map_err(Failure::failed)?;
    // Statements about an earlier preview of the same name ended with it.
    let is_gone = |row: &statements::StatementRow| {
        facts.preview.is_some()
            && row.state == StatementState::InForce
            && state.statement.get(&at.project, &row.statement).is_none()
    };
    let view = |row: statements::StatementRow| StatementView {
        state: if is_gone(&row) { StatementState::Ended } else { row.state },
        statement: row.statement,
        kind: row.kind,
        by: named(shared, row.person),
        content: content(shared, &row.envelope),
        begins: row.begins,
        until: row.until,
        envelope: row.envelope,
    };
    Ok(found.into_iter().map(view).collect())
}

/// The content of a statement; `None` if it cannot be read. It never changes, so it is read once.
fn content(shared: &Shared, envelope: &Digest) -> Option<StatementContent> {
    let made = || Ok::<_, std::convert::Infallible>(stored_content(shared, envelope));
    let Ok(content) = shared.pages.statements.or_make(*envelope, made);
    Option::clone(&content)
}

fn stored_content(shared: &Shared, envelope: &Digest) -> Option<StatementContent> {
    let bytes = shared.gatekeeper.store().blob(envelope).ok()?;
    let statement = Statement::read(&Envelope::decode(&bytes).ok()?).ok()?;
    let summary = statement.body.summary();
    Some(StatementContent { scope: statement.scope, summary, reason: statement.reason })
}

/// The checks of a release, each on each runner.
fn checks(checks: &domain::check::Checks) -> Vec<CheckView> {
    let view = |due: &domain::build::Due| {
        let Work::Check(check) = &due.work else { return None };
        let state = match checks.report_of(&due.work, &due.runner) {
            Some(report) if report.passed => WorkState::Passed,
            Some(_) => WorkState::Failed,
            None if checks.lost => WorkState::Lost,
            None => WorkState::Due,
        };
        Some(CheckView { name: check.name.clone(), runner: due.runner.clone(), state })
    };
    checks.due.iter().filter_map(view).collect()
}

/// A bar, with what its agent observed.
fn barred(shared: &Shared, state: &State, at: &Place, bar: &Bar, moment: Moment) -> BarView {
    let read = || {
        let bytes = shared.gatekeeper.store().blob(&bar.envelope).ok()?;
        let body = Observation::read(&Envelope::decode(&bytes).ok()?).ok()?.body;
        Some([body.summary(), body.detail()].join(": "))
    };
    let (artifact, release, envelope) = (bar.artifact, bar.release, bar.envelope);
    let lifted = lifted_view::of_bar(shared, state, at, bar, moment);
    let why = read().unwrap_or_default();
    BarView { artifact, release, agent: bar.agent.clone(), envelope, why, lifted }
}

fn rolled_back(shared: &Shared, at: &Place, bar: &RolledBack) -> Result<RollbackView, Failure> {
    let done = shared.views.ask(|rows| releases::rollback(rows, at, bar.by)).map_err(Failure::failed)?;
    let (time, request) = done.unzip();
    let RolledBack { artifact, commit, release, by, person } = bar.clone();
    let NamedPerson { name, .. } = named(shared, person);
    Ok(RollbackView {
        artifact,
        commit,
        release,
        by,
        person,
        name,
        reason: request.and_then(|request| reason(shared, &request)),
        time,
    })
}

/// The signed reason of a request; `None` if the request cannot be read.
pub fn reason(shared: &Shared, request: &Digest) -> Option<String> {
    let bytes = shared.gatekeeper.store().blob(request).ok()?;
    let request = Request::read(&Envelope::decode(&bytes).ok()?).ok()?;
    request.arguments.get("reason")?.as_str().map(str::to_owned)
}

fn running_view(rows: &Connection, at: &Place, now: &Current) -> rusqlite::Result<RunningReleaseView> {
    Ok(RunningReleaseView {
        artifact: now.artifact,
        commit: now.commit.clone(),
        release: now.release,
        run: now.run,
        statement: now.statement,
        since: releases::since(rows, at, now.release)?,
    })
}

fn open_view(shared: &Shared, state: &State, open: &Open, moment: Moment) -> PendingReleaseView {
    let stage = match open.stage {
        Stage::Proposed => ReleaseStage::Proposed,
        Stage::Judging => ReleaseStage::Judging,
        Stage::Held => ReleaseStage::Held,
        Stage::Due(_) => ReleaseStage::Due,
    };
    let given = |decision| {
        let all = state.approval.of(&open.facts.place, open.facts.release);
        all.map(|approval| &approval.facts)
            .filter(move |given| given.decision == decision && given.expires > moment)
    };
    PendingReleaseView {
        release: open.facts.release,
        artifact: open.facts.artifact,
        commit: open.facts.commit.clone(),
        run: open.facts.run,
        stage,
        approvals: given(Decision::Approve).count(),
        rejections: given(Decision::Reject).count(),
        approvals_expire: given(Decision::Approve).map(|given| given.expires).min(),
        rollout: rollout_view::of(shared, state, open),
        order: rollout_view::order(shared, open),
    }
}
