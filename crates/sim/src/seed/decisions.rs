//! Decisions of people about releases that wait for production: they approve, reject, promote, waive and roll back.

use domain::release::{Open, Stage};
use evidence::Place;
use evidence::approval::Decision;
use serde_json::json;

use super::course::Course;
use super::people::{checked, request, vote, waiver};

impl Course {
    /// People decide about the releases that wait for production.
    pub(super) fn at_production(&mut self, at: usize, author: usize) {
        let places = self.estate.projects[at].places();
        for place in places.into_iter().filter(|place| place.environment.as_str() == "production") {
            match self.chance.u32(..100) {
                0..25 => self.happened("left waiting"),
                25..28 => {
                    let by = self.one_of("developer", &[]);
                    self.promote(&place, by);
                }
                28..31 => self.decide(&place, author, Decision::Approve, "I wrote it, and it works"),
                31..34 => {
                    let by = self.one_of("release-manager", &[author]);
                    self.decide(&place, by, Decision::Reject, "not before the end of the month");
                }
                _ => self.release(at, &place, author),
            }
        }
    }

    /// A release manager approves, another person promotes, and sometimes it is rolled back.
    fn release(&mut self, at: usize, place: &Place, author: usize) {
        let manager = self.one_of("release-manager", &[author]);
        let reason = REASONS[self.chance.usize(..REASONS.len())];
        self.decide(place, manager, Decision::Approve, reason);
        self.promote(place, manager);
        self.deploy(at);
        if self.is_held(place) && self.percent(50) && self.waive(place, author) {
            self.decide(place, manager, Decision::Approve, "with the waiver");
            self.promote(place, manager);
            self.deploy(at);
        }
        if self.percent(2) {
            self.roll_back(place, manager);
            self.deploy(at);
        }
    }

    fn pending(&self, place: &Place) -> Option<u64> {
        let state = self.office.state();
        let open = state.release.at(place).and_then(|standing| standing.open.as_ref());
        let free = |open: &&Open| !matches!(open.stage, Stage::Judging);
        open.filter(free).map(|open| open.facts.release)
    }

    fn is_held(&self, place: &Place) -> bool {
        let state = self.office.state();
        let open = state.release.at(place).and_then(|standing| standing.open.as_ref());
        open.is_some_and(|open| open.stage == Stage::Held)
    }

    /// Verifies the pending release, and signs.
    pub(super) fn decide(&mut self, place: &Place, by: usize, decision: Decision, reason: &str) {
        if self.pending(place).is_none() {
            return;
        }
        self.office.cosign(&self.estate.witnesses);
        let bundle = self.office.dossier(place);
        let sent = vote(&checked(&self.estate, &bundle), &self.estate.people[by].keys, decision, reason);
        if self.ask(&sent) {
            self.happened(if decision == Decision::Approve { "approvals" } else { "rejections" });
        }
    }

    pub(super) fn promote(&mut self, place: &Place, by: usize) {
        let Some(release) = self.pending(place) else { return };
        let sent =
            request(&self.estate.people[by].keys, "promote", json!({ "place": place, "release": release }));
        if self.ask(&sent) {
            self.happened("promotions");
        }
        self.office.judge(&self.estate.witnesses);
    }

    fn waive(&mut self, place: &Place, author: usize) -> bool {
        let by = self.one_of("security", &[author]);
        let days = [7, 14, 30, 90][self.chance.usize(..4)];
        self.office.cosign(&self.estate.witnesses);
        let bundle = self.office.dossier(place);
        let sent = waiver(&checked(&self.estate, &bundle), &self.estate.people[by].keys, days);
        let waived = sent.is_some_and(|sent| self.ask(&sent));
        if waived {
            self.happened("waivers");
        }
        waived
    }

    fn roll_back(&mut self, place: &Place, by: usize) {
        let state = self.office.state();
        let standing = state.release.at(place).unwrap();
        let now = standing.running.as_ref();
        let back = standing.past().find(|past| !standing.bars(&past.artifact));
        let both = now.zip(back).map(|(now, back)| (now.artifact, back.artifact, back.release));
        drop(state);
        let Some((from, to, release)) = both else { return };
        let arguments = json!({
            "place": place, "from": from, "to": to, "release": release, "ends": true,
            "reason": "errors rose after the release",
        });
        let sent = request(&self.estate.people[by].keys, "rollback", arguments);
        if self.ask(&sent) {
            self.happened("rollbacks");
        }
    }
}

const REASONS: [&str; 5] = [
    "read it, tried it in staging",
    "the figures of staging are right",
    "agreed with the team",
    "as discussed in the review",
    "small, and easy to roll back",
];
