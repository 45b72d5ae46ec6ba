//! The formats from an approval to the bundle of a release.

use super::*;
use evidence::configuration_order::ConfigurationOrder;
use evidence::retreat_order::RetreatOrder;
use evidence::secrets_order::SecretsOrder;

#[test]
fn approval_example() {
    let [alice, bob] = people();
    let manifest = EvidenceManifest::new(
        vec!["b".repeat(40).parse().unwrap(), "a".repeat(40).parse().unwrap()],
        vec![Digest::of(b"receipt 2"), Digest::of(b"receipt 1")],
        vec![Digest::of(b"report")],
        Vec::new(),
    );
    check("evidence-manifest", 0, &manifest.encode().unwrap());
    let signed_statement = Signed {
        decision: Decision::Approve,
        artifact: Digest::of(b"artifact"),
        plan: Digest::of(b"plan"),
        said: Approval {
            installation: id(1),
            person: id(31),
            project: name("shop"),
            service: name("api"),
            environment: name("production"),
            release: 4,
            replaces: Some(Digest::of(b"running")),
            evidence: manifest.digest().unwrap(),
            policy: Digest::of(b"policy"),
            root: 1,
            checkpoint: "countersign/0101\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".into(),
            reason: "tested in staging".into(),
            ticket: Some("CH-1042".into()),
            not_before: NOW.parse().unwrap(),
            expires: "2026-11-28T02:41:44.000Z".parse().unwrap(),
            nonce: id(52),
            via: "command-line".into(),
            rebuild: None,
        },
    };
    let bytes = signed(signed_statement.envelope().unwrap(), approval::APPROVAL_NAMESPACE, &[alice]);
    let envelope = Envelope::decode(&bytes).unwrap();
    check("approval", 0, envelope.payload(statement::PAYLOAD_TYPE).unwrap());
    check("approval", 1, &bytes);
    let read = Signed::read(&envelope).unwrap();
    assert_eq!(read, signed_statement);
    let [alice, _] = people();
    assert_eq!(read.verify(&envelope, &[&alice.key]).unwrap(), &alice.key);
    assert!(read.verify(&envelope, &[&bob.key]).is_err());
    // The view of other tools: an in-toto statement about two subjects.
    let foreign = Statement::decode(envelope.payload(statement::PAYLOAD_TYPE).unwrap());
    assert_eq!(foreign.unwrap().subject.len(), 2);
    // A rejection with the same predicate is signed in another namespace, so neither can pass for the other.
    let rejection = Signed { decision: Decision::Reject, ..signed_statement.clone() };
    let mut crossed = rejection.envelope().unwrap();
    alice.sign(&mut crossed, approval::APPROVAL_NAMESPACE);
    assert!(rejection.verify(&crossed, &[&alice.key]).is_err());
    let silent = Approval { reason: " ".into(), ..signed_statement.said.clone() };
    assert!(Signed { said: silent, ..signed_statement }.envelope().is_err(), "no reason, no approval");
}

#[test]
fn source_pack_example() {
    let hex = |kind, bytes: &[u8]| git::object_id(kind, bytes, 40).unwrap();
    let file = b"version: 1\n".to_vec();
    let entry = |mode: &str, name: &str, id: &evidence::CommitId| {
        let mut bytes = format!("{mode} {name}\0").into_bytes();
        let raw: Vec<u8> = (0..40)
            .step_by(2)
            .map(|at| u8::from_str_radix(id.as_str().get(at..at + 2).unwrap(), 16).unwrap())
            .collect();
        bytes.extend(raw);
        bytes
    };
    let blob = hex(ObjectKind::Blob, &file);
    let inner = entry("100644", "pipeline.yaml", &blob);
    let inner_id = hex(ObjectKind::Tree, &inner);
    let outer = entry("40000", ".countersign", &inner_id);
    let outer_id = hex(ObjectKind::Tree, &outer);
    let who = "Alice <alice@example.com> 1700000000 +0000";
    let commit = format!("tree {outer_id}\nauthor {who}\ncommitter {who}\n\nfirst\n").into_bytes();
    let commit_id = hex(ObjectKind::Commit, &commit);
    let pack = SourcePack {
        v: 1,
        commit: commit_id.clone(),
        commits: [(commit_id.to_string(), Bytes(commit))].into(),
        trees: [(outer_id.to_string(), Bytes(outer)), (inner_id.to_string(), Bytes(inner.clone()))].into(),
        files: [(".countersign/pipeline.yaml".to_owned(), Bytes(file))].into(),
        compared: None,
    };
    check("source-pack", 0, &pack.encode().unwrap());
    let checked = SourcePack::decode(&pack.encode().unwrap()).unwrap().check().unwrap();
    assert_eq!(checked.range(&commit_id), Range::Complete([].into()));
    let unknown = "b".repeat(40).parse().unwrap();
    assert_eq!(checked.range(&unknown), Range::NoAncestor);
    let mut changed = pack.clone();
    changed.files.insert(".countersign/pipeline.yaml".into(), Bytes(b"version: 2\n".to_vec()));
    assert!(changed.check().is_err(), "the file is another one than the tree names");
    let mut elsewhere = pack.clone();
    elsewhere.files = [("pipeline.yaml".to_owned(), Bytes(b"version: 1\n".to_vec()))].into();
    assert!(elsewhere.check().is_err(), "the tree has no such file");
    let mut stray = pack.clone();
    stray.files.clear();
    assert!(stray.check().is_err(), "trees that lead nowhere are bytes that nobody vouches for");
    let mut missing = pack.clone();
    missing.commits.clear();
    assert!(missing.check().is_err());
    assert_eq!(checked.changes(&commit_id), None, "a pack that compares nothing shows no change");
    let same = SourcePack { compared: Some([].into()), ..pack.clone() };
    assert_eq!(same.check().unwrap().changes(&commit_id), Some([].into()));
    let twice = SourcePack { compared: Some(pack.trees.clone()), ..pack.clone() };
    assert!(twice.check().is_err(), "a tree has one place");
    let other = entry("100644", "pipeline.yml", &blob);
    let other = [(hex(ObjectKind::Tree, &other).to_string(), Bytes(other))].into();
    let stray = SourcePack { compared: Some(other), ..pack };
    assert!(stray.check().is_err(), "a tree of no commit is bytes that nobody vouches for");
}

#[test]
fn policy_and_provenance_examples() {
    let files = PolicyFiles::new([("gate.rego".to_owned(), "package countersign.gate\n".to_owned())].into());
    check("policy", 0, &files.encode().unwrap());
    let receipt = support::receipt();
    let signed = receipt.sign(&MachineSigner::from_seed([24; 32]).unwrap()).unwrap();
    let made =
        provenance(&name("api"), &Digest::of(b"artifact"), &[(signed.payload_digest(), receipt)]).unwrap();
    check("provenance", 0, made.payload(statement::PAYLOAD_TYPE).unwrap());
    let foreign = Statement::decode(made.payload(statement::PAYLOAD_TYPE).unwrap()).unwrap();
    assert_eq!(foreign.predicate_type, "https://slsa.dev/provenance/v1");
    assert!(
        foreign.predicate.contains_key("buildDefinition") && foreign.predicate.contains_key("runDetails")
    );
}

/// Orders that share parts with an order to return.
fn orders_to_a_place(order: &RollbackOrder) {
    let secrets = SecretsOrder {
        v: 1,
        installation: id(1),
        place: order.place(),
        numbers: [(name("database"), 2)].into(),
        roots: Vec::new(),
        status: order.status.clone(),
        enrolments: vec![order.enrolment.clone()],
        statements: Vec::new(),
        grants: Vec::new(),
    };
    check("secrets-order", 0, &secrets.encode().unwrap());
    assert_eq!(SecretsOrder::decode(&secrets.encode().unwrap()).unwrap(), secrets);
    let configuration = ConfigurationOrder {
        v: 1,
        installation: id(1),
        place: order.place(),
        roots: Vec::new(),
        statement: order.request.clone(),
        configuration: Bytes(Configuration::default().encode().unwrap()),
    };
    check("configuration-order", 0, &configuration.encode().unwrap());
    assert_eq!(ConfigurationOrder::decode(&configuration.encode().unwrap()).unwrap(), configuration);
}

#[test]
fn bundle_and_order_examples() {
    let facts = Payload::new("facts", &serde_json::json!({ "release": 4 }), [1; 16]).unwrap();
    let logged = Logged {
        index: 3,
        header: Bytes(b"{}".to_vec()),
        salt: Bytes(facts.salt.to_vec()),
        facts: Bytes(facts.bytes.clone()),
        proof: vec![Bytes(vec![7; 32])],
    };
    let bytes = canonical::encode("logged", &logged).unwrap();
    check("bundle", 0, &bytes);
    assert_eq!(logged.facts().unwrap().commitment(), facts.commitment());
    assert!(hashes(&[Bytes(vec![7; 31])]).is_none());
    let [alice, bob] = people();
    let status = signed(status_base().envelope().unwrap(), status::NAMESPACE, &[alice, bob]);
    let [alice, bob] = people();
    let enrolment = signed(enrolment_of(&alice, 11, 12).envelope().unwrap(), enrolment::NAMESPACE, &[bob]);
    let request = signed(support::request().envelope().unwrap(), request::NAMESPACE, &[alice]);
    let order = RollbackOrder {
        v: 1,
        project: name("shop"),
        service: name("api"),
        environment: name("production"),
        release: 5,
        artifact: Digest::of(b"artifact"),
        roots: Vec::new(),
        status: StatusFile { base: Envelope::decode(&status).unwrap(), tightening: None },
        enrolment: Envelope::decode(&enrolment).unwrap(),
        request: Envelope::decode(&request).unwrap(),
    };
    check("return-order", 0, &order.encode().unwrap());
    assert_eq!(RollbackOrder::decode(&order.encode().unwrap()).unwrap(), order);
    let RollbackOrder { roots, status, enrolment, request, .. } = order.clone();
    let advance = AdvanceOrder { v: 1, roots, status, enrolment, request };
    check("advance-order", 0, &advance.encode().unwrap());
    assert_eq!(AdvanceOrder::decode(&advance.encode().unwrap()).unwrap(), advance);
    orders_to_a_place(&order);
    let retreat = RetreatOrder {
        v: 1,
        place: order.place(),
        release: 4,
        roots: Vec::new(),
        status: order.status.clone(),
        statement: order.request.clone(),
        report: order.request.clone(),
        observation: None,
    };
    check("retreat-order", 0, &retreat.encode().unwrap());
    assert_eq!(RetreatOrder::decode(&retreat.encode().unwrap()).unwrap(), retreat);
    let order = RunOrder {
        v: 1,
        roots: Vec::new(),
        status: order.status,
        enrolments: vec![order.enrolment],
        requests: vec![order.request],
        checks: Vec::new(),
        grants: Vec::new(),
        trigger: None,
    };
    check("run-order", 0, &order.encode().unwrap());
    assert_eq!(RunOrder::decode(&order.encode().unwrap()).unwrap(), order);
}
