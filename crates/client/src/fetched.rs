//! Statements of trust that the server shows, fetched for a person who amends them or passes them on.
//!
//! Input: a client, the person's pin. Output: roots, status, numbers. Invariant: roots are walked from the pinned one, everything
//! else is checked under the newest of them, and nothing older than the pin is taken. Of the server's own words, only the highest
//! number of a release counts, and only upwards: a lie there lets nothing through.

use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::enrolment::Enrolment;
use evidence::environment::Environment;
use evidence::pin::{EnvironmentPin, Pin};
use evidence::status::StatusFile;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Id};
use judge::PinnedCheckpoint;
use tlog::{Checkpoint, Note};
use wire::{Client, PlaceView};

use crate::error::Error;
use crate::statements;

/// Trust roots from the pinned one to the newest, each checked against the one before it.
pub async fn roots(client: &Client, pin: &Pin) -> Result<Vec<(Envelope, TrustRoot)>, Error> {
    walked(client.roots().await?, pin)
}

/// The current status, as a file; its reader checks it under the root.
pub async fn status_file(client: &Client) -> Result<StatusFile, Error> {
    let status = client.installation().await?.status;
    let status = status.ok_or_else(|| Error::unusable("there is no status yet"))?;
    Ok(StatusFile::decode(&client.blob(&status.file, 2 * ENVELOPE_BYTES_MAX).await?)?)
}

/// The current statement of every place that the person may read, as signed.
pub async fn environments(client: &Client) -> Result<Vec<(PlaceView, Envelope)>, Error> {
    let mut found = Vec::new();
    for view in client.places().await? {
        let envelope = Envelope::decode(&client.blob(&view.envelope, ENVELOPE_BYTES_MAX).await?)?;
        found.push((view, envelope));
    }
    Ok(found)
}

/// A current enrolment, as signed.
pub async fn enrolment(client: &Client, digest: &Digest) -> Result<(Envelope, Enrolment), Error> {
    let envelope = client.enrolment(digest).await?;
    let enrolment = Enrolment::read(&envelope)?;
    if envelope.payload_digest() != *digest {
        return Err(Error::unusable(format!("the server shows another enrolment than {digest}")));
    }
    Ok((envelope, enrolment))
}

/// The installation as the person sees it now, as a pin for somebody else. No number is lower than in the person's own pin.
pub async fn pin(client: &Client, roots: &[TrustRoot], own: &Pin) -> Result<Pin, Error> {
    let root = roots.last().ok_or_else(|| other_root(own))?;
    let status = statements::status_in(&status_file(client).await?, root, Some(own))?;
    let mut places = own.environments.clone();
    for (view, envelope) in environments(client).await? {
        // The signers of a statement may have left since; the known number stays then.
        if Environment::open(&envelope, root).is_err() {
            continue;
        }
        places = numbers(&view, &envelope, root, own)?.beside(&places);
    }
    Ok(Pin {
        root_version: root.version,
        root: root.digest()?,
        status: status.number,
        environments: places,
        checkpoint: checkpoint(client, roots, own).await?.to_string(),
        ..own.clone()
    })
}

/// The numbers of a place: its statement's, which people signed, and the highest of its releases, which the server says.
fn numbers(
    view: &PlaceView,
    envelope: &Envelope,
    root: &TrustRoot,
    own: &Pin,
) -> Result<EnvironmentPin, Error> {
    let statement: Environment = statements::statement_in(envelope, &view.place, root, Some(own))?;
    Ok(EnvironmentPin {
        project: statement.project,
        service: statement.service,
        environment: statement.environment,
        number: statement.number,
        release: view.highest,
    })
}

/// The newest checkpoint, signed by the ledger's key and shown to continue the pinned one.
pub(crate) async fn checkpoint(client: &Client, roots: &[TrustRoot], own: &Pin) -> Result<Checkpoint, Error> {
    let root = roots.last().ok_or_else(|| other_root(own))?;
    let unsound = |error: &dyn std::fmt::Display| {
        Error::unusable(format!(
            "the checkpoint that the server shows does not count: {error}; clarify this before you pass a line on"
        ))
    };
    let key = root.ledger_key()?;
    let note = Note::parse(client.checkpoint().await?.as_bytes()).map_err(|error| unsound(&error))?;
    let newest =
        Checkpoint::open(&note, key.name(), std::slice::from_ref(&key)).map_err(|error| unsound(&error))?;
    let kept = own.checkpoint()?;
    let from = judge::proven_from(roots, &kept, &newest.origin).map_or(0, |from| from.size);
    let proof = match from > 0 && from < newest.size {
        true => client.consistency(from, newest.size).await?,
        false => Vec::new(),
    };
    let kept = PinnedCheckpoint { checkpoint: kept, proof, may_be_older: false };
    judge::continues(roots, &kept, &newest).map_err(|error| unsound(&error))?;
    Ok(newest)
}

pub(crate) fn walked(shown: Vec<Envelope>, pin: &Pin) -> Result<Vec<(Envelope, TrustRoot)>, Error> {
    let mut chain: Vec<(Envelope, TrustRoot)> = Vec::new();
    for envelope in shown {
        match chain.last() {
            None if envelope.payload_digest() == pin.root => {
                let root = TrustRoot::read(&envelope)?;
                chain.push((envelope, root));
            }
            None => {}
            Some((_, before)) => {
                let root = before.next(&envelope)?;
                chain.push((envelope, root));
            }
        }
    }
    match chain.first() {
        Some((_, root)) if root.version == pin.root_version && root.installation == pin.installation => {
            Ok(chain)
        }
        _ => Err(other_root(pin)),
    }
}

pub(crate) fn other_root(pin: &Pin) -> Error {
    let (root, version, installation): (Digest, u32, Id) = (pin.root, pin.root_version, pin.installation);
    Error::unusable(format!(
        "the server does not show trust root {root} (version {version}) of installation {installation} that you have pinned: it is \
         another one, or an old copy, or you pinned a wrong line; ask your colleagues which root is right, and pin it with \
         `countersign trust pin --set LINE --replace`"
    ))
}

#[cfg(test)]
mod tests {
    use lab::Lab;

    use super::*;

    #[test]
    fn attack_roots_that_do_not_follow_the_pinned_one() {
        let lab = Lab::default();
        let (first, mut second) = (lab.root(), lab.root());
        second.version = 2;
        let shown = [lab.signed_root(&first, &[0, 1]), lab.signed_root(&second, &[0, 1])];
        let pin = lab.pin();
        let found = |shown: &[Envelope], pin: &Pin| {
            walked(shown.to_vec(), pin)
                .map(|chain| chain.iter().map(|(_, root)| root.version).collect::<Vec<_>>())
        };
        assert_eq!(found(&shown, &pin).unwrap(), [1, 2]);
        let newer = Pin { root_version: 2, root: second.digest().unwrap(), ..pin.clone() };
        assert_eq!(found(&shown, &newer).unwrap(), [2], "older roots say nothing");
        let half_signed = [shown[0].clone(), lab.signed_root(&second, &[0])];
        found(&half_signed, &pin).unwrap_err();
        let said = found(&shown[..1], &newer).unwrap_err().to_string();
        assert!(said.contains("does not show trust root"), "{said}");
        found(&shown, &Pin { root: Digest::of(b"another"), ..pin.clone() }).unwrap_err();
        found(&shown, &Pin { root_version: 2, ..pin.clone() }).unwrap_err();
        found(&shown, &Pin { installation: lab::id(9), ..pin }).unwrap_err();
    }
}
