//! The judgement of a release that comes back: its old evidence, under the newest rules that the judge has.
//!
//! Invariant: this judgement refuses nothing. A return goes ahead whatever it says; it is shown, reported and due for review.
//! The evidence is proven under the statement by which the release began, because keys of agents and the plan belong to that
//! one; root, status, people, policy and configuration are the newest. Times at which releases may begin do not count.

use evidence::Digest;
use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::policy_files::PolicyFiles;

use crate::check::check_by;
use crate::checked::Checked;
use crate::context::{Anchors, VerificationContext};
use crate::derived;
use crate::input_reads::compile;
use crate::reasons::Reasons;
use crate::roots::newest_root;
use crate::verdict::{Judgement, judge_checked};

/// The newest rules of a place that a judge has.
#[derive(Clone, Copy, Debug)]
pub struct NewestRules<'a> {
    /// The environment statement.
    pub statement: &'a Envelope,
    /// The policy that it names; `None` if the judge does not have it.
    pub policy: Option<&'a PolicyFiles>,
    /// The configuration that it names.
    pub configuration: &'a [u8],
}

/// Judges a release that comes back. The bundle has the newest trust roots that the judge knows, instead of those that the
/// server sent with it. `rules` are older or newer than the statement of the bundle; the newer ones count. Without rules the
/// release is judged by the policy of its evidence, and the result is undecided (`return-not-judged`).
#[must_use]
pub fn judge_again(
    bundle: &Bundle,
    rules: Option<NewestRules<'_>>,
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Judgement {
    again(bundle, rules, anchors, seen)
        .unwrap_or_else(|reasons| Judgement::of(reasons, Vec::new(), None, Vec::new()))
}

fn again(
    bundle: &Bundle,
    rules: Option<NewestRules<'_>>,
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<Judgement, Reasons> {
    let newest = rules.map(|rules| opened(bundle, rules, anchors, seen)).transpose()?.flatten();
    let policy = newest.as_ref().and_then(|(_, rules)| rules.policy).unwrap_or(&bundle.policy);
    // Evidence of the past does not depend on later releases of the place, nor on the running one. A bar has refused the
    // return before, or has been lifted for it.
    let then = VerificationContext {
        statement: 0,
        release: bundle.release.saturating_sub(1),
        running: None,
        bars: Vec::new(),
        ledger: None,
        fresh: None,
        ..seen.clone()
    };
    let mut checked = check_by(bundle, compile(policy), anchors, &then)?;
    let is_about_time =
        |code: &str| code == domain::release::FROZEN || domain::release::UNTIMELY.contains(&code);
    checked.reasons.against.retain(|reason| !is_about_time(&reason.code));
    checked.reasons.unclear.retain(|reason| !is_about_time(&reason.code));
    if rules.is_none() {
        let what = "the newest rules of the place are not here, so the release was judged by its old ones";
        checked.reasons.unclear(NOT_JUDGED, what, ASK);
    }
    if let Some((statement, rules)) = newest {
        by_newest(&mut checked, statement, rules);
    }
    Ok(judge_checked(&checked))
}

/// The newest statement, if it is genuine, of this place and newer than the one of the bundle.
fn opened<'a>(
    bundle: &Bundle,
    rules: NewestRules<'a>,
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<Option<(Environment, NewestRules<'a>)>, Reasons> {
    let root = newest_root(&bundle.roots, anchors, seen)?;
    let mut unclear = Reasons::default();
    let Ok(statement) = Environment::open(rules.statement, &root) else {
        unclear.unclear(NOT_JUDGED, "the newest statement of the place is not signed by those who may", ASK);
        return Err(unclear);
    };
    let own = bundle.environments.last().and_then(|own| Environment::read(own).ok());
    let is_newer = own.is_none_or(|own| statement.number > own.number);
    if statement.place() != bundle.place() || !is_newer {
        return Ok(None);
    }
    // Bytes that the statement does not name count as missing.
    let policy = rules.policy.filter(|policy| policy.digest().is_ok_and(|digest| digest == statement.policy));
    Ok(Some((statement, NewestRules { policy, ..rules })))
}

/// Puts the newest statement in force for the question to the policy, and compares the plan with the newest configuration.
fn by_newest(checked: &mut Checked<'_>, statement: Environment, rules: NewestRules<'_>) {
    let number = statement.number;
    if rules.policy.is_none() && statement.policy != checked.trust.environment.policy {
        let what =
            format!("the policy of statement {number} is not here, so the release was judged by its old one");
        checked.reasons.unclear(NOT_JUDGED, what, ASK);
    }
    let is_named = Digest::of(rules.configuration) == statement.configuration;
    let plan = derived::derive(checked.bundle, rules.configuration, &statement);
    if !is_named || !plan.is_ok_and(|derived| derived.plan == checked.bundle.plan) {
        let what = format!(
            "the configuration of statement {number} gives another plan than the one that comes back"
        );
        checked.reasons.against(CONFIGURATION_CHANGED, what, RELEASE_AGAIN);
    }
    checked.trust.environment = statement;
}

/// Code for a release that comes back and cannot be judged.
pub const NOT_JUDGED: &str = "return-not-judged";
/// Code for a release that comes back with another configuration than the newest.
const CONFIGURATION_CHANGED: &str = "configuration-changed";
const ASK: &str = "release another commit once the agent reaches its server";
const RELEASE_AGAIN: &str = "release another commit, whose plan has the newest configuration";
