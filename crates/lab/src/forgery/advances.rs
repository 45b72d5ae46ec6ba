//! Orders about a rollout under way: one that nobody gave, that a person gave for something else, or that was kept.

use evidence::advance_order::AdvanceOrder;
use evidence::dsse::Envelope;
use evidence::request::{AdvanceDo, Request};
use evidence::{Digest, Id, Moment, Place, enrolment, request};
use judge::{Anchors, RolloutUnderWay, VerificationContext, check_advance};
use serde_json::{Value, json};

use crate::world::{Lab, at, id, name};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct AdvanceForgery {
    /// Description of the attack.
    pub name: &'static str,
    /// The code with which the agent refuses.
    pub code: &'static str,
    change: fn(&Lab, &mut AdvanceOffer),
}

/// Everything that an agent sees of an order.
#[derive(Clone, Debug)]
pub struct AdvanceOffer {
    /// The order that the server shows.
    pub order: AdvanceOrder,
    /// The agent's pin.
    pub anchors: Anchors,
    /// The place of the agent.
    pub place: Place,
    /// The release whose rollout is under way, and its plan.
    pub release: (u64, Digest),
    /// Time of the last order that was carried out.
    pub ordered: Option<Moment>,
    /// Numbers that the agent has seen before.
    pub seen: VerificationContext,
    /// The agent's time.
    pub now: Moment,
}

impl AdvanceOffer {
    /// Bob asks for the second step.
    #[must_use]
    pub fn honest(lab: &Lab) -> Self {
        let order = AdvanceOrder {
            v: 1,
            roots: vec![lab.signed_root(&lab.root(), &[0, 1])],
            status: lab.signed_status(&lab.status(), &[0, 1]),
            enrolment: lab.signed_enrolment(&lab.bob.enrolment(&["release-manager"])),
            request: lab.request(&lab.bob, "advance", arguments(), 75).1,
        };
        Self {
            order,
            anchors: lab.anchors(),
            place: PLACE.parse().unwrap(),
            release: (7, Digest::of(b"plan")),
            ordered: None,
            seen: VerificationContext { root: 1, status: 1, ..VerificationContext::default() },
            now: at(0),
        }
    }

    /// Codes with which the agent refuses; empty if it carries the order out.
    #[must_use]
    pub fn by_agent(&self) -> Vec<String> {
        let (release, plan) = self.release;
        let under_way = RolloutUnderWay { place: &self.place, release, plan, ordered: self.ordered };
        let checked = check_advance(&self.order, &self.anchors, &self.seen, &under_way, self.now);
        let reasons = checked.err().unwrap_or_default();
        let reasons = reasons.against.into_iter().chain(reasons.unclear);
        reasons.map(|reason| reason.code).collect()
    }

    fn asks(&mut self, lab: &Lab, arguments: Value) {
        self.order.request = lab.request(&lab.bob, "advance", arguments, 75).1;
    }
}

impl AdvanceForgery {
    /// The offer after the attack.
    #[must_use]
    pub fn forged(&self) -> AdvanceOffer {
        let lab = Lab::default();
        let mut offer = AdvanceOffer::honest(&lab);
        (self.change)(&lab, &mut offer);
        offer
    }
}

/// Every row.
#[must_use]
pub fn all() -> Vec<AdvanceForgery> {
    [orders(), requests()].concat()
}

const fn row(name: &'static str, code: &'static str, change: fn(&Lab, &mut AdvanceOffer)) -> AdvanceForgery {
    AdvanceForgery { name, code, change }
}

fn orders() -> Vec<AdvanceForgery> {
    vec![
        row("a step of another version of the format", "advance-unsound", |_, offer| offer.order.v = 2),
        row("a step under an unsigned status", "status-unsound", |lab, offer| {
            offer.order.status = lab.signed_status(&lab.status(), &[0]);
        }),
        row("a step under a status that was replaced", "status-rollback", |_, offer| offer.seen.status = 2),
        row("a step by somebody the server enrolled", "enrolment-unsound", |lab, offer| {
            let mut envelope = lab.mallory.enrolment(&["release-manager"]).envelope().unwrap();
            lab.mallory.approve.sign(&mut envelope, enrolment::NAMESPACE);
            offer.order.enrolment = envelope;
        }),
        row("a step by an enrolment that has ended", "enrolment-expired", |lab, offer| {
            let mut enrolment = lab.bob.enrolment(&["release-manager"]);
            enrolment.expires = at(-60);
            offer.order.enrolment = lab.signed_enrolment(&enrolment);
        }),
        row("a step by somebody who may not", "role-missing", |lab, offer| {
            offer.order.enrolment = lab.signed_enrolment(&lab.bob.enrolment(&["developer"]));
        }),
        row("a step of a rollout at another place", "advance-differs", |_, offer| {
            offer.place.service = name("mine");
        }),
        row("a step of the release before", "advance-differs", |_, offer| offer.release.0 = 8),
        row("a step of another plan", "advance-differs", |_, offer| offer.release.1 = Digest::of(b"other")),
        row("a step that was carried out before", "advance-not-newer", |_, offer| {
            offer.ordered = Some(Request::read(&offer.order.request).unwrap().issued);
        }),
        row("a step that was asked for before a pause", "advance-not-newer", |_, offer| {
            offer.ordered = Some(at(3_600));
        }),
        row("a step kept for another day", "advance-stale", |_, offer| offer.now = at(86_400)),
    ]
}

fn requests() -> Vec<AdvanceForgery> {
    const UNSOUND: &str = "request-unsound";
    vec![
        row("a step that nobody signed", UNSOUND, |_, offer| {
            offer.order.request = Request::read(&offer.order.request).unwrap().envelope().unwrap();
        }),
        row("a step signed by the server", UNSOUND, |lab, offer| {
            let mut envelope = Request::read(&offer.order.request).unwrap().envelope().unwrap();
            lab.mallory.sign_in.sign(&mut envelope, request::NAMESPACE);
            offer.order.request = envelope;
        }),
        row("a step that somebody else asked for", UNSOUND, |lab, offer| {
            offer.order.request = lab.request(&lab.ada, "advance", arguments(), 75).1;
        }),
        row("a step asked of another installation", UNSOUND, |lab, offer| {
            let mut asked = Request::read(&offer.order.request).unwrap();
            asked.installation = Id::from_random([2; 16]);
            assert_ne!(asked.installation, id(1));
            let mut envelope = asked.envelope().unwrap();
            lab.bob.sign_in.sign(&mut envelope, request::NAMESPACE);
            offer.order.request = envelope;
        }),
        row("another request taken for a step", UNSOUND, |lab, offer| {
            offer.order.request = lab.request(&lab.bob, "promote", arguments(), 75).1;
        }),
        row("a step that says more than an agent reads", UNSOUND, |lab, offer| {
            let mut arguments = arguments();
            arguments["but"] = json!("not today");
            offer.asks(lab, arguments);
        }),
        row("an order that no agent knows", UNSOUND, |lab, offer| {
            let mut arguments = arguments();
            arguments["do"] = json!("skip");
            offer.asks(lab, arguments);
        }),
        row("a pause turned into a step", UNSOUND, |lab, offer| {
            let mut paused = arguments();
            paused["do"] = json!(AdvanceDo::Pause);
            let (_, signed) = lab.request(&lab.bob, "advance", paused, 75);
            let value = |envelope: &Envelope| -> Value {
                serde_json::from_slice(&envelope.encode().unwrap()).unwrap()
            };
            let mut turned = value(&offer.order.request);
            turned["signatures"] = value(&signed)["signatures"].clone();
            offer.order.request = Envelope::decode(turned.to_string().as_bytes()).unwrap();
        }),
    ]
}

fn arguments() -> Value {
    json!({ "place": PLACE, "release": 7, "plan": Digest::of(b"plan"), "step": 2 })
}

const PLACE: &str = "shop/api/production";
