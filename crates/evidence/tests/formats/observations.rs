//! The example of observations, and what their form refuses.

use evidence::configuration::Configuration;
use evidence::drift::Baseline;
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::observations::{
    BaselineMeasured, Body, Difference, DriftDone, DriftFinding, DriftSeen, Drifted, Observation,
    ObservationError, ObservationKind, PAYLOAD_TYPE, RolloutEnd, RolloutVerdict, VerdictOfStep,
};
use evidence::rollout_counts::Counts;
use evidence::{Digest, Place, canonical};

use super::check;
use super::support::{NOW, environment, id, name};

type Change<'a> = &'a dyn Fn(&mut RolloutVerdict);

fn counts(requests: u64, errors: u64) -> Counts {
    Counts { requests, errors, ..Counts::default() }
}

fn verdict() -> RolloutVerdict {
    RolloutVerdict {
        release: 4,
        artifact: Digest::of(b"artifact"),
        plan: Digest::of(b"plan"),
        step: 1,
        percent: 25,
        began: "2026-11-21T02:36:44.000Z".parse().unwrap(),
        verdict: VerdictOfStep::Stop,
        end: Some(RolloutEnd::Failed),
        probes: true,
        counts: [
            (name("stable"), counts(5_000, 3)),
            (name("baseline"), counts(1_250, 1)),
            (name("canary"), counts(1_250, 40)),
        ]
        .into(),
        answers: [].into(),
        reasons: vec!["errors: 40 of 1,250 requests, at most 0.1 percent".into()],
    }
}

fn observation(body: impl Into<Body>) -> Observation {
    Observation {
        installation: id(1),
        place: Place { project: name("shop"), service: name("api"), environment: name("production") },
        agent: name("agent-1"),
        time: NOW.parse().unwrap(),
        checkpoint: 40,
        checkpoint_root: Some(Digest::of(b"head")),
        root: 1,
        status: 2,
        statement: 1,
        sequence: 7,
        previous: Some(Digest::of(b"previous")),
        body: body.into(),
    }
}

fn agent() -> MachineSigner {
    MachineSigner::from_seed([24; 32]).unwrap()
}

#[test]
fn observation_example() {
    let made = observation(verdict());
    let envelope = made.sign(&agent()).unwrap();
    check("observation", 0, envelope.payload(PAYLOAD_TYPE).unwrap());
    check("observation", 1, &envelope.encode().unwrap());
    assert_eq!(Observation::read(&envelope).unwrap(), made);
    assert_eq!(made.barred(), Some(Digest::of(b"artifact")));
    assert_eq!(made.body.detail(), "errors: 40 of 1,250 requests, at most 0.1 percent");
    assert_eq!(made.body.summary(), "step 2 (25 percent): stop, rollout failed");
    assert_eq!(
        ObservationKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        ["rollout-verdict", "drift", "baseline", "preview-removed"]
    );
}

#[test]
fn the_key_of_the_named_agent_signs_for_its_own_place() {
    let envelope = observation(verdict()).sign(&agent()).unwrap();
    assert_eq!(Observation::open(&envelope, &environment()).unwrap(), observation(verdict()));
}

#[test]
fn attack_an_observation_by_another_key_agent_or_place_is_refused() {
    let refused = |made: Observation, signer: &MachineSigner| {
        let envelope = made.sign(signer).unwrap();
        Observation::open(&envelope, &environment()).unwrap_err().to_string()
    };
    let made = || observation(verdict());
    let other = MachineSigner::from_seed([99; 32]).unwrap();
    assert!(refused(made(), &other).contains("is not signed by machine key"));
    let stranger = Observation { agent: name("agent-9"), ..made() };
    assert_eq!(refused(stranger, &agent()), "observation: the environment statement names no such agent");
    for place in [
        Place { environment: name("staging"), ..made().place },
        Place { service: name("web"), ..made().place },
        Place { project: name("bank"), ..made().place },
    ] {
        let text = refused(Observation { place, ..made() }, &agent());
        assert_eq!(text, "observation: it is of another environment");
    }
    let elsewhere = Observation { installation: id(2), ..made() };
    assert_eq!(refused(elsewhere, &agent()), "observation: it is of another environment");
    let report = Envelope::new(PAYLOAD_TYPE, canonical::encode("x", &"x").unwrap());
    assert!(Observation::read(&report).is_err());
}

#[test]
fn attack_an_observation_that_breaks_a_rule_is_refused() {
    let fault = |made: Observation| made.sign(&agent()).unwrap_err().to_string();
    let body = |change: &dyn Fn(&mut RolloutVerdict)| {
        let mut changed = verdict();
        change(&mut changed);
        fault(observation(changed))
    };
    let chain = "observation: `sequence` starts at 1, and each later one names the `previous` statement";
    let made = || observation(verdict());
    assert_eq!(fault(Observation { sequence: 0, ..made() }), chain);
    assert_eq!(fault(Observation { sequence: 1, ..made() }), chain);
    assert_eq!(fault(Observation { previous: None, ..made() }), chain);
    let reasons = "observation: it has more than 32 reasons, or one is empty, longer than 500 bytes or has control characters";
    let done =
        "observation: a rollout is done only after the whole, with the verdict `go` and probes that passed";
    let cases: [(&str, Change<'_>); 12] = [
        ("observation: release numbers start at 1", &|v| v.release = 0),
        ("observation: a rollout has at most 32 steps, of at most 100 percent", &|v| v.step = 32),
        ("observation: a rollout has at most 32 steps, of at most 100 percent", &|v| v.percent = 101),
        ("observation: it has counts of more than 8 groups", &|v| {
            v.counts = (0..9).map(|n| (name(&format!("group-{n}")), counts(1, 0))).collect();
        }),
        ("observation: the counts of a group do not fit each other", &|v| {
            v.counts = [(name("canary"), counts(1, 2))].into();
        }),
        (reasons, &|v| v.reasons = vec!["x".into(); 33]),
        (reasons, &|v| v.reasons = vec![String::new()]),
        (reasons, &|v| v.reasons = vec!["x".repeat(501)]),
        (reasons, &|v| v.reasons = vec!["a\nb".into()]),
        ("observation: a verdict `stop` has no reasons", &|v| v.reasons.clear()),
        (done, &|v| v.end = Some(RolloutEnd::Done)),
        ("observation: a rollout that failed has no reasons", &|v| {
            (v.verdict, v.reasons) = (VerdictOfStep::Undecided, Vec::new());
        }),
    ];
    for (text, change) in cases {
        assert_eq!(body(change), text);
    }
    let envelope = made().sign(&agent()).unwrap();
    let text = String::from_utf8(envelope.payload(PAYLOAD_TYPE).unwrap().to_vec()).unwrap();
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""kind":"rollout-verdict""#, r#""kind":"rumour""#),
        (r#""body":{"#, r#""body":{"more":1,"#),
        (r#""step":1,"#, r#""step":-1,"#),
        (r#""probes":true,"#, ""),
        (r#""end":"failed""#, r#""end":"fine""#),
        (r#""agent":"#, r#""agents":1,"agent":"#),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let envelope = Envelope::new(PAYLOAD_TYPE, changed.into_bytes());
        assert!(Observation::read(&envelope).is_err(), "{to}");
    }
    let long = Envelope::new(PAYLOAD_TYPE, vec![b' '; 33 * 1024]);
    assert!(matches!(Observation::read(&long), Err(ObservationError::Canonical(_))));
}

fn finding(name: &str, done: DriftDone) -> DriftFinding {
    DriftFinding {
        what: Drifted::File,
        name: name.into(),
        declared: "sha256:aaaa".into(),
        found: "sha256:bbbb".into(),
        since: NOW.parse().unwrap(),
        by: "unknown".into(),
        done,
    }
}

fn drift(findings: Vec<DriftFinding>) -> DriftSeen {
    DriftSeen { release: Some(4), artifact: Some(Digest::of(b"artifact")), findings, more: 0 }
}

fn differing() -> BaselineMeasured {
    let difference = Difference {
        what: Drifted::Setting,
        name: "net.ipv4.ip_forward".into(),
        declared: "0".into(),
        found: "1".into(),
    };
    let differences = vec![difference];
    BaselineMeasured { baseline: Digest::of(b"baseline"), equal: false, differences, more: 0 }
}

#[test]
fn observations_of_drift_and_of_a_baseline() {
    let made = observation(drift(vec![finding("bin/app", DriftDone::Corrected)]));
    check("observation", 2, made.sign(&agent()).unwrap().payload(PAYLOAD_TYPE).unwrap());
    assert_eq!(made.body.summary(), "drift of file bin/app: corrected");
    assert_eq!((made.about(), made.barred(), made.body.holds()), (None, None, false));
    let frozen = Body::from(drift(vec![finding("a", DriftDone::Corrected), finding("b", DriftDone::Frozen)]));
    assert!(frozen.holds());
    assert_eq!(Body::from(drift(Vec::new())).summary(), "no drift");
    let made = observation(differing());
    check("observation", 3, made.sign(&agent()).unwrap().payload(PAYLOAD_TYPE).unwrap());
    assert_eq!(made.body.summary(), "the host differs from its baseline: setting net.ipv4.ip_forward");
    assert_eq!(made.body.detail(), "setting net.ipv4.ip_forward: declared 0, found 1");
    let of_itself: Vec<_> = ObservationKind::ALL.iter().map(|kind| kind.is_of_itself()).collect();
    assert_eq!(of_itself, [false, false, true, false]);
}

/// A baseline is equal only without a difference, and only to the one that the configuration declares.
#[test]
fn attack_a_measurement_that_contradicts_itself_is_refused() {
    let fault = |body: Body| observation(body).sign(&agent()).unwrap_err().to_string();
    let equal = "observation: `equal` does not say whether there are differences";
    assert_eq!(fault(BaselineMeasured { equal: true, ..differing() }.into()), equal);
    assert_eq!(fault(BaselineMeasured { differences: Vec::new(), ..differing() }.into()), equal);
    assert_eq!(
        fault(BaselineMeasured { equal: true, differences: Vec::new(), more: 1, ..differing() }.into()),
        equal
    );
    let twice = [differing().differences, differing().differences].concat();
    let sorted = "observation: `differences` are not sorted or one stands twice";
    assert_eq!(fault(BaselineMeasured { differences: twice, ..differing() }.into()), sorted);
    let many = vec![finding("a", DriftDone::Alerted); 65];
    assert_eq!(fault(drift(many).into()), "observation: it has more than 64 findings");
    let sorted = "observation: `findings` are not sorted or one stands twice";
    assert_eq!(fault(drift(vec![finding("a", DriftDone::Alerted); 2]).into()), sorted);
    let text = "observation: a text of a finding is empty, longer than 300 bytes or has control characters";
    assert_eq!(fault(drift(vec![finding("a\nb", DriftDone::Alerted)]).into()), text);
    let more = DriftSeen { more: 1, ..drift(Vec::new()) };
    assert_eq!(fault(more.into()), "observation: `more` without 64 findings");
    let none = DriftSeen { release: Some(0), ..drift(Vec::new()) };
    assert_eq!(fault(none.into()), "observation: release numbers start at 1");
    let baseline = Baseline { time_sync: true, ..Baseline::default() };
    let declared = Configuration { baseline: Some(baseline.clone()), ..Configuration::default() };
    let measured = |digest| Body::from(BaselineMeasured { baseline: digest, ..differing() });
    assert!(measured(baseline.digest().unwrap()).fits(&declared));
    assert!(!measured(Digest::of(b"another")).fits(&declared));
    assert!(!measured(baseline.digest().unwrap()).fits(&Configuration::default()));
}

/// A rollout is done only if its whole was watched; only a failed one bars, and only the last verdict is never dropped.
#[test]
fn the_end_of_a_rollout_decides_the_bar() {
    let of = |end: Option<RolloutEnd>| {
        let body = RolloutVerdict { end, percent: 100, verdict: VerdictOfStep::Go, ..verdict() };
        let made = observation(body);
        (made.barred().is_some(), made.body.is_intermediate())
    };
    assert_eq!(of(None), (false, true));
    assert_eq!(of(Some(RolloutEnd::Done)), (false, false));
    assert_eq!(of(Some(RolloutEnd::Interrupted)), (false, false));
    assert_eq!(of(Some(RolloutEnd::Failed)), (true, false));
}
