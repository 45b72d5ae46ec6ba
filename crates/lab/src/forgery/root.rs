//! Trust roots, status and their numbers.

use evidence::dsse::Envelope;
use evidence::status::{Freeze, Revocation, StatusFile};
use evidence::trust_root::Mode;

use super::row::{Forgery, forged, patched};
use crate::parts::Parts;
use crate::readers::Reader::{Approve, State, Verify};
use crate::world::{Lab, at, id, name};

pub(super) fn rows() -> Vec<Forgery> {
    let mut rows = roots();
    rows.extend(statuses());
    rows
}

fn roots() -> Vec<Forgery> {
    vec![
        forged("a whole installation of the attacker's own", "root-not-pinned", |_, parts| {
            *parts = Lab::new(64).honest();
        })
        .then(|_, bundle| {
            let other = Lab::new(64);
            let (made, _) = crate::assemble(&other, &other.honest());
            *bundle = made;
        }),
        forged("root 2 signed by one of two holders", "root-unsound", |lab, parts| {
            push_root(lab, parts, &[0], |_| {});
        }),
        forged("root 2 that names the attacker, signed by him", "root-unsound", |lab, parts| {
            let mut root = lab.root();
            root.version = 2;
            root.holders.holders = vec![lab.mallory.holder()];
            root.holders.threshold = 1;
            root.mode = Mode::Solo;
            let mut envelope = root.envelope().unwrap();
            lab.mallory.approve.sign(&mut envelope, evidence::trust_root::NAMESPACE);
            parts.roots.push(envelope);
        }),
        forged("no root", "root-unsound", |_, parts| parts.roots.clear()),
        forged("root 1, when root 2 was seen", "root-rollback", |_, _| {})
            .agent_saw(|_, memory| memory.seen_root = 2)
            .people_saw(|_, seen| seen.root = 2)
            .unknown_to(&[Verify]),
        forged("a rehearsal's root", "rehearsal", |_, _| {})
            .in_lab(|lab| lab.unusual = |root| root.mode = Mode::Rehearsal)
            .unknown_to(&[Approve, Verify, State]),
        forged("a root that has ended", "root-expired", |_, _| {})
            .in_lab(|lab| lab.unusual = |root| root.expires = at(-3_600)),
        patched("another version of the format", "other-installation", |_, bundle| bundle.v = 2),
        forged(
            "statements that the same people signed for another installation",
            "other-installation",
            |lab, parts| {
                elsewhere(lab, parts);
            },
        )
        .in_lab(|lab| lab.policy = crate::world::lax_policy())
        .then(|_, bundle| bundle.installation = id(2)),
    ]
}

fn statuses() -> Vec<Forgery> {
    vec![
        forged("a status signed by one of two", "status-unsound", |lab, parts| {
            parts.status = lab.signed_status(&lab.status(), &[0]);
        }),
        forged("a status of another installation", "status-unsound", |lab, parts| {
            let mut status = lab.status();
            status.installation = id(2);
            parts.status = lab.signed_status(&status, &[0, 1]);
        }),
        forged("status 1, when status 2 was seen", "status-rollback", |_, _| {})
            .agent_saw(|_, memory| memory.seen_status = 2)
            .people_saw(|_, seen| seen.status = 2)
            .unknown_to(&[Verify]),
        forged("a root older than the status asks for", "root-too-old", |lab, parts| {
            let mut status = lab.status();
            status.minimum_root = 2;
            parts.status = lab.signed_status(&status, &[0, 1]);
        }),
        forged("a hidden revocation or freeze, when the status has ended", "status-expired", |_, _| {})
            .judged_after(31 * 86_400)
            .unknown_to(&[Verify, State]),
        forged("a hidden freeze, where the status came by hand", "frozen", |_, _| {})
            .agent_saw(|lab, memory| memory.status = Some(frozen(lab)))
            .people_saw(|lab, seen| seen.newer = vec![frozen(lab)])
            .unknown_to(&[Verify]),
        forged("a hidden revocation, where the status came by hand", "approvals-missing", |_, _| {})
            .agent_saw(|lab, memory| memory.status = Some(revoked(lab)))
            .people_saw(|lab, seen| seen.newer = vec![revoked(lab)])
            .unknown_to(&[Verify]),
        forged("a status of a newer program that is taken for none", "status-unreadable", |lab, parts| {
            parts.status = lab.unread_status(1, &[0]);
        }),
        forged("a status by hand that the reader's program cannot read", "status-unreadable", |_, _| {})
            .agent_saw(|lab, memory| memory.unread = Some(lab.unread_status(2, &[0])))
            .people_saw(|lab, seen| seen.newer = vec![lab.unread_status(2, &[0])])
            .unknown_to(&[Verify]),
        forged("a freeze that is overlooked", "frozen", |lab, parts| parts.status = frozen(lab)),
        forged("an artifact that is barred", "artifact-barred", |lab, parts| {
            let mut status = lab.status();
            status.barred = vec![evidence::Digest::of(&parts.manifest)];
            parts.status = lab.signed_status(&status, &[0, 1]);
        }),
        forged("the agent's clock set back", "status-expired", |_, parts| {
            parts.head.cosigned = vec![(0, -30), (1, -30)];
        })
        .agent_saw(|_, memory| memory.seen_time = at(31 * 86_400))
        .unknown_to(&[Approve, Verify, State]),
    ]
}

fn push_root(
    lab: &Lab,
    parts: &mut Parts,
    officers: &[usize],
    change: fn(&mut evidence::trust_root::TrustRoot),
) {
    let mut root = lab.root();
    root.version = 2;
    change(&mut root);
    parts.roots.push(lab.signed_root(&root, officers));
}

/// The same people have signed the same for installation 2; only the roots and the statements that they bind are ours.
fn elsewhere(lab: &Lab, parts: &mut Parts) {
    let other = id(2);
    parts.plan.installation = other;
    let again = |envelope: &Envelope| {
        let mut request = evidence::request::Request::read(envelope).unwrap();
        request.installation = other;
        let person = if request.person == lab.ada.id { &lab.ada } else { &lab.bob };
        let mut envelope = request.envelope().unwrap();
        person.sign_in.sign(&mut envelope, evidence::request::NAMESPACE);
        envelope
    };
    parts.requests = parts.requests.iter().map(again).collect();
    parts.approvals.clear();
}

fn frozen(lab: &Lab) -> StatusFile {
    let mut status = lab.status();
    status.number = 2;
    status.frozen = vec![Freeze { project: name("shop"), service: None, environment: None }];
    lab.signed_status(&status, &[0, 1])
}

fn revoked(lab: &Lab) -> StatusFile {
    let mut status = lab.status();
    status.number = 2;
    let key = lab.bob.approve.key.fingerprint().to_owned();
    status.revoked = vec![Revocation { key, invalid_since: at(-7_200) }];
    lab.signed_status(&status, &[0, 1])
}
