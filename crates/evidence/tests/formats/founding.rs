//! A founding: its example, the union of copies, and the copies that are refused.

use evidence::founding::{Founding, Unsigned};

use super::*;

fn enrolments() -> Vec<Enrolment> {
    let [alice, bob] = people();
    let other = Enrolment { person: id(32), name: "Bob Example".into(), ..enrolment_of(&bob, 13, 14) };
    vec![enrolment_of(&alice, 11, 12), other]
}

fn founding() -> Founding {
    Founding::new(team(), status_base(), enrolments(), Vec::new()).unwrap()
}

fn signed_by(person: &Person) -> Founding {
    let mut founding = founding();
    for statement in founding.signables() {
        if statement.waits_for(&person.key) {
            person.sign(statement.envelope, statement.namespace);
        }
    }
    founding
}

fn lacking(founding: &mut Founding) -> Vec<(String, usize)> {
    founding.unsigned().unwrap().into_iter().map(|Unsigned { what, found, .. }| (what, found)).collect()
}

#[test]
fn founding_example() {
    let [alice, _] = people();
    let founding = signed_by(&alice);
    let bytes = founding.encode().unwrap();
    check("founding", 0, &bytes);
    assert!(Founding::looks_like(&bytes));
    assert_eq!(Founding::decode(&bytes).unwrap(), founding);
}

/// In any order, and as often as it comes.
#[test]
fn copies_are_united_until_every_statement_has_its_signatures() {
    let [alice, bob] = people();
    let mut all = founding();
    assert_eq!(lacking(&mut all).len(), 4);
    all.unite(signed_by(&bob)).unwrap();
    all.unite(signed_by(&bob)).unwrap();
    let still = [("trust root version 1", 1), ("status 1", 1), ("enrolment of Bob Example", 0)];
    assert_eq!(lacking(&mut all), still.map(|(what, found)| (what.to_owned(), found)));
    assert!(!all.signables().iter().any(|statement| statement.waits_for(&bob.key)));
    all.unite(signed_by(&alice)).unwrap();
    assert_eq!(lacking(&mut all), []);
    assert_eq!(TrustRoot::open(&all.root.envelope).unwrap(), team());
    let mut other = signed_by(&alice);
    other.unite(signed_by(&bob)).unwrap();
    assert_eq!(other.encode().unwrap(), all.encode().unwrap());
}

#[test]
fn attack_statements_that_do_not_belong_together_are_no_founding() {
    let [alice, _] = people();
    let (root, status, people) = (team(), status_base(), enrolments());
    let made = |root: &TrustRoot, status: &Status, people: &[Enrolment]| {
        Founding::new(root.clone(), status.clone(), people.to_vec(), Vec::new())
            .map_err(|error| error.to_string())
    };
    let refused = |made: Result<Founding, String>, words: &str| {
        let error = made.unwrap_err();
        assert!(error.contains(words), "{error}");
    };
    made(&root, &status, &people).unwrap();
    refused(made(&TrustRoot { version: 2, ..root.clone() }, &status, &people), "another root than version 1");
    refused(made(&root, &Status { number: 2, ..status.clone() }, &people), "number 1");
    refused(made(&root, &Status { installation: id(2), ..status.clone() }, &people), "another installation");
    refused(made(&root, &status, &[people[0].clone(), people[0].clone()]), "enrolled twice");
    refused(made(&root, &status, &[]), "enrols nobody");
    refused(
        made(&root, &status, &[Enrolment { installation: id(2), ..people[0].clone() }]),
        "another installation",
    );
    let place = support::environment();
    let (policy, configuration) = (b"policy".to_vec(), b"configuration".to_vec());
    let named = Environment {
        policy: Digest::of(&policy),
        configuration: Digest::of(&configuration),
        number: 1,
        ..place
    };
    let with = |place: &Environment, policy: &[u8]| {
        let places = vec![(place.clone(), policy.to_vec(), configuration.clone())];
        Founding::new(root.clone(), status.clone(), people.clone(), places).map_err(|error| error.to_string())
    };
    with(&named, &policy).unwrap();
    refused(with(&named, b"another"), "another policy");
    refused(with(&Environment { number: 2, ..named.clone() }, &policy), "number 1");
    refused(with(&Environment { installation: id(2), ..named.clone() }, &policy), "another installation");
    // A signature for something else, and one by a stranger.
    let mut copy = signed_by(&alice);
    let other = copy.status.envelope.signatures()[0].clone();
    copy.root.envelope.add(other);
    refused(Founding::decode(&copy.encode().unwrap()).map_err(|error| error.to_string()), "namespace");
    let mut copy = founding();
    Person::new("mallory", 9).sign(&mut copy.root.envelope, trust_root::NAMESPACE);
    refused(Founding::decode(&copy.encode().unwrap()).map_err(|error| error.to_string()), "not among those");
    // Somebody's signature on their own enrolment is valid, and does not count.
    let mut copy = founding();
    alice.sign(&mut copy.enrolments[0].envelope, enrolment::NAMESPACE);
    assert!(lacking(&mut copy).contains(&("enrolment of Alice Example".to_owned(), 0)));
    let mut other = Founding::new(
        TrustRoot { installation: id(2), ..root.clone() },
        Status { installation: id(2), ..status.clone() },
        people.iter().map(|it| Enrolment { installation: id(2), ..it.clone() }).collect(),
        Vec::new(),
    )
    .unwrap();
    assert!(other.unite(founding()).unwrap_err().to_string().contains("not of the same statements"));
}
