//! The example of a statement, and what its form refuses.

mod places;

use std::collections::BTreeSet;

use evidence::document::FindingsDocument;
use evidence::document::findings::{Class, Finding, Severity, Site};
use evidence::document::tests::identity;
use evidence::dsse::Envelope;
use evidence::seal::WrappedKey;
use evidence::statements::{
    Body, DeploySecret, Justification, Lift, Lifted, Matter, NAMESPACE, NotAffected, Override, PAYLOAD_TYPE,
    Scope, SecretVersion, SeenFinding, SeenReport, SeenTest, SignOff, Statement, StatementError,
    StatementKind, Tag, Waiver,
};
use evidence::{Bytes, Digest, Moment, canonical};

use super::support::{NOW, id, name};
use super::{check, people, signed};

fn finding(rule: &str, purl: &str) -> Finding {
    Finding {
        class: Class::Dependency,
        rule: rule.into(),
        aliases: ["CVE-2019-10906".to_owned()].into(),
        severity: Severity::Critical,
        score: None,
        epss: None,
        exploited: false,
        unconfirmed: false,
        undecided: false,
        message: "Sandbox escape".into(),
        site: Site::Component { purl: purl.into(), through: Vec::new() },
        published: None,
        fixed: None,
        fix_released: None,
    }
}

fn statement() -> Statement {
    Statement {
        installation: id(1),
        person: id(31),
        scope: Scope {
            project: name("shop"),
            service: Some(name("api")),
            environment: Some(name("production")),
        },
        subjects: vec![Digest::of(b"finding")],
        not_before: NOW.parse().unwrap(),
        expires: "2026-12-31T00:00:00.000Z".parse().unwrap(),
        root: 1,
        checkpoint: "countersign/0101\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".into(),
        reason: "templates are ours alone".into(),
        nonce: id(53),
        via: "command-line".into(),
        body: Body::Waiver(Waiver::of(&finding("GHSA-462w-v97r-4m45", "pkg:pypi/jinja2@2.4.1"))),
    }
}

#[test]
fn statement_example() {
    let [alice, bob] = people();
    let bytes = signed(statement().envelope().unwrap(), NAMESPACE, &[alice]);
    let envelope = Envelope::decode(&bytes).unwrap();
    check("statement", 0, envelope.payload(PAYLOAD_TYPE).unwrap());
    check("statement", 1, &bytes);
    let read = Statement::read(&envelope).unwrap();
    assert_eq!(read, statement());
    let [alice, _] = people();
    assert_eq!(read.verify(&envelope, &[&alice.key]).unwrap(), &alice.key);
    assert!(read.verify(&envelope, &[&bob.key]).is_err());
    let payload = String::from_utf8(envelope.payload(PAYLOAD_TYPE).unwrap().to_vec()).unwrap();
    for (from, to) in [
        (r#""kind":"waiver""#, r#""kind":"blessing""#),
        (r#""v":1"#, r#""v":2"#),
        (r#""body":{"#, r#""body":{"more":1,"#),
        (r#"["CVE-2019-10906"]"#, r#"["CVE-2019-10906","CVE-2019-10906"]"#),
    ] {
        let changed = payload.replace(from, to);
        assert_ne!(changed, payload);
        assert!(Statement::read(&Envelope::new(PAYLOAD_TYPE, changed.into_bytes())).is_err(), "{to}");
    }
}

#[test]
fn a_statement_has_a_reason_an_end_and_one_finding() {
    let fault = |change: fn(&mut Statement)| {
        let mut changed = statement();
        change(&mut changed);
        matches!(changed.envelope(), Err(StatementError::Rule(_)))
    };
    assert!(!fault(|_| ()));
    assert!(fault(|it| it.reason = " ".into()));
    assert!(fault(|it| it.expires = it.not_before));
    assert!(fault(|it| it.expires = "2027-11-22T00:00:00.000Z".parse().unwrap()), "longer than 365 days");
    assert!(fault(|it| it.via = "letter".into()));
    assert!(fault(|it| it.subjects.clear()));
    assert!(fault(|it| it.subjects.push(Digest::of(b"finding"))));
}

#[test]
fn a_waiver_counts_for_the_advisory_that_its_signer_saw_until_its_end() {
    let (jinja, other) = ("pkg:pypi/jinja2@2.4.1", "pkg:pypi/jinja2@2.4.2");
    let accepts = |id: &[u8], finding: &Finding| statement().settles(&Digest::of(id), finding);
    assert!(accepts(b"finding", &finding("GHSA-462w-v97r-4m45", jinja)), "the identity is equal");
    assert!(!accepts(b"finding", &finding("another", jinja)), "another rule than people read");
    assert!(
        !accepts(b"finding", &finding("GHSA-462w-v97r-4m45", other)),
        "another component than people read"
    );
    assert!(accepts(b"elsewhere", &finding("CVE-2019-10906", jinja)), "another scanner's id of it");
    assert!(!accepts(b"elsewhere", &finding("CVE-2019-10906", other)), "another version");
    assert!(!accepts(b"elsewhere", &finding("PYSEC-2019-217", jinja)), "an id that the signer did not see");
    let code = Finding { class: Class::Code, ..finding("GHSA-462w-v97r-4m45", jinja) };
    assert!(!accepts(b"elsewhere", &code), "another class");
    let at = |text: &str| statement().is_in_force(text.parse::<Moment>().unwrap());
    assert!(at(NOW));
    assert!(at("2026-12-30T23:59:59.999Z"));
    assert!(!at("2026-12-31T00:00:00.000Z"));
}

/// It is still about the finding, so that evidence carries it and people read why it does not count for it.
#[test]
fn a_finding_that_became_worse_is_open_again() {
    let jinja = |severity, exploited| Finding {
        severity,
        exploited,
        ..finding("GHSA-462w-v97r-4m45", "pkg:pypi/jinja2@2.4.1")
    };
    let of = |seen: SeenFinding, kind: fn(SeenFinding) -> Body| Statement { body: kind(seen), ..statement() };
    let waiver: fn(SeenFinding) -> Body = |finding| Body::Waiver(Waiver::Finding(finding));
    let unaffected: fn(SeenFinding) -> Body = |finding| {
        let justification = Justification::VulnerableCodeNotPresent;
        Body::NotAffected(NotAffected { finding, justification, vex: None })
    };
    let id = Digest::of(b"finding");
    for kind in [waiver, unaffected] {
        let of_medium = of(SeenFinding::of(&jinja(Severity::Medium, false)), kind);
        let why = |severity, exploited| of_medium.outgrown(&id, &jinja(severity, exploited));
        for (severity, exploited, said) in [
            (Severity::None, false, None),
            (Severity::Medium, false, None),
            (Severity::Unknown, false, Some("unknown")),
            (Severity::Critical, false, Some("critical")),
            (Severity::Low, true, Some("low and known to be exploited")),
        ] {
            let found = jinja(severity, exploited);
            let said = said.map(|now| format!("was signed when it was medium; it is {now} now"));
            assert_eq!((of_medium.settles(&id, &found), why(severity, exploited)), (said.is_none(), said));
            let other = Finding { rule: "CVE-2019-10906".into(), ..found.clone() };
            let elsewhere = Digest::of(b"elsewhere");
            assert_eq!(of_medium.settles(&elsewhere, &other), of_medium.settles(&id, &found), "by an alias");
            let document = [(id, found)].into();
            let document = FindingsDocument { findings: document, ..FindingsDocument::new([]) };
            let matter = Matter {
                artifact: id,
                findings: vec![&document],
                tests: BTreeSet::new(),
                failing: BTreeSet::new(),
                secrets: BTreeSet::new(),
            };
            assert!(of_medium.concerns(&matter) && !of_medium.misstates(&matter));
        }
        let of_exploited = of(SeenFinding::of(&jinja(Severity::High, true)), kind);
        assert!(of_exploited.settles(&id, &jinja(Severity::High, true)));
        assert_eq!(
            of_exploited.outgrown(&id, &jinja(Severity::Critical, true)).unwrap(),
            "was signed when it was high and known to be exploited; it is critical and known to be exploited now"
        );
        assert_eq!(of_medium.outgrown(&Digest::of(b"other"), &finding("x", "pkg:pypi/a@1")), None);
        let older = SeenFinding { severity: None, ..SeenFinding::of(&jinja(Severity::Medium, false)) };
        let older = of(older, kind);
        assert!(older.settles(&id, &jinja(Severity::Critical, true)), "it says nothing of a severity");
    }
}

/// A signer who accepts a suspicion has not accepted the problem.
#[test]
fn a_suspicion_that_is_confirmed_is_open_again() {
    let found = |unconfirmed, undecided| Finding {
        severity: Severity::High,
        unconfirmed,
        undecided,
        ..finding("GHSA-462w-v97r-4m45", "pkg:pypi/jinja2@2.4.1")
    };
    let id = Digest::of(b"finding");
    for (seen, now, said) in [
        ((true, false), (true, false), None),
        ((false, false), (true, true), None),
        ((true, false), (false, false), Some("was signed when it was high, only suspected; it is high now")),
        (
            (false, true),
            (false, false),
            Some("was signed when it was high, could not decide; it is high now"),
        ),
        (
            (true, true),
            (true, false),
            Some(
                "was signed when it was high, only suspected, could not decide; it is high, only suspected now",
            ),
        ),
    ] {
        let seen = SeenFinding::of(&found(seen.0, seen.1));
        let now = found(now.0, now.1);
        let statement = of(Body::Waiver(Waiver::Finding(seen.clone())));
        assert_eq!(statement.outgrown(&id, &now).as_deref(), said);
        assert_eq!(statement.settles(&id, &now), said.is_none());
        // Statements from before the fields of a severity compare nothing.
        let older = of(Body::Waiver(Waiver::Finding(SeenFinding { severity: None, ..seen })));
        assert!(older.settles(&id, &now));
    }
}

/// Statements from before a field exist for ever: they read as they were signed.
#[test]
fn statements_from_before_a_field_have_the_same_bytes() {
    let older = SeenFinding {
        severity: None,
        ..SeenFinding::of(&finding("GHSA-462w-v97r-4m45", "pkg:pypi/jinja2@2.4.1"))
    };
    let bytes = canonical::encode("body", &Body::Waiver(Waiver::Finding(older))).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        r#"{"aliases":["CVE-2019-10906"],"component":"pkg:pypi/jinja2@2.4.1","rule":"GHSA-462w-v97r-4m45"}"#
    );
    let older = SeenTest { suite: "book".into(), test: "adds".into(), reports: BTreeSet::new() };
    let bytes = canonical::encode("body", &Body::Waiver(Waiver::Test(older))).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), r#"{"suite":"book","test":"adds"}"#);
}

/// An approver reads every id: the statement settles findings by each of them, whatever its subject is.
#[test]
fn a_summary_names_all_that_a_statement_is_about() {
    let told = |finding| Body::Waiver(Waiver::Finding(finding)).summary();
    let seen = SeenFinding::of(&Finding { exploited: true, ..finding("GHSA-1", "pkg:pypi/a@1") });
    assert_eq!(
        told(seen.clone()),
        "GHSA-1 (CVE-2019-10906) in pkg:pypi/a@1, seen as critical and known to be exploited"
    );
    let doubtful = SeenFinding { unconfirmed: true, undecided: true, ..seen.clone() };
    assert_eq!(
        told(doubtful),
        "GHSA-1 (CVE-2019-10906) in pkg:pypi/a@1, seen as critical and known to be exploited, only suspected, could not decide"
    );
    let older = SeenFinding { severity: None, component: None, aliases: BTreeSet::new(), ..seen };
    assert_eq!(told(older), "GHSA-1");
    let reports = [report("test", "out/a.xml"), check_of("smoke", "out/b.xml")].into();
    let test = SeenTest { suite: "book".into(), test: "adds".into(), reports };
    assert_eq!(
        Body::Waiver(Waiver::Test(test)).summary(),
        "test book adds in out/a.xml of step test, out/b.xml of check smoke"
    );
}

fn report(step: &str, path: &str) -> SeenReport {
    SeenReport::Step { step: name(step), path: path.into() }
}

fn check_of(check: &str, path: &str) -> SeenReport {
    SeenReport::Check { check: name(check), path: path.into() }
}

fn of(body: Body) -> Statement {
    Statement { body, ..statement() }
}

fn not_affected(component: Option<&str>) -> Body {
    let finding = SeenFinding {
        component: component.map(str::to_owned),
        ..SeenFinding::of(&finding("GHSA-462w-v97r-4m45", "pkg:pypi/jinja2@2.4.1"))
    };
    Body::NotAffected(NotAffected {
        finding,
        justification: Justification::VulnerableCodeCannotBeControlledByAdversary,
        vex: Some(Digest::of(b"a VEX document")),
    })
}

fn sign_off(tests: &[&[u8]]) -> Body {
    Body::SignOff(SignOff { tests: tests.iter().map(|bytes| Digest::of(bytes)).collect() })
}

fn tag(version: &str) -> Body {
    Body::Tag(Tag { version: version.into(), labels: [(name("channel"), "stable".to_owned())].into() })
}

fn overriding() -> Body {
    Body::Override(Override {
        release: 7,
        plan: Digest::of(b"plan"),
        lifts: vec![Lifted::Soak, Lifted::Windows],
    })
}

#[test]
fn bodies_of_the_kinds() {
    let bodies = [sign_off(&[b"tests"]), not_affected(Some("pkg:pypi/jinja2@2.4.1")), tag("2.0.0-rc.1")];
    for (block, body) in (2..).zip(bodies) {
        check("statement", block, &canonical::encode("body", &body).unwrap());
        let statement = of(body);
        let read = Statement::read(&statement.envelope().unwrap()).unwrap();
        assert_eq!(read, statement);
    }
    let names: Vec<_> = StatementKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(
        names,
        ["waiver", "sign-off", "not-affected", "tag", "deploy-secret", "grant", "override", "lift"]
    );
    for kind in StatementKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    for justification in Justification::ALL {
        assert_eq!(serde_json::to_value(justification).unwrap(), justification.as_str());
    }
}

#[test]
fn what_the_form_of_a_kind_refuses() {
    let wrong = |body: Body| of(body).envelope().is_err();
    assert!(wrong(not_affected(None)), "code is mended, not declared unaffected");
    for version in [
        "",
        "1",
        "1.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0 ",
        "1.0.0+",
        "1.0.0-01",
        "99999999999999999999.0.0",
    ] {
        assert!(wrong(tag(version)), "{version}");
    }
    for version in ["0.0.0", "1.4.0", "2.0.0-rc.1+build.5"] {
        assert!(!wrong(tag(version)), "{version}");
    }
    for label in ["", "a\nb", &"x".repeat(201)] {
        let labels = [(name("channel"), label.to_owned())].into();
        assert!(wrong(Body::Tag(Tag { version: "1.0.0".into(), labels })), "{label}");
    }
    let two = vec![Digest::of(b"1"), Digest::of(b"2")];
    for body in [sign_off(&[]), tag("1.0.0"), not_affected(Some("pkg:pypi/a@1"))] {
        assert!(Statement { subjects: two.clone(), ..of(body) }.envelope().is_err(), "two subjects");
    }
}

#[test]
fn a_waiver_of_a_test_is_about_this_test_alone() {
    let reports: BTreeSet<_> = [report("test", "out/tests.xml"), check_of("smoke", "out/tests.xml")].into();
    let seen = |suite: &str, test: &str| {
        let (suite, test) = (suite.into(), test.into());
        SeenTest { suite, test, reports: reports.clone() }
    };
    let subject = |suite: &str, test: &str| identity(suite, test).unwrap();
    let waiver = |seen: SeenTest, subject: Digest| Statement {
        subjects: vec![subject],
        ..of(Body::Waiver(Waiver::Test(seen)))
    };
    let honest = waiver(seen("book > A", "adds"), subject("book > A", "adds"));
    check("statement", 5, &canonical::encode("body", &honest.body).unwrap());
    let read = Statement::read(&honest.envelope().unwrap()).unwrap();
    assert_eq!(read, honest);
    let others = [("book", "A > adds"), ("book > A", "subtracts"), ("book > A ", "adds")];
    assert!(others.iter().all(|(suite, test)| subject(suite, test) != honest.subjects[0]));
    for (suite, test) in others {
        assert!(waiver(seen("book > A", "adds"), subject(suite, test)).envelope().is_err(), "{suite} {test}");
    }
    assert!(waiver(seen("", "adds"), subject("", "adds")).envelope().is_err());
    let matter = |failing: &[Digest]| Matter {
        artifact: Digest::of(b"finding"),
        findings: Vec::new(),
        tests: BTreeSet::new(),
        failing: failing.iter().copied().collect(),
        secrets: BTreeSet::new(),
    };
    assert!(honest.concerns(&matter(&[subject("book > A", "adds")])));
    assert!(!honest.concerns(&matter(&[subject("book", "adds")])), "a test that did not fail");
    let here = report("test", "out/tests.xml");
    let settles = |test: &Digest, report: &SeenReport| honest.settles_test(test, report);
    assert!(settles(&honest.subjects[0], &here) && !settles(&subject("book", "adds"), &here));
    assert!(settles(&honest.subjects[0], &check_of("smoke", "out/tests.xml")));
    let others = [
        report("test", "out/more.xml"),
        report("smoke", "out/tests.xml"),
        check_of("test", "out/tests.xml"),
        check_of("smoke", "out/more.xml"),
    ];
    let older = SeenTest { reports: BTreeSet::new(), ..seen("book > A", "adds") };
    let older = waiver(older, honest.subjects[0]);
    for other in &others {
        assert!(!settles(&honest.subjects[0], other), "{other}: people saw it fail elsewhere");
        assert!(older.settles_test(&honest.subjects[0], other), "{other}: it names no report");
    }
    let unnamed = SeenTest { reports: [report("test", "")].into(), ..seen("book > A", "adds") };
    assert!(waiver(unnamed, honest.subjects[0]).envelope().is_err());
    assert!(!honest.settles(&honest.subjects[0], &finding("x", "pkg:pypi/a@1")), "never a finding");
    let of_finding = Statement { subjects: honest.subjects.clone(), ..statement() };
    assert!(!of_finding.settles_test(&honest.subjects[0], &here), "a waiver of a finding settles no test");
}

#[test]
fn a_sign_off_and_a_tag_are_about_one_artifact() {
    let matter = |artifact: &[u8], tests: &[&[u8]]| Matter {
        artifact: Digest::of(artifact),
        findings: Vec::new(),
        tests: tests.iter().map(|bytes| Digest::of(bytes)).collect(),
        failing: BTreeSet::new(),
        secrets: BTreeSet::new(),
    };
    let (signed, tagged) = (of(sign_off(&[b"tests"])), of(tag("1.0.0")));
    assert!(signed.concerns(&matter(b"finding", &[b"tests"])));
    assert!(!signed.concerns(&matter(b"finding", &[b"tests", b"more"])), "other results");
    assert!(!signed.concerns(&matter(b"finding", &[])));
    assert!(!signed.concerns(&matter(b"another", &[b"tests"])));
    assert!(tagged.concerns(&matter(b"finding", &[])) && !tagged.concerns(&matter(b"another", &[])));
    assert!(!tagged.settles(&Digest::of(b"finding"), &finding("x", "pkg:pypi/a@1")));
}

fn deploy_secret(change: impl Fn(&mut SecretVersion)) -> Statement {
    let seal = "x25519:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=".parse().unwrap();
    let key = WrappedKey { enc: Bytes(vec![1; 32]), bytes: Bytes(vec![2; 48]) };
    let value = Digest::of(b"a sealed value");
    let keys = [(seal, key)].into();
    let mut version = SecretVersion { secret: name("database"), number: 2, value, keys };
    change(&mut version);
    Statement { subjects: vec![value], ..of(Body::DeploySecret(DeploySecret(version))) }
}
