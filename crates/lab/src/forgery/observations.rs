//! The observation lane: observations of the environment before that are withheld, replayed, or by somebody else.
//!
//! The rows of a kind are made by one table. A policy that demands the observation shows whether it counts.

use evidence::Digest;
use evidence::observations::{Body, Observation, RolloutEnd};
use evidence::policy_files::PolicyFiles;
use evidence::report::AgentReport;

use super::row::{Forgery, forged, patched};
use crate::observed::{observation, observed, verdict};
use crate::parts::Parts;
use crate::world::{Lab, at, default_policy, id, name};

/// Makes an honest observation of a kind about the release in staging.
type Made = fn(&Lab, &Parts) -> Observation;

macro_rules! rows_of {
    ($kind:literal, $lab:ident, $made:ident) => {
        [
            forged(
                concat!("a ", $kind, " that the server withholds"),
                "observation-missing",
                |lab, parts| {
                    seen(lab, parts, $made, |_| ());
                    parts.observations.clear();
                },
            ),
            forged(concat!("a ", $kind, " that is too old"), "observation-old", |lab, parts| {
                seen(lab, parts, $made, |it| it.time = at(-2 * DAY));
            }),
            forged(concat!("a ", $kind, " of the future"), "observation-undated", |lab, parts| {
                seen(lab, parts, $made, |it| it.time = at(2 * DAY));
            }),
            forged(concat!("a ", $kind, " by another agent's key"), UNSOUND, |lab, parts| {
                seen(lab, parts, $made, |_| ());
                let honest = $made(lab, parts);
                parts.observations = vec![observed(&honest, &lab.production)];
            }),
            forged(concat!("a ", $kind, " by an agent that nobody named"), UNSOUND, |lab, parts| {
                seen(lab, parts, $made, |it| it.agent = name("agent-9"));
            }),
            forged(concat!("a ", $kind, " of another service"), UNSOUND, |lab, parts| {
                seen(lab, parts, $made, |it| it.place.service = name("web"));
            }),
            forged(concat!("a ", $kind, " of the place itself"), UNSOUND, |lab, parts| {
                seen(lab, parts, $made, |it| it.place.environment = name("production"));
            }),
            forged(concat!("a ", $kind, " of another installation"), UNSOUND, |lab, parts| {
                seen(lab, parts, $made, |it| it.installation = id(2));
            }),
            forged(concat!("a ", $kind, " by a revoked key"), UNSOUND, |lab, parts| {
                seen(lab, parts, $made, |_| ());
                super::revoke(lab, parts, &lab.staging.public().id().to_string());
            }),
            forged(
                concat!("a ", $kind, " of an agent that saw another ledger"),
                "ledger-forked",
                |lab, parts| {
                    seen(lab, parts, $made, |it| {
                        (it.checkpoint, it.checkpoint_root) = (9, Some(Digest::of(b"another ledger")));
                    });
                },
            ),
            forged(concat!("a ", $kind, " that is not on record"), "not-on-record", |lab, parts| {
                seen(lab, parts, $made, |_| ());
                parts.observations.clear();
            })
            .then(|lab, bundle| {
                let mut parts = lab.honest();
                seen(lab, &mut parts, $made, |_| ());
                bundle.lanes.observations.append(&mut parts.observations);
            }),
            forged(concat!("one ", $kind, " twice"), UNSOUND, |lab, parts| {
                seen(lab, parts, $made, |_| ());
            })
            .then(|_, bundle| {
                let again = bundle.lanes.observations.clone();
                bundle.lanes.observations.extend(again);
            }),
            forged(concat!("a ", $kind, " beside a later one of the same agent"), UNSOUND, |lab, parts| {
                seen(lab, parts, $made, |_| ());
                let (earlier, mut later) = (parts.observations.clone(), $made(lab, parts));
                (later.sequence, later.previous) = (2, Some(earlier[0].payload_digest()));
                parts.observations = [earlier, vec![observed(&later, &lab.staging)]].concat();
            }),
        ]
        .map(|row| row.in_lab($lab))
        .to_vec()
    };
}

pub(super) fn rows() -> Vec<Forgery> {
    [rows_of!("rollout verdict", with_rollout, rollout), of_releases()].concat()
}

/// Observations of other releases than the one that runs the artifact in staging.
fn of_releases() -> Vec<Forgery> {
    let about = |name, change: fn(&Lab, &mut Parts)| forged(name, STRAY, change).in_lab(with_rollout);
    vec![
        about("a rollout verdict of an earlier release of the artifact", |lab, parts| {
            told(lab, parts, |verdict| verdict.release = 2);
        }),
        about("a rollout verdict of another artifact", |lab, parts| {
            told(lab, parts, |verdict| verdict.artifact = Digest::of(b"another"));
        }),
        about("a rollout verdict of another plan", |lab, parts| {
            told(lab, parts, |verdict| verdict.plan = Digest::of(b"another plan"));
        }),
        forged("a rollout verdict that the policy does not read", STRAY, |lab, parts| {
            seen(lab, parts, rollout, |_| ());
        })
        .in_lab(|lab| lab.policy = without_observations()),
        forged("a rollout in staging that failed", "rollout-undone", |lab, parts| {
            told(lab, parts, |it| *it = verdict(3, RolloutEnd::Failed));
        })
        .in_lab(with_rollout),
        patched("an observation of something else than a place", UNSOUND, |_, bundle| {
            bundle.lanes.observations.push(bundle.provenance.clone());
        }),
    ]
}

/// An agent's report that names release and plan, and the observation with a change.
fn seen(lab: &Lab, parts: &mut Parts, made: Made, change: impl Fn(&mut Observation)) {
    let mut report = AgentReport::read(&parts.reports[0]).unwrap();
    if let Some(running) = report.running.as_mut() {
        (running.release, running.plan) = (Some(report.release), Some(report.plan));
    }
    parts.reports[0] = lab.report(&report, &lab.staging);
    let mut observation = made(lab, parts);
    change(&mut observation);
    parts.observations = vec![observed(&observation, &lab.staging)];
    lab.approve(parts);
}

/// The same, with a change of the verdict.
fn told(lab: &Lab, parts: &mut Parts, change: impl Fn(&mut evidence::observations::RolloutVerdict)) {
    seen(lab, parts, rollout, |observation| {
        if let Body::RolloutVerdict(verdict) = &mut observation.body {
            change(verdict);
        }
    });
}

fn rollout(_: &Lab, _: &Parts) -> Observation {
    observation("staging", verdict(3, RolloutEnd::Done))
}

/// The default policy, which also demands a rollout in staging that is done, within a day.
fn with_rollout(lab: &mut Lab) {
    let off = "\"rollout-undone\": {\"other\": \"off\"";
    for text in lab.policy.files.values_mut() {
        *text = text.replace(off, "\"rollout-undone\": {\"other\": \"block\"");
        *text = text.replace(
            READS,
            "reads contains {\"observation\": \"rollout-verdict\", \"hours\": 24} if production",
        );
    }
}

fn without_observations() -> PolicyFiles {
    let mut policy = default_policy();
    policy.files.values_mut().for_each(|text| *text = text.replace(READS, ""));
    policy
}

const READS: &str = "reads contains {\"observation\": \"rollout-verdict\"}";
const UNSOUND: &str = "observation-unsound";
const STRAY: &str = "observation-stray";
const DAY: i64 = 86_400;
