//! Work that is due on a machine: complete plans derived from the state, with the bytes that they need.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map};

use domain::build::Due;
use domain::release::Stage;
use domain::{PersonId, RunId, State, gate};
use evidence::Place;
use evidence::advance_order::AdvanceOrder;
use evidence::dsse::Envelope;
use evidence::previews_order::{PreviewPart, PreviewRemoval, PreviewsOrder};
use evidence::rollback_order::RollbackOrder;
use evidence::run_order::RunOrder;
use evidence::status::StatusFile;
use evidence::{Digest, Id, Moment, Name};
use judge::{Store as _, enrolment_envelope_at};
use wire::{AgentWork, RUNNER_WORK_MAX, RunnerWork};

use crate::edge::{EdgeError, Gatekeeper, UPLOAD};
use crate::retreats;

/// The work that is due on a runner, with the place of the commit that the requester named. If the list is too long for one answer,
/// running work comes first, then the projects take turns, so that no project fills the list.
///
/// # Errors
/// `EdgeError` if an entry cannot be read.
pub fn on_runner(
    keeper: &Gatekeeper,
    state: &State,
    runner: &Name,
    doing: &BTreeSet<Id>,
) -> Result<Vec<RunnerWork>, EdgeError> {
    let mut origins: BTreeMap<RunId, Origin> = BTreeMap::new();
    let mut works = Vec::new();
    for due in in_turn(state.outstanding(runner), doing, RUNNER_WORK_MAX) {
        let Origin { repository, upload } = match origins.entry(due.run) {
            btree_map::Entry::Occupied(known) => known.get().clone(),
            btree_map::Entry::Vacant(new) => new.insert(origin_of(keeper, state, due.run)?).clone(),
        };
        works.push(RunnerWork { due: due.clone(), repository, upload });
    }
    Ok(works)
}

/// Where a run's commit is, as its requester said.
#[derive(Clone, Default)]
struct Origin {
    repository: Option<String>,
    upload: Option<Digest>,
}

fn origin_of(keeper: &Gatekeeper, state: &State, run: RunId) -> Result<Origin, EdgeError> {
    let Some(source) = state.source.of(run) else { return Ok(Origin::default()) };
    let particulars = keeper.particulars(source.entry)?;
    let text = |field: &str| particulars.get(field).and_then(|value| value.as_str()).map(str::to_owned);
    let upload = text(UPLOAD).and_then(|digest| digest.parse().ok());
    Ok(Origin { repository: text("repository"), upload })
}

/// The pack that was uploaded for the run of an entry.
///
/// # Errors
/// `EdgeError` if the entry cannot be read.
pub fn upload_of(keeper: &Gatekeeper, entry: u64) -> Result<Option<Digest>, EdgeError> {
    let particulars = keeper.particulars(entry)?;
    Ok(particulars.get(UPLOAD).and_then(|digest| digest.as_str()?.parse().ok()))
}

/// The outstanding work up to a limit: running work first, then one piece of each project in turn.
fn in_turn<'a>(
    outstanding: impl Iterator<Item = &'a Due>,
    doing: &BTreeSet<Id>,
    most: usize,
) -> Vec<&'a Due> {
    let (mut chosen, mut waiting) = (Vec::new(), BTreeMap::<&Name, VecDeque<&Due>>::new());
    for due in outstanding {
        if doing.contains(&due.nonce) {
            chosen.push(due);
        } else {
            waiting.entry(&due.project).or_default().push_back(due);
        }
    }
    while chosen.len() < most && !waiting.is_empty() {
        for due in waiting.values_mut() {
            chosen.extend(due.pop_front());
        }
        waiting.retain(|_, due| !due.is_empty());
    }
    chosen.truncate(most);
    chosen
}

/// The evidence by which a runner checks that people asked for a run; `None` if the run needs no work.
///
/// # Errors
/// `EdgeError` if the evidence on disk cannot be read.
pub fn order(
    keeper: &Gatekeeper,
    state: &State,
    run: RunId,
    now: Moment,
) -> Result<Option<RunOrder>, EdgeError> {
    judge::run_order(state, &keeper.store(), run, now).map_err(failed)
}

/// The work that is due at an agent of a place. Where there are several agents, a release goes to the one whose turn it is, and
/// what it retreats from comes before everything else.
///
/// # Errors
/// `EdgeError` if the evidence on disk cannot be read.
pub fn at_agent(
    keeper: &Gatekeeper,
    state: &State,
    place: &Place,
    agent: &Name,
) -> Result<Option<AgentWork>, EdgeError> {
    let Some(standing) = state.release.at(place) else { return Ok(None) };
    if let Some(retreat) = standing.retreat.as_ref().filter(|retreat| retreat.agents.contains(agent)) {
        return retreats::order(keeper, state, place, retreat)
            .map(Box::new)
            .map(AgentWork::Retreat)
            .map(Some);
    }
    if let Some((returning, _)) = &standing.returning {
        if !standing.awaited.is_empty() && !standing.awaited.contains(agent) {
            return Ok(None);
        }
        let signed = Signed::of(keeper, state, returning.person, &returning.request)?;
        let Signed { roots, status, enrolment, request } =
            signed.ok_or_else(|| failed("the person who asked is no longer enrolled"))?;
        let order = RollbackOrder {
            v: 1,
            project: place.project.clone(),
            service: place.service.clone(),
            environment: place.environment.clone(),
            release: returning.release,
            artifact: returning.artifact,
            roots,
            status,
            enrolment,
            request,
        };
        return Ok(Some(AgentWork::Rollback(Box::new(order))));
    }
    let Some(open) = &standing.open else { return Ok(None) };
    let Stage::Due(bundle) = open.stage else { return Ok(None) };
    if open.turns.first().is_some_and(|turn| turn != agent) {
        return Ok(None);
    }
    // The agent applies no release now; it gets this one once it has observed that the drift is over.
    if state.observation.holding(place).next().is_some() {
        return Ok(None);
    }
    let advance = match &open.advance {
        Some((asked, _)) => Signed::of(keeper, state, asked.person, &asked.request)?.map(Signed::advance),
        None => None,
    };
    let (release, artifact) = (open.facts.release, open.facts.artifact);
    let store = keeper.store();
    let read = |digest: &Digest| {
        let bytes = store.blob(digest).map_err(failed)?;
        Envelope::decode(&bytes).map_err(failed)
    };
    let ahead = open.done.iter().map(|done| read(&done.report)).collect::<Result<_, _>>()?;
    let environment = state.gate.environment(place).map(|set| &set.facts);
    let newer = environment.filter(|facts| open.is_shared() && facts.number != open.facts.statement);
    let statement = newer.map(|facts| read(&facts.envelope)).transpose()?.map(Box::new);
    let advance = advance.map(Box::new);
    Ok(Some(AgentWork::Release { bundle, release, artifact, advance, ahead, statement }))
}

/// The previews of a template, for its agent; absent if the place has no statement.
///
/// # Errors
/// `EdgeError` if the evidence on disk cannot be read.
pub fn previews(
    keeper: &Gatekeeper,
    state: &State,
    place: &Place,
) -> Result<Option<PreviewsOrder>, EdgeError> {
    let Some(template) = state.gate.environment(place) else { return Ok(None) };
    let store = keeper.store();
    let read = |digest: &Digest| {
        let bytes = store.blob(digest).map_err(failed)?;
        Envelope::decode(&bytes).map_err(failed)
    };
    let mut previews = Vec::new();
    for (made, set) in gate::previews_of(&state.gate, place) {
        let removal = match &set.ending {
            Some((asked, _)) => Signed::of(keeper, state, asked.person, &asked.request)?.map(Signed::removal),
            None => None,
        };
        let statement = read(&set.facts.envelope)?;
        let signed = Signed::of(keeper, state, made.person, &set.facts.envelope)?;
        previews.push(PreviewPart { statement, enrolment: signed.map(|signed| signed.enrolment), removal });
    }
    let status = state.identity.status().ok_or_else(|| failed("there is no valid status"))?;
    Ok(Some(PreviewsOrder {
        v: 1,
        roots: state.identity.roots().iter().map(read).collect::<Result<_, _>>()?,
        status: StatusFile::decode(&store.blob(&status.2).map_err(failed)?).map_err(failed)?,
        template: read(&template.facts.envelope)?,
        previews,
    }))
}

/// A person's signed request, with what proves it.
struct Signed {
    roots: Vec<Envelope>,
    status: StatusFile,
    enrolment: Envelope,
    request: Envelope,
}

impl Signed {
    /// The parts of an order; absent if the person is no longer enrolled, because no agent would carry it out.
    fn of(
        keeper: &Gatekeeper,
        state: &State,
        person: PersonId,
        request: &Digest,
    ) -> Result<Option<Self>, EdgeError> {
        let Some(person) = state.identity.enrolled(person) else { return Ok(None) };
        let store = keeper.store();
        let read = |digest: &Digest| {
            let bytes = store.blob(digest).map_err(failed)?;
            Envelope::decode(&bytes).map_err(failed)
        };
        let status = state.identity.status().ok_or_else(|| failed("there is no valid status"))?;
        Ok(Some(Self {
            roots: state.identity.roots().iter().map(read).collect::<Result<_, _>>()?,
            status: StatusFile::decode(&store.blob(&status.2).map_err(failed)?).map_err(failed)?,
            enrolment: enrolment_envelope_at(&store, person.entry).map_err(failed)?.0,
            request: read(request)?,
        }))
    }

    fn removal(self) -> PreviewRemoval {
        PreviewRemoval { enrolment: self.enrolment, request: self.request }
    }

    fn advance(self) -> AdvanceOrder {
        let Self { roots, status, enrolment, request } = self;
        AdvanceOrder { v: 1, roots, status, enrolment, request }
    }
}

fn failed(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Evidence(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(n: u8, project: &str) -> Due {
        let mut due = lab::forgery::runs::in_team().asked().due;
        (due.nonce, due.project) = (lab::id(n), lab::name(project));
        due
    }

    #[test]
    fn attack_a_project_with_a_hundred_steps_does_not_fill_the_list() {
        let mut outstanding: Vec<_> = (0..100).map(|n| due(n, "hog")).collect();
        outstanding.extend([due(200, "shop"), due(201, "shop"), due(210, "yard")]);
        let projects = |doing: &[u8], most| {
            let doing = doing.iter().map(|n| lab::id(*n)).collect();
            let chosen = in_turn(outstanding.iter(), &doing, most);
            chosen.iter().map(|due| due.project.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(projects(&[], 6), ["hog", "shop", "yard", "hog", "shop", "hog"]);
        assert_eq!(projects(&[], 64).len(), 64);
        let doing = BTreeSet::from([lab::id(99), lab::id(201)]);
        let chosen = in_turn(outstanding.iter(), &doing, 4);
        assert!(chosen[..2].iter().all(|due| doing.contains(&due.nonce)), "running work is always listed");
    }
}
