//! The things that wait for people or stop releases: those that are stopped come first, and among equals the oldest.
//!
//! Invariant: the number of things is known without a judgement, so that every page can show it at little cost.

use domain::State;
use evidence::{Moment, Place};
use review::outcome::is_gone;
use review::place_words::{due_for_review, review_codes};
use review::{headline, ids, release_words, rollout_words, witnesses};
use web::model::{self, Waiting};
use wire::{FreezeView, MachineView, PlaceView, ReleaseStage, ReleaseView, RollbackView, RolloutNow};

use super::pending::{waits_for, words_of};
use super::reading::{Reading, time};
use super::recorded::report_detail;
use super::release::BACK_AGAIN;
use super::signing::STATUS_FILE;
use super::situation::{OpenNode, Situation};
use super::words::{badge, clock, command, command_for, person, release_href, run_href};
use super::{commits, judged};
use crate::http::problem::Failure;
use crate::run_view;

/// Something that waits, before it is put into words.
#[derive(Clone, Debug)]
enum Matter<'a> {
    /// A release that waits for people.
    Pending(&'a PlaceView, u64),
    /// A step of a rollout that passed and waits for a person.
    Step(&'a PlaceView, &'a RolloutNow),
    /// An approval node.
    Node(&'a OpenNode),
    /// The newest release of a place did not work, or has no plan.
    Ended(&'a PlaceView, &'a ReleaseView),
    /// The newest release of a place was rolled back by a person.
    RolledBack(&'a PlaceView, &'a RollbackView),
    /// The release that came back at a place does not pass any more.
    Review(&'a PlaceView, &'a ReleaseView),
    /// A freeze.
    Frozen(&'a FreezeView),
    /// A runner is gone.
    RunnerGone(&'a MachineView),
    /// An agent is gone.
    AgentGone(&'a PlaceView, &'a MachineView),
    /// The trust root names too few witnesses.
    Unwitnessed(String),
    /// The status or the trust root has ended, or ends within two days.
    Ending(&'static str, Moment, &'static str),
}

/// Releases that agents refused within the last month and that nothing above tells, the newest first: evidence or bytes were not as
/// the gate had judged them. A later release at the place does not make it unimportant.
pub fn refused(at: &Reading<'_>, situation: &Situation) -> Vec<Waiting> {
    let since = at.now.millis().saturating_sub(MONTH_MS);
    let of_view = |view: &'_ PlaceView| -> Vec<Waiting> {
        let old = view.releases.iter().skip(1).filter(|release| release.stage == ReleaseStage::Refused);
        old.filter(|release| release.time.millis() >= since).map(|release| ended(at, view, release)).collect()
    };
    let mut found: Vec<Waiting> = situation.places.iter().flat_map(of_view).collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.since.as_ref().map(|since| since.ms)));
    found.truncate(REFUSED_MAX);
    found
}

/// The number of things that wait.
pub fn count(at: &Reading<'_>, situation: &Situation) -> usize {
    matters(situation, at.now).len()
}

/// The things that wait: what is stopped, then everything else, the oldest first. A release that waits is judged now.
///
/// # Errors
/// `Failure` if the server's own files fail.
pub fn all(at: &Reading<'_>, state: &State, situation: &Situation) -> Result<Vec<Waiting>, Failure> {
    let made = matters(situation, at.now).into_iter().map(|matter| waiting(at, state, situation, &matter));
    let mut found = made.collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|waiting| (!is_stopped(waiting), waiting.since.as_ref().map(|since| since.ms)));
    Ok(found)
}

/// Whether something is stopped: a freeze stops releases, too.
pub fn is_stopped(waiting: &Waiting) -> bool {
    matches!(waiting.badge.state, model::State::Stop | model::State::Frozen)
}

fn matters(situation: &Situation, now: Moment) -> Vec<Matter<'_>> {
    let mut found = Vec::new();
    found.extend(witnesses::missing(situation.witnesses).map(Matter::Unwitnessed));
    let ends = situation.status.as_ref().map(|status| ("the status", status.expires, RENEW_STATUS));
    let root = situation.root_expires.map(|end| ("the trust root", end, RENEW_ROOT));
    let soon = now.later_by(ENDS_WITHIN);
    let ends = ends.into_iter().chain(root).filter(|(_, end, _)| *end <= soon);
    found.extend(ends.map(|(what, end, renew)| Matter::Ending(what, end, renew)));
    for view in &situation.places {
        found.extend(of_place(view));
    }
    found.extend(situation.templates.iter().flat_map(agents_gone));
    found.extend(situation.nodes.iter().map(Matter::Node));
    found.extend(situation.freezes.iter().map(Matter::Frozen));
    found.extend(situation.runners.iter().filter(|runner| is_gone(runner)).map(Matter::RunnerGone));
    found
}

fn of_place(view: &PlaceView) -> Vec<Matter<'_>> {
    let mut found = Vec::new();
    let open = view.open.as_ref().filter(|open| match open.stage {
        ReleaseStage::Held => true,
        ReleaseStage::Proposed => !view.automatic,
        _ => false,
    });
    found.extend(open.map(|open| Matter::Pending(view, open.release)));
    let step = rollout_words::now(view).filter(|now| now.waits_for_person());
    found.extend(step.map(|now| Matter::Step(view, now)));
    // The newest release alone: a later one settles the matter.
    if let Some(newest) = view.releases.first() {
        let has_ended = matches!(
            newest.stage,
            ReleaseStage::Returned | ReleaseStage::Failed | ReleaseStage::Refused | ReleaseStage::Unplannable
        );
        found.extend(has_ended.then_some(Matter::Ended(view, newest)));
        let bar = view.rolled_back.iter().find(|bar| Some(bar.by) == newest.release);
        found.extend(bar.map(|bar| Matter::RolledBack(view, bar)));
        // A release that went back by itself and is the newest tells it above.
        let is_told = |due: &&ReleaseView| has_ended && due.began == newest.began;
        let due = due_for_review(view).filter(|due| !is_told(due));
        found.extend(due.map(|due| Matter::Review(view, due)));
    }
    found.extend(agents_gone(view));
    found
}

fn agents_gone(view: &PlaceView) -> impl Iterator<Item = Matter<'_>> {
    view.agents.iter().filter(|agent| is_gone(agent)).map(move |agent| Matter::AgentGone(view, agent))
}

fn waiting(
    at: &Reading<'_>,
    state: &State,
    situation: &Situation,
    matter: &Matter<'_>,
) -> Result<Waiting, Failure> {
    Ok(match matter {
        Matter::Pending(view, number) => pending(at, state, view, *number)?,
        Matter::Step(view, now) => step(view, now),
        Matter::Node(node) => self::node(at, node)?,
        Matter::Ended(view, release) => ended(at, view, release),
        Matter::RolledBack(view, bar) => rolled_back(view, bar),
        Matter::Review(view, release) => review(at, view, release),
        Matter::Frozen(freeze) => frozen(at, situation, freeze),
        Matter::RunnerGone(runner) => {
            let detail = "runs that need it wait, and end after an hour; start it".to_owned();
            gone(at, format!("runner {} is gone", runner.name), detail, runner, "/".to_owned())
        }
        Matter::AgentGone(view, agent) => {
            let title = format!("{}: agent {} is gone", short(&view.place), agent.name);
            let (detail, href) = match view.previews {
                None => ("releases and rollbacks stay due there; start it", place_href(view)),
                Some(_) => {
                    ("previews that are over stay there until it is back; start it", PREVIEWS.to_owned())
                }
            };
            gone(at, title, detail.to_owned(), agent, href)
        }
        Matter::Unwitnessed(what) => Waiting {
            badge: badge(model::State::Stop, "no witness"),
            title: "no gate can pass".to_owned(),
            detail: format!("{what}; {}", witnesses::REMEDY),
            since: None,
            href: "/".to_owned(),
            command: None,
        },
        Matter::Ending(what, end, renew) => {
            let (word, verb) =
                if *end <= at.now { ("expired", "has expired") } else { ("ends", "ends soon") };
            Waiting {
                badge: badge(if *end <= at.now { model::State::Stop } else { model::State::Wait }, word),
                title: format!("{what} {verb}"),
                detail: format!("it is valid until {}; nothing is released after that", clock(*end)),
                since: None,
                href: "/".to_owned(),
                command: renewed(situation, renew),
            }
        }
    })
}

fn pending(at: &Reading<'_>, state: &State, view: &PlaceView, number: u64) -> Result<Waiting, Failure> {
    let judged = judged::pending(at.shared, state, &view.place, at.now)?;
    let words = words_of(&view.place, &judged);
    let since = view.releases.iter().find(|release| release.release == Some(number));
    Ok(Waiting {
        badge: words.badge,
        title: format!("{}: release {number} {}", short(&view.place), words.what),
        detail: match since {
            Some(row) => {
                let subject = commits::subject(at.shared, row.run, &row.commit);
                format!("{subject} ({}); {}", ids::short(row.commit.as_str()), words.detail)
            }
            None => words.detail,
        },
        since: since.map(|release| time(release.time)),
        href: release_href(&view.place, number),
        command: Some(words.command),
    })
}

fn step(view: &PlaceView, now: &RolloutNow) -> Waiting {
    Waiting {
        badge: badge(model::State::Wait, "waits for you"),
        title: format!("{}: step {} of release {} passed", short(&view.place), now.step, now.release),
        detail: format!("it has {}% of the requests until a person begins the next step", now.percent),
        since: Some(time(now.since)),
        href: format!("{}/rollout", release_href(&view.place, now.release)),
        command: Some(command_for(rollout_words::promote(&view.place), "release managers")),
    }
}

fn node(at: &Reading<'_>, node: &OpenNode) -> Result<Waiting, Failure> {
    let OpenNode { run, project, commit, step, role, given, needed } = node;
    let subject = commits::subject(at.shared, *run, commit);
    let missing = needed.saturating_sub(*given);
    let noun = if missing == 1 { "approval" } else { "approvals" };
    let started = run_view::one(at.shared, *run)?.map(|row| time(row.started));
    Ok(Waiting {
        badge: badge(model::State::Wait, waits_for(missing)),
        title: format!("{project}: a run waits at {step} for {} {noun}", headline::words(missing)),
        detail: format!("{subject}; {given} of {needed} people in role {role} agreed"),
        since: started,
        href: run_href(*run),
        command: Some(command_for(
            format!("countersign approve --run {run} --step {step}"),
            format!("people in role {role}"),
        )),
    })
}

fn ended(at: &Reading<'_>, view: &PlaceView, release: &ReleaseView) -> Waiting {
    let title = release_words::title(release);
    let title = title.split_once(": ").map_or(title.as_str(), |(_, rest)| rest);
    let said = release.detail.and_then(|detail| report_detail(at.shared, &detail));
    let codes = release.reasons.join(", ");
    let is_refused = release.stage == ReleaseStage::Refused && !codes.is_empty();
    let detail = match said {
        Some(said) if is_refused => format!("{codes}: {said}"),
        said => said.unwrap_or(codes),
    };
    Waiting {
        badge: badge(model::State::Stop, release_words::word(release, false)),
        title: format!("{}: {title}", short(&view.place)),
        detail,
        since: Some(time(release.time)),
        href: release_href(&view.place, release.release.unwrap_or_default()),
        command: Some(command(match release.stage {
            ReleaseStage::Unplannable => format!("countersign status {}", view.place),
            _ => format!("countersign logs {}", view.place),
        })),
    }
}

fn review(at: &Reading<'_>, view: &PlaceView, release: &ReleaseView) -> Waiting {
    let number = release.release.unwrap_or_default();
    let said = release.detail.and_then(|detail| report_detail(at.shared, &detail));
    Waiting {
        badge: badge(model::State::Wait, "due for review"),
        title: format!(
            "{}: the release that came back with {number} does not pass any more",
            short(&view.place)
        ),
        detail: said.unwrap_or_else(|| review_codes(&release.reasons)),
        since: Some(time(release.time)),
        href: release_href(&view.place, number),
        command: Some(command(format!("countersign status {}", view.place))),
    }
}

fn rolled_back(view: &PlaceView, bar: &RollbackView) -> Waiting {
    let by = bar.name.as_ref().map_or_else(|| format!("person {}", bar.person), Clone::clone);
    let reason = bar.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Waiting {
        badge: badge(model::State::Stop, "rolled back"),
        title: format!("{}: release {} was rolled back", short(&view.place), bar.release),
        detail: format!("by {by}{reason}. It does not come back by itself"),
        since: bar.time.map(time),
        href: release_href(&view.place, bar.release),
        command: Some(command_for(format!("countersign run --again {}", bar.commit), BACK_AGAIN)),
    }
}

/// The command that renews the status or the trust root.
fn renewed(situation: &Situation, line: &str) -> Option<model::Command> {
    let (signers, file) = situation.renewal(line);
    signers.first(line, file)
}

fn frozen(at: &Reading<'_>, situation: &Situation, view: &FreezeView) -> Waiting {
    let freeze = &view.freeze;
    let covers = |place: &Place| freeze.covers(&place.project, &place.service, &place.environment);
    let covered = situation.places.iter().filter(|view| covers(&view.place));
    let held: Vec<String> = covered
        .filter_map(|view| Some(format!("release {} of {}", view.open.as_ref()?.release, short(&view.place))))
        .collect();
    let by = view.by.as_ref().map(|by| person(at.shared, by.person));
    let by = by.map_or_else(|| "Frozen".to_owned(), |by| format!("Frozen by {by}"));
    let behind = match held.len() {
        0 => "nothing waits behind it".to_owned(),
        _ => format!("{} waits behind it", held.join(", ")),
    };
    Waiting {
        badge: badge(model::State::Frozen, "frozen"),
        title: format!("{freeze} is frozen"),
        detail: format!("{by}; {behind}"),
        since: Some(time(view.time)),
        href: situation.places.iter().find(|view| covers(&view.place)).map_or("/".to_owned(), place_href),
        command: situation.status_signers.first(&format!("countersign unfreeze {freeze}"), STATUS_FILE),
    }
}

fn gone(at: &Reading<'_>, title: String, detail: String, machine: &MachineView, href: String) -> Waiting {
    let since = at.now.millis().saturating_sub(machine.silent_seconds.saturating_mul(1_000));
    // The server counts whole seconds; a rounded time stays the same from one reading to the next.
    let since = since - since % ROUND_MS;
    Waiting {
        badge: badge(model::State::Stop, "gone"),
        title,
        detail,
        since: Moment::from_millis(since).ok().map(time),
        href,
        command: None,
    }
}

/// The page of the release that runs at a place, else of the pending one, else the overview.
pub fn place_href(view: &PlaceView) -> String {
    let running = view.running.as_ref().map(|running| running.release);
    let number = running.or_else(|| view.open.as_ref().map(|open| open.release));
    number.map_or_else(|| "/".to_owned(), |number| release_href(&view.place, number))
}

/// `api to production`.
fn short(place: &Place) -> String {
    format!("{} to {}", place.service, place.environment)
}

/// A status or root that ends within this time stops releases soon.
const ENDS_WITHIN: std::time::Duration = std::time::Duration::from_hours(48);
/// Precision of the time from which a machine is silent.
const ROUND_MS: u64 = 10_000;
/// Time for which a refusal is told.
const MONTH_MS: u64 = 30 * 86_400_000;
/// Most refusals of the page.
const REFUSED_MAX: usize = 10;
/// The page of previews.
const PREVIEWS: &str = "/previews";
const RENEW_STATUS: &str = "countersign trust status --renew";
const RENEW_ROOT: &str = "countersign trust root --renew";
