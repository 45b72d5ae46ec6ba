//! The people, projects and machines of a seeded installation, with their keys and the statements that found it.

use std::collections::BTreeMap;
use std::time::Duration;

use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::enrolment::{self, Enrolment};
use evidence::environment::{self, Environment};
use evidence::machine::MachineSigner;
use evidence::pipeline::{self, Pipeline};
use evidence::release_file;
use evidence::status::{self, Status, StatusFile};
use evidence::trust_root::{self, LedgerKey, Machine, Mode, Quorum, Site, TrustRoot, Witness, Witnesses};
use evidence::{CommitId, Digest, Moment, Name, Place};
use lab::{CommitContent, Lab, Person, commit_by};
use server::{FirstEnvironment, Genesis};
use tlog::{CosignatureKey, NoteSigner, SignatureKind};

/// Somebody who works there.
#[derive(Debug)]
pub struct Worker {
    /// The keys.
    pub keys: Person,
    /// First and last name.
    pub name: &'static str,
    /// Roles.
    pub roles: &'static [&'static str],
}

/// A project.
#[derive(Debug)]
pub struct Project {
    /// Its name.
    pub name: Name,
    /// Its services.
    pub services: Vec<Name>,
    /// Text of its pipeline, and the same parsed.
    pub pipeline_text: String,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Text of its release file.
    pub release_text: String,
    /// Its first commit.
    pub base: CommitId,
}

/// All of them.
#[derive(Debug)]
pub struct Estate {
    /// The people; the first three hold root, registry, policy and status.
    pub people: Vec<Worker>,
    /// The projects.
    pub projects: Vec<Project>,
    /// The agents, by place.
    pub agents: BTreeMap<Place, MachineSigner>,
    /// The runners.
    pub runners: [MachineSigner; 2],
    /// The witnesses; both are needed.
    pub witnesses: [CosignatureKey; 2],
    /// The moment of the foundation.
    pub founded: Moment,
    policy: Vec<u8>,
}

impl Estate {
    /// Everybody's keys, made from fixed seeds.
    pub fn at(founded: Moment) -> Self {
        let worker =
            |(n, (label, name, roles)): (usize, &(&'static str, &'static str, &'static [&'static str]))| {
                let seed = 10 + 3 * u8::try_from(n).unwrap();
                Worker { keys: Person::new(label, seed, 0), name, roles }
            };
        let people: Vec<_> = PEOPLE.iter().enumerate().map(worker).collect();
        let projects: Vec<_> = PROJECTS
            .iter()
            .map(|(name, services, owner)| project(name, services, owner, &people[3], founded))
            .collect();
        let mut agents = BTreeMap::new();
        for place in projects.iter().flat_map(Project::places) {
            let n = u8::try_from(agents.len()).unwrap();
            agents.insert(place, signer([200, n]));
        }
        let witness =
            |n: u8| CosignatureKey::from_seed(&format!("witness-{n}/0101"), &seed_of([202, n])).unwrap();
        Self {
            people,
            projects,
            agents,
            runners: [signer([201, 0]), signer([201, 1])],
            witnesses: [witness(1), witness(2)],
            founded,
            policy: Lab::new(0).policy.encode().unwrap(),
        }
    }

    /// The ledger's key.
    pub fn ledger_key() -> NoteSigner {
        NoteSigner::from_seed("countersign/seed", SignatureKind::Ed25519, &LEDGER_SEED).unwrap()
    }

    /// People with a role.
    pub fn with_role(&self, role: &str) -> Vec<usize> {
        let has = |(n, worker): (usize, &Worker)| worker.roles.contains(&role).then_some(n);
        self.people.iter().enumerate().filter_map(has).collect()
    }

    /// Trust root version 1, valid for two years.
    pub fn root(&self) -> TrustRoot {
        let holders: Vec<_> = self.people[..3].iter().map(|worker| worker.keys.holder()).collect();
        let quorum = |threshold| Quorum { threshold, holders: holders.clone() };
        let runner = |(n, signer): (usize, &MachineSigner)| {
            let host = site(&format!("build-{}", n + 1));
            Machine::new(crate::installation::runner_name(n), *signer.public(), host)
        };
        let witness = |(n, key): (usize, &CosignatureKey)| Witness {
            vkey: key.verifier().to_string(),
            place: site(&format!("witness-{}", n + 1)),
        };
        TrustRoot {
            v: 1,
            installation: lab::id(1),
            version: 1,
            issued: self.founded,
            expires: self.founded.later_by(days(700)),
            mode: Mode::Team,
            holders: quorum(2),
            registrars: quorum(1),
            policy: quorum(2),
            status: quorum(2),
            ledger: LedgerKey { vkey: Self::ledger_key().verifier().to_string(), replaces: None },
            server: site("server"),
            provenance: *signer(PROVENANCE).public(),
            runners: self.runners.iter().enumerate().map(runner).collect(),
            witnesses: Witnesses {
                quorum: 2,
                keys: self.witnesses.iter().enumerate().map(witness).collect(),
            },
            authority: None,
            rp_id: None,
            protected: Vec::new(),
        }
    }

    /// The statements that found the installation.
    pub fn genesis(&self) -> Genesis {
        let enrol = |worker: &Worker| {
            let enrolment = Enrolment {
                name: worker.name.to_owned(),
                issued: self.founded,
                expires: self.founded.later_by(days(365)),
                ..worker.keys.enrolment(worker.roles)
            };
            // Nobody registers herself.
            let registrar = usize::from(worker.keys.id == self.people[0].keys.id);
            self.by_officers(enrolment.envelope().unwrap(), enrolment::NAMESPACE, &[registrar])
        };
        Genesis {
            root: self.by_officers(self.root().envelope().unwrap(), trust_root::NAMESPACE, &[0, 1]),
            status: StatusFile {
                base: self.by_officers(self.first_status().envelope().unwrap(), status::NAMESPACE, &[0, 1]),
                tightening: None,
            },
            enrolments: self.people.iter().map(enrol).collect(),
            environments: self.projects.iter().flat_map(|project| self.environments(project)).collect(),
        }
    }

    fn first_status(&self) -> Status {
        Status { issued: self.founded, expires: self.founded.later_by(STATUS_VALID), ..Lab::new(0).status() }
    }

    fn environments<'a>(&'a self, project: &'a Project) -> impl Iterator<Item = FirstEnvironment> + 'a {
        project.places().into_iter().map(|place| {
            let configuration =
                Configuration { port: Some(8080), ..Configuration::default() }.encode().unwrap();
            let before = ENVIRONMENTS.iter().position(|name| *name == place.environment.as_str()).unwrap();
            let agent = Machine::new(
                lab::name("agent-1"),
                *self.agents[&place].public(),
                site(place.environment.as_str()),
            );
            let statement = Environment {
                v: 1,
                installation: lab::id(1),
                project: place.project,
                service: place.service,
                automatic: place.environment.as_str() != "production",
                environment: place.environment,
                number: 1,
                issued: self.founded,
                policy: Digest::of(&self.policy),
                configuration: Digest::of(&configuration),
                agents: vec![agent],
                baseline: project.base.clone(),
                after: before.checked_sub(1).map(|n| lab::name(ENVIRONMENTS[n])),
                class: None,
                windows: None,
                soak_ms: None,
                region: None,
                packs: Vec::new(),
                template: None,
                previews: None,
                preview: None,
            };
            FirstEnvironment {
                statement: self.by_officers(statement.envelope().unwrap(), environment::NAMESPACE, &[0, 1]),
                policy: self.policy.clone(),
                configuration,
            }
        })
    }

    /// Adds signatures of officers.
    pub fn by_officers(&self, mut envelope: Envelope, namespace: &str, officers: &[usize]) -> Envelope {
        officers.iter().for_each(|n| self.people[*n].keys.approve.sign(&mut envelope, namespace));
        envelope
    }
}

impl Project {
    /// Its places, in the order in which releases reach them.
    pub fn places(&self) -> Vec<Place> {
        let place = |service: &Name, environment: &str| Place {
            project: self.name.clone(),
            service: service.clone(),
            environment: lab::name(environment),
        };
        self.services
            .iter()
            .flat_map(|service| ENVIRONMENTS.map(|environment| place(service, environment)))
            .collect()
    }

    /// Its files, with a source file of this content.
    pub fn files(&self, source: &str) -> BTreeMap<String, String> {
        files(&self.pipeline_text, &self.release_text, source)
    }
}

fn files(pipeline: &str, release: &str, source: &str) -> BTreeMap<String, String> {
    [
        (pipeline::PATH, pipeline),
        (release_file::PATH, release),
        ("src/main.rs", source),
        ("CODEOWNERS", "* @platform\n"),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into()
}

fn project(name: &str, services: &[&str], owner: &str, author: &Worker, founded: Moment) -> Project {
    let outputs: Vec<_> = services.iter().map(|service| format!("out/{service}")).collect();
    let artifacts: String = services
        .iter()
        .map(|service| {
            format!("  {service}:\n    files:\n      bin/{service}: {{ step: build, path: out/{service} }}\n")
        })
        .collect();
    let node = if name == WITH_NODE { NODE } else { "" };
    let pipeline_text =
        format!("{}{node}artifacts:\n{artifacts}", STEPS.replace("OUTPUTS", &outputs.join(", ")));
    let described: String = services
        .iter()
        .map(|service| {
            format!(
                "  {service}:\n    artifact: {service}\n    owner: {owner}\n    process: {{ command: [bin/{service}], port: 8080 }}\n    \
                 probe: {{ http: /health }}\n"
            )
        })
        .collect();
    let release_text = format!("version: 1\nservices:\n{described}");
    let email = author.keys.email();
    let written =
        CommitContent { parents: &[], email: &email, message: "Begin", signer: Some(&author.keys.commits) };
    let first =
        commit_by(&files(&pipeline_text, &release_text, ""), &written, author.name, founded.millis() / 1000);
    Project {
        name: lab::name(name),
        services: services.iter().map(|service| lab::name(service)).collect(),
        pipeline: Pipeline::parse(pipeline_text.as_bytes()).unwrap(),
        pipeline_text,
        release_text,
        base: first.0.commit,
    }
}

/// A machine's key.
pub fn signer(of: [u8; 2]) -> MachineSigner {
    MachineSigner::from_seed(seed_of(of)).unwrap()
}

/// The seed of a machine's key.
pub fn seed_of([sort, number]: [u8; 2]) -> [u8; 32] {
    let mut seed = [sort; 32];
    seed[0] = number;
    seed
}

fn site(host: &str) -> Site {
    Site { host: host.to_owned(), operator: "platform".to_owned() }
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

/// Seed of the ledger's key.
pub const LEDGER_SEED: [u8; 32] = [203; 32];
/// Seed of the provenance's key.
pub const PROVENANCE: [u8; 2] = [204, 0];
/// For how long a status is valid.
pub const STATUS_VALID: Duration = days(90);
/// Environments of every service, in order.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "production"];
/// The project whose pipeline has an approval node.
pub const WITH_NODE: &str = "identity";

const PEOPLE: [(&str, &str, &[&str]); 13] = [
    ("carol", "Carol Okafor", &["officer"]),
    ("dave", "Dave Lindqvist", &["officer"]),
    ("erin", "Erin Castillo", &["officer"]),
    ("alice", "Alice Moreau", &["developer"]),
    ("ben", "Ben Tanaka", &["developer"]),
    ("chen", "Chen Wei", &["developer"]),
    ("dora", "Dora Novak", &["developer"]),
    ("emil", "Emil Sørensen", &["developer"]),
    ("grace", "Grace Adeyemi", &["release-manager"]),
    ("hugo", "Hugo Martins", &["release-manager"]),
    ("ines", "Inês Duarte", &["release-manager"]),
    ("jonas", "Jonas Weber", &["security"]),
    ("kira", "Kira Petrova", &["tester"]),
];

const PROJECTS: [(&str, &[&str], &str); 5] = [
    ("bank", &["ledger-api", "statements"], "team payments"),
    ("shop", &["basket", "storefront"], "team shop"),
    ("search", &["index", "query"], "team search"),
    ("rates", &["rates-page"], "team markets"),
    (WITH_NODE, &["accounts", "mailer", "sessions"], "team identity"),
];

const STEPS: &str = "version: 1
steps:
  build:
    run: make
    outputs: [OUTPUTS]
  test:
    needs: [build]
    run: make test
    reports: [{ kind: junit, path: tests.xml }]
    report-exits: [1]
  analyse:
    run: make analyse
    reports:
      - { kind: sarif, path: code.sarif }
      - { kind: osv-scanner, path: osv.json }
    report-exits: [1]
  scan:
    scan: [secrets, components]
";

const NODE: &str = "  agreed:
    needs: [test]
    approval: { role: release-manager, count: 1 }
";
