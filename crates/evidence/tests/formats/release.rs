//! The formats from a plan to the bundle of a release.

use super::*;
use evidence::secrets_order::SecretsOrder;

#[test]
fn plan_and_configuration_examples() {
    let configuration = Configuration {
        v: 1,
        port: Some(8080),
        variables: [("LIMIT".to_owned(), "100".to_owned())].into(),
        bounds: None,
    };
    check("configuration", 0, &configuration.encode().unwrap());
    assert_eq!(Configuration::decode(&configuration.encode().unwrap()).unwrap(), configuration);
    let bounds =
        "variables: { LIMIT: [], MODE: [strict, lax] }\nmemory-mib: 512\nopen-files: 1024\nstop-seconds: 30";
    let bounded = Configuration { bounds: Some(Bounds::parse(bounds).unwrap()), ..configuration.clone() };
    check("configuration", 1, &bounded.encode().unwrap());
    assert_eq!(Configuration::decode(&bounded.encode().unwrap()).unwrap(), bounded);
    for bad in ["memory-mib: 0", "variables: { '1X': [] }", "memory: 1", "variables: 1"] {
        assert!(Bounds::parse(bad).is_err(), "{bad}");
    }
    let file = ReleaseFile::parse(RELEASE_FILE.as_bytes()).unwrap();
    let commit = "a".repeat(40).parse().unwrap();
    let (project, service, environment) = (name("shop"), name("api"), name("production"));
    let to = Destination {
        installation: id(1),
        project: &project,
        service: &service,
        environment: &environment,
        commit: &commit,
    };
    let plan = Plan::derive(&to, &file, &configuration).unwrap();
    check("plan", 0, &plan.encode().unwrap());
    assert_eq!(Plan::decode(&plan.encode().unwrap()).unwrap(), plan);
    assert_eq!(plan.variables.get("LIMIT").unwrap(), "100", "the configuration stands above the file");
    assert_eq!(plan.variables.get("MODE").unwrap(), "strict");
    let text = String::from_utf8(plan.encode().unwrap()).unwrap();
    let explicit = text.replace("\"port\":8080", "\"listen\":\"socket\",\"port\":8080");
    assert!(Plan::decode(explicit.as_bytes()).is_err(), "one encoding: the default is left out");
    let bare = Configuration::default();
    assert!(Plan::derive(&to, &file, &bare).is_err(), "a probe over HTTP needs a port");
    let reserved =
        Configuration { variables: [("LISTEN_FDS".to_owned(), "3".to_owned())].into(), ..configuration };
    assert!(reserved.encode().is_err());
    for bad in [
        "version: 2\nservices: {}",
        "version: 1\nservices: {}",
        "version: 1\nservices: { api: { artifact: api, probe: {} } }",
        "version: 1\nservices: { api: { artifact: api, probe: { http: /health } } }",
        "version: 1\nservices: { api: { artifact: api, probe: { command: [../x] } } }",
        "version: 1\nservices: { api: { artifact: api, probe: { command: [x] }, extra: 1 } }",
        "version: 1\nservices: { api: { artifact: api, process: { command: [x], listen: tcp }, probe: { http: / } } }",
        "version: 1\nservices: { api: { artifact: api, process: { command: [x], port: 80, listen: variable }, env: { PORT: '81' }, probe: { http: / } } }",
    ] {
        assert!(ReleaseFile::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn steps_before_a_release_are_in_its_plan_in_their_order() {
    let derived = |steps: &str, environment: &str| {
        let file = ReleaseFile::parse(format!("{RELEASE_FILE}    before: {steps}").as_bytes());
        let file = file.map_err(|error| error.to_string())?;
        let configuration = Configuration { v: 1, port: Some(8080), ..Configuration::default() };
        let commit = "a".repeat(40).parse().unwrap();
        let (project, service, environment) = (name("shop"), name("api"), name(environment));
        let to = Destination {
            installation: id(1),
            project: &project,
            service: &service,
            environment: &environment,
            commit: &commit,
        };
        let plan = Plan::derive(&to, &file, &configuration).unwrap();
        assert_eq!(Plan::decode(&plan.encode().unwrap()).unwrap(), plan);
        Ok::<_, String>(
            plan.before.iter().map(|step| format!("{} {}", step.name, step.stop_ms)).collect::<Vec<_>>(),
        )
    };
    let two = "[{ name: z, command: [bin/api, up], time-seconds: 5 }, { name: a, command: [bin/api], environments: [production] }]";
    assert_eq!(derived(two, "production").unwrap(), ["z 5000", "a 600000"]);
    assert_eq!(derived(two, "staging").unwrap(), ["z 5000"]);
    let one = |more: &str| format!("{{ name: z, command: [bin/api], {more} }}");
    let seventeen = (0..17).map(|n| format!("{{ name: s{n}, command: [x] }}")).collect::<Vec<_>>().join(", ");
    let faults = [
        "[{ name: z, command: [] }]".to_owned(),
        "[{ name: z, command: [/bin/sh] }]".to_owned(),
        format!("[{{ name: z, command: [bin/api, {}] }}]", "x".repeat(4_097)),
        format!("[{}]", one("time-seconds: 0")),
        format!("[{}]", one("time-seconds: 3601")),
        format!("[{}, {}]", one(""), one("")),
        format!("[{seventeen}]"),
    ];
    let said = faults.map(|steps| derived(&steps, "production").unwrap_err());
    let at = ".countersign/release.yaml: services.api.before: ";
    assert_eq!(
        said.map(|said| said.strip_prefix(at).unwrap().to_owned()),
        [
            "`z`: `command` must start with a path in the artifact",
            "`z`: `command` must start with a path in the artifact",
            "`z`: `command` has more than 256 words, or one of more than 4,096 bytes",
            "`z`: `time-seconds` must lie between 1 and 3600",
            "`z`: `time-seconds` must lie between 1 and 3600",
            "`z` stands twice; name each step once",
            "are more than 16; let one step do several things",
        ]
    );
}

#[test]
fn databases_of_steps_are_in_the_plan_with_what_the_place_says() {
    let derived = |databases: &str, step: &str, variables: &[(&str, &str)]| {
        let file = format!("{RELEASE_FILE}    databases: {databases}\n    before: [{step}]");
        let file = ReleaseFile::parse(file.as_bytes()).map_err(|error| error.to_string())?;
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let configuration = Configuration { v: 1, port: Some(8080), variables, ..Configuration::default() };
        let commit = "a".repeat(40).parse().unwrap();
        let (project, service, environment) = (name("shop"), name("api"), name("production"));
        let to = Destination {
            installation: id(1),
            project: &project,
            service: &service,
            environment: &environment,
            commit: &commit,
        };
        let plan = Plan::derive(&to, &file, &configuration).map_err(|error| error.to_string())?;
        assert_eq!(Plan::decode(&plan.encode().unwrap()).unwrap(), plan);
        let needs = plan.needs().into_iter().map(|(secret, least)| format!("{secret} {least}"));
        let shown =
            plan.databases.values().map(|it| format!("{} {} {} {}", it.host, it.port, it.database, it.owner));
        Ok::<_, String>(shown.chain(needs).collect::<Vec<_>>())
    };
    let step = "{ name: up, command: [bin/api], database: main }";
    let bare =
        "{ main: { credential: minter, least: 2, owner: shop_owner }, other: { credential: x, owner: y } }";
    let place = [("PGHOST", "db.example"), ("PGDATABASE", "shop")];
    let said = derived(bare, step, &place).unwrap();
    assert_eq!(said, ["db.example 5432 shop shop_owner", "minter 2"], "only those that a step names");
    let whole = "{ main: { credential: minter, owner: shop_owner, host: /run/pg, port: 1, database: a } }";
    assert_eq!(derived(whole, step, &place).unwrap(), ["/run/pg 1 a shop_owner", "minter 1"]);
    let main = |more: &str| format!("{{ main: {{ credential: minter, {more} }} }}");
    let faults = [
        derived(bare, step, &[]),
        derived(bare, step, &place[..1]),
        derived(bare, step, &[("PGHOST", "x"), ("PGDATABASE", "x"), ("PGPORT", "none")]),
        derived(&main("owner: x, connections: 0"), step, &place),
        derived(&main("owner: x, host: 'a b'"), step, &place),
        derived(&main("owner: ''"), step, &place),
        derived(&main("owner: x, port: 0"), step, &place),
        derived(&main("owner: x, least: 0"), step, &place),
        derived("{}", step, &place),
    ];
    let said = faults.map(|fault| fault.unwrap_err().rsplit_once(": ").unwrap().1.to_owned());
    assert_eq!(
        said,
        [
            "a database needs `host`, or the variable PGHOST in release file or configuration",
            "a database needs `database`, or the variable PGDATABASE in release file or configuration",
            "the variable PGPORT is no port",
            "`connections` of a database lie between 1 and 100",
            "`host` of a database has 1 to 255 bytes and no spaces",
            "`owner` of a database has 1 to 63 bytes in one line",
            "`port` of a database starts at 1",
            "`least` of a database's credential starts at 1",
            "`databases` of the service has no such `database`",
        ]
    );
}

const RELEASE_FILE: &str = "
version: 1
services:
  api:
    artifact: api
    process: { command: [bin/api, --serve] }
    env: { LIMIT: '5', MODE: strict }
    probe: { http: /health }
";

/// A program from before the field refuses such a plan, because it would encode the plan differently.
#[test]
fn a_process_may_listen_by_itself() {
    let file = RELEASE_FILE.replace("--serve]", "--serve], listen: variable");
    let file = ReleaseFile::parse(file.as_bytes()).unwrap();
    let commit = "a".repeat(40).parse().unwrap();
    let (project, service, environment) = (name("shop"), name("api"), name("production"));
    let to = Destination {
        installation: id(1),
        project: &project,
        service: &service,
        environment: &environment,
        commit: &commit,
    };
    let configuration = Configuration { v: 1, port: Some(8080), variables: [].into(), bounds: None };
    let plan = Plan::derive(&to, &file, &configuration).unwrap();
    let text = String::from_utf8(plan.encode().unwrap()).unwrap();
    assert!(text.contains(r#""listen":"variable","port":8080"#), "{text}");
    assert_eq!(Plan::decode(text.as_bytes()).unwrap(), plan);
    let names_port =
        Configuration { variables: [("PORT".to_owned(), "1".to_owned())].into(), ..configuration };
    assert!(Plan::derive(&to, &file, &names_port).is_err(), "`PORT` is set from the port");
    let command = RELEASE_FILE.replace("--serve]", "--serve], listen: variable");
    let command = command.replace("http: /health", "command: [bin/probe]");
    let command = ReleaseFile::parse(command.as_bytes()).unwrap();
    assert!(Plan::derive(&to, &command, &Configuration::default()).is_err(), "there is no port to listen on");
}

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
    let mut missing = pack;
    missing.commits.clear();
    assert!(missing.check().is_err());
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
    let secrets = SecretsOrder {
        v: 1,
        installation: id(1),
        place: order.place(),
        numbers: [(name("database"), 2)].into(),
        roots: Vec::new(),
        status: order.status.clone(),
        enrolments: vec![order.enrolment.clone()],
        statements: Vec::new(),
    };
    check("secrets-order", 0, &secrets.encode().unwrap());
    assert_eq!(SecretsOrder::decode(&secrets.encode().unwrap()).unwrap(), secrets);
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
