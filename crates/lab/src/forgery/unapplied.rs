//! Fields that restrict what may happen and that this program does not apply: what they are about is not decided.

use evidence::Digest;
use evidence::environment::Environment;
use evidence::receipt::{Forge, ForgeAnswer};
use evidence::rollout::{Rollout, RolloutStep, Strategy, Threshold};
use evidence::run_order::{Occurrence, TriggerOrder};
use serde_json::Value;

use super::build::signed_again;
use super::people::enrol;
use super::row::{Forgery, forged};
use super::runs::{RunForgery, asked};
use crate::parts::Parts;
use crate::world::{Lab, name};

const CODE: &str = "field-unapplied";

pub(super) fn rows() -> Vec<Forgery> {
    [statements(), releases()].concat()
}

fn statements() -> Vec<Forgery> {
    fn row(name: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
        forged(name, CODE, pieces)
    }
    vec![
        row("a release under a policy without a pack that it needs", |lab, parts| {
            instead(lab, parts, |statement| statement.packs = vec![name("sox-itgc")]);
        }),
        row("a release to a place that is made from a template", |lab, parts| {
            instead(lab, parts, |statement| statement.template = Some(Digest::of(b"template")));
        }),
        row("evidence of a place that is made from a template", |lab, parts| {
            let mut statement = lab.environment("staging", &parts.replaces.1);
            statement.template = Some(Digest::of(b"template"));
            parts.environments[0] = lab.signed_environment(&statement, &[0, 1]);
            lab.approve(parts);
        }),
        row("an approval by somebody who may take on another role", |lab, parts| {
            enrol(lab, parts, &lab.bob, |enrolment| enrolment.eligible = enrolment.grants.clone());
        }),
        row("a change whose pusher is not barred", |lab, parts| {
            signed_again(lab, parts, |receipt| receipt.forge = pushed());
        }),
    ]
}

fn releases() -> Vec<Forgery> {
    fn row(name: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
        forged(name, CODE, pieces)
    }
    vec![row("a rollout by a number that nobody measures", |lab, parts| {
        let steps = vec![RolloutStep { percent: 100, pause_ms: 0, automatic: true }];
        parts.plan.strategy = Strategy::Canary;
        let heat = Threshold { metric: name("heat"), at_most: 1, window_ms: 60_000, samples_min: 1 };
        parts.plan.rollout = Some(Rollout { steps, thresholds: vec![heat], ..Rollout::default() });
        lab.approve(parts);
    })]
}

/// Rows about work on a runner.
pub(super) fn work() -> Vec<RunForgery> {
    fn row(name: &'static str, change: fn(&Lab, &mut super::runs::WorkOffer)) -> RunForgery {
        asked(name, CODE, change)
    }
    vec![
        row("a trigger beside a person's request", |_, asked| {
            let statement = asked.order.requests[0].clone();
            let occurrence = Occurrence::Ref("refs/heads/main".parse().unwrap());
            asked.order.trigger = Some(TriggerOrder { statement, occurrence });
        }),
        row("work that somebody asked for who may take on another role", |lab, asked| {
            let mut enrolment = lab.ada.enrolment(&["developer"]);
            enrolment.eligible = enrolment.grants.clone();
            asked.enrols(lab.signed_enrolment(&enrolment));
        }),
    ]
}

fn pushed() -> Forge {
    let pusher = Some("1001".parse().unwrap());
    Forge::Asked(ForgeAnswer { host: "forge.example".parse().unwrap(), pusher, merger: None })
}

/// Has the statement of production signed again with a change.
fn instead(lab: &Lab, parts: &mut Parts, change: impl FnOnce(&mut Environment)) {
    let mut statement = lab.environment("production", &parts.replaces.1);
    change(&mut statement);
    parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    lab.approve(parts);
}

/// Ada asked for a run with one argument more, and all runners did it.
pub fn run(lab: &Lab, parts: &mut Parts, field: &str, value: Value) {
    let arguments = beside(lab.run(parts).arguments, field, value);
    let (request, envelope) = lab.request(&lab.ada, "run", arguments, 70);
    parts.requests[0] = envelope;
    parts.receipts = lab.receipts(parts, request.idempotency(), |_| {});
    lab.approve(parts);
}

/// Arguments of a request with one more.
pub(super) fn beside(mut arguments: Value, field: &str, value: Value) -> Value {
    arguments[field] = value;
    arguments
}
