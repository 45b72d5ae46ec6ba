//! Every step of a rotation, with the process killed before and after each effect, and with others beside it.

use std::collections::BTreeSet;

use evidence::rotation_recipe::RotationRecipe;

use super::*;

/// The world outside of a rotation; a value is its number in the order in which values were made.
#[derive(Clone, Debug, Default)]
struct World {
    recorded: Vec<u64>,
    valid: BTreeSet<u64>,
    made: u64,
    in_use: u64,
    /// Looks until the service has switched.
    lag: u32,
    withdrawn: Vec<u32>,
    journal: Option<Journal>,
}

/// The effects on a world, of a process that is killed at an effect.
struct Process<'a> {
    world: &'a mut World,
    sealed: Option<u64>,
    effects: u32,
    killed_at: u32,
    /// Whether the effect at which it is killed was carried out.
    after: bool,
    patience: u32,
}

fn digest(value: u64) -> Digest {
    Digest::of(&value.to_be_bytes())
}

impl Process<'_> {
    fn effect<T>(&mut self, carried_out: impl FnOnce(&mut Self) -> T) -> Result<T, &'static str> {
        self.effects += 1;
        let is_last = self.effects == self.killed_at;
        if is_last && !self.after {
            return Err("killed");
        }
        let done = carried_out(self);
        assert!(self.world.valid.contains(&self.world.in_use), "a read is lost: {:?}", self.world);
        if is_last { Err("killed") } else { Ok(done) }
    }
}

impl Effects for Process<'_> {
    type Error = &'static str;

    fn hold(&mut self) -> Result<(), Self::Error> {
        self.effect(|_| ())
    }

    fn newest(&mut self) -> Result<Newest, Self::Error> {
        self.effect(|it| {
            let value = it.world.recorded.last().copied().map(digest);
            Newest { number: it.world.recorded.len().try_into().unwrap(), value, statement: value }
        })
    }

    fn turn(&mut self, _: &Journal) -> Result<Option<String>, Self::Error> {
        self.effect(|_| None)
    }

    fn make(&mut self, _: &Journal) -> Result<Zeroizing<Vec<u8>>, Self::Error> {
        self.effect(|it| {
            it.world.made += 1;
            let made = it.world.made;
            it.world.valid.insert(made);
            Zeroizing::new(made.to_be_bytes().to_vec())
        })
    }

    fn seal(&mut self, _: &Journal, value: Zeroizing<Vec<u8>>) -> Result<Digest, Self::Error> {
        let value = u64::from_be_bytes(value.as_slice().try_into().unwrap());
        self.sealed = Some(value);
        self.effect(|_| digest(value))
    }

    fn send(&mut self) -> Result<Sent<Self::Error>, Self::Error> {
        self.effect(|it| {
            it.world.recorded.push(it.sealed.unwrap());
            it.world.lag = 2;
            Sent::Recorded
        })
    }

    fn behind(&mut self, _: &Journal) -> Result<Vec<String>, Self::Error> {
        self.effect(|it| {
            it.world.lag = it.world.lag.saturating_sub(1);
            if it.world.lag == 0 {
                it.world.in_use = *it.world.recorded.last().unwrap();
            }
            if it.world.lag == 0 { Vec::new() } else { vec!["agent-1 has version 1".to_owned()] }
        })
    }

    fn pause(&mut self, _: &[String]) -> Result<(), Self::Error> {
        self.patience = self.patience.checked_sub(1).ok_or("late")?;
        self.effect(|_| ())
    }

    fn retire(&mut self, journal: &Journal) -> Result<(), Self::Error> {
        let incident = journal.incident;
        self.effect(|it| {
            let newest = *it.world.recorded.last().unwrap();
            it.world.valid.retain(|value| *value >= newest);
            if incident {
                // The service does not run meanwhile: an incident does not wait for it.
                it.world.in_use = newest;
            }
        })
    }

    fn withdraw(&mut self, journal: &Journal) -> Result<(), Self::Error> {
        let number = journal.former.number;
        self.effect(|it| it.world.withdrawn.push(number))
    }

    fn note(&mut self, journal: &Journal) -> Result<(), Self::Error> {
        let journal = journal.clone();
        self.effect(|it| it.world.journal = Some(journal))
    }

    fn forget(&mut self) -> Result<(), Self::Error> {
        self.effect(|it| it.world.journal = None)
    }
}

/// A secret with one version, which a service uses.
fn world() -> World {
    World { recorded: vec![1], valid: [1].into(), made: 1, in_use: 1, ..World::default() }
}

fn run(world: &mut World, incident: bool, killed_at: u32, after: bool) -> Result<Ended, &'static str> {
    let recipe = RotationRecipe::parse(b"version: 1\nsecret: shop/token\nsource: input\n").unwrap();
    let found = world.journal.clone();
    let begun = evidence::Moment::from_millis(1_000).unwrap();
    let begin = |newest: &Newest| Journal::new(&recipe, newest, incident, begun);
    let mut process = Process { world, sealed: None, effects: 0, killed_at, after, patience: 5 };
    carry_out(found, incident, begin, &mut process).map(|(_, ended)| ended)
}

fn is_rotated(world: &World) {
    let newest = *world.recorded.last().unwrap();
    assert_eq!(world.valid, [newest].into(), "{world:?}");
    assert_eq!((world.in_use, &world.journal), (newest, &None), "{world:?}");
}

#[test]
fn a_rotation_that_is_killed_at_any_step_goes_on_where_it_was() {
    for incident in [false, true] {
        let mut whole = world();
        assert_eq!(run(&mut whole, incident, u32::MAX, false), Ok(Ended::Rotated));
        is_rotated(&whole);
        assert_eq!(whole.recorded.len(), 2);
        let withdrawn: &[u32] = if incident { &[1] } else { &[] };
        assert_eq!(whole.withdrawn, withdrawn);
        let mut kills = 0;
        for after in [false, true] {
            for killed_at in 1.. {
                let mut world = world();
                if run(&mut world, incident, killed_at, after).is_ok() {
                    break;
                }
                kills += 1;
                // And once more at the beginning of the second process.
                for again in 1..4 {
                    if world.journal.is_some() {
                        let _ = run(&mut world, incident, again, true);
                    }
                }
                if world.journal.is_none() && world.recorded.len() == 2 {
                    // It was killed after its last effect.
                    is_rotated(&world);
                    continue;
                }
                assert_eq!(run(&mut world, incident, u32::MAX, false), Ok(Ended::Rotated), "{world:?}");
                is_rotated(&world);
                assert_eq!(world.recorded.len(), 2, "one version is put, whenever it was killed");
                assert!(
                    world.withdrawn.iter().all(|number| *number == 1)
                        && world.withdrawn.is_empty() != incident
                );
            }
        }
        assert!(kills > 20, "only {kills} kills");
    }
}

#[test]
fn attack_a_rotation_that_was_overtaken_ends_nothing() {
    // Killed before its version was sent, and somebody else puts one.
    let mut world = world();
    let mut killed_at = 1;
    while world.journal.as_ref().is_none_or(|journal| journal.step != Step::Sending) {
        world = self::world();
        assert!(run(&mut world, false, killed_at, true).is_err());
        killed_at += 1;
    }
    world.made += 1;
    let theirs = world.made;
    world.valid.insert(theirs);
    world.recorded.push(theirs);
    let valid = world.valid.clone();
    assert_eq!(run(&mut world, false, u32::MAX, false), Ok(Ended::Overtaken));
    assert_eq!((&world.valid, world.recorded.len()), (&valid, 2), "nothing was ended and nothing was put");
    assert_eq!(world.journal, None);
}

#[test]
fn attack_a_try_that_arrives_late_is_followed_by_a_version_that_is_valid() {
    let mut world = world();
    let late = digest(2);
    let mut killed_at = 1;
    while world.journal.as_ref().is_none_or(|journal| journal.tries.len() != 1) {
        world = self::world();
        assert!(run(&mut world, false, killed_at, true).is_err());
        killed_at += 1;
    }
    assert_eq!(world.journal.as_ref().unwrap().tries, [late]);
    // The second process makes another value and is killed, too; then the request of the first one arrives.
    let mut second = 1;
    while world.journal.as_ref().unwrap().tries.len() != 2 {
        let mut tried = world.clone();
        assert!(run(&mut tried, false, second, true).is_err());
        second += 1;
        if tried.journal.as_ref().unwrap().tries.len() == 2 {
            world = tried;
        }
    }
    world.recorded.push(2);
    assert_eq!(run(&mut world, false, u32::MAX, false), Ok(Ended::Rotated));
    is_rotated(&world);
    assert_eq!(world.recorded.len(), 3);
}

#[test]
fn a_service_that_does_not_switch_keeps_the_former_value() {
    let mut world = world();
    world.lag = u32::MAX;
    let recipe = RotationRecipe::parse(b"version: 1\nsecret: shop/token\nsource: input\n").unwrap();
    let begin =
        |newest: &Newest| Journal::new(&recipe, newest, false, evidence::Moment::from_millis(1).unwrap());
    let mut process = Process {
        world: &mut world,
        sealed: None,
        effects: 0,
        killed_at: u32::MAX,
        after: false,
        patience: 0,
    };
    assert_eq!(carry_out(None, false, begin, &mut process).map(|(_, ended)| ended), Err("late"));
    assert_eq!(world.journal.as_ref().map(|journal| journal.step), Some(Step::Put));
    assert!(world.valid.contains(&1), "the former value is valid");
    // It goes on later, and puts nothing again.
    assert_eq!(run(&mut world, false, u32::MAX, false), Ok(Ended::Rotated));
    is_rotated(&world);
    assert_eq!(world.recorded.len(), 2);
}
