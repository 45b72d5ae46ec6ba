//! Every way in which work on a runner can fail, against the judge and the domain: each failure is accepted and ends its
//! run, or the runner can report that it gives the work up, which ends the run too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeMap;

use domain::build::{self, Ended, RunOutcome};
use domain::{Command, Event, State, decide, next};
use evidence::dsse::Envelope;
use evidence::entry::Entry;
use evidence::receipt::{Ending, Output, Receipt, Work};
use evidence::{Digest, Moment, Name};
use judge::{Admitted, Store, Unavailable, admit_receipt};
use lab::{Lab, Parts, at, name};

/// Blobs in memory; some may be lost.
#[derive(Default)]
struct Blobs(BTreeMap<Digest, Vec<u8>>);

impl Store for Blobs {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable> {
        self.0.get(digest).cloned().ok_or_else(|| Unavailable(format!("blob {digest} is missing")))
    }

    fn entry(&self, number: u64) -> Result<Entry, Unavailable> {
        Err(Unavailable(format!("entry {number} is missing")))
    }
}

/// A run in progress, and the receipts of both runners if everything passed.
struct Run {
    lab: Lab,
    parts: Parts,
    request: Digest,
    state: State,
    blobs: Blobs,
    ended: Vec<Ended>,
}

impl Run {
    fn begun() -> Self {
        let lab = Lab::default();
        let parts = lab.honest();
        let request = Digest::of(b"the request");
        let plan = |needs: &[&str]| build::StepPlan {
            needs: needs.iter().map(|need| name(need)).collect(),
            approval: None,
            apart: false,
        };
        let receipt = receipts(&lab, &parts, request, |_| {}).remove(0).1;
        let started = Event::Started(build::Started {
            preview: None,
            run: lab::id(70).into(),
            project: name("shop"),
            commit: receipt.commit,
            pipeline: receipt.pipeline,
            steps: [(name("build"), plan(&[])), (name("test"), plan(&["build"]))].into(),
            artifacts: [name("api")].into(),
            services: [(name("api"), name("api"))].into(),
            checks: [].into(),
            runners: vec![name("runner-1"), name("runner-2")],
            pool: None,
            checkers: None,
            again: Some(false),
            seed: build::seed(request),
        });
        let mut run =
            Self { lab, parts, request, state: State::default(), blobs: Blobs::default(), ended: Vec::new() };
        run.happen(vec![started]);
        run
    }

    /// A run before the first work that has inputs.
    fn after(works: &[&Work]) -> Self {
        let mut run = Self::begun();
        for work in works {
            for runner in ["runner-1", "runner-2"] {
                let passed = run.receipt(runner, work, |_| {});
                run.report(&passed).unwrap();
            }
        }
        assert!(run.ended.is_empty());
        run
    }

    fn happen(&mut self, events: Vec<Event>) {
        for event in events {
            self.state.apply(&event, at(0));
            let following = next(&self.state, &event);
            self.ended.extend(if let Event::Ended(ended) = event { Some(ended) } else { None });
            for command in following {
                let events = decide(&self.state, &command, at(0)).unwrap();
                self.happen(events);
            }
        }
    }

    fn receipt(&self, runner: &str, work: &Work, change: impl Fn(&mut Receipt)) -> Envelope {
        let mut made = receipts(&self.lab, &self.parts, self.request, change).into_iter();
        let (envelope, _) =
            made.find(|(_, made)| made.runner.as_str() == runner && made.work == *work).unwrap();
        envelope
    }

    /// The server's answer to a receipt: the reasons if it is refused.
    fn report(&mut self, envelope: &Envelope) -> Result<(), Vec<String>> {
        let root = self.lab.root();
        let Admitted { command, blobs, .. } =
            admit_receipt(&self.state, &root, &self.blobs, envelope).map_err(|e| vec![e.to_string()])?.0;
        self.blobs.0.extend(blobs.into_iter().map(|bytes| (Digest::of(&bytes), bytes)));
        let codes = |refusal: domain::Refusal| {
            refusal.reasons().map(|reason| reason.code.clone()).collect::<Vec<_>>()
        };
        let events = decide(&self.state, &command, at(0)).map_err(codes)?;
        self.happen(events);
        Ok(())
    }
}

fn receipts(
    lab: &Lab,
    parts: &Parts,
    request: Digest,
    change: impl Fn(&mut Receipt),
) -> Vec<(Envelope, Receipt)> {
    let read = |envelope: Envelope| {
        let bytes = envelope.payload(evidence::receipt::PAYLOAD_TYPE).unwrap().to_vec();
        (envelope, evidence::canonical::decode("receipt", &bytes, bytes.len()).unwrap())
    };
    lab.receipts(parts, request, change).into_iter().map(read).collect()
}

fn step(step: &str) -> Work {
    Work::Step(name(step))
}

fn api() -> Work {
    Work::Artifact(name("api"))
}

fn stray() -> Output {
    Output::file(b"nobody left this", false)
}

/// The receipt of work that could not begin: an unknown ecosystem, an unreadable source, inputs that the runner lost.
fn gave_up(receipt: &mut Receipt) {
    receipt.exit = Ending::GaveUp;
    receipt.tree = Digest::of(b"an empty list");
    receipt.inputs.clear();
    receipt.outputs.clear();
}

fn ended_by(ending: Ending) -> impl Fn(&mut Receipt) {
    move |receipt| {
        receipt.exit = ending;
        receipt.outputs.clear();
    }
}

/// Every failure that a runner signs ends the run, whatever it names and whatever the server has lost.
#[test]
fn every_failure_is_accepted_and_ends_its_run() {
    type Change = Box<dyn Fn(&mut Receipt)>;
    let failures: Vec<(&str, Change)> = vec![
        ("it could not begin", Box::new(gave_up)),
        ("it exits with 1", Box::new(ended_by(Ending::Code(1)))),
        ("it was killed", Box::new(ended_by(Ending::Signal(9)))),
        ("it reached its time limit", Box::new(ended_by(Ending::TimedOut))),
        ("it reached its memory limit", Box::new(ended_by(Ending::MemoryExceeded))),
        ("an output is missing", Box::new(ended_by(Ending::Code(254)))),
        (
            "it failed and names what nobody left",
            Box::new(|receipt| {
                receipt.exit = Ending::Code(2);
                receipt.inputs.insert("out/stray".into(), stray());
            }),
        ),
        (
            "its clock is years off",
            Box::new(|receipt| {
                gave_up(receipt);
                (receipt.started, receipt.ended) = (Moment::default(), Moment::default());
            }),
        ),
    ];
    let works: [(&[&Work], Work); 3] =
        [(&[], step("build")), (&[&step("build")], step("test")), (&[&step("build"), &step("test")], api())];
    for (what, change) in &failures {
        for (before, work) in &works {
            for is_lost in [false, true] {
                let mut run = Run::after(before);
                if is_lost {
                    run.blobs.0.clear();
                }
                let failed = run.receipt("runner-2", work, change);
                run.report(&failed).unwrap_or_else(|refused| panic!("{what}, {work:?}: {refused:?}"));
                let ended = run.ended.as_slice();
                let [Ended { outcome: RunOutcome::Failed, because: Some(because), .. }] = ended else {
                    panic!("{what}, {work:?}: {ended:?}");
                };
                assert_eq!((because, run.state.misfits), (work, 0), "{what}");
            }
        }
    }
}

/// A receipt of success has to be consistent; a runner whose receipt is refused reports a failure, which is accepted.
#[test]
fn a_pass_that_does_not_fit_is_refused_and_the_failure_after_it_is_not() {
    type Change = fn(&mut Receipt);
    let before: [&[&Work]; 2] = [&[&step("build")], &[&step("build"), &step("test")]];
    let unfit: [(&[&Work], Work, Change); 5] = [
        (before[0], step("test"), |receipt| receipt.inputs.clear()),
        (before[0], step("test"), |receipt| receipt.inputs.extend([("out/stray".into(), stray())])),
        (before[0], step("test"), |receipt| receipt.project = name("other")),
        (before[1], api(), |receipt| receipt.inputs.extend([("bin/stray".into(), stray())])),
        (before[1], api(), |receipt| receipt.outputs.clear()),
    ];
    for (before, work, change) in unfit {
        let mut run = Run::after(before);
        let refused = run.receipt("runner-1", &work, change);
        assert_eq!(run.report(&refused), Err(vec!["receipt-differs".to_owned()]), "{work:?}");
        assert!(run.ended.is_empty());
        let instead = run.receipt("runner-1", &work, gave_up);
        run.report(&instead).unwrap();
        assert!(matches!(run.ended.as_slice(), [Ended { outcome: RunOutcome::Failed, .. }]), "{work:?}");
    }
}

/// Work that a runner can neither do nor report ends the run by the runner's word; reported work does not.
#[test]
fn work_that_is_given_up_ends_the_run_once() {
    let mut run = Run::after(&[&step("build")]);
    let lose = |work: Work, runner: Option<Name>| {
        Command::Lose(build::Lose { run: lab::id(70).into(), work, runner })
    };
    let decided = |state: &State, command: &Command| {
        decide(state, command, at(0)).map_err(|refusal| refusal.reasons().next().unwrap().code.clone())
    };
    let nothing_due = Err("nothing-due".to_owned());
    assert_eq!(decided(&run.state, &lose(step("build"), Some(name("runner-1")))), nothing_due);
    assert_eq!(decided(&run.state, &lose(step("test"), Some(name("runner-3")))), nothing_due);
    for runner in [None, Some(name("runner-2"))] {
        let events = decided(&run.state, &lose(step("test"), runner)).unwrap();
        let [Event::Ended(Ended { outcome: RunOutcome::Lost, because, .. })] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!(because.as_ref(), Some(&step("test")));
    }
    let events = decided(&run.state, &lose(step("test"), None)).unwrap();
    run.happen(events);
    assert_eq!(decided(&run.state, &lose(step("test"), None)), Err("no-such-run".to_owned()));
    let late = run.receipt("runner-1", &step("test"), |_| {});
    assert_eq!(run.report(&late), Err(vec!["nothing-due".to_owned()]));
    assert_eq!((run.ended.len(), run.state.misfits), (1, 0));
}
