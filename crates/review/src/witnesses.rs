//! Advice about witnesses that can never be enough.
//!
//! Invariant: only the text for a person is changed here. The words of a verdict are recorded, and replay compares them.

use evidence::bundle::Bundle;
use evidence::trust_root::TrustRoot;
use policy::Reason;
use wire::WitnessesView;

/// The reason for a root whose named witnesses can never be enough for a gate to pass, however long it waits.
#[must_use]
pub fn missing(seen: WitnessesView) -> Option<String> {
    (seen.counting < seen.quorum).then(|| {
        format!(
            "team mode counts no witness on the server's host, and the trust root names {} elsewhere, where {} must cosign: no \
             gate can pass",
            seen.counting, seen.quorum
        )
    })
}

/// The witnesses that the newest root of a bundle names. The root is unverified, because the result only gives advice.
#[must_use]
pub fn of_bundle(bundle: &Bundle) -> Option<WitnessesView> {
    let root = TrustRoot::read(bundle.roots.last()?).ok()?;
    let counting = root.witnesses.keys.iter().filter(|witness| root.counts(witness)).count();
    Some(WitnessesView {
        quorum: root.witnesses.quorum,
        counting: u32::try_from(counting).unwrap_or(u32::MAX),
    })
}

/// Replaces the remedy to wait for witnesses if waiting never helps.
pub fn advise(reasons: &mut [Reason], seen: Option<WitnessesView>) {
    if let Some(what) = seen.and_then(missing) {
        for reason in reasons.iter_mut().filter(|reason| reason.code == "not-witnessed") {
            reason.what = format!("{}: {what}", reason.what);
            REMEDY.clone_into(&mut reason.remedy);
        }
    }
}

/// The remedy if waiting does not help.
pub const REMEDY: &str = "waiting does not help: run a witness on another host and name it in the trust root \
                          (docs/operating/ceremonies.md, \"A witness on another host\"); to try team rules on one machine, make \
                          another installation with `countersign init --mode rehearsal --people FILE --data DIR`";

#[cfg(test)]
mod tests {
    use policy::Reason;
    use wire::WitnessesView;

    use super::{REMEDY, advise};

    #[test]
    fn advice_to_wait_stays_where_waiting_helps() {
        let reason =
            |code: &str| Reason { code: code.into(), what: "w".into(), remedy: "wait".into(), finding: None };
        let remedies = |seen| {
            let mut reasons = [reason("not-witnessed"), reason("frozen")];
            advise(&mut reasons, seen);
            reasons.map(|reason| reason.remedy)
        };
        let seen = |quorum, counting| Some(WitnessesView { quorum, counting });
        assert_eq!(remedies(seen(1, 1)), ["wait", "wait"]);
        assert_eq!(remedies(None), ["wait", "wait"], "an older server does not say");
        assert_eq!(remedies(seen(2, 1)), [REMEDY, "wait"]);
    }
}
