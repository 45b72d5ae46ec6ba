//! How a rollout ended without its release, in the words of a reason: the numbers that decided, what follows from them, and who
//! ended it if a person did.
//!
//! Input: the place, the release and the agent's signed words. Output: a title and a reason. Invariant: nothing here decides.

use std::time::Duration;

use domain::gate::GateOutcome;
use domain::release::{ROLLOUT_FAILED, ROLLOUT_INTERRUPTED};
use evidence::{CommitId, Place};
use policy::Reason;
use review::{place_words, rollout_words};
use wire::{Client, PlaceView, ReleaseStage, ReleaseView, RollbackView};

use crate::error::Error;
use crate::places::look;

/// The end of a rollout: the title of the failure, and its reason.
#[derive(Debug)]
pub struct RolloutEnded {
    /// The end, in a sentence that begins with the place.
    pub title: String,
    /// Why, and what to do.
    pub reason: Reason,
}

impl RolloutEnded {
    /// The end as a failure.
    pub fn into_error(self) -> Error {
        Error::decided(GateOutcome::Fail, self.title, vec![self.reason])
    }
}

/// The end of the rollout of a release that did not come; `None` if something else ended the release. `said` are the words of the
/// agent's report.
///
/// # Errors
/// `Error` when the server does not answer.
pub async fn of(
    client: &Client,
    release: &ReleaseView,
    said: Option<&str>,
) -> Result<Option<RolloutEnded>, Error> {
    if release.stage != ReleaseStage::Returned {
        return Ok(None);
    }
    let has = |code: &str| release.reasons.iter().any(|reason| reason == code);
    let said = said.unwrap_or("its agent gave no reason");
    if has(ROLLOUT_FAILED) {
        return Ok(Some(failed(release, said)));
    }
    if !has(ROLLOUT_INTERRUPTED) {
        return Ok(None);
    }
    let by = rollback(client, &release.place, |bar| Some(bar.release) == release.release).await?;
    Ok(Some(interrupted(release, said, by.as_ref())))
}

/// The end of a release by this rollback, which its agent carried out before it reported anything about the release; `None` if the
/// rollback left another release.
///
/// # Errors
/// `Error` when the server does not answer.
pub async fn by_rollback(
    client: &Client,
    place: &Place,
    number: u64,
    commit: &CommitId,
) -> Result<Option<RolloutEnded>, Error> {
    let by = rollback(client, place, |bar| bar.by == number).await?;
    Ok(by.map(|by| RolloutEnded {
        title: aborted(place, by.release, &place_words::person(&by)),
        reason: Reason {
            code: "ended-by-rollback".into(),
            what: ended_by(&by),
            remedy: brings_again(commit),
            finding: None,
        },
    }))
}

fn aborted(place: &Place, release: u64, who: &str) -> String {
    format!("{place}: release {release} was aborted by {who}")
}

fn ended_by(by: &RollbackView) -> String {
    let why = by.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} ended it by rollback {}{why}", place_words::person(by), by.by)
}

fn brings_again(commit: &CommitId) -> String {
    format!(
        "nothing was judged against it: `countersign run --again {commit}` brings it again, if it is wanted"
    )
}

fn failed(release: &ReleaseView, said: &str) -> RolloutEnded {
    let (place, number) = (&release.place, release.release.unwrap_or_default());
    let remedy = format!(
        "see `countersign logs {place}`, correct the service and commit: another artifact is not barred. This one is barred at {place} \
         from now on; if the failure had another cause, `countersign run --again {}`, and somebody who is not behind the change runs \
         `countersign lift --place {place}`. {}",
        release.commit,
        rollout_words::settings(said)
    );
    let reason = Reason { code: ROLLOUT_FAILED.into(), what: said.to_owned(), remedy, finding: None };
    let title = format!(
        "{place}: release {number} failed its judgement, so the release that ran before has all requests again"
    );
    RolloutEnded { title, reason }
}

fn interrupted(release: &ReleaseView, said: &str, by: Option<&RollbackView>) -> RolloutEnded {
    let (place, number) = (&release.place, release.release.unwrap_or_default());
    let (title, what, remedy) = match by {
        Some(by) => {
            let title = aborted(place, number, &place_words::person(by));
            (title, format!("{} ({said})", ended_by(by)), brings_again(&release.commit))
        }
        None => {
            let remedy = format!(
                "nothing was judged against it: once that is over, `countersign run {}` brings it again",
                release.commit
            );
            (
                format!("{place}: the rollout of release {number} was ended before its numbers decided"),
                said.to_owned(),
                remedy,
            )
        }
    };
    let title = format!("{title}, so the release that ran before has all requests again");
    let reason = Reason { code: ROLLOUT_INTERRUPTED.into(), what, remedy, finding: None };
    RolloutEnded { title, reason }
}

/// The rollback by which a person ended the rollout of a release. Its agent may report the end of the release first, so a rollback
/// that is due is waited for.
async fn rollback(
    client: &Client,
    place: &Place,
    is_it: impl Fn(&RollbackView) -> bool,
) -> Result<Option<RollbackView>, Error> {
    let find = |view: &PlaceView| view.rolled_back.iter().find(|bar| is_it(bar)).cloned();
    let mut seen = 0;
    for _ in 0..LOOKS_MAX {
        let view = look(client, place).await?;
        if find(&view).is_some() || view.rollback.is_none() {
            return Ok(find(&view));
        }
        seen = tokio::time::timeout(LOOK_EVERY, client.wait_past(seen)).await.unwrap_or(Ok(seen))?;
    }
    Ok(None)
}

/// Looks for the end of a rollback, and the longest pause between two.
const LOOKS_MAX: u32 = 60;
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::{Digest, Id, Moment};
    use wire::ReleaseKind;

    use super::*;

    fn release() -> ReleaseView {
        ReleaseView {
            place: "shop/api/dev".parse().unwrap(),
            kind: ReleaseKind::Release,
            release: Some(3),
            run: Id::from_random([7; 16]).into(),
            artifact: Digest::of(b"artifact"),
            commit: "11".repeat(20).parse().unwrap(),
            stage: ReleaseStage::Returned,
            outcome: None,
            reasons: Vec::new(),
            warnings: Vec::new(),
            detail: None,
            bundle: None,
            began: 1,
            entry: 2,
            time: Moment::from_millis(1).unwrap(),
            by: None,
            by_rollback: None,
            replaced: false,
        }
    }

    #[test]
    fn a_failed_judgement_names_numbers_bar_lift_and_settings() {
        let numbers = "at step 1 of 2: errors: 30 % over 1 min, at most 1 % (3 of 10)";
        let RolloutEnded { title, reason } = failed(&release(), numbers);
        assert_eq!(
            title,
            "shop/api/dev: release 3 failed its judgement, so the release that ran before has all requests again"
        );
        assert_eq!((reason.code.as_str(), reason.what.as_str()), ("rollout-failed", numbers));
        for part in [
            "barred at shop/api/dev from now on",
            "countersign lift --place shop/api/dev",
            "countersign run --again 1111",
            "`budget.errors`, `budget.over` and `budget.samples`",
        ] {
            assert!(reason.remedy.contains(part), "{part}: {}", reason.remedy);
        }
    }

    #[test]
    fn an_abort_names_the_person() {
        let said = "at step 1 of 2: a rollback was asked for";
        let person: Id = Id::from_random([3; 16]);
        let mut by = RollbackView {
            artifact: Digest::of(b"artifact"),
            commit: "11".repeat(20).parse().unwrap(),
            release: 3,
            by: 4,
            person: person.into(),
            name: Some("Bob".to_owned()),
            reason: Some("we look at it".to_owned()),
            time: None,
        };
        let ended = interrupted(&release(), said, Some(&by));
        assert!(ended.title.starts_with("shop/api/dev: release 3 was aborted by Bob, so"), "{ended:?}");
        let what = "Bob ended it by rollback 4: we look at it (at step 1 of 2: a rollback was asked for)";
        assert_eq!(ended.reason.what, what);
        by.name = None;
        let ended = interrupted(&release(), said, Some(&by));
        assert!(ended.title.contains("was aborted by person "), "{ended:?}");
        let ended = interrupted(&release(), "at step 1 of 2: shop is frozen", None);
        assert!(ended.title.contains("was ended before its numbers decided"), "{ended:?}");
        assert_eq!(ended.reason.what, "at step 1 of 2: shop is frozen");
    }
}
