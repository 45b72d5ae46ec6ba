//! Tests of the right to read a blob, by the entries that name it.

use domain::identity::Enrolled;
use domain::{RULES, Refused, release};
use evidence::entry::{Auth, Payload};
use lab::{Lab, Person, at, name};

use super::*;

/// An entry that names a blob.
fn naming(blob: Digest, project: Option<&str>, event: &Event) -> Entry {
    let facts = event.facts([1; 16]).unwrap();
    let header = Header {
        v: 1,
        kind: event.kind().to_owned(),
        rules: RULES,
        time: at(0),
        project: project.map(name),
        subject: None,
        actor: Actor::System,
        auth: Auth::SignedRequest,
        cause: None,
        idempotency: None,
        facts: Payload::commitment(&facts),
        particulars: None,
        blobs: vec![blob],
    };
    Entry { header: header.encode().unwrap(), facts, particulars: None }
}

/// The refusal of an agreement whose run has ended has no project, and names the signed request as a blob.
#[test]
fn attack_a_blob_that_was_refused_of_no_project_is_not_for_everybody() {
    let (lab, dir) = (Lab::default(), tempfile::tempdir().unwrap());
    let mut state = State::default();
    for (person, project) in
        [(&lab.ada, Some("shop")), (&lab.bob, Some("elsewhere")), (&lab.officers[0], None)]
    {
        let mut enrolment = person.enrolment(&["developer"]);
        enrolment.grants[0].project = project.map(name);
        state.apply(&Event::Enrolled(Enrolled::of(&enrolment, 1).unwrap()), at(-60));
    }
    let refused = |person: &Person| {
        let reasons = vec!["run-unknown".into()];
        Event::Refused(Refused { person: person.id.into(), action: name("agree"), reasons, more: None })
    };
    let (place, person) = ("shop/api/production".parse().unwrap(), lab.ada.id.into());
    let promoted =
        Event::Promoted(release::Promoted { place, release: 1, person, request: Digest::of(b"promoted") });
    let rooted = Event::Rooted(domain::identity::Rooted::of(&lab.root(), Digest::of(b"root")).unwrap());
    let [agree, cancel, promote, root, both] =
        [b"agree ", b"cancel", b"promot", b"root  ", b"both  "].map(|text| Digest::of(text));
    let views = Views::open(dir.path()).unwrap();
    let entries = [
        naming(agree, None, &refused(&lab.ada)),
        naming(cancel, Some("elsewhere"), &refused(&lab.ada)),
        naming(promote, Some("shop"), &promoted),
        naming(root, None, &rooted),
        // The blob was named by a refusal first, and by a current statement later.
        naming(both, None, &refused(&lab.officers[0])),
        naming(both, None, &rooted),
    ];
    for (entry, number) in entries.iter().zip(0..) {
        apply(&views.connection.lock().unwrap(), number, entry).unwrap();
    }
    let person = |person: &Person| Caller::Person(person.id.into());
    for (caller, reads) in [
        (person(&lab.ada), [true, false, true, true, true]),
        (person(&lab.bob), [false, true, false, true, true]),
        (person(&lab.officers[0]), [true; 5]),
        (Caller::Agent(name("agent"), [name("shop")].into()), [false, false, true, true, true]),
        (Caller::Runner(name("runner-1")), [true; 5]),
        (Caller::Owner, [true; 5]),
    ] {
        let found = [agree, cancel, promote, root, both].map(|blob| {
            let named = views.named(&blob).unwrap();
            named.iter().any(|naming| naming.may_read(&caller, &state, at(0)))
        });
        assert_eq!(found, reads, "{caller:?}");
    }
}
