//! A live agent's observations: one chain with its reports, an outbox that survives crashes, and bars.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use agent::{Deployer, Layer, Memory, RequestedRelease};
use disk::faults::{KINDS, Kind, on_write};
use evidence::dsse::Envelope;
use evidence::observations::{Observation, RolloutEnd, RolloutVerdict, VerdictOfStep};
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::statements::Statement;
use evidence::{Digest, Moment};
use lab::parts::built;
use lab::{Lab, NoServices, assemble, at, forgery, proof_for};

fn now() -> Moment {
    at(0)
}

/// Starts the production agent from the memory in its directory, or from that before this release.
fn agent(dir: &Path) -> Deployer {
    let lab = Lab::default();
    let memory = Memory::read(dir).unwrap_or_else(|_| lab.agent());
    Deployer::new(dir.to_owned(), memory, lab.production.clone(), Box::new(NoServices), now).unwrap()
}

fn verdict(release: u64, step: u32, end: Option<RolloutEnd>) -> RolloutVerdict {
    let is_done = end == Some(RolloutEnd::Done);
    RolloutVerdict {
        release,
        artifact: Digest::of(&release.to_be_bytes()),
        plan: Digest::of(b"plan"),
        step,
        percent: if is_done { 100 } else { 5 },
        began: at(-60),
        verdict: if is_done { VerdictOfStep::Go } else { VerdictOfStep::Wait },
        end,
        probes: true,
        counts: [].into(),
        answers: [].into(),
        reasons: vec!["12 of 500 samples".into()],
    }
}

/// Takes everything out of the outbox, in order, as a server would.
fn sent(agent: &mut Deployer) -> Vec<Envelope> {
    let mut all = Vec::new();
    while let Some((number, envelope)) = agent.unsent().unwrap() {
        all.push(envelope);
        agent.sent(number).unwrap();
    }
    all
}

/// Checks that these are one chain that begins with the first statement of the agent.
fn assert_chain(all: &[Envelope]) {
    let mut last: Option<(u64, Digest)> = None;
    for envelope in all {
        let (sequence, previous) = match Observation::read(envelope) {
            Ok(observation) => (observation.sequence, observation.previous),
            Err(_) => {
                let report = AgentReport::read(envelope).unwrap();
                (report.sequence.unwrap(), report.previous)
            }
        };
        let (before, digest) = last.map_or((0, None), |(sequence, digest)| (sequence, Some(digest)));
        assert_eq!((sequence, previous), (before + 1, digest));
        last = Some((sequence, envelope.payload_digest()));
    }
}

#[test]
fn reports_and_observations_are_one_chain_also_over_starts() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for round in 0..3 {
        let mut agent = agent(dir.path());
        agent.observe(verdict(7 + round, 0, None)).unwrap();
        agent.observe(verdict(7 + round, 1, Some(RolloutEnd::Done))).unwrap();
        all.extend(sent(&mut agent));
        let asked = RequestedRelease {
            release: 7 + round,
            artifact: Digest::of(b"artifact"),
            plan: Digest::of(b"plan"),
        };
        all.push(agent.unread(&asked, "it cannot be read").unwrap());
    }
    assert_eq!(all.len(), 9);
    assert_chain(&all);
}

/// While the server is away, a verdict takes the place of the one before it; the last one of a release never goes.
#[test]
fn the_outbox_is_bounded_and_keeps_the_last_of_each_release() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = agent(dir.path());
    let mut ends = Vec::new();
    for release in 7..12 {
        for step in 0..15 {
            agent.observe(verdict(release, step, None)).unwrap();
        }
        ends.push(agent.observe(verdict(release, 15, Some(RolloutEnd::Interrupted))).unwrap());
    }
    let all = sent(&mut agent);
    assert!(all.len() <= 24, "{}", all.len());
    assert_chain(&all);
    let digests: Vec<_> = all.iter().map(Envelope::payload_digest).collect();
    assert!(ends.iter().all(|end| digests.contains(end)));
    let of = |release| {
        let read = all.iter().filter_map(|envelope| Observation::read(envelope).ok());
        read.filter(move |one| one.about().unwrap().release == release).count()
    };
    assert_eq!((of(7), of(8), of(11)), (16, 1, 1), "only the first ones have their steps apart");
    // Ends alone cannot be dropped, so a server that takes nothing for months is told of.
    for release in 100..356 {
        agent.observe(verdict(release, 15, Some(RolloutEnd::Interrupted))).unwrap();
    }
    let full = agent.observe(verdict(400, 15, Some(RolloutEnd::Interrupted))).unwrap_err().to_string();
    assert_eq!(
        full,
        "256 observations wait for the server, the highest number; look why the server takes none of them"
    );
}

/// A report in between binds the observation before it, so that one stays as it was signed.
#[test]
fn an_observation_that_a_report_names_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = agent(dir.path());
    for step in 0..15 {
        agent.observe(verdict(7, step, None)).unwrap();
        agent.observe(verdict(8, step, None)).unwrap();
    }
    let named = agent.observe(verdict(9, 1, None)).unwrap();
    let asked = RequestedRelease { release: 9, artifact: Digest::of(b"artifact"), plan: Digest::of(b"plan") };
    let report = agent.unread(&asked, "it cannot be read").unwrap();
    assert_eq!(AgentReport::read(&report).unwrap().previous, Some(named));
    agent.observe(verdict(9, 2, None)).unwrap();
    assert!(sent(&mut agent).iter().any(|envelope| envelope.payload_digest() == named));
}

/// Whatever write fails or crashes: nothing that was said is lost, nothing is there twice, and no number stands for two.
#[test]
fn attack_a_crash_at_any_write_loses_and_doubles_nothing() {
    for point in ["agent.observation", "agent.memory"] {
        for (name, kind) in KINDS {
            for at_write in 0..6 {
                crash(point, kind, at_write, &format!("{point}:{name} at write {at_write}"));
            }
        }
    }
}

fn crash(point: &'static str, kind: Kind, at_write: usize, what: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (mut said, mut taken): (Vec<Digest>, Vec<Envelope>) = (Vec::new(), Vec::new());
    let mut writes = 0;
    on_write(move |at| {
        writes += usize::from(at == point);
        (at == point && writes == at_write + 1).then_some(kind)
    });
    for step in 0..4 {
        let mut live = agent(dir.path());
        // A crash unwinds here; the next round starts from what is on disk.
        let done = catch_unwind(AssertUnwindSafe(|| {
            said.extend(live.observe(verdict(7, step, None)).ok());
            while let Ok(Some((number, envelope))) = live.unsent() {
                if !taken.contains(&envelope) {
                    taken.push(envelope);
                }
                if live.sent(number).is_err() {
                    break;
                }
            }
        }));
        drop(done);
    }
    on_write(|_| None);
    let mut live = agent(dir.path());
    for envelope in sent(&mut live) {
        if !taken.contains(&envelope) {
            taken.push(envelope);
        }
    }
    assert_chain(&taken);
    let digests: Vec<_> = taken.iter().map(Envelope::payload_digest).collect();
    assert!(said.iter().all(|digest| digests.contains(digest)), "{what}: something that was said is lost");
    assert!(said.len() >= 3, "{what}: {}", said.len());
}

/// A failed rollout bars its artifact at once, also if the agent is killed before its memory is written.
#[test]
fn a_failed_rollout_bars_its_artifact_until_it_runs_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = agent(dir.path());
    live.observe(verdict(7, 3, Some(RolloutEnd::Interrupted))).unwrap();
    assert!(live.memory().barred.is_empty(), "a person or a freeze ended it");
    let mut is_next = false;
    on_write(move |at| {
        is_next |= at == "agent.observation";
        (is_next && at == "agent.memory").then_some(Kind::Lost)
    });
    catch_unwind(AssertUnwindSafe(|| live.observe(verdict(8, 3, Some(RolloutEnd::Failed))))).unwrap_err();
    on_write(|_| None);
    let mut again = agent(dir.path());
    let artifact = Digest::of(&8_u64.to_be_bytes());
    let barred = again.memory().barred[&artifact].clone();
    assert_eq!((barred.release, barred.why.as_str()), (8, "step 4 (5 percent): wait, rollout failed"));
    let all = sent(&mut again);
    assert_chain(&all);
    assert_eq!(barred.observation, all.last().unwrap().payload_digest());
    let mut memory = Memory::read(dir.path()).unwrap();
    let known = memory.running.clone().unwrap();
    memory.runs(&agent::KnownRelease { artifact, ..known });
    assert!(memory.barred.is_empty());
}

/// The same release, with Bob's lift after a change, or without it.
fn again(dir: &Path, change: impl Fn(&mut Statement), keep: bool) -> AgentReport {
    // Each time the server shows another ledger from here on: the agent restarts, and has seen none of the others.
    let mut memory = Memory::read(dir).unwrap();
    memory.checkpoint = Lab::default().agent().checkpoint;
    // It reported none of them before.
    memory.report = None;
    memory.write(dir).unwrap();
    let mut live = agent(dir);
    let kind = forgery::KINDS.iter().find(|kind| kind.open == "barred-here").unwrap();
    let (lab, mut parts) = kind.stated(change);
    if !keep {
        parts.statements.clear();
        lab.approve(&mut parts);
    }
    let (bundle, leaves) = assemble(&lab, &parts);
    let proof = proof_for(&bundle, &leaves, &live.memory().checkpoint.parse().unwrap());
    let report = live.release(&bundle, &proof, &Layer::Bytes(built().layer)).unwrap();
    AgentReport::read(&report).unwrap()
}

/// From the judgement to the lift, by one live agent: a release that failed is refused, also after restarts and under a lift
/// of another failure, and runs after a lift of this one.
#[test]
fn a_failed_release_comes_again_only_after_a_lift_of_its_own_failure() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = agent(dir.path());
    let artifact = Digest::of(&built().manifest);
    let failed = RolloutVerdict { artifact, ..verdict(5, 3, Some(RolloutEnd::Failed)) };
    let barred = live.observe(failed.clone()).unwrap();
    drop(live);
    for keep in [false, true] {
        let report = again(dir.path(), |_| (), keep);
        assert_eq!((report.outcome, report.reasons), (ReleaseOutcome::Refused, vec!["barred-here".into()]));
    }
    let report = again(dir.path(), |lift| lift.subjects = vec![barred], true);
    assert_eq!((report.outcome, report.reasons), (ReleaseOutcome::Running, Vec::<String>::new()));
    assert!(Memory::read(dir.path()).unwrap().barred.is_empty());
    // It fails again: that lift is of the earlier failure.
    let mut live = agent(dir.path());
    live.observe(RolloutVerdict { release: 7, ..failed }).unwrap();
    assert_eq!(live.memory().barred[&artifact].release, 7);
}
