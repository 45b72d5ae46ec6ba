//! Rollbacks: an order that nobody gave, or that a person gave for something else.

use domain::release::LEAP_MAX;
use evidence::rollback_order::RollbackOrder;
use evidence::{Digest, enrolment, request};
use serde_json::json;

use super::row::{Forgery, forged};
use crate::parts::old_artifact;
use crate::readers::Reader::{Approve, State, Verify};
use crate::readers::before;
use crate::world::{Lab, at, id, name};

pub(super) fn rows() -> Vec<Forgery> {
    [orders(), requests()].concat()
}

fn turned(name: &'static str, code: &'static str, change: fn(&Lab, &mut RollbackOrder)) -> Forgery {
    let row = forged(name, code, |_, _| {}).unknown_to(&[Approve, Verify, State]);
    row.with_order(change)
}

fn orders() -> Vec<Forgery> {
    vec![
        turned("a return of another version of the format", "return-unsound", |_, order| order.v = 2),
        turned("a return at another project", "other-place", |_, _| {})
            .agent_saw(|_, memory| memory.place.project = name("mine")),
        turned("a return at another service", "other-place", |_, _| {})
            .agent_saw(|_, memory| memory.place.service = name("mine")),
        turned("a return at another environment", "other-place", |_, _| {})
            .agent_saw(|_, memory| memory.place.environment = name("mine")),
        turned("a return under an unsigned status", "status-unsound", |lab, order| {
            order.status = lab.signed_status(&lab.status(), &[0]);
        }),
        turned("a return under a status of a newer program", "status-unreadable", |lab, order| {
            order.status = lab.unread_status(1, &[0]);
        }),
        turned("a return after a status of a newer program", "status-unreadable", |_, _| {})
            .agent_saw(|lab, memory| memory.unread = Some(lab.unread_status(2, &[0]))),
        turned("a return under a status that was replaced", "status-rollback", |_, _| {})
            .agent_saw(|_, memory| memory.seen_status = 2),
        turned("a return to an artifact that is barred", "artifact-barred", |lab, order| {
            let mut status = lab.status();
            status.barred = vec![before()];
            order.status = lab.signed_status(&status, &[0, 1]);
        }),
        turned("an old return again", "release-not-newer", |_, _| {})
            .agent_saw(|_, memory| memory.seen_release = 7),
        turned("a return that was carried out before", "return-used", |_, _| {}).agent_saw(|lab, memory| {
            // The artifact was released again since, within the hour in which the request could still be sent.
            assert!(memory.uses(&lab.order(), at(3_600), at(0)));
        }),
        turned("a return whose number leaves none for those after it", "number-unbelievable", |_, order| {
            order.release = 6 + LEAP_MAX + 1;
        }),
        turned("a return to what never ran here", "never-run", |lab, order| {
            order.artifact = Digest::of(b"never ran");
            asks(lab, order, json!({ "place": PLACE, "from": old_artifact(), "to": order.artifact }));
        }),
        turned("a return by somebody the server enrolled", "enrolment-unsound", |lab, order| {
            let mut envelope = lab.mallory.enrolment(&["release-manager"]).envelope().unwrap();
            lab.mallory.approve.sign(&mut envelope, enrolment::NAMESPACE);
            order.enrolment = envelope;
        }),
        turned("a return by somebody who may not", "role-missing", |lab, order| {
            order.enrolment = lab.signed_enrolment(&lab.bob.enrolment(&["developer"]));
        }),
    ]
}

fn requests() -> Vec<Forgery> {
    const UNSOUND: &str = "request-unsound";
    vec![
        turned("a return that nobody signed", UNSOUND, |_, order| {
            let asked = request::Request::read(&order.request).unwrap();
            order.request = asked.envelope().unwrap();
        }),
        turned("a return signed by the server", UNSOUND, |lab, order| {
            let mut envelope = request::Request::read(&order.request).unwrap().envelope().unwrap();
            lab.mallory.sign_in.sign(&mut envelope, request::NAMESPACE);
            order.request = envelope;
        }),
        turned("a return kept for another day", "return-stale", |_, _| {}).judged_after(86_400),
        turned("a return asked of another installation", UNSOUND, |lab, order| {
            let mut asked = request::Request::read(&order.request).unwrap();
            asked.installation = id(2);
            let mut envelope = asked.envelope().unwrap();
            lab.bob.sign_in.sign(&mut envelope, request::NAMESPACE);
            order.request = envelope;
        }),
        turned("another request taken for a return", UNSOUND, |lab, order| {
            let arguments = request::Request::read(&order.request).unwrap().arguments;
            order.request = lab.request(&lab.bob, "promote", arguments, 74).1;
        }),
        turned("a return from something else", UNSOUND, |lab, order| {
            asks(lab, order, json!({ "place": PLACE, "from": Digest::of(b"other"), "to": before() }));
        }),
        turned("a return to what runs that goes back from nothing", UNSOUND, |lab, order| {
            order.artifact = old_artifact();
            asks(lab, order, json!({ "place": PLACE, "from": "nothing", "to": old_artifact() }));
        }),
        turned("a return of another place", UNSOUND, |lab, order| {
            let place = "shop/api/staging";
            asks(lab, order, json!({ "place": place, "from": old_artifact(), "to": before() }));
        }),
        turned("a return that says more than an agent reads", UNSOUND, |lab, order| {
            let arguments =
                json!({ "place": PLACE, "from": old_artifact(), "to": before(), "but": "not today" });
            asks(lab, order, arguments);
        }),
        turned("a return by an enrolment that has ended", "enrolment-expired", |lab, order| {
            let mut enrolment = lab.bob.enrolment(&["release-manager"]);
            enrolment.expires = at(-60);
            order.enrolment = lab.signed_enrolment(&enrolment);
        }),
    ]
}

fn asks(lab: &Lab, order: &mut RollbackOrder, arguments: serde_json::Value) {
    order.request = lab.request(&lab.bob, "rollback", arguments, 74).1;
}

const PLACE: &str = "shop/api/production";
