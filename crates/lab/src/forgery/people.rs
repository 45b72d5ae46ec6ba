//! Enrolments, requests, approvals: statements that people did not make, or made about something else.

use evidence::approval::{Approval, Signed};
use evidence::dsse::{Envelope, Signature};
use evidence::enrolment::{Enrolment, Purpose};
use evidence::status::Revocation;
use evidence::{Digest, enrolment, request};
use serde_json::json;

use super::row::{Forgery, forged, patched};
use crate::parts::{PIPELINE_MORE, Parts, no, yes};
use crate::people::Person;
use crate::world::{Lab, at, id, lax_policy, name};

pub(super) fn rows() -> Vec<Forgery> {
    [enrolments(), requests(), nodes(), approvals(), approvals_of_something_else()].concat()
}

fn enrolments() -> Vec<Forgery> {
    vec![
        forged("an enrolment of the server's own making", "enrolment-unsound", |lab, parts| {
            let mut envelope = lab.mallory.enrolment(&["release-manager"]).envelope().unwrap();
            lab.mallory.approve.sign(&mut envelope, enrolment::NAMESPACE);
            parts.enrolments.push(envelope);
            parts.approvals = vec![lab.approval(&yes(parts, lab.mallory.id), &lab.mallory.approve)];
        }),
        forged("an enrolment that a registrar made of himself", "enrolment-unsound", |lab, parts| {
            parts.enrolments.push(lab.signed_enrolment(&lab.officers[0].enrolment(&["release-manager"])));
        }),
        forged("an enrolment with the roles changed", "enrolment-unsound", |lab, parts| {
            let mut enrolment = lab.bob.enrolment(&["developer", "release-manager"]);
            enrolment.name = "Bob the manager".into();
            let signed = lab.signed_enrolment(&lab.bob.enrolment(&["release-manager"]));
            let mut envelope = enrolment.envelope().unwrap();
            signed.signatures().iter().for_each(|signature| envelope.add(signature.clone()));
            *parts.enrolments.last_mut().unwrap() = envelope;
        }),
        forged("an enrolment that was withdrawn", "enrolment-withdrawn", |lab, parts| {
            let mut status = lab.status();
            status.withdrawn = vec![parts.enrolments[1].payload_digest()];
            parts.status = lab.signed_status(&status, &[0, 1]);
        }),
        forged("an enrolment that has ended", "enrolment-expired", |lab, parts| {
            enrol(lab, parts, &lab.bob, |enrolment| enrolment.expires = at(-3_600));
        }),
        forged("one key enrolled for two persons", "enrolment-twice", |lab, parts| {
            let mut second = lab.bob.enrolment(&["release-manager"]);
            (second.person, second.subject) = (id(99), "test:bob-again".into());
            parts.enrolments.push(lab.signed_enrolment(&second));
        }),
        patched("enrolments in another order", "enrolments-unsorted", |_, bundle| {
            bundle.enrolments.reverse()
        }),
        forged("nobody enrolled", "request-unsound", |_, parts| parts.enrolments.clear()),
    ]
}

fn requests() -> Vec<Forgery> {
    vec![
        patched("requests in another order", "request-unsound", |_, bundle| bundle.requests.reverse()),
        forged("a run that nobody asked for", "request-unsound", |_, parts| drop(parts.requests.remove(0))),
        forged("a request signed by the server", "request-unsound", |lab, parts| {
            let mut request = request::Request::read(&parts.requests[0]).unwrap();
            request.person = lab.ada.id;
            let mut envelope = request.envelope().unwrap();
            let mut forged = Envelope::new(request::PAYLOAD_TYPE, Vec::new());
            lab.mallory.sign_in.sign(&mut forged, request::NAMESPACE);
            let sig = forged.signatures()[0].sig.clone();
            envelope.add(Signature { keyid: lab.ada.sign_in.key.fingerprint().to_owned(), sig });
            parts.requests[0] = envelope;
        }),
        forged("a request signed by a key for something else", "request-unsound", |lab, parts| {
            let mut envelope = request::Request::read(&parts.requests[1]).unwrap().envelope().unwrap();
            lab.bob.approve.sign(&mut envelope, request::NAMESPACE);
            parts.requests[1] = envelope;
        }),
        forged("a request for another installation", "request-unsound", |lab, parts| {
            let mut request = request::Request::read(&parts.requests[0]).unwrap();
            request.installation = id(2);
            let mut envelope = request.envelope().unwrap();
            lab.ada.sign_in.sign(&mut envelope, request::NAMESPACE);
            parts.requests[0] = envelope;
        }),
        forged(
            "a run that somebody asked for who is no developer here",
            "requester-role-missing",
            |lab, parts| {
                enrol(lab, parts, &lab.ada, |enrolment| enrolment.grants[0].project = Some(name("another")));
            },
        ),
        forged("a request to run another commit", "request-unsound", |lab, parts| {
            let other = json!({ "project": "shop", "commit": "b".repeat(40) });
            parts.requests[0] = lab.request(&lab.ada, "run", other, 70).1;
        }),
        forged("a request to run that says more than a judge reads", "request-unsound", |lab, parts| {
            let more = json!({ "project": "shop", "commit": parts.source.commit, "again": "never" });
            parts.requests[0] = lab.request(&lab.ada, "run", more, 70).1;
        }),
        forged("a promotion of another release", "request-unsound", |lab, parts| {
            parts.requests[1] = lab.promotion(parts, 6);
        }),
        forged("a promotion of another artifact under the same number", "request-unsound", |lab, parts| {
            let other = Digest::of(b"another artifact");
            let place = json!({ "place": "shop/api/production", "release": 7, "artifact": other });
            parts.requests[1] = lab.request(&lab.bob, "promote", place, 71).1;
        }),
        forged("a promotion by somebody who may not", "request-unsound", |lab, parts| {
            let place = json!({ "place": "shop/api/production", "release": 7 });
            parts.requests[1] = lab.request(&lab.ada, "promote", place, 71).1;
        }),
        forged("a release that nobody promoted", "not-promoted", |_, parts| drop(parts.requests.pop())),
        forged("two requests for one run", "request-unsound", |lab, parts| {
            let commit = json!({ "project": "shop", "commit": parts.source.commit });
            parts.requests.push(lab.request(&lab.ada, "run", commit, 72).1);
        }),
    ]
}

fn nodes() -> Vec<Forgery> {
    let more = |row: Forgery| row.in_lab(|lab| lab.pipeline = PIPELINE_MORE);
    vec![
        more(forged("a node at which nobody agreed", "node-open", |_, _| {})),
        more(forged("an agreement by somebody who may not", "request-unsound", |lab, parts| {
            parts.requests.push(agreement(lab, parts, &lab.ada, 70, "agreed"));
        })),
        more(forged("an agreement to another run", "request-unsound", |lab, parts| {
            parts.requests.push(agreement(lab, parts, &lab.bob, 77, "agreed"));
        })),
        more(forged("an agreement to another commit under the same run", "request-unsound", |lab, parts| {
            let other = json!({ "run": id(70), "step": "agreed", "commit": "b".repeat(40) });
            parts.requests.push(lab.request(&lab.bob, "agree", other, 73).1);
        })),
        more(forged("an agreement by an author of the change", "node-open", |lab, parts| {
            let commit = json!({ "project": "shop", "commit": parts.source.commit });
            let (run, envelope) = lab.request(&lab.officers[1], "run", commit, 70);
            parts.requests[0] = envelope;
            parts.receipts = lab.receipts(parts, run.idempotency(), |_| {});
            enrol(lab, parts, &lab.ada, |enrolment| enrolment.grants.extend(manager()));
            parts.enrolments.push(third(lab));
            parts.requests.push(agreement(lab, parts, &lab.ada, 70, "agreed"));
            lab.approve(parts);
        })),
        more(forged("an agreement by the person who asked for the run", "node-open", |lab, parts| {
            enrol(lab, parts, &lab.bob, |enrolment| enrolment.grants.insert(0, developer()));
            let commit = json!({ "project": "shop", "commit": parts.source.commit });
            let (run, envelope) = lab.request(&lab.bob, "run", commit, 70);
            parts.requests[0] = envelope;
            parts.receipts = lab.receipts(parts, run.idempotency(), |_| {});
            parts.requests.push(agreement(lab, parts, &lab.bob, 70, "agreed"));
            parts.enrolments.push(third(lab));
            let approval = yes(parts, lab.officers[1].id);
            parts.approvals = vec![lab.approval(&approval, &lab.officers[1].approve)];
        })),
        forged("an agreement at no node", "request-unsound", |lab, parts| {
            parts.requests.push(agreement(lab, parts, &lab.bob, 70, "test"));
        }),
    ]
}

/// Bob agrees at the node.
pub(super) fn agree(lab: &Lab, parts: &mut Parts) {
    parts.requests.push(agreement(lab, parts, &lab.bob, 70, "agreed"));
}

fn agreement(lab: &Lab, parts: &Parts, person: &Person, run: u8, step: &str) -> Envelope {
    let arguments = json!({ "run": id(run), "step": step, "commit": parts.source.commit });
    lab.request(person, "agree", arguments, 73).1
}

fn approvals() -> Vec<Forgery> {
    vec![
        forged("no approval", "approvals-missing", |_, parts| parts.approvals.clear()),
        forged("an approval signed by the server", "approval-unsound", |lab, parts| {
            parts.approvals = vec![lab.approval(&yes(parts, lab.bob.id), &lab.mallory.approve)];
        }),
        forged("an approval by a stranger", "approval-unsound", |lab, parts| {
            parts.approvals.push(lab.approval(&yes(parts, lab.mallory.id), &lab.mallory.approve));
        }),
        forged("an approval by a sign-in key", "approval-unsound", |lab, parts| {
            parts.approvals = vec![lab.approval(&yes(parts, lab.bob.id), &lab.bob.sign_in)];
        }),
        forged("a rejection turned into an approval", "approval-unsound", |lab, parts| {
            let rejected = lab.approval(&no(parts, lab.bob.id), &lab.bob.approve);
            let mut envelope = yes(parts, lab.bob.id).envelope().unwrap();
            rejected.signatures().iter().for_each(|signature| envelope.add(signature.clone()));
            parts.approvals = vec![envelope];
        }),
        forged("a rejection", "rejected", |lab, parts| {
            parts.enrolments.push(third(lab));
            let rejection = no(parts, lab.officers[1].id);
            parts.approvals.push(lab.approval(&rejection, &lab.officers[1].approve));
        })
        .in_lab(|lab| lab.pipeline = crate::parts::PIPELINE_IMAGE),
        forged("one person counted twice", "approval-unsound", |lab, parts| {
            let mut again = yes(parts, lab.bob.id);
            again.said.nonce = id(91);
            parts.approvals.push(lab.approval(&again, &lab.bob.approve));
        })
        .in_lab(|lab| lab.policy = lax_policy()),
        forged("approvals in another order", "approval-unsound", |lab, parts| {
            parts.enrolments.push(third(lab));
            let second = yes(parts, lab.officers[1].id);
            parts.approvals.push(lab.approval(&second, &lab.officers[1].approve));
        })
        .then(|_, bundle| bundle.approvals.reverse()),
        forged("an approval by an author of the change", "approvals-missing", |lab, parts| {
            enrol(lab, parts, &lab.ada, |enrolment| enrolment.grants.clone_from(&manager()));
            parts.approvals = vec![lab.approval(&yes(parts, lab.ada.id), &lab.ada.approve)];
        }),
        forged("an approval by the person who asked for the run", "approvals-missing", |lab, parts| {
            enrol(lab, parts, &lab.bob, |enrolment| enrolment.grants.insert(0, developer()));
            let commit = json!({ "project": "shop", "commit": parts.source.commit });
            let (run, envelope) = lab.request(&lab.bob, "run", commit, 70);
            parts.requests[0] = envelope;
            parts.receipts = lab.receipts(parts, run.idempotency(), |_| {});
            lab.approve(parts);
        }),
        forged("an approval in a role that is not given here", "approvals-missing", |lab, parts| {
            enrol(lab, parts, &lab.bob, |enrolment| {
                enrolment.grants[0].environment = Some(name("staging"));
            });
            parts.requests[1] = lab.promotion(parts, 7);
            let promoter = lab.officers[1].enrolment(&["release-manager"]);
            parts.enrolments.push(lab.signed_enrolment(&promoter));
            let place = json!({ "place": "shop/api/production", "release": 7 });
            parts.requests[1] = lab.request(&lab.officers[1], "promote", place, 71).1;
            lab.approve(parts);
        }),
        forged("an approval by a key that was revoked", "approvals-missing", |lab, parts| {
            let mut status = lab.status();
            let key = lab.bob.approve.key.fingerprint().to_owned();
            status.revoked = vec![Revocation { key, invalid_since: at(-7_200) }];
            parts.status = lab.signed_status(&status, &[0, 1]);
        }),
        forged("approvals made only in a page of the server", "browser-only", |lab, parts| {
            let mut browser = yes(parts, lab.bob.id);
            browser.said.via = "browser".into();
            parts.approvals = vec![lab.approval(&browser, &lab.bob.approve)];
        }),
    ]
}

/// Bob himself signs each of these, about something that differs in one point.
fn approvals_of_something_else() -> Vec<Forgery> {
    fn row(name: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
        forged(name, "approvals-missing", pieces)
    }
    fn with(lab: &Lab, parts: &mut Parts, change: impl FnOnce(&mut Signed)) {
        let mut signed = yes(parts, lab.bob.id);
        change(&mut signed);
        parts.approvals = vec![lab.approval(&signed, &lab.bob.approve)];
    }
    fn said(lab: &Lab, parts: &mut Parts, change: impl FnOnce(&mut Approval)) {
        with(lab, parts, |signed| change(&mut signed.said));
    }
    fn other() -> Digest {
        Digest::of(b"another")
    }
    vec![
        row("an approval of another artifact", |lab, parts| with(lab, parts, |it| it.artifact = other())),
        row("an approval of another plan", |lab, parts| with(lab, parts, |it| it.plan = other())),
        row("an approval for another installation", |l, p| said(l, p, |it| it.installation = id(2))),
        row("an approval for another project", |l, p| said(l, p, |it| it.project = name("other"))),
        row("an approval for another service", |l, p| said(l, p, |it| it.service = name("other"))),
        row("an approval for another environment", |l, p| said(l, p, |it| it.environment = name("staging"))),
        row("an approval of another release number", |l, p| said(l, p, |it| it.release = 6)),
        row("an approval to replace something else", |l, p| said(l, p, |it| it.replaces = None)),
        row("an approval of other evidence", |l, p| said(l, p, |it| it.evidence = other())),
        row("an approval under another policy", |l, p| said(l, p, |it| it.policy = other())),
        row("an approval under a root to come", |l, p| said(l, p, |it| it.root = 2)),
        row("an approval that has ended", |l, p| said(l, p, |it| it.expires = at(-60))),
        row("an approval that does not count yet", |l, p| {
            said(l, p, |it| (it.not_before, it.expires) = (at(3_600), at(7_200)));
        }),
        row("an approval of another ledger", |lab, parts| {
            let mut fork = parts.head.clone();
            fork.past[3] = tlog::leaf_hash(b"another entry");
            let seen = fork.seen(crate::parts::SEEN).to_string();
            said(lab, parts, |it| it.checkpoint = seen);
        }),
        row("an approval of another log", |lab, parts| {
            let seen = parts.head.seen(crate::parts::SEEN).to_string();
            let seen = seen.replace("countersign/0101", "countersign/0202");
            said(lab, parts, |it| it.checkpoint = seen);
        }),
    ]
}

fn manager() -> Vec<enrolment::Grant> {
    vec![enrolment::Grant { role: name("release-manager"), project: None, environment: None }]
}

fn developer() -> enrolment::Grant {
    enrolment::Grant { role: name("developer"), project: None, environment: None }
}

fn third(lab: &Lab) -> Envelope {
    let mut enrolment = lab.officers[1].enrolment(&["developer", "release-manager"]);
    enrolment.keys.retain(|key| key.purposes != [Purpose::Commit]);
    lab.signed_enrolment(&enrolment)
}

/// Replaces a person's enrolment.
pub(super) fn enrol(lab: &Lab, parts: &mut Parts, person: &Person, change: impl FnOnce(&mut Enrolment)) {
    let roles: &[&str] = if person.id == lab.bob.id { &["release-manager"] } else { &["developer"] };
    let mut enrolment = person.enrolment(roles);
    change(&mut enrolment);
    let at = usize::from(person.id == lab.bob.id);
    parts.enrolments[at] = lab.signed_enrolment(&enrolment);
}
