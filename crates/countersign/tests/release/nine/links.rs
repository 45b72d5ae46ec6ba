//! Each link of the installation is cut in turn, whole and in either direction, while somebody needs it. What was promised is kept
//! once it is back, and meanwhile nothing runs that should not.

use serde_json::{Value, json};

use super::{BUILDS, LAPTOP, LIVE, Nine, PLACES, PRODUCTION, SERVER, STAGING, WITNESSES};
use crate::support::until;

/// What is lost on a link.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Both,
    There,
    Back,
}

pub(super) const WAYS: [Way; 3] = [Way::Both, Way::There, Way::Back];
/// The places.
const DEV: usize = 0;
const PRODUCTION_AGENT: usize = 2;

impl Nine {
    fn lose(&self, (from, to): (usize, usize), way: Way) {
        for (from, to) in way.of(from, to) {
            self.net.lose(self.at[from], self.at[to]);
        }
    }

    fn find(&self, (from, to): (usize, usize), way: Way) {
        for (from, to) in way.of(from, to) {
            self.net.find(self.at[from], self.at[to]);
        }
    }

    /// A change whose run is recorded while these links are cut.
    fn asked(&self, name: &str) -> Value {
        self.change(name);
        self.runners.iter().for_each(super::Logged::listen);
        self.ada().ok(&["run", "--no-wait"])["run"].clone()
    }

    /// A runner has done both steps.
    fn built(&self, runner: usize) {
        for _ in 0..2 {
            self.runners[runner].says(" is done");
        }
    }

    /// The pending release of a place, as the server sees it.
    fn pending(&self, place: usize) -> Value {
        let name = json!(format!("shop/ledger-api/{}", PLACES[place]));
        let seen = self.ada().ok(&["status"]);
        seen["places"].as_array().unwrap().iter().find(|view| view["place"] == name).unwrap()["open"].clone()
    }

    /// The release of a run has come so far at a place: what happens next there would happen now.
    fn reaches(&self, place: usize, run: &Value, stages: &[&str]) {
        let is_there = |open: &Value| {
            open["run"] == *run && open["stage"].as_str().is_some_and(|stage| stages.contains(&stage))
        };
        until(|| is_there(&self.pending(place)).then_some(()));
    }

    /// The server has recorded what one runner did, and waits for the other.
    fn half_passed(&self, run: &Value) {
        let passed = |view: &Value| {
            let works = view["works"].as_array().unwrap();
            works.iter().filter(|work| work["kind"] == "step" && work["state"] == "passed").count()
        };
        until(|| {
            let seen = self.ada().ok(&["status"]);
            let view = seen["runs"].as_array().unwrap().iter().find(|view| view["run"] == *run).unwrap();
            assert_eq!(view["state"], "running", "{view}");
            (passed(view) == 2).then_some(())
        });
        assert_eq!(self.pending(DEV), Value::Null);
    }
}

impl Way {
    pub(super) fn of<T: Copy>(self, from: T, to: T) -> Vec<(T, T)> {
        match self {
            Self::Both => vec![(from, to), (to, from)],
            Self::There => vec![(from, to)],
            Self::Back => vec![(to, from)],
        }
    }
}

#[test]
fn links_of_runners_and_agents_are_cut_in_turn_and_nothing_is_lost() {
    let Some(nine) = Nine::new() else { return };
    nine.release("first");
    for (runner, way) in [0, 1].into_iter().flat_map(|runner| WAYS.map(|way| (runner, way))) {
        let (link, before) = ((BUILDS + runner, SERVER), nine.runs(DEV));
        nine.lose(link, way);
        let run = nine.asked(&format!("runner-{runner}-{way:?}"));
        nine.built(1 - runner);
        nine.half_passed(&run);
        // One runner alone is not enough for any place.
        assert_eq!(nine.runs(DEV), before, "{link:?} {way:?}");
        nine.find(link, way);
        assert_eq!(nine.ada().ok(&["run"])["run"], run, "{link:?} {way:?}");
        assert_ne!(nine.runs(DEV), before, "{link:?} {way:?}");
    }
    for way in WAYS {
        let (link, before) = ((STAGING, SERVER), nine.runs(DEV));
        nine.lose(link, way);
        let run = nine.asked(&format!("staging-{way:?}"));
        [0, 1].into_iter().for_each(|runner| nine.built(runner));
        // The gate has passed it, and the agent would take it.
        nine.reaches(DEV, &run, &["due"]);
        assert_eq!(nine.runs(DEV), before, "{way:?}");
        nine.find(link, way);
        assert_eq!(nine.ada().ok(&["run"])["run"], run, "{way:?}");
        assert_ne!(nine.runs(DEV), before, "{way:?}");
    }
    for way in WAYS {
        let (link, before) = ((LIVE, SERVER), nine.runs(PRODUCTION_AGENT));
        nine.change(&format!("live-{way:?}"));
        let run = nine.ada().ok(&["run"])["run"].clone();
        nine.approve();
        nine.lose(link, way);
        nine.ada().ok(&["promote", "--no-wait"]);
        nine.reaches(PRODUCTION_AGENT, &run, &["due"]);
        assert_eq!(nine.runs(PRODUCTION_AGENT), before, "{way:?}");
        nine.find(link, way);
        until(|| (nine.runs(PRODUCTION_AGENT) != before).then_some(()));
    }
    nine.sound();
}

#[test]
fn links_of_witnesses_and_the_laptop_are_cut_in_turn_and_nothing_is_lost() {
    let Some(mut nine) = Nine::new() else { return };
    nine.release("first");
    for (witness, way) in [0, 1, 2].into_iter().zip(WAYS) {
        // Two others are a quorum.
        nine.lose((SERVER, WITNESSES + witness), way);
        assert_eq!(nine.release(&format!("witness-{witness}"))["outcome"], json!("running"));
        // One is not: nothing goes to any place, whatever was built.
        let (other, before) = ((SERVER, WITNESSES + (witness + 1) % 3), nine.runs(DEV));
        nine.lose(other, way);
        let run = nine.asked(&format!("quorum-{witness}"));
        [0, 1].into_iter().for_each(|runner| nine.built(runner));
        // It is before its gate, which waits for witnesses.
        nine.reaches(DEV, &run, &["judging", "held"]);
        assert_eq!(nine.runs(DEV), before, "{way:?}");
        nine.find(other, way);
        nine.find((SERVER, WITNESSES + witness), way);
        assert_eq!(nine.ada().ok(&["run"])["run"], run, "{way:?}");
        assert_ne!(nine.runs(DEV), before, "{way:?}");
    }
    for way in WAYS {
        nine.change(&format!("laptop-{way:?}"));
        nine.lose((LAPTOP, SERVER), way);
        let failed = nine.ada().in_repository(&["run", "--no-wait"], 1);
        assert!(failed["error"].as_str().unwrap().contains("cannot reach the server"), "{failed}");
        nine.find((LAPTOP, SERVER), way);
        // The link is cut while a person waits for the run, which goes on.
        nine.runners.iter().for_each(super::Logged::listen);
        let waiting = nine.ada().home.spawn_in(&nine.ada().repository(), &["run"]);
        nine.runners[0].says(" has begun");
        nine.lose((LAPTOP, SERVER), way);
        [0, 1].into_iter().for_each(|runner| nine.built(runner));
        nine.find((LAPTOP, SERVER), way);
        let ended = waiting.wait_with_output().unwrap();
        assert!(ended.status.success(), "{way:?}: {ended:?}");
        let before = nine.runs(PRODUCTION_AGENT);
        nine.approve();
        assert_eq!(nine.pending(PRODUCTION_AGENT)["approvals"], json!(1), "the server has the approval");
        assert_eq!(nine.runs(PRODUCTION_AGENT), before, "{way:?}");
        assert_eq!(nine.ada().ok(&["promote"])["outcome"], json!("running"));
    }
    // Two witnesses are out of an agent's reach, and the server is down: it hears of the freeze from the third.
    nine.ada()
        .ok(&[&["trust", "status"], &nine.asking().iter().map(String::as_str).collect::<Vec<_>>()[..]]
            .concat());
    nine.lose((LIVE, WITNESSES), Way::There);
    nine.lose((LIVE, WITNESSES + 1), Way::Back);
    nine.server.take().unwrap().stop();
    nine.ada().ok(&["freeze", PRODUCTION, "--yes"]);
    let third = format!("came from the witness at https://{}", nine.at[WITNESSES + 2].at(super::PORT));
    nine.agents[PRODUCTION_AGENT].says(&third);
    nine.sound();
}
