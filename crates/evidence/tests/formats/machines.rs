//! The formats that machines sign: reports of agents, claims and introductions.

use super::*;

#[test]
fn agent_report_example() {
    let signer = MachineSigner::from_seed([26; 32]).unwrap();
    let statement = Environment {
        agents: vec![Machine::new(name("agent-1"), *signer.public(), place())],
        ..support::environment()
    };
    let artifact = Digest::of(b"artifact");
    let commit: evidence::CommitId = "a".repeat(40).parse().unwrap();
    let report = AgentReport {
        v: 1,
        installation: id(1),
        project: name("shop"),
        service: name("api"),
        environment: name("production"),
        agent: name("agent-1"),
        release: 4,
        artifact,
        plan: Digest::of(b"plan"),
        outcome: ReleaseOutcome::Running,
        running: Some(Running { artifact, commit, release: Some(4), plan: Some(Digest::of(b"plan")) }),
        reasons: Vec::new(),
        detail: String::new(),
        root: 1,
        status: 2,
        statement: 1,
        checkpoint: 40,
        checkpoint_root: Some(Digest::of(b"tree")),
        highest: Some(4),
        time: NOW.parse().unwrap(),
        sequence: None,
        previous: None,
        by_hand: None,
    };
    let envelope = report.sign(&signer).unwrap();
    check("agent-report", 0, envelope.payload(evidence::report::PAYLOAD_TYPE).unwrap());
    check("agent-report", 1, &envelope.encode().unwrap());
    assert_eq!(AgentReport::open(&envelope, &statement).unwrap(), report);
    assert!(AgentReport::open(&envelope, &support::environment()).is_err(), "a stranger's key");
    let other = Environment { environment: name("staging"), ..statement.clone() };
    assert!(AgentReport::open(&envelope, &other).is_err(), "another environment");
    let lying = AgentReport { running: None, ..report };
    assert!(lying.sign(&signer).is_err(), "nothing runs, and yet it says so");
}

#[test]
fn claim_example() {
    let signer = MachineSigner::from_seed([24; 32]).unwrap();
    let answering = *MachineSigner::from_seed([26; 32]).unwrap().public();
    let claim = Claim {
        v: 1,
        installation: id(1),
        machine: name("runner-1"),
        operation: "GET /api/v1/work/runner".into(),
        issued: NOW.parse().unwrap(),
        server: Some(answering),
        body: None,
    };
    let envelope = claim.sign(&signer).unwrap();
    check("claim", 0, envelope.payload(evidence::claim::PAYLOAD_TYPE).unwrap());
    let now = NOW.parse().unwrap();
    let asked = |operation: &str, server| ClaimedOperation { operation: operation.into(), server };
    let right = asked(&claim.operation, answering);
    let read = Claim::read(&envelope).unwrap();
    read.verify(&envelope, signer.public(), id(1), &right, now).unwrap();
    let later = "2026-11-21T02:47:00.000Z".parse().unwrap();
    let other = MachineSigner::from_seed([25; 32]).unwrap();
    let unbound = Claim { server: None, ..claim.clone() };
    let without = unbound.sign(&signer).unwrap();
    for refused in [
        read.verify(&envelope, other.public(), id(1), &right, now),
        read.verify(&envelope, signer.public(), id(2), &right, now),
        read.verify(&envelope, signer.public(), id(1), &asked("PUT /api/v1/blobs/x", answering), now),
        read.verify(&envelope, signer.public(), id(1), &asked(&claim.operation, *other.public()), now),
        read.verify(&envelope, signer.public(), id(1), &right, later),
        unbound.verify(&without, signer.public(), id(1), &right, now),
    ] {
        assert!(refused.is_err());
    }
    let telling = Claim { body: Some(Digest::of(b"a piece")), ..claim };
    telling.is_for(b"a piece").unwrap();
    telling.is_for(b"another piece").unwrap_err();
    read.is_for(b"").unwrap_err();
}

#[test]
fn introduction_example() {
    let ledger = MachineSigner::from_seed([27; 32]).unwrap();
    let answering = MachineSigner::from_seed([26; 32]).unwrap();
    let issued: evidence::Moment = NOW.parse().unwrap();
    let introduction = Introduction {
        v: 1,
        installation: id(1),
        url: "http://127.0.0.1:8080".into(),
        key: *answering.public(),
        issued,
        expires: issued.later_by(introduction::VALIDITY),
    };
    let envelope = introduction.sign(&ledger).unwrap();
    check("introduction", 0, envelope.payload(introduction::PAYLOAD_TYPE).unwrap());
    assert_eq!(Introduction::open(&envelope, ledger.public(), id(1), issued).unwrap(), introduction);
    let long = Introduction { expires: issued.later_by(2 * introduction::VALIDITY), ..introduction };
    Introduction::open(&long.sign(&ledger).unwrap(), ledger.public(), id(1), issued).unwrap_err();
    // The key that signs answers cannot sign introductions.
    let own = Introduction::open(&long.sign(&answering).unwrap(), ledger.public(), id(1), issued);
    own.unwrap_err();

    let (nonce, asked, body) = (id(9), "GET /api/v1/runs?begins=4", Some(Digest::of(b"[]")));
    let answer = Answer { nonce, asked, status: 200, body };
    let header = answer.header(&answering).unwrap();
    let key = answering.public();
    assert_eq!(Answer::stated(nonce, asked, 200, &header, key), Some(Stated(body)));
    let (_, signature) = header.split_once(' ').unwrap();
    for other in [
        Answer::stated(id(8), asked, 200, &header, key),
        Answer::stated(nonce, "GET /api/v1/runs", 200, &header, key),
        Answer::stated(nonce, asked, 404, &header, key),
        Answer::stated(nonce, asked, 200, &header, ledger.public()),
        Answer::stated(nonce, asked, 200, &format!("{} {signature}", Digest::of(b"[1]")), key),
        Answer::stated(nonce, asked, 200, &format!("pieces {signature}"), key),
        Answer::stated(nonce, asked, 200, "", key),
    ] {
        assert_eq!(other, None);
    }
    let pieces = Answer { body: None, ..answer }.header(&answering).unwrap();
    assert_eq!(Answer::stated(nonce, asked, 200, &pieces, key), Some(Stated(None)));
}
