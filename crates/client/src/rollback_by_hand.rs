//! A rollback that a person brings to an agent while the server is away: from the release that the agent runs or rolls out, back to
//! one that lies on its host.
//!
//! Input: the releases that the agent knows. Output: the page for the person, the arguments of the request. Invariant: the request is the same as
//! that of a rollback by way of the server.

use evidence::Place;
use serde_json::Value;

use crate::error::Error;
use crate::rollback::{Target, arguments};

/// A rollback that a person may bring to an agent.
#[derive(Clone, Debug)]
pub struct RollbackByHand {
    place: Place,
    /// The release that is rolled back.
    pub from: Target,
    /// The release that runs again.
    pub to: Target,
    is_under_way: bool,
    further: Vec<u64>,
}

/// The releases that an agent knows at its place.
#[derive(Clone, Debug)]
pub struct KnownReleases {
    /// The running one.
    pub running: Option<Target>,
    /// The one that is rolled out step by step beside it.
    pub rolling: Option<Target>,
    /// Those that ran before, the latest first.
    pub before: Vec<Target>,
}

impl RollbackByHand {
    /// From a release that is rolled out back to the running one; otherwise from the running one to the latest that ran before, or
    /// to the one that is named.
    pub fn of(place: &Place, known: &KnownReleases, to: Option<u64>) -> Result<Self, Error> {
        let running: Vec<_> = known.running.iter().cloned().collect();
        let (from, past, is_under_way) = match (&known.rolling, &known.running) {
            (Some(rolling), _) => (rolling, running, true),
            (None, Some(running)) => (running, known.before.clone(), false),
            (None, None) => return Err(Error::unusable(format!("the agent of {place} runs nothing"))),
        };
        let target = match to {
            None => past.first(),
            Some(number) => past.iter().find(|past| past.release == number),
        };
        let numbers = || past.iter().map(|past| past.release).collect::<Vec<_>>();
        let Some(target) = target else {
            let known: Vec<_> = numbers().iter().map(u64::to_string).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Error::unusable(format!(
                "there is no such release on the host of {place} to go back to; it has {known}"
            )));
        };
        let further = numbers().into_iter().filter(|number| *number != target.release).collect();
        Ok(Self { place: place.clone(), from: from.clone(), to: target.clone(), is_under_way, further })
    }

    /// Arguments of the request `rollback`.
    #[must_use]
    pub fn arguments(&self, reason: Option<&str>) -> Value {
        arguments(&self.place, &self.from, &self.to, reason)
    }

    /// The page that is shown before the signature.
    #[must_use]
    pub fn page(&self) -> String {
        let line = |word: &str, what: &Target| {
            let Target { release, commit, artifact } = what;
            format!("{word} release {release} of commit {commit}\n  artifact {artifact}")
        };
        let word = if self.is_under_way { "in progress, ends:" } else { "runs now:" };
        let mut lines = vec![self.place.to_string(), line(word, &self.from), line("goes back to:", &self.to)];
        if !self.further.is_empty() {
            let known: Vec<_> = self.further.iter().map(u64::to_string).collect();
            lines.push(format!("or, with --to RELEASE, to {}", known.join(", ")));
        }
        lines.push(BY_HAND.into());
        lines.join("\n")
    }
}

const BY_HAND: &str = "the agent carries it out without the server, which records it when the agent reaches it; pending releases of \
                       the place end then, and the place refuses the artifact until somebody runs its commit with --again";

#[cfg(test)]
mod tests {
    use evidence::Digest;

    use super::*;

    fn target(release: u64) -> Target {
        let commit = format!("{release:040x}").parse().unwrap();
        Target { release, commit, artifact: Digest::of(&release.to_be_bytes()) }
    }

    #[test]
    fn the_target_is_the_latest_before_or_the_named_one() {
        let place = "shop/api/production".parse().unwrap();
        let mut known =
            KnownReleases { running: Some(target(7)), rolling: None, before: vec![target(5), target(3)] };
        let found = |known: &KnownReleases, to| {
            RollbackByHand::of(&place, known, to).map(|found| (found.from.release, found.to.release))
        };
        assert_eq!(found(&known, None).unwrap(), (7, 5));
        assert_eq!(found(&known, Some(3)).unwrap(), (7, 3));
        let said = found(&known, Some(4)).unwrap_err().to_string();
        assert!(said.contains("no such release on the host") && said.contains("it has 5, 3"), "{said}");
        known.rolling = Some(target(9));
        assert_eq!(found(&known, None).unwrap(), (9, 7), "the rollout goes first");
        let page = RollbackByHand::of(&place, &known, None).unwrap().page();
        assert!(
            page.contains("in progress, ends: release 9") && page.contains("without the server"),
            "{page}"
        );
        let nothing = KnownReleases { running: None, rolling: None, before: Vec::new() };
        let said = found(&nothing, None).unwrap_err().to_string();
        assert!(said.contains("runs nothing"), "{said}");
    }
}
