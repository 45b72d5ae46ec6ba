//! Rollouts with substitutes for processes: each way to an end, and an agent that is killed at any moment of it.

use std::collections::BTreeSet;

use disk::faults::Kind;
use evidence::Moment;
use evidence::observations::RolloutEnd;
use evidence::request::{Advance, AdvanceDo};
use evidence::rollout::Strategy;
use judge::rollout::{Answered, Probes};
use wire::RolloutHold;

use super::pretend::{Stage, jump_by, pass, step};

fn canary() -> Stage {
    let mut stage = Stage::new(Strategy::Canary, vec![step(10, 2_000), step(50, 2_000), step(100, 2_000)]);
    stage.begin();
    stage
}

/// Shares of the new release while it is rolled out, until the end.
fn rolled(stage: &mut Stage) -> Vec<u32> {
    let mut shares = Vec::new();
    for _ in 0..200 {
        if stage.memory().rollout.is_none() {
            return shares;
        }
        stage.holds("while it is rolled out");
        let share = stage.services.host().serving().get(&stage.new.artifact).copied().unwrap_or(0);
        if shares.last() != Some(&share) {
            shares.push(share);
        }
        pass(250);
        stage.tick();
    }
    panic!("it has no end: {shares:?}");
}

#[test]
fn a_good_release_gets_all_requests_step_by_step() {
    let mut stage = canary();
    assert!(stage.release());
    assert_eq!(rolled(&mut stage), [10, 50, 100]);
    stage.holds("at the end");
    assert_eq!(stage.reported().unwrap().0, "running");
    let memory = stage.memory();
    assert_eq!(memory.running.unwrap().artifact, stage.new.artifact);
    assert_eq!(memory.before.unwrap().artifact, stage.old.artifact);
    assert_eq!(stage.observed(), [(0, None), (1, None), (2, Some(RolloutEnd::Done))]);
    assert!(memory.barred.is_empty());
}

#[test]
fn a_bad_release_goes_back_within_two_seconds_and_says_the_numbers() {
    let mut stage = canary();
    stage.services.host().failing.insert(stage.new.artifact, 30);
    assert!(stage.release());
    let (mut ticks, mut bad) = (0, 0);
    while stage.memory().rollout.is_some() {
        pass(250);
        stage.tick();
        ticks += 1;
        bad = ticks;
    }
    assert!(bad <= 8, "{bad} ticks of a quarter of a second");
    stage.holds("at the end");
    let (outcome, reasons, detail) = stage.reported().unwrap();
    assert_eq!((outcome, reasons), ("returned", vec!["rollout-failed".to_owned()]));
    assert!(detail.starts_with("at step 1 of 3: errors: 30 % over 1 min, at most 1 % ("), "{detail}");
    let memory = stage.memory();
    assert_eq!(memory.running.unwrap().artifact, stage.old.artifact);
    assert_eq!(stage.observed(), [(0, Some(RolloutEnd::Failed))]);
    assert!(memory.barred.contains_key(&stage.new.artifact), "it does not come again");
}

#[test]
fn a_release_that_turns_bad_at_a_late_step_goes_back_from_there() {
    let mut stage = canary();
    assert!(stage.release());
    for _ in 0..12 {
        pass(250);
        stage.tick();
    }
    stage.holds("at the second step");
    stage.services.host().failing.insert(stage.new.artifact, 90);
    assert_eq!(rolled(&mut stage), [50]);
    assert_eq!(stage.reported().unwrap().0, "returned");
    stage.holds("at the end");
}

#[test]
fn without_requests_nothing_is_widened_and_the_limit_ends_it() {
    let mut stage = canary();
    stage.services.host().requests = 0;
    assert!(stage.release());
    let wait = |stage: &mut Stage, minutes: u64| {
        for _ in 0..minutes * 6 {
            pass(10_000);
            stage.tick();
        }
    };
    wait(&mut stage, 59);
    assert_eq!(stage.memory().rollout.as_ref().unwrap().progress.step, 0);
    wait(&mut stage, 2);
    let (outcome, _, detail) = stage.reported().unwrap();
    assert_eq!(outcome, "returned");
    assert!(detail.contains("undecided for"), "{detail}");
}

/// Summer time is no jump of a clock that counts milliseconds; an operator who sets it is one.
#[test]
fn attack_a_clock_that_jumps_skips_no_pause_and_ends_no_rollout() {
    let steps = || vec![step(10, 60_000), step(100, 60_000)];
    for (jump, requests) in [(7_200_000, 1_000), (7_200_000, 0), (-7_200_000, 1_000), (-7_200_000, 0)] {
        let mut stage = Stage::new(Strategy::Canary, steps());
        stage.begin();
        stage.services.host().requests = requests;
        assert!(stage.release());
        let tick = |stage: &mut Stage, seconds: u64| {
            for _ in 0..seconds * 4 {
                pass(250);
                stage.tick();
            }
        };
        tick(&mut stage, 20);
        jump_by(jump);
        tick(&mut stage, 20);
        let progress = stage.memory().rollout.unwrap().progress;
        assert_eq!((progress.step, progress.ending), (0, None), "{jump} ms, {requests} requests");
        stage.holds("after the jump");
        tick(&mut stage, 21);
        let step = stage.memory().rollout.unwrap().progress.step;
        assert_eq!(step, usize::from(requests > 0), "{jump} ms, {requests} requests");
    }
}

/// Errors that come and go: the release ends with all requests or none, and the reason is on record.
#[test]
fn attack_numbers_that_flap_end_in_a_known_state() {
    let mut ends = BTreeSet::new();
    for period in 1..12 {
        for percent in [1, 5, 60] {
            let mut stage = canary();
            assert!(stage.release());
            for tick in 0..200 {
                if stage.memory().rollout.is_none() {
                    break;
                }
                let failing = if tick / period % 2 == 1 { percent } else { 0 };
                stage.services.host().failing.insert(stage.new.artifact, failing);
                pass(250);
                stage.tick();
                stage.holds("while numbers flap");
            }
            stage.holds("at the end");
            let (outcome, _, detail) = stage.reported().unwrap();
            assert_eq!(outcome == "returned", detail.contains("errors: "), "{outcome}: {detail}");
            let barred = stage.memory().barred.contains_key(&stage.new.artifact);
            assert_eq!(outcome == "returned", barred);
            assert!(percent < 60 || period > 8 || outcome == "returned", "{percent} percent every {period}");
            ends.insert(outcome);
        }
    }
    assert_eq!(ends, BTreeSet::from(["returned", "running"]));
}

#[test]
fn a_probe_that_fails_ends_it() {
    let mut stage = canary();
    assert!(stage.release());
    stage.services.host().probes = Probes::Fail;
    pass(250);
    stage.tick();
    let (outcome, _, detail) = stage.reported().unwrap();
    assert_eq!((outcome, detail.as_str()), ("returned", "at step 1 of 3: the new release fails its probes"));
    stage.holds("at the end");
}

#[test]
fn a_release_that_does_not_start_changes_nothing() {
    let mut stage = canary();
    stage.services.host().dead = vec![stage.new.artifact];
    assert!(!stage.release(), "its report is there at once");
    let (outcome, reasons, detail) = stage.reported().unwrap();
    assert_eq!((outcome, reasons), ("returned", vec!["probe-failed".to_owned()]));
    assert_eq!(detail, "at step 1 of 3: it does not start");
    stage.holds("at the end");
}

#[test]
fn nobody_wants_it_any_more() {
    let mut stage = canary();
    assert!(stage.release());
    stage.agent().interrupt("shop/api/dev is frozen").unwrap();
    let (outcome, reasons, detail) = stage.reported().unwrap();
    assert_eq!((outcome, reasons), ("returned", vec!["rollout-interrupted".to_owned()]));
    assert_eq!(detail, "at step 1 of 3: shop/api/dev is frozen");
    stage.holds("at the end");
    assert_eq!(stage.observed(), [(0, Some(RolloutEnd::Interrupted))]);
    assert!(stage.memory().barred.is_empty(), "nothing was said against it");
    stage.agent().interrupt("it has ended already").unwrap();
    assert_eq!(stage.reported().unwrap().2, detail);
}

#[test]
fn a_step_that_the_evidence_does_not_allow_any_more_is_not_begun() {
    let mut stage = canary();
    assert!(stage.release());
    pass(10_000);
    stage.agent().tick().unwrap();
    for _ in 0..5 {
        pass(250);
        assert!(stage.agent().tick().unwrap(), "a wider step is due");
        stage.agent().tick_if(|_| Ok(false)).unwrap();
    }
    assert_eq!(stage.memory().rollout.as_ref().unwrap().progress.step, 0);
    stage.holds("it waits");
    stage.tick();
    assert_eq!(stage.memory().rollout.as_ref().unwrap().progress.step, 1);
}

/// Windows may be closed for days: people see why the step stays, and its processes are looked after.
#[test]
fn a_step_that_waits_is_told_and_its_processes_are_started_again() {
    let mut stage = canary();
    assert!(stage.release());
    pass(10_000);
    stage.agent().tick().unwrap();
    stage.services.host().ended = Some("a process of the old release was killed".to_owned());
    let closed = "window-closed: 09:00 is outside";
    let refuse = |agent: &mut crate::deployer::Deployer| {
        agent.rolling.refuse(vec!["window-closed".to_owned()], Some(closed.to_owned()));
        Ok(false)
    };
    for _ in 0..8 {
        pass(250);
        stage.agent().tick_if(refuse).unwrap();
    }
    assert_eq!(stage.services.host().ended, None, "it is started again");
    let told = stage.agent().condition().rollout.unwrap();
    assert_eq!((told.hold, told.reasons.clone()), (RolloutHold::Refused, vec![closed.to_owned()]));
    // The server is away.
    stage.services.host().ended = Some("again".to_owned());
    for _ in 0..16 {
        pass(250);
        assert!(stage.agent().tick().unwrap());
        stage.agent().cannot_widen("away", "the server is away".to_owned());
    }
    assert_eq!(stage.services.host().ended, None);
    assert_eq!(stage.agent().condition().rollout.unwrap().reasons, ["the server is away"]);
    // Something else holds it: no wider step is due, so nothing refuses one.
    stage.services.host().probes = Probes::Unknown;
    for _ in 0..8 {
        pass(250);
        assert!(!stage.agent().tick().unwrap());
    }
    let told = stage.agent().condition().rollout.unwrap();
    assert_ne!(told.hold, RolloutHold::Refused);
    assert!(!told.reasons.contains(&"the server is away".to_owned()));
    stage.holds("at the end");
}

#[test]
fn a_memory_without_the_release_before_ends_no_rollout_in_silence() {
    let mut stage = canary();
    assert!(stage.release());
    stage.agent().memory.running = None;
    stage.services.host().probes = Probes::Fail;
    pass(250);
    let error = stage.agent().tick().unwrap_err().to_string();
    assert_eq!(error, "the release before is unknown");
}

#[test]
fn people_order_what_happens_next() {
    let mut stage = canary();
    assert!(stage.release());
    let advance = |stage: &mut Stage, step: u8, order: Option<AdvanceDo>, second: u64| {
        let (release, plan) = stage.memory().rollout.map(|rollout| (rollout.release, rollout.plan)).unwrap();
        let place = "shop/api/dev".parse().unwrap();
        let advance = Advance { place, release, plan, step, order, reason: None };
        let idle = stage.agent().ordered(&advance, Moment::from_millis(second * 1_000).unwrap()).unwrap();
        idle.map(|reason| reason.what)
    };
    let progress = |stage: &Stage| stage.memory().rollout.unwrap().progress;
    assert_eq!(advance(&mut stage, 1, Some(AdvanceDo::Pause), 1), None);
    pass(10_000);
    stage.tick();
    assert_eq!((progress(&stage).step, progress(&stage).paused), (0, true), "it stays paused");
    // What was ordered is remembered over a restart.
    stage.begin();
    assert!(progress(&stage).paused);
    stage.tick();
    let idle = advance(&mut stage, 3, None, 2).unwrap();
    assert_eq!(idle, "it asks for step 3, and step 1 of 3 is in force, so step 2 comes next");
    stage.tick();
    assert_eq!(progress(&stage).step, 0, "the third step is not the next one");
    assert_eq!(advance(&mut stage, 2, None, 3), None);
    stage.tick();
    assert_eq!(progress(&stage).step, 1, "before its pause is over");
    assert_eq!(stage.memory().rollout.unwrap().ordered, Moment::from_millis(3_000).ok());
    stage.holds("at the second step");
    stage.services.host().failing.insert(stage.new.artifact, 90);
    let idle = advance(&mut stage, 2, Some(AdvanceDo::Resume), 4).unwrap();
    assert_eq!(idle, "the rollout is not paused");
    assert_eq!(advance(&mut stage, 3, None, 5), None);
    assert_eq!(rolled(&mut stage), [50], "nobody orders what fails");
    assert_eq!(stage.reported().unwrap().0, "returned");
}

#[test]
fn blue_and_green_switch_at_once() {
    let mut stage = Stage::new(Strategy::BlueGreen, vec![step(0, 1_000), step(100, 1_000)]);
    stage.begin();
    assert!(stage.release());
    assert_eq!(rolled(&mut stage), [0, 100]);
    assert_eq!(stage.reported().unwrap().0, "running");
}

#[test]
fn rolling_replaces_one_process_after_another() {
    let mut stage = Stage::new(Strategy::Rolling, vec![step(33, 500), step(66, 500), step(100, 500)]);
    stage.begin();
    assert!(stage.release());
    assert_eq!(rolled(&mut stage), [33, 66, 100]);
    assert_eq!(stage.reported().unwrap().0, "running");
}

/// Every write of a good and of a bad release: the agent is killed before and after it, and begins again.
#[test]
fn an_agent_that_is_killed_at_any_write_goes_on_where_its_memory_says() {
    for failing in [0, 50] {
        for kind in [Kind::Lost, Kind::Crash] {
            for write in 1.. {
                let mut stage = canary();
                stage.services.host().failing.insert(stage.new.artifact, failing);
                Stage::kill_at_write(write, kind);
                let survived = stage.survives(|stage| {
                    stage.release();
                    rolled(stage);
                });
                let when = format!("{failing} percent, {kind:?} at write {write}");
                if survived {
                    stage.killed();
                    assert!(write > 3, "{when}: there are more writes than that");
                    break;
                }
                end(&mut stage, failing, &when);
            }
        }
    }
}

/// An agent that was killed begins again, and the release comes to its end.
fn end(stage: &mut Stage, failing: u64, when: &str) {
    stage.begin();
    stage.holds(when);
    if stage.reported().is_none() && stage.memory().rollout.is_none() {
        stage.release();
    }
    rolled(stage);
    stage.holds(when);
    let running = stage.memory().running.unwrap().artifact;
    let expected = if failing == 0 { stage.new.artifact } else { stage.old.artifact };
    assert_eq!(running, expected, "{when}");
    let observed = stage.observed();
    let steps: BTreeSet<_> = observed.iter().map(|(step, end)| (*step, end.is_some())).collect();
    assert_eq!(steps.len(), observed.len(), "{when}: one was observed twice: {observed:?}");
    let (last, bars) = if failing == 0 { (RolloutEnd::Done, 0) } else { (RolloutEnd::Failed, 1) };
    assert_eq!(observed.last().unwrap().1, Some(last), "{when}: {observed:?}");
    assert_eq!(stage.memory().barred.len(), bars, "{when}");
}

/// Every write of a good and of a bad release fails once: clients never notice, and the end is the right one.
#[test]
fn a_full_or_broken_disk_ends_nothing_and_loses_no_end() {
    for failing in [0, 50] {
        for kind in [Kind::Full, Kind::Short, Kind::Persisted] {
            for write in 1.. {
                let when = format!("{failing} percent, {kind:?} at write {write}");
                let mut stage = canary();
                stage.services.host().failing.insert(stage.new.artifact, failing);
                let came = Stage::fail_at_write(write, kind);
                for _ in 0..80 {
                    pass(250);
                    stage.try_on();
                    assert!(!stage.services.host().serving().is_empty(), "{when}: nobody serves");
                }
                stage.killed();
                if !*came.lock().unwrap() {
                    assert!(write > 3, "{when}: there are more writes than that");
                    break;
                }
                end(&mut stage, failing, &when);
            }
        }
    }
}

/// Two hundred rollouts with an agent that is killed again and again, at writes and between starting, weighing and stopping.
#[test]
fn two_hundred_rollouts_with_kills_end_as_they_should() {
    let mut kills = 0;
    for seed in 0..200 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let strategy = [Strategy::Canary, Strategy::Rolling, Strategy::BlueGreen][chance.usize(..3)];
        let first = if strategy == Strategy::BlueGreen { 0 } else { 10 };
        let mut stage = Stage::new(strategy, vec![step(first, 1_000), step(50, 1_000), step(100, 1_000)]);
        let failing = if chance.bool() { 0 } else { 60 };
        stage.services.host().failing.insert(stage.new.artifact, failing);
        stage.begin();
        let when = format!("seed {seed}: {strategy}, {failing} percent");
        for _ in 0..chance.u32(1..6) {
            match chance.u32(..3) {
                0 => Stage::kill_at_write(
                    chance.u32(1..6),
                    if chance.bool() { Kind::Lost } else { Kind::Crash },
                ),
                1 => stage.services.host().kill_after = Some(chance.u32(..8)),
                _ => {}
            }
            let ticks = chance.u32(1..20);
            let survived = stage.survives(|stage| {
                if stage.memory().rollout.is_none() && stage.reported().is_none() {
                    stage.release();
                }
                for _ in 0..ticks {
                    pass(250);
                    stage.tick();
                }
            });
            if survived {
                stage.killed();
            }
            kills += 1;
            stage.begin();
            stage.holds(&when);
        }
        end(&mut stage, failing, &when);
    }
    assert!(kills > 400, "{kills}");
}

/// A stage whose plan asks for one number, at most 100.
fn asking() -> Stage {
    let mut stage = Stage::new(Strategy::Canary, vec![step(10, 2_000), step(100, 2_000)]);
    let query = evidence::rollout::Query {
        name: "queue".parse().unwrap(),
        source: "prometheus".parse().unwrap(),
        query: "max(queue)".into(),
        at_most: 100_000_000,
        at_least: None,
    };
    let plan = stage.new.plan.rollout.as_mut().unwrap();
    plan.prometheus = vec![query];
    plan.sources = [("prometheus".parse().unwrap(), "http://127.0.0.1:9090".to_owned())].into();
    stage.begin();
    assert!(stage.release());
    stage
}

/// Ticks for so many seconds, with this answer each time.
fn answered(stage: &mut Stage, seconds: u64, answer: Option<Answered>) {
    for _ in 0..seconds * 4 {
        pass(250);
        if let Some(answer) = &answer {
            let agent = stage.agent();
            let asked = (agent.now)();
            agent.rolling.answers.take("queue".parse().unwrap(), asked, answer.clone());
        }
        stage.tick();
    }
}

#[test]
fn a_number_of_prometheus_stops_and_none_never_widens() {
    let step_of = |stage: &Stage| stage.memory().rollout.map(|rollout| rollout.progress.step);
    for silent in [None, Some(Answered::Unread("Prometheus answers with status 503".into()))] {
        let mut stage = asking();
        answered(&mut stage, 20, silent.clone());
        assert_eq!(step_of(&stage), Some(0), "{silent:?}");
        // It answers at last.
        answered(&mut stage, 10, Some(Answered::Number(100_000_000)));
        assert_eq!(stage.reported().unwrap().0, "running", "{silent:?}");
    }
    let mut stage = asking();
    answered(&mut stage, 1, Some(Answered::Number(100_000_001)));
    let (outcome, _, detail) = stage.reported().unwrap();
    assert_eq!(outcome, "returned");
    assert!(detail.contains("query queue: 100.000001, at most 100"), "{detail}");
    assert!(stage.memory().barred.contains_key(&stage.new.artifact), "it does not come again");
    // A number that was asked for in the step before says nothing of the next one.
    let mut stage = asking();
    answered(&mut stage, 2, Some(Answered::Number(1)));
    assert_eq!(step_of(&stage), Some(1));
    answered(&mut stage, 20, None);
    assert_eq!(step_of(&stage), Some(1), "nothing was asked in this step");
}
