//! The installation: the people and machines with their keys, and the statements that they sign.

use evidence::Place;
use evidence::approval::Signed;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::enrolment::{self, Enrolment};
use evidence::environment::{self, Environment};
use evidence::machine::MachineSigner;
use evidence::policy_files::PolicyFiles;
use evidence::report::AgentReport;
use evidence::request::{self, Request};
use evidence::status::{self, Status, StatusFile};
use evidence::trust_root::{self, LedgerKey, Machine, Mode, Quorum, Site, TrustRoot, Witness, Witnesses};
use evidence::{Digest, Name};
use tlog::{CosignatureKey, NoteSigner, SignatureKind};

use crate::files::{PIPELINE, RELEASE};
pub use crate::fixed::{NOW, at, id, judged_at, name};
use crate::people::{Pair, Person};

/// Everybody's keys.
#[derive(Debug)]
pub struct Lab {
    /// Writes the change and asks for the run.
    pub ada: Person,
    /// Release manager: approves and promotes.
    pub bob: Person,
    /// Hold root, registry, policy and status; two of three are needed.
    pub officers: [Person; 3],
    /// A person without any right.
    pub mallory: Person,
    /// The server's ledger key.
    pub ledger: NoteSigner,
    /// The server's provenance key.
    pub provenance: MachineSigner,
    /// Runners' receipt keys.
    pub runners: [MachineSigner; 2],
    /// The staging agent's report key.
    pub staging: MachineSigner,
    /// The production agent's report key.
    pub production: MachineSigner,
    /// Witnesses; two of three are needed.
    pub witnesses: [CosignatureKey; 3],
    /// Seed of the ledger key.
    pub ledger_seed: u8,
    /// The policy that the environment statements name.
    pub policy: PolicyFiles,
    /// The pipeline of the project.
    pub pipeline: &'static str,
    /// The release file of the project.
    pub release: &'static str,
    /// Release of the same artifact that failed its judgement in production, as the production agent remembers it.
    pub barred: Option<u64>,
    /// Changes trust root version 1 to an unusual one.
    pub unusual: fn(&mut TrustRoot),
}

impl Default for Lab {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Lab {
    /// An installation in team mode; another shift gives everybody other keys under the same names.
    #[must_use]
    pub fn new(shift: u8) -> Self {
        let machine = |seed: u8| MachineSigner::from_seed([seed + shift; 32]).unwrap();
        let witness =
            |n: u8| CosignatureKey::from_seed(&format!("witness-{n}/0101"), &[130 + n + shift; 32]).unwrap();
        let person = |label, seed: u8| Person::new(label, seed, shift);
        Self {
            ada: person("ada", 10),
            bob: person("bob", 20),
            officers: [person("carol", 30), person("dave", 40), person("erin", 50)],
            mallory: person("mallory", 60),
            ledger: ledger_key("countersign/0101", 120 + shift),
            provenance: machine(121),
            runners: [machine(122), machine(123)],
            staging: machine(124),
            production: machine(125),
            witnesses: [witness(1), witness(2), witness(3)],
            ledger_seed: 120 + shift,
            policy: default_policy(),
            pipeline: PIPELINE,
            release: RELEASE,
            barred: None,
            unusual: |_| {},
        }
    }

    /// Trust root version 1.
    #[must_use]
    pub fn root(&self) -> TrustRoot {
        let holders = self.officers.iter().map(Person::holder).collect::<Vec<_>>();
        let quorum = |threshold| Quorum { threshold, holders: holders.clone() };
        let runner = |(n, signer): (usize, &MachineSigner)| {
            Machine::new(runner_name(n), *signer.public(), place(&format!("build-{n}")))
        };
        let witness = |(n, key): (usize, &CosignatureKey)| Witness {
            vkey: key.verifier().to_string(),
            place: place(&format!("witness-{n}")),
        };
        let mut root = TrustRoot {
            v: 1,
            installation: id(1),
            version: 1,
            issued: at(-86_400),
            expires: at(300 * 86_400),
            mode: Mode::Team,
            holders: quorum(2),
            registrars: quorum(1),
            policy: quorum(2),
            status: quorum(2),
            ledger: LedgerKey { vkey: self.ledger.verifier().to_string(), replaces: None },
            server: place("server"),
            provenance: *self.provenance.public(),
            runners: self.runners.iter().enumerate().map(runner).collect(),
            witnesses: Witnesses {
                quorum: 2,
                keys: self.witnesses.iter().enumerate().map(witness).collect(),
            },
            authority: None,
            rp_id: None,
            protected: Vec::new(),
        };
        (self.unusual)(&mut root);
        root
    }

    /// A root signed by some of the officers.
    #[must_use]
    pub fn signed_root(&self, root: &TrustRoot, officers: &[usize]) -> Envelope {
        self.by_officers(root.envelope().unwrap(), trust_root::NAMESPACE, officers)
    }

    /// An enrolment signed by the first officer.
    #[must_use]
    pub fn signed_enrolment(&self, enrolment: &Enrolment) -> Envelope {
        self.by_officers(enrolment.envelope().unwrap(), enrolment::NAMESPACE, &[0])
    }

    /// Status 1: nothing is revoked, barred or frozen; it expires in a month.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            v: 1,
            installation: id(1),
            number: 1,
            base: None,
            issued: at(-3_600),
            expires: at(30 * 86_400),
            minimum_root: 1,
            revoked: Vec::new(),
            withdrawn: Vec::new(),
            barred: Vec::new(),
            frozen: Vec::new(),
        }
    }

    /// A status signed by two officers, or as many as named.
    #[must_use]
    pub fn signed_status(&self, status: &Status, officers: &[usize]) -> StatusFile {
        let base = self.by_officers(status.envelope().unwrap(), status::NAMESPACE, officers);
        StatusFile { base, tightening: None }
    }

    /// A status of a newer program, with this number, signed by these officers.
    #[must_use]
    pub fn unread_status(&self, number: u64, officers: &[usize]) -> StatusFile {
        let mut payload = serde_json::to_value(Status { number, ..self.status() }).unwrap();
        payload["v"] = serde_json::json!(2);
        let bytes = evidence::canonical::encode("status", &payload).unwrap();
        let envelope = Envelope::new(status::PAYLOAD_TYPE, bytes);
        StatusFile { base: self.by_officers(envelope, status::NAMESPACE, officers), tightening: None }
    }

    /// The statement of staging or production.
    #[must_use]
    pub fn environment(&self, environment: &str, baseline: &evidence::CommitId) -> Environment {
        let (agent, after) = match environment {
            "production" => (&self.production, Some(name("staging"))),
            _ => (&self.staging, None),
        };
        let agent = Machine::new(name("agent"), *agent.public(), place(environment));
        Environment {
            v: 1,
            installation: id(1),
            project: name("shop"),
            service: name("api"),
            environment: name(environment),
            number: 1,
            issued: at(-86_400),
            policy: self.policy.digest().unwrap(),
            configuration: Digest::of(&configuration().encode().unwrap()),
            agents: vec![agent],
            baseline: baseline.clone(),
            after,
            automatic: environment != "production",
            class: None,
            windows: None,
            soak_ms: None,
            region: None,
            packs: Vec::new(),
            template: None,
            previews: None,
            preview: None,
        }
    }

    /// An environment statement signed by two officers, or as many as named.
    #[must_use]
    pub fn signed_environment(&self, statement: &Environment, officers: &[usize]) -> Envelope {
        self.by_officers(statement.envelope().unwrap(), environment::NAMESPACE, officers)
    }

    /// A request, signed by a person's sign-in key.
    #[must_use]
    pub fn request(
        &self,
        person: &Person,
        action: &str,
        arguments: serde_json::Value,
        nonce: u8,
    ) -> (Request, Envelope) {
        let request = Request {
            v: 1,
            installation: id(1),
            person: person.id,
            issued: at(-600),
            expires: at(-300),
            nonce: id(nonce),
            action: name(action),
            arguments,
        };
        let mut envelope = request.envelope().unwrap();
        person.sign_in.sign(&mut envelope, request::NAMESPACE);
        (request, envelope)
    }

    /// An approval or rejection, signed by a key.
    #[must_use]
    pub fn approval(&self, signed: &Signed, by: &Pair) -> Envelope {
        let mut envelope = signed.envelope().unwrap();
        by.sign(&mut envelope, signed.decision.namespace());
        envelope
    }

    /// A report of an agent.
    #[must_use]
    pub fn report(&self, report: &AgentReport, by: &MachineSigner) -> Envelope {
        report.sign(by).unwrap()
    }

    fn by_officers(&self, mut envelope: Envelope, namespace: &str, officers: &[usize]) -> Envelope {
        officers.iter().for_each(|n| self.officers[*n].approve.sign(&mut envelope, namespace));
        envelope
    }
}

/// A ledger key made from a seed.
#[must_use]
pub fn ledger_key(origin: &str, seed: u8) -> NoteSigner {
    NoteSigner::from_seed(origin, SignatureKind::Ed25519, &[seed; 32]).unwrap()
}

/// The configuration of both environments.
#[must_use]
pub fn configuration() -> Configuration {
    Configuration {
        v: 1,
        port: Some(8080),
        variables: [("LIMIT".to_owned(), "10".to_owned())].into(),
        ..Configuration::default()
    }
}

/// The policy that a new installation starts with.
#[must_use]
pub fn default_policy() -> PolicyFiles {
    PolicyFiles::new(policy::Pack::DEFAULT.files())
}

/// Name of a runner.
#[must_use]
pub fn runner_name(n: usize) -> Name {
    name(&format!("runner-{}", n + 1))
}

/// The place in production.
#[must_use]
pub fn production() -> Place {
    Place { project: name("shop"), service: name("api"), environment: name("production") }
}

fn place(host: &str) -> Site {
    Site { host: host.to_owned(), operator: "platform".to_owned() }
}

/// A policy that demands nothing, signed like any other: the judge's own rules hold under it too.
#[must_use]
pub fn lax_policy() -> PolicyFiles {
    let text = "package countersign.gate\nimport rego.v1\nchecks contains \"nothing\"\ndeny contains \"never\" if input.v != 1\n";
    PolicyFiles { v: 1, files: [("gate.rego".to_owned(), text.to_owned())].into() }
}
