//! Which machines ask for work: whoever waits for one is told when it is gone.
//!
//! Invariant: nothing is decided from this and nothing of it is on record. A machine that waits for an answer is here;
//! one that is gone lets its connection go.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use evidence::Name;
use wire::MachineView;

/// When each machine was last heard of.
#[derive(Debug)]
pub struct Presence {
    since: Instant,
    heard: Mutex<BTreeMap<String, Heard>>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    last: Instant,
    /// Questions of it that wait for an answer.
    waiting: u32,
    at_work: bool,
}

/// A question of a machine, until it is answered or given up.
#[derive(Debug)]
pub struct Question<'a> {
    presence: &'a Presence,
    who: String,
}

impl Default for Presence {
    fn default() -> Self {
        Self { since: Instant::now(), heard: Mutex::new(BTreeMap::new()) }
    }
}

impl Presence {
    /// A machine asks for work.
    pub fn asks(&self, who: String) -> Question<'_> {
        self.change(&who, |heard| {
            heard.waiting += 1;
            heard.at_work = false;
        });
        Question { presence: self, who }
    }

    /// A machine, as far as it was heard of.
    pub fn of(&self, who: &str, name: &Name) -> MachineView {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(who).copied();
        let last = heard.map_or(self.since, |heard| heard.last);
        let is_waiting = heard.is_some_and(|heard| heard.waiting > 0);
        MachineView {
            name: name.clone(),
            silent_seconds: if is_waiting { 0 } else { last.elapsed().as_secs() },
            at_work: heard.is_some_and(|heard| heard.at_work),
        }
    }

    fn change(&self, who: &str, change: impl FnOnce(&mut Heard)) {
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let heard = all.entry(who.to_owned()).or_insert(Heard { last: now, waiting: 0, at_work: false });
        heard.last = now;
        change(heard);
    }
}

impl Question<'_> {
    /// It was given something to do.
    pub fn has_work(&self) {
        self.presence.change(&self.who, |heard| heard.at_work = true);
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.presence.change(&self.who, |heard| heard.waiting = heard.waiting.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::Presence;

    #[test]
    fn a_machine_is_here_while_it_asks_and_at_work_after_it_was_given_some() {
        let presence = Presence::default();
        let name = "runner-1".parse().unwrap();
        let question = presence.asks("runner-1".into());
        assert_eq!(presence.of("runner-1", &name).silent_seconds, 0);
        assert!(!presence.of("runner-1", &name).at_work);
        question.has_work();
        drop(question);
        assert!(presence.of("runner-1", &name).at_work, "until it asks for more");
        drop(presence.asks("runner-1".into()));
        assert!(!presence.of("runner-1", &name).at_work);
        assert!(!presence.of("runner-2", &"runner-2".parse().unwrap()).at_work, "never heard of");
    }
}
