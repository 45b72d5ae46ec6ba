//! Statements that are about one place.

use super::*;

#[test]
fn an_override_lasts_four_hours_at_one_place() {
    let fault = |change: &dyn Fn(&mut Statement, &mut Override)| {
        let Body::Override(mut body) = overriding() else { unreachable!() };
        let mut statement = statement();
        statement.expires = statement.not_before.later_by(std::time::Duration::from_hours(4));
        change(&mut statement, &mut body);
        statement.body = Body::Override(body);
        statement.envelope().err().map(|error| error.to_string())
    };
    assert_eq!(fault(&|_, _| ()), None, "unmutated");
    check("statement", 11, &canonical::encode("body", &overriding()).unwrap());
    let shown = [
        fault(&|it, _| it.expires = it.expires.later_by(std::time::Duration::from_millis(1))),
        fault(&|it, _| it.scope.environment = None),
        fault(&|it, _| it.subjects.clear()),
        fault(&|_, body| body.lifts.clear()),
        fault(&|_, body| body.lifts.reverse()),
        fault(&|_, body| body.lifts = vec![Lifted::Soak; 2]),
    ];
    let expected = [
        "statement: it is valid for longer than its kind may be",
        "statement: it counts at one place, so its scope names a service and an environment",
        "statement: it has one subject, the artifact",
        "statement: `lifts` is empty, not sorted, or names something twice",
        "statement: `lifts` is empty, not sorted, or names something twice",
        "statement: `lifts` is empty, not sorted, or names something twice",
    ];
    assert_eq!(shown.map(Option::unwrap), expected);
}

#[test]
fn a_deploy_secret_is_of_one_place_and_names_no_value() {
    let honest = deploy_secret(|_| ());
    check("statement", 6, &canonical::encode("body", &honest.body).unwrap());
    assert_eq!(Statement::read(&honest.envelope().unwrap()).unwrap(), honest);
    let (service, names) = (name("api"), [name("database"), name("other")]);
    let matter = |secret: usize| Matter {
        artifact: Digest::of(b"artifact"),
        findings: Vec::new(),
        tests: BTreeSet::new(),
        failing: BTreeSet::new(),
        secrets: [(&service, &names[secret])].into(),
    };
    assert!(honest.concerns(&matter(0)) && !honest.concerns(&matter(1)));
    let everywhere = Scope { environment: None, ..honest.scope.clone() };
    let wide = Statement { scope: everywhere, ..honest.clone() };
    assert!(wide.envelope().unwrap_err().to_string().contains("a secret is of one place"));
    let other = Statement { subjects: vec![Digest::of(b"another")], ..honest };
    assert!(other.envelope().is_err(), "its subject is the sealed value");
    let faulty: [fn(&mut SecretVersion); 4] = [
        |version| version.number = 0,
        |version| version.keys.clear(),
        |version| version.keys.values_mut().for_each(|key| key.enc.0.truncate(31)),
        |version| version.keys.values_mut().for_each(|key| key.bytes.0.push(0)),
    ];
    for change in faulty {
        assert!(deploy_secret(change).envelope().is_err());
    }
}

#[test]
fn a_lift_is_of_one_place_and_of_one_observation() {
    let body = Body::Lift(Lift { artifact: Digest::of(b"artifact"), release: 4 });
    check("statement", 12, &canonical::encode("body", &body).unwrap());
    let until = "2026-11-28T00:00:00.000Z".parse().unwrap();
    let honest = Statement { subjects: vec![Digest::of(b"observation")], expires: until, ..of(body) };
    assert_eq!(Statement::read(&honest.envelope().unwrap()).unwrap(), honest);
    assert_eq!((honest.unbars(), of(tag("1.0.0")).unbars()), (Some(Digest::of(b"artifact")), None));
    assert_eq!(honest.body.summary(), "the bar of release 4 is lifted");
    let fault = |statement: Statement| statement.envelope().unwrap_err().to_string();
    let two = Statement { subjects: vec![Digest::of(b"1"), Digest::of(b"2")], ..honest.clone() };
    assert!(fault(two).ends_with("it has one subject, the observation that barred the artifact"));
    let wide = Statement { scope: Scope { environment: None, ..honest.scope.clone() }, ..honest.clone() };
    assert!(fault(wide).ends_with("a bar is of one place: name service and environment"));
    let none =
        Statement { body: Body::Lift(Lift { artifact: Digest::of(b"artifact"), release: 0 }), ..honest };
    assert!(fault(none).ends_with("release numbers start at 1"));
}
