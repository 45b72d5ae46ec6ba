//! Decisions about previews: whether a request makes one from its template, and whether one ends before its time.
//!
//! Invariant: a preview exists from its request until its agent reports that it removed everything, also when its time is
//! over before. So a slot, and with it a port, never has two previews. Nobody can lean on a preview: no statement comes after
//! one, and no place that stays becomes one.

use evidence::{Moment, Name, Place};

use super::event::{EnvironmentSet, PreviewEnding, PreviewMade};
use super::state::{Environment, State};
use crate::build;
use crate::event::Event;
use crate::identity;
use crate::refusal::{Reason, Refusal};

/// End a preview before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndPreview {
    /// The request.
    pub ending: PreviewEnding,
}

/// Start a run whose artifacts go to a preview that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakePreview {
    /// The run.
    pub run: build::Run,
    /// Facts of the preview, the signatures of its template checked against the root that they name.
    pub preview: EnvironmentSet,
}

/// Decides whether a run makes its preview, given whether the run itself may begin.
///
/// # Errors
/// `Refusal` with every reason.
pub fn make_preview(
    identity: &identity::State,
    state: &State,
    command: &MakePreview,
    begun: Result<Vec<Event>, Refusal>,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let root = identity.root().map(|root| root.version);
    let is_built = |service: &Name| command.run.services.contains_key(service);
    let mut against = against_preview(state, root, &command.preview, is_built, moment);
    match begun {
        Ok(mut events) if against.is_empty() => {
            events.push(Event::EnvironmentSet(command.preview.clone()));
            Ok(events)
        }
        Ok(events) => Refusal::of(against).map_or(Ok(events), Err),
        Err(refusal) => {
            let mut all: Vec<Reason> = refusal.clone().into();
            all.append(&mut against);
            Err(Refusal::of(all).unwrap_or(refusal))
        }
    }
}

/// Reasons against a preview that a request for a run makes, for the service that the run builds.
fn against_preview(
    state: &State,
    root: Option<u32>,
    new: &EnvironmentSet,
    is_built: impl Fn(&Name) -> bool,
    moment: Moment,
) -> Vec<Reason> {
    let Some(preview) = &new.preview else { return Vec::new() };
    let mut reasons = Vec::new();
    let mut refuse = |holds: bool, code: &str, what: String, remedy: &str| {
        if !holds {
            reasons.push(Reason::new(code, what, remedy));
        }
    };
    let template = Place { environment: preview.template.clone(), ..new.place.clone() };
    let in_force = state.environment(&template).map(|set| &set.facts);
    let is_it = in_force.is_some_and(|facts| facts.previews.is_some() && facts.number == preview.number);
    refuse(
        is_it && root == Some(new.root),
        "template-changed",
        format!("statement {} of {template} is no template in force", preview.number),
        "ask for it again; `countersign preview list` shows the templates",
    );
    refuse(
        is_built(&new.place.service),
        "preview-service-unknown",
        format!("the release file of the commit has no service `{}`", new.place.service),
        "name another template with --template",
    );
    let known = state.environment(&new.place);
    refuse(
        known.is_none_or(|set| set.facts.preview.is_some()),
        "preview-name-taken",
        format!("{} is a place that stays", new.place),
        "choose another name",
    );
    refuse(
        preview.until > moment,
        "preview-late",
        format!(
            "by the time in the request, {} would have ended at {}, and now is {moment}",
            new.place, preview.until
        ),
        "set the clock of your computer right, or have the policy signers sign a longer life",
    );
    let newer = known.filter(|set| set.facts.preview.is_some() && set.facts.number >= new.number);
    refuse(
        newer.is_none(),
        "preview-not-newer",
        format!("{} was asked for by a request that is as late as this one, or later", new.place),
        "set the clock of your computer right, and ask again",
    );
    refuse(
        known.is_none_or(|set| !is_over(set, moment)),
        "preview-ending",
        format!("{} is over, and its agent has not removed it yet", new.place),
        "wait until `countersign preview list` no longer shows it, or choose another name",
    );
    let of_known = known.and_then(|set| set.facts.preview.as_ref());
    refuse(
        of_known.is_none_or(|old| old.slot == preview.slot && old.template == preview.template),
        "preview-differs",
        format!("{} is in another slot, or from another template", new.place),
        "ask for it again, or remove it before with `countersign preview remove`",
    );
    if of_known.is_none() {
        reasons.extend(taken(state, &template, preview));
    }
    reasons
}

/// The reason against a slot that another preview of the template takes. It says which one has which slot.
fn taken(state: &State, template: &Place, new: &PreviewMade) -> Option<Reason> {
    let mut all: Vec<_> = previews_of(state, template).collect();
    all.sort_by_key(|(made, _)| made.slot);
    let is_taken = all.iter().any(|(made, _)| made.slot == new.slot);
    let said = all.iter().map(|(made, set)| {
        let place = &set.facts.place.environment;
        format!("slot {}: {place} of person {} until {}", made.slot, made.person, made.until)
    });
    let said: Vec<_> = said.collect();
    is_taken.then(|| {
        Reason::new(
            "preview-slot-taken",
            format!("slot {} of {template} is taken ({})", new.slot, said.join("; ")),
            "ask for it again, which takes a free slot; or remove a preview with `countersign preview remove`",
        )
    })
}

/// The previews of a template.
pub fn previews_of<'a>(
    state: &'a State,
    template: &'a Place,
) -> impl Iterator<Item = (&'a PreviewMade, &'a Environment)> {
    state.environments().filter_map(move |set| {
        let made = set.facts.preview.as_deref()?;
        let place = Place { environment: made.template.clone(), ..set.facts.place.clone() };
        (place == *template).then_some((made, set))
    })
}

/// Whether the time of a preview is over, or a person has ended it.
#[must_use]
pub fn is_over(set: &Environment, moment: Moment) -> bool {
    set.ending.is_some() || set.facts.preview.as_ref().is_some_and(|made| made.until <= moment)
}

/// Reasons against an environment statement because of previews.
pub(super) fn against_statement(state: &State, new: &EnvironmentSet) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let preview_at = |place: &Place| {
        state
            .environment(place)
            .is_some_and(|set| set.facts.preview.is_some() || set.facts.previews.is_some())
    };
    if state.environment(&new.place).is_some_and(|set| set.facts.preview.is_some()) {
        let what = format!("{} is a preview", new.place);
        reasons.push(Reason::new("preview-name-taken", what, "remove it before, or choose another name"));
    }
    if new
        .after
        .as_ref()
        .is_some_and(|after| preview_at(&Place { environment: after.clone(), ..new.place.clone() }))
    {
        let what = "it comes after a preview or a template, and nothing there is evidence for another place";
        reasons.push(Reason::new("preview-as-evidence", what, "name an environment that stays"));
    }
    let mut others =
        state.environments().filter(|set| set.facts.preview.is_none() && set.facts.place != new.place);
    let shares = |set: &Environment| {
        let is_one = set.facts.previews.is_some() || new.previews.is_some();
        is_one && set.facts.agents.iter().any(|known| new.agents.iter().any(|agent| agent.key == known.key))
    };
    if let Some(other) = others.find(|set| shares(set)) {
        let what = format!(
            "an agent of it has the key of one of {}, and previews have agents of their own",
            other.facts.place
        );
        reasons.push(Reason::new(
            "preview-agent-shared",
            what,
            "make another agent with `countersign agent key`",
        ));
    }
    reasons
}

/// Decides whether a person ends a preview.
///
/// # Errors
/// `Refusal` with every reason.
pub fn end_preview(
    identity: &identity::State,
    state: &State,
    command: &EndPreview,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let asked = &command.ending;
    let mut reasons = Vec::new();
    let role: Option<Name> = DEVELOPER.parse().ok();
    let may =
        role.is_some_and(|role| identity.has_role(asked.person, &role, &asked.place.project, None, moment));
    if !may {
        let what = format!("person {} is no {DEVELOPER} of project `{}`", asked.person, asked.place.project);
        reasons.push(Reason::new("role-missing", what, "ask a registrar for an enrolment with this role"));
    }
    let set = state.environment(&asked.place).filter(|set| set.facts.preview.is_some());
    if set.is_none_or(|set| set.facts.number != asked.number) {
        let what = format!("{} is no preview with number {}", asked.place, asked.number);
        reasons.push(Reason::new("no-such-preview", what, "look again with `countersign preview list`"));
    }
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::PreviewEnding(asked.clone())]), Err)
}

/// Role that may make and end previews.
const DEVELOPER: &str = "developer";
