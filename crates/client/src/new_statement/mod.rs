//! A statement of a person about a pending release: who may make it, where and how long it counts, and its signature.
//!
//! Input: checked evidence. Output: a signed envelope. Invariant: the statement names the trust root and the checkpoint
//! that this program has verified.

pub mod deploy_secret;
pub mod finding;
pub mod grant;
pub mod lift;
pub mod not_affected;
pub mod overriding;
pub mod sign_off;
pub mod tag;
pub mod waiver;

use std::str::FromStr;
use std::time::Duration;

use domain::gate::GateOutcome;
use evidence::dsse::Envelope;
use evidence::request::CLOCK_SKEW_MAX;
use evidence::statements::{Body, NAMESPACE, Scope, Statement, StatementError, StatementKind};
use evidence::trust_root::Mode;
use evidence::{Digest, Id, Moment, Place};
use judge::Checked;
use policy::Reason;
use wire::{PlaceView, ReleaseStage};

use crate::clock::now;
use crate::error::Error;
use crate::profile::Profile;
use crate::random;
use crate::signing::PersonKey;

/// The end of a statement, as people type it: a date, which means the end of that day in UTC, or a time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until(pub Moment);

/// Why a text is no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a date, such as 2026-12-31, which means its end in UTC, or a time such as 2026-12-31T12:00:00Z"
)]
pub struct UntilError;

impl FromStr for Until {
    type Err = UntilError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = format!("{text}T00:00:00.000Z").parse::<Moment>();
        let seconds = text.strip_suffix('Z').map(|start| format!("{start}.000Z").parse::<Moment>());
        match (day, text.parse::<Moment>(), seconds) {
            (Ok(day), ..) => Ok(Self(day.later_by(Duration::from_hours(24)))),
            (_, Ok(time), _) | (_, _, Some(Ok(time))) => Ok(Self(time)),
            _ => Err(UntilError),
        }
    }
}

/// The parts of a statement that a person chooses.
#[derive(Clone, Debug)]
pub struct NewStatement {
    /// The places where it counts.
    pub scope: Scope,
    /// Digests of the things that it is about.
    pub subjects: Vec<Digest>,
    /// Its end.
    pub until: Until,
    /// The person's reason.
    pub reason: String,
    /// The content.
    pub body: Body,
}

/// The installation as the signer verified it, which the statement names.
#[derive(Clone, Debug)]
pub struct SeenTrust {
    /// The installation.
    pub installation: Id,
    /// Version of the trust root.
    pub root: u32,
    /// Text of the checkpoint.
    pub checkpoint: String,
}

/// The scope of a statement that is made about a release at a place.
pub fn scope(place: &Place, everywhere: bool) -> Scope {
    let Place { project, service, environment } = place.clone();
    Scope { project, service: Some(service), environment: Some(environment).filter(|_| !everywhere) }
}

/// Fails if a statement of this kind may not last until then.
pub fn refuse_long(kind: StatementKind, until: Until) -> Result<(), Error> {
    let longest = kind.longest();
    if until.0 <= now()?.later_by(longest) {
        return Ok(());
    }
    let (kind, hours) = (kind.as_str(), longest.as_secs() / 3_600);
    let longest = if hours < 24 { format!("{hours} hours") } else { format!("{} days", hours / 24) };
    let article = if kind.starts_with('o') { "an" } else { "a" };
    Err(Error::unusable(format!("{article} {kind} lasts at most {longest}: choose an earlier end")))
}

/// Fails if the kind bars the person, because the change is theirs or they asked for its run.
pub fn refuse_own_change(checked: &Checked<'_>, profile: &Profile, kind: StatementKind) -> Result<(), Error> {
    let rules = kind.rules();
    let is_solo = kind == StatementKind::Override && checked.trust.root.mode == Mode::Solo;
    let own = checked
        .people
        .enrolled
        .by_id(profile.person.id())
        .filter(|person| checked.is_barred(&person.subject));
    let Some(person) = own.filter(|_| rules.bars_authors && !is_solo) else { return Ok(()) };
    let (kind, name) = (kind.as_str(), shown::line(&person.name));
    let what = format!(
        "{name} is an author of the change to {} or asked for its run, and makes no {kind} for it",
        checked.place
    );
    let remedy = format!("have another person sign it who has the role {}", rules.roles.join(" or "));
    let finding = Reason { code: "own-change".into(), what: what.clone(), remedy, finding: None };
    Err(Error::decided(GateOutcome::Fail, format!("{what}; nothing was signed"), vec![finding]))
}

/// Fails if a release cannot be let begin any more, because it has begun: its agent widens it by the evidence of its beginning.
pub fn refuse_under_way(view: &PlaceView, kind: StatementKind) -> Result<(), Error> {
    let begun = view.open.as_ref().filter(|open| open.stage == ReleaseStage::Due);
    match begun.filter(|_| kind == StatementKind::Override) {
        None => Ok(()),
        Some(open) => Err(Error::unusable(format!(
            "release {} has begun at {place}, and an override lets a release begin: its next step begins once the windows are open              (`countersign calendar show {place}`); `countersign rollout abort {place}` ends it",
            open.release,
            place = view.place
        ))),
    }
}

/// The statement, signed by the person's approval key.
pub fn sign(profile: &Profile, checked: &Checked<'_>, new: NewStatement) -> Result<Envelope, Error> {
    let seen = SeenTrust {
        installation: checked.bundle.installation,
        root: checked.trust.root.version,
        checkpoint: checked.ledger.proven.checkpoint.to_string(),
    };
    sign_under(profile, seen, new)
}

/// The beginning of a statement that is signed now: a little before, so that it counts on a machine whose clock is behind.
fn begins(now: Moment) -> Moment {
    let skew = u64::try_from(CLOCK_SKEW_MAX.as_millis()).unwrap_or_default();
    Moment::from_millis(now.millis().saturating_sub(skew)).unwrap_or(now)
}

/// The moment at which a statement was signed, by the clock of its signer.
#[must_use]
pub fn signed_at(statement: &Statement) -> Moment {
    statement.not_before.later_by(CLOCK_SKEW_MAX)
}

/// A statement about no release, signed by the person's approval key.
pub fn sign_under(profile: &Profile, seen: SeenTrust, new: NewStatement) -> Result<Envelope, Error> {
    let NewStatement { scope, mut subjects, until, reason, body } = new;
    subjects.sort_unstable();
    let now = now()?;
    let statement = Statement {
        installation: seen.installation,
        person: profile.person.id(),
        scope,
        subjects,
        not_before: begins(now),
        expires: until.0,
        root: seen.root,
        checkpoint: seen.checkpoint,
        reason,
        nonce: random::id()?,
        via: "command-line".into(),
        body,
    };
    let unusable = |error: StatementError| Error::unusable(error.to_string());
    let mut envelope = statement.envelope().map_err(unusable)?;
    PersonKey::read(&profile.approval_key)?.sign(&mut envelope, NAMESPACE)?;
    Ok(envelope)
}

#[cfg(test)]
mod tests {
    use evidence::Moment;
    use evidence::request::CLOCK_SKEW_MAX;

    use super::{Until, UntilError, begins};

    #[test]
    fn a_statement_begins_before_it_is_signed() {
        let now = Moment::from_millis(1_800_000_000_000).unwrap();
        assert!(begins(now) < now);
        assert_eq!(begins(now).later_by(CLOCK_SKEW_MAX), now, "by it `signed_at` tells the moment");
    }

    #[test]
    fn a_date_means_its_end_in_utc_and_a_time_means_itself() {
        let until = |text: &str| text.parse::<Until>().map(|until| until.0.to_string());
        assert_eq!(until("2026-12-31"), Ok("2027-01-01T00:00:00.000Z".into()));
        assert_eq!(until("2026-12-31T12:00:00Z"), Ok("2026-12-31T12:00:00.000Z".into()));
        assert_eq!(until("2026-12-31T12:00:00.500Z"), Ok("2026-12-31T12:00:00.500Z".into()));
        for wrong in ["", "tomorrow", "2026-13-01", "2026-12-31T12:00:00", "2026-12-31T12:00:00+01:00"] {
            assert_eq!(until(wrong), Err(UntilError), "{wrong}");
        }
    }
}
