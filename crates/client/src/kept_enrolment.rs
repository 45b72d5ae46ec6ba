//! The parts that a person needs for a rollback while the server is away: roots and status as the server showed them last, and their own
//! enrolment.
//!
//! Input: a server that answers. Output: the same, later. Invariant: nothing here is believed because it was kept: agents verify
//! every part, and know newer statuses. A person who was never enrolled here has none.

use std::fs;
use std::io::ErrorKind;

use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::enrolment::Enrolment;
use evidence::relayed_status::RelayedStatus;
use evidence::{Digest, Id};
use wire::{Client, Installation};

use crate::dirs::person_dir;
use crate::error::Error;
use crate::profile::Profile;
use crate::{fetched, files, kept_trust, pins};

/// The proof of a person's request.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Roots and status.
    pub trust: RelayedStatus,
    /// The person's enrolment.
    pub enrolment: Envelope,
}

/// Keeps what the server shows now, as far as it is newer than what is kept.
pub async fn refresh(client: &Client, mine: &Profile, seen: &Installation) -> Result<(), Error> {
    let Some(pin) = pins::read(mine.installation)? else { return Ok(()) };
    let kept = kept_trust::relayed(&pin)?.and_then(|kept| kept.status.encode().ok());
    let shown = seen.status.as_ref().map(|status| status.file);
    if shown.is_some() && kept.map(|bytes| Digest::of(&bytes)) != shown {
        kept_trust::keep(&pin, client.roots().await?, &fetched::status_file(client).await?)?;
    }
    let me = seen.people.iter().find(|person| person.person == mine.person);
    let kept = read(mine.installation)?.map(|kept| kept.payload_digest());
    if let Some(me) = me.filter(|me| kept != Some(me.enrolment)) {
        let (envelope, _) = fetched::enrolment(client, &me.enrolment).await?;
        let bytes = envelope.encode().map_err(|error| Error::unusable(error.to_string()))?;
        let path = person_dir(mine.installation)?.join(FILE);
        files::write_private(&path, &String::from_utf8_lossy(&bytes))?;
    }
    Ok(())
}

/// The proof that was kept for a person.
pub fn proof(mine: &Profile) -> Result<Proof, Error> {
    let missing = |what: &str| {
        Error::unusable(format!(
            "this machine has not kept {what}; `countersign status` keeps it whenever the server answers: ask somebody whose machine did \
             so, or bring the server back"
        ))
    };
    let pin = pins::read(mine.installation)?.ok_or_else(|| missing("your pin"))?;
    let trust = kept_trust::relayed(&pin)?.ok_or_else(|| missing("the trust root and status"))?;
    let enrolment = read(mine.installation)?.ok_or_else(|| missing("your enrolment"))?;
    let mine_is = Enrolment::read(&enrolment).is_ok_and(|read| mine.person == read.person.into());
    if mine_is { Ok(Proof { trust, enrolment }) } else { Err(missing("your own enrolment")) }
}

fn read(installation: Id) -> Result<Option<Envelope>, Error> {
    let path = person_dir(installation)?.join(FILE);
    match fs::read(&path) {
        Ok(bytes) if bytes.len() <= ENVELOPE_BYTES_MAX => Ok(Envelope::decode(&bytes).ok()),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::unusable(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// Name of the file in the person's directory of an installation.
const FILE: &str = "enrolment.json";
