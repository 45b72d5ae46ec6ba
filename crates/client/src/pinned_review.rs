//! Evidence for a person: read from a file, and judged under the person's own pin.
//!
//! Input: files, a pin, evidence that was checked. Output: anchors, the numbers that a pin needs, and failures in words.
//! Invariant: the anchors come from the person's own files and never from the evidence.

use std::collections::BTreeMap;
use std::path::Path;

use domain::gate::GateOutcome;
use evidence::Moment;
use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::dsse::Envelope;
use evidence::pin::{EnvironmentPin, Pin};
use evidence::trust_root::TrustRoot;
use judge::{Anchors, Checked, Judgement, Reasons, VerificationContext};
use policy::Reason;
use review::witnesses;

use crate::error::Error;

/// The bytes of a bundle's file.
pub fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let shown = file.display();
    let failed = |error: &dyn std::fmt::Display| Error::unusable(format!("cannot read `{shown}`: {error}"));
    let size = std::fs::metadata(file).map_err(|error| failed(&error))?.len();
    if size > BYTES_MAX as u64 {
        return Err(failed(&format!("has {size} bytes, at most {BYTES_MAX} are allowed")));
    }
    std::fs::read(file).map_err(|error| failed(&error))
}

/// The anchors in a trust root's file.
pub fn anchors_of(file: &Path) -> Result<Anchors, Error> {
    let shown = file.display();
    let failed = |error: &dyn std::fmt::Display| Error::unusable(format!("`{shown}`: {error}"));
    let bytes =
        std::fs::read(file).map_err(|error| Error::unusable(format!("cannot read `{shown}`: {error}")))?;
    let none = |error: &dyn std::fmt::Display| failed(&format!("{error}; {NO_ROOT}"));
    let envelope = Envelope::decode(&bytes).map_err(|error| none(&error))?;
    let root = TrustRoot::open(&envelope).map_err(|error| none(&error))?;
    Ok(Anchors { version: root.version, digest: root.digest()?, rehearsal: true })
}

/// The anchors and numbers of a person's pin.
pub fn context_of(pin: &Pin, bundle: &Bundle, now: Option<Moment>) -> (Anchors, VerificationContext) {
    let here = pin.environments.iter().find(|known| known.place() == bundle.place());
    let anchors = Anchors { version: pin.root_version, digest: pin.root, rehearsal: true };
    let seen = VerificationContext {
        now,
        root: pin.root_version,
        status: pin.status,
        statement: here.map_or(0, |known| known.number),
        ..VerificationContext::default()
    };
    (anchors, seen)
}

/// The numbers of a place that its evidence proves.
pub fn seen_of(checked: &Checked<'_>) -> EnvironmentPin {
    let bundle = checked.bundle;
    EnvironmentPin {
        project: bundle.project.clone(),
        service: bundle.service.clone(),
        environment: bundle.environment.clone(),
        number: checked.trust.environment.number,
        release: bundle.release,
    }
}

/// The failure for evidence that does not hold.
pub fn broken(bundle: &Bundle, reasons: Reasons) -> Error {
    let mut reasons: Vec<_> = reasons.against.into_iter().chain(reasons.unclear).collect();
    witnesses::advise(&mut reasons, witnesses::of_bundle(bundle));
    Error::decided(GateOutcome::Fail, "the evidence does not hold", reasons)
}

/// A judgement as success or failure.
pub fn verdict(judgement: &Judgement) -> Result<(), Error> {
    let all = || judgement.reasons.iter().chain(&judgement.unclear).cloned().collect();
    match judgement.outcome {
        GateOutcome::Pass => Ok(()),
        GateOutcome::Fail => Err(Error::decided(GateOutcome::Fail, "the gate does not let it pass", all())),
        GateOutcome::Undecided => {
            Err(Error::decided(GateOutcome::Undecided, "no decision could be made", all()))
        }
    }
}

/// Reasons, one to a line, and at most [`EACH_MAX`] of each code.
pub fn lines(title: &str, reasons: &[Reason]) -> String {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut text = String::new();
    for Reason { code, what, remedy, .. } in reasons {
        let count = seen.entry(code).or_default();
        *count += 1;
        if *count <= EACH_MAX {
            let [code, what, remedy] = [code, what, remedy].map(|text| shown::below(text));
            text += &format!("\n  {code}: {what}\n    remedy: {remedy}");
        }
    }
    for (code, count) in seen.into_iter().filter(|(_, count)| *count > EACH_MAX) {
        text += &format!("\n  and {} more of {}", count.saturating_sub(EACH_MAX), shown::below(code));
    }
    if reasons.is_empty() { text } else { format!("\n{title}:{text}") }
}

/// Most reasons of one code that a page lists.
const EACH_MAX: usize = 5;
/// The remedy for a file that holds no trust root.
pub const NO_ROOT: &str = "this is no trust root as `countersign trust root --out FILE` writes it";
