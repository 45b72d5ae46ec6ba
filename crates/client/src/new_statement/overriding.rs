//! An override of the windows or the soak time of a pending release, and the page that a person reads before they sign.

use evidence::statements::{Lifted, Override, Scope};
use evidence::trust_root::Mode;
use judge::Checked;

use super::Until;
use crate::error::Error;

/// The override of a release. It lifts everything about time that stands against the release, or that is named.
///
/// # Errors
/// `Error` if another release is pending.
pub fn body(checked: &Checked<'_>, release: u64, lifts: &[Lifted]) -> Result<Override, Error> {
    let pending = checked.bundle.release;
    if release != pending {
        let place = &checked.place;
        return Err(Error::unusable(format!("release {pending} is pending at {place}, not {release}")));
    }
    let mut lifts = if lifts.is_empty() { vec![Lifted::Soak, Lifted::Windows] } else { lifts.to_vec() };
    lifts.sort_unstable();
    lifts.dedup();
    Ok(Override { release, plan: checked.plan.digest, lifts })
}

/// The page that a person reads before the signature.
pub fn page(checked: &Checked<'_>, body: &Override, scope: &Scope, until: Until) -> String {
    let lifted: Vec<_> = body.lifts.iter().map(|lifted| lifted.words()).collect();
    let people = if checked.trust.root.mode == Mode::Solo {
        "it counts at once: this installation is of one person"
    } else {
        "it counts once two people have signed the same"
    };
    format!(
        "let release {} begin without {} in {scope}, until {} in UTC; {people}\na freeze still holds it\nartifact: {}",
        body.release,
        lifted.join(" and "),
        until.0,
        checked.bundle.artifact()
    )
}
