//! An approval or rejection of a release: the page that the person reads, and the statement that they sign.
//!
//! Input: checked evidence. Output: the page, the signed statement. Invariant: everything that is shown as proven and
//! everything that is signed comes from verified bytes; the server's own words are marked as not proven.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use domain::gate::GateOutcome;
use evidence::approval::{Approval, Decision, Signed};
use evidence::dsse::Envelope;
use evidence::pin::Pin;
use evidence::request::CLOCK_SKEW_MAX;
use evidence::trust_root::Mode;
use evidence::{CommitId, Digest, Moment};
use judge::{Checked, Judgement};
use review::results::Results;
use review::summary::summary;
use review::{approvers, place_words};
use serde::Serialize;
use wire::{PersonView, PlaceView};

use crate::clock::now;
use crate::error::Error;
use crate::foresight::Foresight;
use crate::profile::Profile;
use crate::signing::PersonKey;
use crate::{pinned_review, pins, project, random};

/// A person's decision about a release, in their own words.
#[derive(Debug)]
pub struct Vote {
    /// Approval or rejection.
    pub decision: Decision,
    /// The reason; it is signed and recorded.
    pub reason: String,
    /// Change ticket; it is signed and recorded.
    pub ticket: Option<String>,
    /// Digests of the person's own rebuild.
    pub rebuild: Option<BTreeMap<String, Digest>>,
}

/// The facts about a release that a person decides on.
#[derive(Debug)]
pub struct Page<'a> {
    /// The evidence.
    pub checked: &'a Checked<'a>,
    /// The judgement about it.
    pub judgement: &'a Judgement,
    /// Results of scanners and tests.
    pub results: &'a Results,
    /// The gate's reasons after an approval; `None` for another decision.
    pub foresight: Option<&'a Foresight>,
    /// The person's earlier vote that this one replaces, in words.
    pub replaced: Option<&'a ReplacedVote>,
    /// The server's words about other places.
    pub told: &'a str,
}

impl Page<'_> {
    /// The page that a person reads before the signature: the evidence, the results of scanners and tests, what is missing
    /// for the gate, what the server says about other places, and the files that changed in the repository of a directory.
    pub fn text(&self, dir: &Path) -> String {
        let missing = pinned_review::lines("missing", &self.judgement.reasons);
        let unclear = pinned_review::lines("cannot be decided", &self.judgement.unclear);
        let warned = pinned_review::lines("warnings, which stop nothing", &self.judgement.warnings);
        let (summary, results) = (summary(self.checked), self.results.text());
        let after = self.foresight.map(Foresight::text).unwrap_or_default();
        let replaced = self.replaced.map(|vote| format!("\n{}", vote.words())).unwrap_or_default();
        let files = changed_files(self.checked, dir);
        format!("{summary}{results}{missing}{unclear}{warned}{}{files}{after}{replaced}", self.told)
    }
}

/// A person's earlier vote on the same release, which their next vote replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplacedVote {
    /// The earlier decision.
    pub decision: Decision,
    /// Its time.
    pub at: Moment,
    /// Its reason.
    pub reason: String,
}

impl ReplacedVote {
    /// The person's earlier vote with the other decision, if it counts.
    pub fn of(checked: &Checked<'_>, profile: &Profile, decision: Decision) -> Option<Self> {
        let other = if decision == Decision::Approve { Decision::Reject } else { Decision::Approve };
        let vote = earlier_vote(checked, profile, other)?;
        let at = vote.not_before.later_by(CLOCK_SKEW_MAX);
        Some(Self { decision: other, at, reason: vote.reason })
    }

    /// A sentence about it.
    pub fn words(&self) -> String {
        let (at, reason) = (self.at, shown::line(&self.reason));
        match self.decision {
            Decision::Reject => format!("this lifts your own rejection of {at}: {reason}"),
            Decision::Approve => format!("this replaces your own approval of {at}: {reason}"),
        }
    }

    /// The question before the signature.
    pub const fn question(&self) -> &'static str {
        match self.decision {
            Decision::Reject => "Lift your rejection, and sign this approval?",
            Decision::Approve => "Withdraw your approval, and sign this rejection?",
        }
    }
}

/// The server's statements about the commit at other places, shown beside the evidence. They are not proven, but useful
/// to the person who signs.
pub fn told(known: &[PlaceView], view: &PlaceView, decision: Decision) -> String {
    let mut lines = place_words::elsewhere(known, view);
    lines.extend(failed_before(view));
    if lines.is_empty() || decision == Decision::Reject {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("\n  {line}")).collect();
    format!("\nbesides, the server says (this is not proven):{lines}")
}

/// The bar of the pending artifact: its agent refuses it, and a lift voids approvals from before.
fn failed_before(view: &PlaceView) -> Option<String> {
    let artifact = view.open.as_ref()?.artifact;
    let bar = view.bars.iter().find(|bar| bar.artifact == artifact)?;
    Some(format!(
        "release {} of this artifact failed its judgement at {place} ({}). Its agent refuses it without `countersign lift --place \
         {place}`, and a lift voids approvals from before it",
        bar.release,
        shown::line(&bar.why),
        place = view.place
    ))
}

/// Refuses a vote of a change author before the signature, because no gate would count it.
pub fn refuse_own_change(
    checked: &Checked<'_>,
    people: &[PersonView],
    profile: &Profile,
) -> Result<(), Error> {
    if checked.trust.root.mode == Mode::Solo {
        return Ok(());
    }
    match approvers::own_change(checked, people, profile.person.id()) {
        None => Ok(()),
        Some(own) => {
            let what = format!("{}; nothing was signed", own.what);
            Err(Error::decided(GateOutcome::Fail, what, vec![own]))
        }
    }
}

/// The person's earlier vote on this very release, if it counts.
pub fn earlier_vote(checked: &Checked<'_>, profile: &Profile, decision: Decision) -> Option<Approval> {
    let given = checked.bundle.approvals.iter().zip(&checked.approvals.votes);
    let counts = given.filter(|(_, vote)| vote.decision == decision && vote.void.is_empty());
    let said = counts.filter_map(|(envelope, _)| Signed::read(envelope).ok()).map(|signed| signed.said);
    said.into_iter().find(|said| said.person == profile.person.id())
}

/// The statement of a vote, signed by the person's approval key.
pub fn sign(profile: &Profile, checked: &Checked<'_>, vote: Vote) -> Result<Envelope, Error> {
    let Vote { decision, reason, ticket, rebuild } = vote;
    let now = now()?;
    let bundle = checked.bundle;
    let signed = Signed {
        decision,
        artifact: bundle.artifact(),
        plan: checked.plan.digest,
        said: Approval {
            installation: bundle.installation,
            person: profile.person.id(),
            project: bundle.project.clone(),
            service: bundle.service.clone(),
            environment: bundle.environment.clone(),
            release: bundle.release,
            replaces: checked.ledger.proven.proposals.first().and_then(|proposal| proposal.replaces),
            evidence: checked.approvals.evidence,
            policy: checked.trust.environment.policy,
            root: checked.trust.root.version,
            checkpoint: checked.ledger.proven.checkpoint.to_string(),
            reason,
            ticket,
            not_before: earlier(now),
            expires: now.later_by(VALIDITY),
            nonce: random::id()?,
            via: "command-line".into(),
            rebuild,
        },
    };
    let mut envelope = signed.envelope()?;
    PersonKey::read(&profile.approval_key)?.sign(&mut envelope, decision.namespace())?;
    Ok(envelope)
}

/// Pins the numbers of the evidence, so that nobody can show older ones next time.
pub fn remember(pin: &Pin, checked: &Checked<'_>) -> Result<(), Error> {
    pins::raise(pin, |pin| {
        pin.root_version = checked.trust.root.version;
        pin.root = checked.trust.root_digest;
        pin.status = checked.trust.status.number;
        pin.environments = pinned_review::seen_of(checked).beside(&pin.environments);
        pin.checkpoint = checked.ledger.proven.checkpoint.to_string();
    })
}

/// The changed files, from the repository of a directory, if it has both commits.
fn changed_files(checked: &Checked<'_>, dir: &Path) -> String {
    let (base, commit): (&CommitId, &CommitId) = (&checked.source.base, &checked.source.pack.id);
    // An approver may work in any directory; outside of the repository there is nothing to show.
    let repository = match project::toplevel(dir) {
        Ok(Some(repository)) => repository,
        Ok(None) => return String::new(),
        Err(error) => return format!("\nfiles changed: they cannot be shown: {error}"),
    };
    let known = [base, commit].into_iter().all(|id| runner::resolve(&repository, id.as_str()).is_ok());
    match known.then(|| runner::diff_stat(&repository, base, commit)) {
        Some(Ok(stat)) => format!("\nfiles changed:\n{stat}"),
        Some(Err(error)) => format!("\nfiles changed: they cannot be shown: {error}"),
        None => String::new(),
    }
}

/// A time a little before now, so that the approval counts on a machine whose clock is behind.
fn earlier(now: Moment) -> Moment {
    let millis = u64::try_from(CLOCK_SKEW_MAX.as_millis()).unwrap_or_default();
    Moment::from_millis(now.millis().saturating_sub(millis)).unwrap_or(now)
}

/// Validity of an approval.
const VALIDITY: Duration = Duration::from_hours(7 * 24);
