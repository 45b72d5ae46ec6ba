//! Soak times: whether the environment before has run an artifact for as long as the environment statement asks for.
//!
//! Invariant: the time begins when witnesses had certainly seen the report of that environment's agent, and it ends by the time of
//! witnesses too. So neither the server's word nor a clock makes it shorter. A newer report there begins it anew.

use std::time::Duration;

use evidence::{Moment, Name};

use crate::checked::Checked;
use crate::reasons::Reasons;

/// An artifact that soaks.
#[derive(Clone, Debug)]
pub struct Soaking {
    /// The environment where it runs.
    environment: Name,
    /// When witnesses had seen the report.
    since: Moment,
    /// End of the soak time.
    until: Moment,
}

/// The soak time of a release that has not ended yet.
pub fn of(checked: &Checked<'_>) -> Option<Soaking> {
    let soak = checked.trust.environment.soak_ms?;
    // A release that does not run there has its reason already.
    let before = checked.before.as_ref().filter(|before| before.runs_it)?;
    let report = checked.ledger.records.soaked?;
    let since = checked.ledger.proven.named.get(&report).copied().unwrap_or(Moment::LAST);
    let until = since.later_by(Duration::from_millis(soak));
    let environment = before.environment.clone();
    (checked.windows.witnessed < until).then_some(Soaking { environment, since, until })
}

/// Tells that a release soaks.
pub fn tell(soaking: Option<Soaking>, reasons: &mut Reasons) {
    let Some(Soaking { environment, since, until }) = soaking else { return };
    let what = format!(
        "`{environment}` has run the artifact since {since} by its witnesses, and has to until {until}"
    );
    reasons.against("soaking", what, WAIT);
}

const WAIT: &str =
    "wait, or have two release managers lift the soak time for this release (`countersign override`)";
