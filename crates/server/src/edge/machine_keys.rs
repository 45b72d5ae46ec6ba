//! Keys of machines at the edge: which of them count for a claim or a report that arrives now.
//!
//! Invariant: a former key counts until its end, which people have signed. For what is on record the judge looks at the
//! time by which witnesses had seen it.

use evidence::claim::{Claim, ClaimError, ClaimedOperation};
use evidence::dsse::Envelope;
use evidence::trust_root::Machine;
use evidence::{Id, Moment};

use super::error::{EdgeError, unauthenticated};

/// Verifies a claim by a key of this machine that counts now.
pub fn claimed(
    claim: &Claim,
    envelope: &Envelope,
    machine: &Machine,
    installation: Id,
    asked: &ClaimedOperation,
    now: Moment,
) -> Result<(), ClaimError> {
    let by = |key| claim.verify(envelope, key, installation, asked, now);
    match by(&machine.key) {
        // The words about the present key are the ones to tell.
        Err(error) => machine.keys_at(now).skip(1).find_map(|key| by(key).ok()).ok_or(error),
        verified => verified,
    }
}

/// Fails if a machine signed a report by a former key whose time is over.
pub fn signed_in_time(machine: Option<&Machine>, envelope: &Envelope, now: Moment) -> Result<(), EdgeError> {
    let counts = |key: &str| {
        machine.is_none_or(|machine| machine.keys_at(now).any(|known| known.id().to_string() == key))
    };
    match envelope.signatures().iter().all(|signature| counts(&signature.keyid)) {
        true => Ok(()),
        false => Err(unauthenticated("it is signed by a former key of this machine, whose time is over")),
    }
}

#[cfg(test)]
mod tests {
    use evidence::machine::MachineSigner;
    use evidence::trust_root::{FormerKey, Site};

    use super::*;

    fn key(seed: u8) -> MachineSigner {
        MachineSigner::from_seed([seed; 32]).unwrap()
    }

    /// A former key counts until its end and not at it; no other key does.
    #[test]
    fn attack_a_former_key_counts_no_longer_than_people_signed() {
        let at = |text: &str| text.parse::<Moment>().unwrap();
        let (until, before) = (at("2026-11-28T00:00:00.000Z"), at("2026-11-27T23:59:59.999Z"));
        let place = Site { host: "build-1".into(), operator: "ada".into() };
        let mut machine = Machine::new("runner-1".parse().unwrap(), *key(2).public(), place);
        machine.former = Some(FormerKey { key: *key(1).public(), until });
        let asked = ClaimedOperation { operation: "GET /work".into(), server: *key(9).public() };
        let installation = Id::from_random([1; 16]);
        for (seed, now, counts) in
            [(2, before, true), (2, until, true), (1, before, true), (1, until, false), (3, before, false)]
        {
            let claim = Claim {
                v: 1,
                installation,
                machine: machine.name.clone(),
                operation: asked.operation.clone(),
                server: Some(asked.server),
                issued: now,
                body: None,
            };
            let envelope = claim.sign(&key(seed)).unwrap();
            let said = claimed(&claim, &envelope, &machine, installation, &asked, now);
            assert_eq!(said.is_ok(), counts, "{seed} at {now}");
            assert_eq!(signed_in_time(Some(&machine), &envelope, now).is_ok(), counts, "{seed} at {now}");
        }
    }
}
