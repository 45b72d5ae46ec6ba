//! Kills between any two actions of a rollout: whatever moment is chosen, the end is the same, and the step that is stored is in
//! force after each restart.

use evidence::Moment;
use evidence::rollout::Rollout;
use judge::rollout::{Action, Event, Probes, Progress, StepEvidence, next};

use crate::simulated::{Random, plan};

/// An agent: its disk, and what it did to the processes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Agent {
    stored: Progress,
    in_force: Option<Action>,
}

/// A moment of an event at which the program is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    BeforeStoring,
    BeforeActing,
    AfterActing,
    Never,
}

/// What happens to a rollout, as data.
#[derive(Clone, Debug)]
enum Happening {
    Tick(StepEvidence),
    Pause,
    Resume,
    Promote(usize),
}

impl Agent {
    fn begun() -> Self {
        Self { stored: Progress::begun(at(0)), in_force: Some(Action::Widen(0)) }
    }

    /// The effects are set, not added, so that doing them again changes nothing.
    fn act(&mut self, action: &Action) {
        if !matches!(action, Action::Hold(_)) {
            self.in_force = Some(action.clone());
        }
    }

    fn restarted(&mut self) {
        self.in_force = None;
        self.act(&self.stored.in_force());
    }

    /// One event. A program that was killed before it stored sees the event again.
    fn handle(&mut self, rollout: &Rollout, happening: &Happening, now: Moment, kill: Kill) {
        let event = match happening {
            Happening::Tick(evidence) => Event::Tick(evidence),
            Happening::Pause => Event::Pause,
            Happening::Resume => Event::Resume,
            Happening::Promote(step) => Event::Promote(*step),
        };
        let (after, action) = next(rollout, &self.stored, event, now);
        if kill == Kill::BeforeStoring {
            self.restarted();
            return self.handle(rollout, happening, now, Kill::Never);
        }
        self.stored = after;
        if kill != Kill::BeforeActing {
            self.act(&action);
        }
        if kill != Kill::Never {
            self.restarted();
        }
    }
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(1_700_000_000_000 + millis).unwrap()
}

/// A story: ticks of a rollout without limits, probes that fail now and then, and orders of people.
fn story(seed: u64, length: u64) -> Vec<Happening> {
    let mut random = Random(seed);
    let tick = |random: &mut Random| {
        let probes = match random.number() % 100 {
            0 => Probes::Fail,
            1..20 => Probes::Unknown,
            _ => Probes::Pass,
        };
        Happening::Tick(StepEvidence {
            in_step_ms: random.number() % 2_000,
            probes,
            ..StepEvidence::default()
        })
    };
    let one = |_| match random.number() % 10 {
        0 => Happening::Pause,
        1 => Happening::Resume,
        2 => Happening::Promote(usize::try_from(random.number() % 6).unwrap()),
        _ => tick(&mut random),
    };
    (0..length).map(one).collect()
}

#[test]
fn kills_between_any_two_actions_lead_to_the_same_end() {
    let steps = "steps: [{percent: 5}, {percent: 25, ask: true}, 50, 75]";
    let rollout = plan(&format!("strategy: canary, {steps}, pause: 1s, comparison: {{off: true}}"));
    let (mut done, mut back) = (0, 0);
    for seed in 0..300 {
        let story = story(seed, 60);
        let mut whole = Agent::begun();
        let mut killed = Agent::begun();
        let mut random = Random(seed + 1_000_000);
        for (at_ms, happening) in story.iter().enumerate() {
            let now = at(at_ms as u64 * 1_000);
            whole.handle(&rollout, happening, now, Kill::Never);
            let kill = match random.number() % 4 {
                0 => Kill::BeforeStoring,
                1 => Kill::BeforeActing,
                2 => Kill::AfterActing,
                _ => Kill::Never,
            };
            killed.handle(&rollout, happening, now, kill);
            assert_eq!(whole, killed, "seed {seed}, event {at_ms}, {kill:?}");
            assert_eq!(killed.in_force, Some(killed.stored.in_force()), "seed {seed}, event {at_ms}");
            let text = serde_json::to_string(&killed.stored).unwrap();
            assert_eq!(serde_json::from_str::<Progress>(&text).unwrap(), killed.stored);
        }
        match whole.in_force {
            Some(Action::Done) => done += 1,
            Some(Action::Back(_)) => back += 1,
            _ => {}
        }
    }
    assert!(done > 20 && back > 20, "the stories end in both ways: {done} and {back}");
}

#[test]
fn an_end_is_the_end() {
    let rollout = plan("strategy: canary, steps: [5], pause: 1s, comparison: {off: true}");
    let failing = StepEvidence { probes: Probes::Fail, ..StepEvidence::default() };
    let passing = StepEvidence { probes: Probes::Pass, in_step_ms: 5_000, ..StepEvidence::default() };
    let (ended, action) = next(&rollout, &Progress::begun(at(0)), Event::Tick(&failing), at(1));
    assert!(matches!(action, Action::Back(_)));
    for event in [Event::Tick(&passing), Event::Promote(1), Event::Resume, Event::Pause] {
        assert_eq!(next(&rollout, &ended, event, at(2)), (ended.clone(), action.clone()));
    }
}

#[test]
fn orders_move_only_the_step_that_they_name() {
    let rollout = plan("strategy: canary, steps: [5, 25], pause: 1m, comparison: {off: true}");
    let begun = Progress::begun(at(0));
    let unknown = StepEvidence { in_step_ms: 1, ..StepEvidence::default() };
    let passing = StepEvidence { probes: Probes::Pass, ..unknown.clone() };
    for step in [0, 2, 3] {
        assert_eq!(next(&rollout, &begun, Event::Promote(step), at(1)).0, begun, "{step}");
    }
    let (promoted, _) = next(&rollout, &begun, Event::Promote(1), at(1));
    // Widening needs the probes, and nothing else of the step.
    assert!(matches!(next(&rollout, &promoted, Event::Tick(&unknown), at(2)).1, Action::Hold(_)));
    let (second, action) = next(&rollout, &promoted, Event::Tick(&passing), at(3));
    assert_eq!((second.step, action), (1, Action::Widen(1)));
    // The same order, once more, is about a step that has begun.
    assert_eq!(next(&rollout, &second, Event::Promote(1), at(4)).0, second);
    let (paused, _) = next(&rollout, &second, Event::Pause, at(5));
    let long = StepEvidence { in_step_ms: 90_000, ..passing };
    assert_eq!(next(&rollout, &paused, Event::Tick(&long), at(90_000)).0, paused);
    let (resumed, _) = next(&rollout, &paused, Event::Resume, at(100_000));
    assert_eq!((resumed.paused, resumed.since), (false, at(100_000)));
}
