//! Two releases, compared from the evidence of both.
//!
//! Invariant: the same functions check the evidence as those of a gate. Evidence that does not hold is compared with nothing.

use evidence::bundle::Bundle;
use judge::{Anchors, Checked, Reasons, VerificationContext, judge_checked};
use review::comparison::{Compared, compared};

/// Evidence, and the anchors and the moment that it is checked with.
pub type Grounds = (Bundle, Anchors, VerificationContext);

/// Two releases, compared; or the reason why they cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The evidence of both holds.
    Done(Box<Compared>),
    /// The evidence of one does not hold.
    Broken(String),
}

impl Comparison {
    /// Compares two releases.
    pub fn of(from: &Grounds, to: &Grounds) -> Self {
        let (from, to) = match (checked(from), checked(to)) {
            (Ok(from), Ok(to)) => (from, to),
            (Err(broken), _) | (_, Err(broken)) => return Self::Broken(broken),
        };
        let [first, second] = [&from, &to].map(judge_checked);
        Self::Done(Box::new(compared((&from, &first), (&to, &second))))
    }
}

fn checked((bundle, anchors, seen): &Grounds) -> Result<Checked<'_>, String> {
    judge::check(bundle, anchors, seen).map_err(|reasons| broken(bundle, &reasons))
}

fn broken(bundle: &Bundle, reasons: &Reasons) -> String {
    format!(
        "The evidence of release {} of {} does not hold: {}",
        bundle.release,
        bundle.place(),
        first_reason(reasons)
    )
}

/// The first reason why evidence does not hold.
pub fn first_reason(reasons: &Reasons) -> String {
    let first = reasons.against.iter().chain(&reasons.unclear).next();
    first
        .map_or_else(|| "no reason is known".to_owned(), |reason| format!("{}: {}", reason.code, reason.what))
}
