//! Runs: work that a server gives to a runner although nobody asked for it, or asked for something else.

use domain::build::{Due, nonce, seed};
use evidence::dsse::Envelope;
use evidence::enrolment::Enrolment;
use evidence::git::{Commit, RefName};
use evidence::pipeline::Pipeline;
use evidence::receipt::Work;
use evidence::request::{self, Request};
use evidence::run_order::RunOrder;
use evidence::status::{Revocation, Status};
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{CommitId, Digest, Moment, Name, enrolment};
use judge::{Anchors, Lent, Piece, Reasons, VerificationContext, check_run, open_run};
use serde_json::json;

use crate::commits::{CommitContent, commit};
use crate::people::{Pair, Person};
use crate::world::{Lab, at, id, name, runner_name};

/// One row of the table.
#[derive(Clone, Debug)]
pub struct RunForgery {
    /// Description of the attack.
    pub name: &'static str,
    /// The code with which a runner refuses.
    pub code: &'static str,
    lab: fn(&mut Lab),
    /// Makes the offer an unusual but honest one.
    prepare: fn(&Lab, &mut WorkOffer),
    change: fn(&Lab, &mut WorkOffer),
    later: i64,
    is_check: bool,
}

/// Everything that a runner sees before it works.
#[derive(Clone, Debug)]
pub struct WorkOffer {
    /// The run order that the server shows.
    pub order: RunOrder,
    /// The work that the server shows as due.
    pub due: Due,
    /// The runner.
    pub runner: Name,
    /// The commit.
    pub commit: Commit,
    /// The pipeline in it.
    pub pipeline: Pipeline,
    /// The release file in it.
    pub release: Vec<u8>,
    /// The ref on which the runner's own fetch finds the commit.
    pub found: Option<RefName>,
    /// The runner's pin.
    pub anchors: Anchors,
    /// The numbers that the runner has seen before.
    pub seen: VerificationContext,
    /// The runner's time.
    pub now: Moment,
}

impl WorkOffer {
    /// Codes with which the runner refuses; empty if it works.
    #[must_use]
    pub fn by_runner(&self) -> Vec<String> {
        let piece =
            Piece { due: &self.due, runner: &self.runner, commit: &self.commit, pipeline: &self.pipeline };
        let checked = check_run(&self.order, &piece, &self.anchors, &self.seen, self.now);
        let target = || {
            let opened = open_run(&self.order, &self.due, &self.runner, &self.anchors, &self.seen, self.now)?;
            opened.target(&self.order, Some(&self.release))
        };
        let is_check = matches!(self.due.work, Work::Check(_));
        let checked = checked.and_then(|_| if is_check { target().map(drop) } else { self.lent().map(drop) });
        let reasons = checked.err().unwrap_or_default();
        let reasons = reasons.against.into_iter().chain(reasons.unclear);
        reasons.map(|reason| reason.code).collect()
    }

    /// The secrets that the runner asks for.
    ///
    /// # Errors
    /// `Reasons` if people did not lend them.
    pub fn lent(&self) -> Result<Lent, Reasons> {
        let opened = open_run(&self.order, &self.due, &self.runner, &self.anchors, &self.seen, self.now)?;
        opened.lent(&self.pipeline, self.found.as_ref(), self.now)
    }

    /// The same for other work of the same run.
    #[must_use]
    pub fn with(mut self, work: Work) -> Self {
        self.due.nonce = nonce(seed(self.run().idempotency()), &work, &self.runner);
        self.due.work = work;
        self
    }

    pub(super) fn run(&self) -> Request {
        let mut read = self.order.requests.iter().map(|envelope| Request::read(envelope).unwrap());
        read.find(|request| request.action.as_str() == "run").unwrap()
    }

    /// Replaces the run's request.
    pub(super) fn asks(&mut self, envelope: Envelope) {
        self.order.requests.retain(|other| Request::read(other).unwrap().action.as_str() != "run");
        self.due.nonce =
            nonce(seed(Request::read(&envelope).unwrap().idempotency()), &self.due.work, &self.runner);
        self.order.requests.push(envelope);
    }

    /// Replaces a person's enrolment.
    pub(super) fn enrols(&mut self, envelope: Envelope) {
        let person = Enrolment::read(&envelope).unwrap().person;
        self.order.enrolments.retain(|other| Enrolment::read(other).unwrap().person != person);
        self.order.enrolments.push(envelope);
        self.order.enrolments.sort_by_key(Envelope::payload_digest);
    }
}

impl Lab {
    /// A run that Ada asked for and Bob agreed to: the second step, which is behind an approval node.
    #[must_use]
    pub fn asked(&self) -> WorkOffer {
        let base = self.base();
        self.asked_of(&CommitContent {
            parents: std::slice::from_ref(&base),
            email: &self.ada.email(),
            message: "a change",
            signer: Some(&self.ada.commits),
        })
    }

    fn asked_of(&self, written: &CommitContent<'_>) -> WorkOffer {
        let (pack, _) = commit(&self.files(), written);
        let arguments = json!({ "project": "shop", "commit": pack.commit });
        let (run, envelope) = self.request(&self.ada, "run", arguments, 70);
        let work = Work::Step(name("test"));
        let runner = runner_name(0);
        let file = self.pipeline.as_bytes();
        let mut enrolments = vec![
            self.signed_enrolment(&self.ada.enrolment(&["developer"])),
            self.signed_enrolment(&self.bob.enrolment(&["release-manager"])),
        ];
        enrolments.sort_by_key(Envelope::payload_digest);
        WorkOffer {
            order: RunOrder {
                v: 1,
                roots: vec![self.signed_root(&self.root(), &[0, 1])],
                status: self.signed_status(&self.status(), &[0, 1]),
                enrolments,
                requests: vec![envelope, self.agrees(&self.bob, 70, &pack.commit)],
                checks: Vec::new(),
                grants: Vec::new(),
                trigger: None,
            },
            due: Due {
                run: run.nonce.into(),
                project: name("shop"),
                commit: pack.commit.clone(),
                pipeline: Pipeline::digest(file),
                nonce: nonce(seed(run.idempotency()), &work, &runner),
                work,
                runner: runner.clone(),
                needs: [(name("build"), Digest::of(b"a receipt"))].into(),
            },
            runner,
            commit: Commit::parse(&pack.commits[pack.commit.as_str()].0).unwrap(),
            pipeline: Pipeline::parse(file).unwrap(),
            release: self.release.as_bytes().to_vec(),
            found: None,
            anchors: self.anchors(),
            seen: VerificationContext { root: 1, status: 1, ..VerificationContext::default() },
            now: at(0),
        }
    }

    fn agrees(&self, person: &Person, run: u8, commit: &CommitId) -> Envelope {
        let arguments = json!({ "run": id(run), "step": "agreed", "commit": commit });
        self.request(person, "agree", arguments, 72).1
    }
}

/// Every row.
#[must_use]
pub fn all() -> Vec<RunForgery> {
    [roots(), people(), requests(), commits(), nodes()].concat()
}

pub(super) fn asked(name: &'static str, code: &'static str, change: fn(&Lab, &mut WorkOffer)) -> RunForgery {
    let lab = |lab: &mut Lab| lab.pipeline = PIPELINE;
    RunForgery { name, code, lab, prepare: |_, _| {}, change, later: 0, is_check: false }
}

impl RunForgery {
    pub(super) fn in_lab(self, lab: fn(&mut Lab)) -> Self {
        Self { lab, ..self }
    }

    pub(super) fn prepared(self, prepare: fn(&Lab, &mut WorkOffer)) -> Self {
        Self { prepare, ..self }
    }

    /// Begins with an order to check a service.
    pub(super) fn checked(self) -> Self {
        Self { is_check: true, ..self }
    }

    /// Makes the offer.
    #[must_use]
    pub fn forged(&self) -> WorkOffer {
        let mut lab = Lab::default();
        (self.lab)(&mut lab);
        let mut asked = if self.is_check { lab.asked_to_check() } else { lab.asked() };
        (self.prepare)(&lab, &mut asked);
        (self.change)(&lab, &mut asked);
        asked.now = at(self.later);
        asked
    }
}

fn roots() -> Vec<RunForgery> {
    vec![
        asked("an order of another version of the format", "order-unsound", |_, asked| asked.order.v = 2),
        asked("a run in an installation of the attacker's own", "root-not-pinned", |lab, asked| {
            let mut other = Lab::new(64);
            other.pipeline = lab.pipeline;
            let made = other.asked();
            (asked.order, asked.due, asked.commit) = (made.order, made.due, made.commit);
        }),
        asked("root 2 that names the attacker, signed by one holder", "root-unsound", |lab, asked| {
            let mut root = lab.root();
            root.version = 2;
            root.registrars.holders.push(lab.mallory.holder());
            asked.order.roots.push(lab.signed_root(&root, &[0]));
        }),
        asked("root 1, when root 2 was seen", "root-rollback", |_, asked| asked.seen.root = 2),
        asked("a root that has ended", "root-expired", |_, _| {}).in_lab(|lab| {
            lab.pipeline = PIPELINE;
            lab.unusual = |root| root.expires = at(-3_600);
        }),
        asked("a status signed by one of two", "status-unsound", |lab, asked| {
            asked.order.status = lab.signed_status(&lab.status(), &[0]);
        }),
        asked("status 1, when status 2 was seen", "status-rollback", |_, asked| asked.seen.status = 2),
        asked("a run under a status of a newer program", "status-unreadable", |lab, asked| {
            asked.order.status = lab.unread_status(1, &[0]);
        }),
        asked("a run after a status of a newer program", "status-unreadable", |lab, asked| {
            asked.seen.newer = vec![lab.unread_status(2, &[0])];
        }),
        RunForgery {
            later: 31 * 86_400,
            ..asked("a hidden revocation, when the status has ended", "status-expired", |_, _| {})
        },
        asked("a root older than the status asks for", "root-too-old", |lab, asked| {
            in_force(lab, asked, |_, status| status.minimum_root = 2);
        }),
    ]
}

fn people() -> Vec<RunForgery> {
    vec![
        asked("a developer of the server's own making", "enrolment-unsound", |lab, asked| {
            let mut envelope = lab.mallory.enrolment(&["developer"]).envelope().unwrap();
            lab.mallory.approve.sign(&mut envelope, enrolment::NAMESPACE);
            asked.enrols(envelope);
            ask(asked, lab, &lab.mallory, 70);
        }),
        asked("somebody whose enrolment was withdrawn", "enrolment-withdrawn", |lab, asked| {
            in_force(lab, asked, |asked, status| {
                status.withdrawn = vec![asked.order.enrolments[0].payload_digest()];
            });
        }),
        asked("somebody whose enrolment has ended", "enrolment-expired", |lab, asked| {
            let mut enrolment = lab.ada.enrolment(&["developer"]);
            enrolment.expires = at(-60);
            asked.enrols(lab.signed_enrolment(&enrolment));
        }),
        asked("one key enrolled for two persons", "enrolment-twice", |lab, asked| {
            let mut second = lab.bob.enrolment(&["release-manager"]);
            (second.person, second.subject) = (id(99), "test:bob-again".into());
            asked.enrols(lab.signed_enrolment(&second));
        }),
        asked("enrolments in another order", "enrolments-unsorted", |_, asked| {
            asked.order.enrolments.reverse();
        }),
        asked("somebody who is no developer here", "role-missing", |lab, asked| {
            let mut enrolment = lab.ada.enrolment(&["developer"]);
            enrolment.grants[0].project = Some(name("another"));
            asked.enrols(lab.signed_enrolment(&enrolment));
        }),
        asked("a run by a revoked key", "request-unsound", |lab, asked| {
            revoke(lab, asked, &lab.ada.sign_in);
        }),
    ]
}

fn requests() -> Vec<RunForgery> {
    const UNSOUND: &str = "request-unsound";
    vec![
        asked("work that nobody asked for", UNSOUND, |_, asked| {
            asked.order.requests.remove(0);
        }),
        asked("a request by somebody who is not enrolled", UNSOUND, |lab, asked| {
            ask(asked, lab, &lab.mallory, 70);
        }),
        asked("a request that nobody signed", UNSOUND, |_, asked| {
            let run = asked.run();
            asked.asks(run.envelope().unwrap());
        }),
        asked("a request signed by the server", UNSOUND, |lab, asked| {
            let mut envelope = asked.run().envelope().unwrap();
            lab.mallory.sign_in.sign(&mut envelope, request::NAMESPACE);
            asked.asks(envelope);
        }),
        asked("a request for another installation", UNSOUND, |lab, asked| {
            let mut run = asked.run();
            run.installation = id(2);
            let mut envelope = run.envelope().unwrap();
            lab.ada.sign_in.sign(&mut envelope, request::NAMESPACE);
            asked.asks(envelope);
        }),
        asked("a request to run another commit", UNSOUND, |lab, asked| {
            let arguments = json!({ "project": "shop", "commit": "b".repeat(40) });
            asked.asks(lab.request(&lab.ada, "run", arguments, 70).1);
        }),
        asked("a request to run that says more than a runner reads", UNSOUND, |lab, asked| {
            let mut arguments = asked.run().arguments;
            arguments["again"] = json!("never");
            asked.asks(lab.request(&lab.ada, "run", arguments, 70).1);
        }),
        asked("a request to run it for another project", UNSOUND, |_, asked| {
            asked.due.project = name("another");
        }),
        asked("another request taken for one to run", UNSOUND, |lab, asked| {
            let arguments = asked.run().arguments;
            asked.order.requests[0] = lab.request(&lab.ada, "promote", arguments, 70).1;
        }),
        asked("two requests for one run", UNSOUND, |lab, asked| {
            let arguments = asked.run().arguments;
            asked.order.requests.push(lab.request(&lab.ada, "run", arguments, 71).1);
        }),
        asked("work of another run of the same commit", "other-run", |_, asked| {
            asked.due.nonce = nonce(seed(Digest::of(b"another")), &asked.due.work, &asked.runner);
        }),
        asked("work of another runner", "other-run", |_, asked| {
            let other = runner_name(1);
            let seed = seed(asked.run().idempotency());
            asked.due.nonce = nonce(seed, &asked.due.work, &other);
            asked.due.runner = other;
        }),
        asked("a step that the pipeline does not have", "other-run", |_, asked| {
            let work = Work::Step(name("deploy"));
            *asked = asked.clone().with(work);
        }),
    ]
}

fn commits() -> Vec<RunForgery> {
    const UNSIGNED: &str = "commit-unsigned";
    vec![
        asked("a commit that nobody signed", UNSIGNED, |lab, asked| of_commit(lab, asked, None)),
        asked("a commit signed by the server", UNSIGNED, |lab, asked| {
            of_commit(lab, asked, Some(&lab.mallory.commits));
        }),
        asked("a commit signed by a key for something else", UNSIGNED, |lab, asked| {
            of_commit(lab, asked, Some(&lab.ada.sign_in));
        }),
        asked("a commit signed by a revoked key", UNSIGNED, |lab, asked| {
            revoke(lab, asked, &lab.ada.commits);
        }),
    ]
}

fn nodes() -> Vec<RunForgery> {
    const OPEN: &str = "node-open";
    vec![
        asked("a step behind a node at which nobody agreed", OPEN, |_, asked| {
            asked.order.requests.pop();
        }),
        asked("an artifact, and nobody agreed at a node", OPEN, |_, asked| {
            asked.order.requests.pop();
            *asked = asked.clone().with(Work::Artifact(name("api")));
        }),
        asked("a step far behind that node", OPEN, |_, asked| {
            asked.order.requests.pop();
            *asked = asked.clone().with(Work::Step(name("last")));
        }),
        asked("an agreement by the person who asked for the run", OPEN, |lab, asked| {
            only(lab, asked, &lab.ada, &["developer", "release-manager"]);
        }),
        asked("an agreement by the author of the commit", OPEN, |lab, asked| {
            let base = lab.base();
            let (email, signer) = (lab.bob.email(), Some(&lab.ada.commits));
            let written =
                CommitContent { parents: std::slice::from_ref(&base), email: &email, message: "his", signer };
            *asked = lab.asked_of(&written);
        }),
        asked("an agreement by somebody who may not", "request-unsound", |lab, asked| {
            only(lab, asked, &lab.ada, &["developer"]);
        }),
        asked("an agreement to another run", "request-unsound", |lab, asked| {
            asked.order.requests.pop();
            asked.order.requests.push(lab.agrees(&lab.bob, 71, &asked.due.commit));
        }),
        asked("an agreement to another commit", "request-unsound", |lab, asked| {
            asked.order.requests.pop();
            asked.order.requests.push(lab.agrees(&lab.bob, 70, &lab.base()));
        }),
        asked("another request taken for an agreement", "request-unsound", |lab, asked| {
            let agreed = Request::read(&asked.order.requests.pop().unwrap()).unwrap();
            asked.order.requests.push(lab.request(&lab.bob, "promote", agreed.arguments, 72).1);
        }),
        asked("an agreement by a revoked key", "request-unsound", |lab, asked| {
            revoke(lab, asked, &lab.bob.sign_in);
        }),
    ]
}

/// Replaces the current status.
pub(super) fn in_force(lab: &Lab, asked: &mut WorkOffer, change: impl FnOnce(&WorkOffer, &mut Status)) {
    let mut status = lab.status();
    change(asked, &mut status);
    asked.order.status = lab.signed_status(&status, &[0, 1]);
}

fn revoke(lab: &Lab, asked: &mut WorkOffer, pair: &Pair) {
    in_force(lab, asked, |_, status| {
        let key = pair.key.fingerprint().to_owned();
        status.revoked = vec![Revocation { key, invalid_since: at(-60) }];
    });
}

/// A person asks for the run.
fn ask(asked: &mut WorkOffer, lab: &Lab, person: &Person, nonce: u8) {
    let arguments = asked.run().arguments;
    asked.asks(lab.request(person, "run", arguments, nonce).1);
}

/// The same for a commit that another person has signed, or nobody.
fn of_commit(lab: &Lab, asked: &mut WorkOffer, signer: Option<&Pair>) {
    let base = lab.base();
    let email = lab.ada.email();
    *asked = lab.asked_of(&CommitContent {
        parents: std::slice::from_ref(&base),
        email: &email,
        message: "a change",
        signer,
    });
}

/// Only this person agrees, and has these roles.
fn only(lab: &Lab, asked: &mut WorkOffer, person: &Person, roles: &[&str]) {
    asked.order.requests.pop();
    asked.order.requests.push(lab.agrees(person, 70, &asked.due.commit));
    asked.enrols(lab.signed_enrolment(&person.enrolment(roles)));
}

/// An installation in team mode whose pipeline has a node.
#[must_use]
pub fn in_team() -> Lab {
    Lab { pipeline: PIPELINE, ..Lab::default() }
}

/// One person in solo mode, who asks and agrees.
#[must_use]
pub fn alone() -> WorkOffer {
    let lab = Lab { unusual: |root: &mut TrustRoot| root.mode = Mode::Solo, ..in_team() };
    let mut asked = lab.asked();
    only(&lab, &mut asked, &lab.ada, &["developer", "release-manager"]);
    asked
}

/// A pipeline with a node, a step behind it, and a third behind that one.
pub(super) const PIPELINE: &str = "version: 1
steps:
  build:
    run: make
    outputs: [out/api]
  agreed:
    needs: [build]
    approval: { role: release-manager, count: 1 }
  test:
    needs: [build, agreed]
    run: make test
  last:
    needs: [test]
    run: make last
artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
";
