//! Tests of the right to read a blob, by the entries that name it.

use domain::identity::Enrolled;
use domain::{Refused, release};
use lab::{Lab, Person, at, name};

use super::*;
use crate::sample;

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
        sample::entry(&refused(&lab.ada), Actor::System, None, agree),
        sample::entry(&refused(&lab.ada), Actor::System, Some(name("elsewhere")), cancel),
        sample::entry(&promoted, Actor::System, Some(name("shop")), promote),
        sample::entry(&rooted, Actor::System, None, root),
        // The blob was named by a refusal first, and by a current statement later.
        sample::entry(&refused(&lab.officers[0]), Actor::System, None, both),
        sample::entry(&rooted, Actor::System, None, both),
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
