//! The steps of a rotation, in their order, over effects that a caller supplies.
//!
//! Invariant: before an effect whose repetition matters, the journal says that it begins; so whatever ends the process, the
//! next one goes on at the same step. A rotation that somebody else has overtaken ends nothing. A value is made again if the
//! process ended before its version was recorded, because no file has it.

use evidence::Digest;
use zeroize::Zeroizing;

use super::journal::{Journal, Newest, Step};

/// The answer to a version that was sent.
#[derive(Debug)]
pub enum Sent<E> {
    /// It is recorded.
    Recorded,
    /// Another one has its number.
    Taken(E),
}

/// How a rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The new version is in use, and the former value has ended.
    Rotated,
    /// Somebody else put a newer version meanwhile: nothing was ended.
    Overtaken,
}

/// The effects of a rotation on the world.
pub trait Effects {
    /// Why an effect failed.
    type Error;

    /// Keeps others away from what the source changes, where it can; the former hold ends.
    ///
    /// # Errors
    /// If somebody else has it.
    fn hold(&mut self) -> Result<(), Self::Error>;

    /// The newest version.
    ///
    /// # Errors
    /// If there is no answer.
    fn newest(&mut self) -> Result<Newest, Self::Error>;

    /// The user whose turn it is, of a source that has users.
    ///
    /// # Errors
    /// If nobody can say whose turn it is.
    fn turn(&mut self, journal: &Journal) -> Result<Option<String>, Self::Error>;

    /// Makes a value that is valid beside the former one.
    ///
    /// # Errors
    /// If none was made; it may be valid all the same.
    fn make(&mut self, journal: &Journal) -> Result<Zeroizing<Vec<u8>>, Self::Error>;

    /// Seals a value as the new version; the digest of what is sent then.
    ///
    /// # Errors
    /// If nobody can be sealed to, or the person does not sign.
    fn seal(&mut self, journal: &Journal, value: Zeroizing<Vec<u8>>) -> Result<Digest, Self::Error>;

    /// Sends the sealed version.
    ///
    /// # Errors
    /// If it is unknown whether it is recorded, or it was refused for another reason than its number.
    fn send(&mut self) -> Result<Sent<Self::Error>, Self::Error>;

    /// Those who use the secret and do not have the new version, each in words.
    ///
    /// # Errors
    /// If there is no answer.
    fn behind(&mut self, journal: &Journal) -> Result<Vec<String>, Self::Error>;

    /// Waits a moment.
    ///
    /// # Errors
    /// Once the time for waiting is over.
    fn pause(&mut self, behind: &[String]) -> Result<(), Self::Error>;

    /// Makes the former value invalid.
    ///
    /// # Errors
    /// If it may be valid.
    fn retire(&mut self, journal: &Journal) -> Result<(), Self::Error>;

    /// Destroys or withdraws the former version.
    ///
    /// # Errors
    /// If it may count.
    fn withdraw(&mut self, journal: &Journal) -> Result<(), Self::Error>;

    /// Writes the journal.
    ///
    /// # Errors
    /// If it cannot be written.
    fn note(&mut self, journal: &Journal) -> Result<(), Self::Error>;

    /// Removes the journal.
    ///
    /// # Errors
    /// If it cannot be removed.
    fn forget(&mut self) -> Result<(), Self::Error>;
}

/// Carries a rotation out from the step that it has reached. `begin` makes the journal of one that begins.
///
/// # Errors
/// The error of an effect; the journal then says where it goes on.
pub fn carry_out<E: Effects>(
    found: Option<Journal>,
    incident: bool,
    begin: impl FnOnce(&Newest) -> Journal,
    effects: &mut E,
) -> Result<(Journal, Ended), E::Error> {
    effects.hold()?;
    let newest = effects.newest()?;
    let mut journal = found.unwrap_or_else(|| begin(&newest));
    journal.incident |= incident;
    if journal.step < Step::Put {
        match standing(&journal, &newest) {
            Standing::Recorded => reach(&mut journal, Step::Put, effects)?,
            Standing::Overtaken => return overtaken(journal, effects),
            Standing::Free => {
                journal.number = newest.number.saturating_add(1);
                put(&mut journal, effects)?;
            }
        }
    }
    if journal.step == Step::Put && !journal.incident {
        wait(&journal, effects)?;
        reach(&mut journal, Step::Switched, effects)?;
    }
    if journal.step < Step::Retired {
        effects.hold()?;
        if effects.newest()?.number > journal.number {
            return overtaken(journal, effects);
        }
        if journal.former.number > 0 {
            effects.retire(&journal)?;
        }
        reach(&mut journal, Step::Retired, effects)?;
    }
    if journal.incident && journal.former.number > 0 {
        effects.withdraw(&journal)?;
    }
    effects.forget()?;
    Ok((journal, Ended::Rotated))
}

enum Standing {
    /// The number is free.
    Free,
    /// The version that was sent before the interruption is recorded.
    Recorded,
    /// Somebody else has the number.
    Overtaken,
}

fn standing(journal: &Journal, newest: &Newest) -> Standing {
    if newest.number < journal.number {
        return Standing::Free;
    }
    let ours = newest.value.and_then(|value| journal.tries.iter().position(|tried| *tried == value));
    match ours {
        Some(at) if at + 1 == journal.tries.len() => Standing::Recorded,
        // An earlier try arrived late, and its value was replaced since: a further version has to follow.
        Some(_) => Standing::Free,
        None => Standing::Overtaken,
    }
}

fn overtaken<E: Effects>(journal: Journal, effects: &mut E) -> Result<(Journal, Ended), E::Error> {
    effects.forget()?;
    Ok((journal, Ended::Overtaken))
}

fn put<E: Effects>(journal: &mut Journal, effects: &mut E) -> Result<(), E::Error> {
    journal.user = effects.turn(journal)?;
    // A crash from here on may leave a value that nobody knows.
    reach(journal, Step::Making, effects)?;
    let value = effects.make(journal)?;
    let sealed = effects.seal(journal, value)?;
    if journal.tries.len() == TRIES_MAX {
        journal.tries.remove(0);
    }
    journal.tries.push(sealed);
    // A crash from here on may leave a version that is recorded.
    reach(journal, Step::Sending, effects)?;
    if let Sent::Taken(error) = effects.send()? {
        effects.forget()?;
        return Err(error);
    }
    reach(journal, Step::Put, effects)
}

fn wait<E: Effects>(journal: &Journal, effects: &mut E) -> Result<(), E::Error> {
    loop {
        let behind = effects.behind(journal)?;
        if behind.is_empty() {
            return Ok(());
        }
        effects.pause(&behind)?;
    }
}

fn reach<E: Effects>(journal: &mut Journal, step: Step, effects: &mut E) -> Result<(), E::Error> {
    journal.step = step;
    effects.note(journal)
}

/// Sealed values of one rotation that are remembered.
const TRIES_MAX: usize = 16;

#[cfg(test)]
mod tests;
