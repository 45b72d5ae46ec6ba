//! Previews of an agent: a server can withhold one, and neither make, prolong nor end one by a request that no developer signed.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::time::Duration;

use evidence::dsse::Envelope;
use evidence::environment::{Class, Environment};
use evidence::observations::RemovedBecause;
use evidence::preview::{PreviewWish, Previews};
use evidence::previews_order::{PreviewPart, PreviewRemoval, PreviewsOrder};
use evidence::request::{self, Request};
use evidence::{Moment, Place};
use judge::{CheckedPreviews, VerificationContext, check_previews};
use lab::{Lab, Person, at, name};
use serde_json::json;

const COMMIT: &str = "1111111111111111111111111111111111111111";

fn template(lab: &Lab, number: u64, count: u32) -> Environment {
    let previews = Previews { pattern: "pr-*".parse().unwrap(), count, ttl_ms: 3_600_000 };
    Environment {
        environment: name("preview"),
        class: Some(Class::Preview),
        number,
        previews: Some(previews),
        ..lab.environment("staging", &COMMIT.parse().unwrap())
    }
}

/// A request for a preview, made from a template with so many slots.
fn asked(lab: &Lab, issued: Moment, (slot, count): (u32, u32)) -> Request {
    let template = lab.signed_environment(&template(lab, 1, count), &[0, 1]);
    let wish = PreviewWish { name: name("pr-1"), slot, template };
    let arguments = json!({ "project": "shop", "commit": COMMIT, "again": false, "preview": wish });
    let (request, _) = lab.request(&lab.ada, "run", arguments, 90);
    Request { issued, expires: issued.later_by(Duration::from_mins(5)), ..request }
}

fn signed(request: &Request, person: &Person) -> Envelope {
    let mut envelope = request.envelope().unwrap();
    person.sign_in.sign(&mut envelope, request::NAMESPACE);
    envelope
}

fn part(lab: &Lab, request: &Request) -> PreviewPart {
    let enrolment = lab.signed_enrolment(&lab.ada.enrolment(&["developer"]));
    PreviewPart { statement: signed(request, &lab.ada), enrolment: Some(enrolment), removal: None }
}

fn checked(lab: &Lab, part: PreviewPart) -> CheckedPreviews {
    let order = PreviewsOrder {
        v: 1,
        roots: vec![lab.signed_root(&lab.root(), &[0, 1])],
        status: lab.signed_status(&lab.status(), &[0, 1]),
        template: lab.signed_environment(&template(lab, 1, 3), &[0, 1]),
        previews: vec![part],
    };
    let place: Place = "shop/api/preview".parse().unwrap();
    check_previews(
        &order,
        &place,
        &lab.anchors(),
        &VerificationContext { root: 1, ..VerificationContext::default() },
        at(0),
    )
    .unwrap()
}

/// Whether the preview is proven, and a word of why not.
fn proven(change: impl FnOnce(&Lab, &mut PreviewPart)) -> (bool, String) {
    let lab = Lab::default();
    let mut part = part(&lab, &asked(&lab, at(-600), (1, 3)));
    change(&lab, &mut part);
    let checked = checked(&lab, part);
    (checked.previews.first().is_some_and(|one| one.is_proven), checked.refused.join("; "))
}

#[test]
fn a_preview_that_a_developer_asked_for_counts() {
    assert_eq!(proven(|_, _| ()), (true, String::new()));
}

#[test]
fn attack_a_preview_that_no_developer_asked_for() {
    let refused = |word: &str, change: fn(&Lab, &mut PreviewPart)| {
        let (is_proven, said) = proven(change);
        assert!(!is_proven && said.contains(word), "{word}: {said}");
    };
    refused("no enrolment shows", |_, part| part.enrolment = None);
    refused("one signature", |lab, part| {
        part.statement = asked(lab, at(-600), (1, 3)).envelope().unwrap();
    });
    refused("signature", |lab, part| {
        part.statement = signed(&asked(lab, at(-600), (1, 3)), &lab.bob);
    });
    refused("is no developer", |lab, part| {
        part.enrolment = Some(lab.signed_enrolment(&lab.ada.enrolment(&["quality"])));
    });
    refused("not enrolled", |lab, part| {
        part.enrolment = Some(lab.signed_enrolment(&lab.bob.enrolment(&["developer"])));
    });
    // With the server's help it would never be removed.
    refused("was asked for at", |lab, part| {
        *part = self::part(lab, &asked(lab, at(400 * 86_400), (1, 3)));
    });
}

/// An older template allowed a slot that the newest one does not: a server that makes a request of it would end the preview, with all
/// that it holds.
#[test]
fn attack_a_request_that_nobody_signed_ends_no_preview() {
    let lab = Lab::default();
    let forged = asked(&lab, at(-500), (9, 64));
    let part = PreviewPart { statement: forged.envelope().unwrap(), enrolment: None, removal: None };
    let checked = checked(&lab, part);
    let [one] = checked.previews.as_slice() else { panic!("{checked:?}") };
    assert!(!one.is_proven && !one.is_asked_to_end, "{one:?}");
}

#[test]
fn whoever_made_it_a_developer_ends_it() {
    let lab = Lab::default();
    let request = asked(&lab, at(-600), (1, 3));
    let arguments = json!({ "place": "shop/api/pr-1", "number": at(-600).millis() });
    let (_, envelope) = lab.request(&lab.bob, "preview-remove", arguments, 91);
    let enrolment = lab.signed_enrolment(&lab.bob.enrolment(&["developer"]));
    let removal = Some(PreviewRemoval { enrolment, request: envelope });
    // The one who made it has left.
    let part = PreviewPart { statement: signed(&request, &lab.ada), enrolment: None, removal };
    let checked = checked(&lab, part);
    let [one] = checked.previews.as_slice() else { panic!("{checked:?}") };
    assert!(one.is_asked_to_end && !one.is_proven, "{:?}", checked.refused);
    assert_eq!(one.ends(&template(&lab, 1, 3)), Some(RemovedBecause::Asked));
}
