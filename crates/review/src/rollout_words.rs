//! The rollout of a release under way, in words: how far it is, what it waits for, and what became of a person's order.
//!
//! Invariant: the words are those of the server and of the agent, and nothing here is proven. The words that an agent
//! tells now count before its last observation, which is of a step that has ended.

use domain::Reason;
use evidence::Place;
use evidence::request::AdvanceDo;
use wire::{OrderView, PlaceView, RolloutHold, RolloutNow, RolloutView};

/// The rollout of the pending release, as its agent tells it now; absent if it tells of none, or of another release.
#[must_use]
pub fn now(view: &PlaceView) -> Option<&RolloutNow> {
    let release = view.open.as_ref()?.release;
    let told = view.service.as_ref()?.rollout.as_ref()?;
    (told.release == release && told.end.is_none()).then_some(told)
}

/// The command that begins the next step.
#[must_use]
pub fn promote(place: &Place) -> String {
    format!("countersign rollout promote {place}")
}

/// The request of a rollout that waits for a person, as the rest of a sentence.
#[must_use]
pub fn request(view: &PlaceView) -> Option<String> {
    let waits = now(view)?.waits_for_person();
    waits.then(|| format!("waits for you: {}", promote(&view.place)))
}

/// How far the rollout of the pending release is, with the reasons and the command that goes on; absent if it has none.
#[must_use]
pub fn line(view: &PlaceView) -> Option<String> {
    let open = view.open.as_ref()?;
    let Some(now) = now(view) else { return open.rollout.as_ref().map(observed) };
    let said = if now.waits_for_person() { stage(now, &view.place) } else { now.sentence() };
    let why = why(now).map(|why| format!(": {why}")).unwrap_or_default();
    let dropped = unheard(view).map(|order| format!("; {order}")).unwrap_or_default();
    Some(format!("{said}{why}{dropped}"))
}

/// How far it is, without what changes from second to second.
#[must_use]
pub fn stage(now: &RolloutNow, place: &Place) -> String {
    let RolloutNow { step, percent, hold, .. } = now;
    let stands = match hold {
        RolloutHold::Asks => format!("passed and waits for you: {}", promote(place)),
        RolloutHold::Paused => format!("is paused, until countersign rollout resume {place}"),
        RolloutHold::Refused => {
            format!("passed, and the next one may not begin yet; see countersign rollout show {place}")
        }
        other => other.as_words().to_owned(),
    };
    format!("step {step} with {percent}% of the requests {stands}")
}

/// How far it was when its agent observed it last.
#[must_use]
pub fn observed(seen: &RolloutView) -> String {
    let RolloutView { step, percent, began, verdict, .. } = seen;
    format!("step {step} with {percent}% of the requests since {began}: {}", verdict.as_str())
}

/// An order of a person: what it asks for, who gave it, and what became of it.
#[must_use]
pub fn order(view: &PlaceView) -> Option<String> {
    let order = view.open.as_ref()?.order.as_ref()?;
    let by = order
        .by
        .name
        .as_ref()
        .map_or_else(|| format!("person {}", order.by.person), |name| shown::line(name));
    let answer =
        now(view).and_then(|now| now.order.as_ref()).filter(|answer| answer.request == order.request);
    let became = match answer {
        None => "its agent has not answered yet".to_owned(),
        Some(answer) => match answer.against.as_slice() {
            [] => format!("carried out at {}", answer.at),
            against => format!("not carried out: {}", reasons(against)),
        },
    };
    Some(format!("{by} ordered to {} (entry {}): {became}", asked(order), order.entry))
}

/// The request of an order.
#[must_use]
pub fn asked(order: &OrderView) -> String {
    match order.order {
        None => format!("begin step {}", order.step),
        Some(AdvanceDo::Pause) => "pause it".to_owned(),
        Some(AdvanceDo::Resume) => "let it go on".to_owned(),
    }
}

/// The settings of a rollout that decided, by the words of an agent about its numbers. Words that are unknown name none.
#[must_use]
pub fn settings(said: &str) -> String {
    let named: Vec<_> =
        SETTINGS.iter().filter(|(part, _)| said.contains(part)).map(|(_, what)| *what).collect();
    let named = if named.is_empty() { vec![BUDGET] } else { named };
    format!("`rollout` in `.countersign/release.yaml` sets what decides: {}", named.join("; "))
}

/// The newest order, if its agent did not carry it out.
#[must_use]
pub fn unheard(view: &PlaceView) -> Option<String> {
    let answer = now(view)?.order.as_ref()?;
    let newest = view.open.as_ref()?.order.as_ref()?;
    let is_dropped = newest.request == answer.request && !answer.against.is_empty();
    order(view).filter(|_| is_dropped)
}

/// Why the next step may not begin, or what is missing for a verdict.
fn why(now: &RolloutNow) -> Option<String> {
    let reasons: Vec<_> = now.reasons.iter().map(|why| shown::line(why)).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

fn reasons(against: &[Reason]) -> String {
    let line = |reason: &Reason| {
        let Reason { code, what, remedy } = reason;
        format!("{}: {}; {}", shown::line(code), shown::line(what), shown::line(remedy))
    };
    against.iter().map(line).collect::<Vec<_>>().join("; ")
}

const BUDGET: &str = "`budget`, `comparison` and `limit`";
/// A part of an agent's words, and the settings behind it.
const SETTINGS: [(&str, &str); 8] = [
    ("undecided for ", "`limit` is the longest time of a step that is undecided, pause included"),
    (
        " are needed",
        "a step with fewer requests than `samples` is undecided, so a service with few needs a longer `over` or fewer `samples`",
    ),
    ("errors: ", "`budget.errors`, `budget.over` and `budget.samples`"),
    ("latency", "`budget.latency-p50`, `-p90` and `-p99`, `budget.over` and `budget.samples`"),
    ("error budget: ", "`budget.errors` with `budget.window`"),
    ("odds against chance", "`comparison` with `ratio`, `false-alarms` and `samples`, or `off: true`"),
    ("query ", "the limit `over` or `under` of each query in `prometheus`"),
    ("probes", "`probe` of the service"),
];

#[cfg(test)]
mod tests;
