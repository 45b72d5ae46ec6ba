//! Fields that restrict what may happen and that this program reads without applying them. They are in statements so that
//! roles can be upgraded before a field is used.
//!
//! Invariant: what such a field is about is not decided: a judge that overlooked it would allow what its signers forbid. A
//! field leaves this list in the change that applies it.

use evidence::environment::Environment;
use evidence::receipt::Receipt;

use crate::people::People;
use crate::reasons::Reasons;

/// Code of the reason.
pub const FIELD_UNAPPLIED: &str = "field-unapplied";
/// Its remedy.
pub const UPGRADE: &str = "upgrade this program, or have the field taken out";

/// Tells of fields in the statements that a release rests on.
pub fn tell(environments: &[&Environment], people: &People, receipts: &[&Receipt], reasons: &mut Reasons) {
    for environment in environments {
        let whose = format!("statement {} of {}", environment.number, environment.place());
        name(&whose, &environment.unapplied(), reasons);
    }
    for person in people.all() {
        name(&format!("the enrolment of {}", person.name), &person.unapplied(), reasons);
    }
    for receipt in receipts {
        let whose = format!("the receipt of {} for {}", receipt.runner, receipt.work.label());
        name(&whose, &receipt.unapplied(), reasons);
    }
}

/// Refuses what has such fields.
pub fn refuse(whose: &str, fields: &[&str]) -> Result<(), Reasons> {
    let mut reasons = Reasons::default();
    name(whose, fields, &mut reasons);
    if reasons.unclear.is_empty() { Ok(()) } else { Err(reasons) }
}

/// Tells of fields, each by its name.
fn name(whose: &str, fields: &[&str], reasons: &mut Reasons) {
    for field in fields {
        let what = format!("{whose} has `{field}`, which this program does not apply");
        reasons.unclear(FIELD_UNAPPLIED, what, UPGRADE);
    }
}
