//! Reads a situation.
//!
//! Invariant: everything of a project is filtered by the reader's right before anything is counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::State;
use domain::identity::Person;
use evidence::trust_root::Quorum;
use evidence::{Moment, Name};
use wire::{PersonView, StatusView};

use super::environments;
use super::reading::Reading;
use super::situation::{OpenNode, Signers, Situation, SituationKey};
use crate::attendance::MachineId;
use crate::caller::Caller;
use crate::http::problem::Failure;
use crate::{installation_view, place_view};

impl Situation {
    /// The situation now, which the frame of a page and the page itself share; at most [`SPAN_MS`] old.
    ///
    /// # Errors
    /// `Failure` if the views or the trust root cannot be read.
    pub fn read(at: &Reading<'_>, state: &State) -> Result<Arc<Self>, Failure> {
        let reads_all = matches!(at.caller, Caller::Owner | Caller::Anybody | Caller::Runner(_));
        let reader = (reads_all, at.caller.identity());
        let key = SituationKey { entries: state.entries, reader, span: at.now.millis() / SPAN_MS };
        at.shared.pages.situations.or_make(key, || Self::read_now(at, state))
    }

    fn read_now(at: &Reading<'_>, state: &State) -> Result<Self, Failure> {
        let may = |project: &Name| at.may_read(project);
        let trusted = at.shared.gatekeeper.root(state)?;
        let frozen: Vec<_> =
            state.identity.freezes().iter().filter(|freeze| may(&freeze.project)).cloned().collect();
        let runners = trusted.runners.iter();
        let attendance = &at.shared.attendance;
        let status = state.identity.status();
        let mut places = place_view::all(at.shared, state, at.now, &may)?;
        environments::arrange(&mut places);
        let (previews, places): (Vec<_>, Vec<_>) =
            places.into_iter().partition(|view| view.preview.is_some());
        let (templates, places) = places.into_iter().partition(|view| view.previews.is_some());
        Ok(Self {
            places,
            templates,
            previews,
            freezes: installation_view::freeze_views(at.shared, &frozen)?,
            runners: runners.map(|runner| attendance.of(&MachineId::Runner(runner.name.clone()))).collect(),
            witnesses: installation_view::witnesses(&trusted),
            status: status.map(|(number, expires, file)| StatusView { number, expires, file }),
            root_expires: state.identity.root().map(|root| root.expires),
            status_signers: signers(at, state, &trusted.status),
            root_signers: signers(at, state, &trusted.holders),
            nodes: nodes(state, &may),
        })
    }

    /// The people whose enrolments end before a moment.
    pub fn people_until(&self, at: &Reading<'_>, state: &State, end: Moment) -> Vec<PersonView> {
        visible(at, installation_view::people(at.shared, state, at.now, |person| person.expires <= end))
    }
}

/// The signers of a group, with the names of those whom the reader may see.
fn signers(at: &Reading<'_>, state: &State, quorum: &Quorum) -> Signers {
    let keys: BTreeSet<String> =
        quorum.holders.iter().map(|holder| holder.key.fingerprint().to_string()).collect();
    let signs = |person: &Person| person.keys.iter().any(|key| keys.contains(&key.fingerprint.to_string()));
    let people = visible(at, installation_view::people(at.shared, state, at.now, signs));
    Signers {
        threshold: quorum.threshold,
        holders: quorum.holders.len(),
        names: people.into_iter().filter_map(|person| person.name).collect(),
    }
}

/// The people who work on a project that the reader may read.
fn visible(at: &Reading<'_>, mut people: Vec<PersonView>) -> Vec<PersonView> {
    let may = |person: &PersonView| {
        person.grants.iter().any(|grant| grant.project.as_ref().is_none_or(|project| at.may_read(project)))
    };
    people.retain(may);
    people
}

/// Approval nodes whose needs have passed and that too few people have agreed to.
fn nodes(state: &State, may: &dyn Fn(&Name) -> bool) -> Vec<OpenNode> {
    let readable = state.build.runs().filter(|run| may(&run.started.project));
    let of_run = |run: &domain::build::Progress| -> Vec<OpenNode> {
        let steps = run.started.steps.iter();
        let open = steps.filter_map(|(step, plan)| {
            let approval = plan.approval.as_ref()?;
            let given = run.agreed.get(step).map_or(0, BTreeSet::len);
            let needed = usize::try_from(approval.count).unwrap_or(usize::MAX);
            let waits = given < needed && plan.needs.iter().all(|need| run.has_passed(need));
            waits.then(|| OpenNode {
                run: run.started.run,
                project: run.started.project.clone(),
                commit: run.started.commit.clone(),
                step: step.clone(),
                role: approval.role.clone(),
                given,
                needed,
            })
        });
        open.collect()
    };
    readable.flat_map(of_run).collect()
}

/// Time for which a situation is kept.
const SPAN_MS: u64 = 2_000;
