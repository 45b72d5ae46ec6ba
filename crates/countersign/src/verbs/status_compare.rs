//! `countersign status PLACE [RELEASE] --compare OTHER`: everything that differs between two releases of a service.
//!
//! Invariant: both sides come from evidence that was checked under the person's own pin.

use client::access::Access;
use client::dossier::Dossier;
use client::profile::Profile;
use client::session;
use evidence::Place;
use review::comparison::{self, Compared, compared};
use review::named_release::NamedRelease;

use super::runtime;
use crate::failure::Failure;
use crate::output::Output;

/// The release to compare with, as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    /// A number at the same place.
    Here(u64),
    /// A release of any place.
    Named(NamedRelease),
}

impl Other {
    /// Reads `41` or `shop/api/staging@41`.
    pub fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) => Ok(Self::Here(number)),
            Err(_) => text
                .parse()
                .map(Self::Named)
                .map_err(|error| format!("{error}; or the number alone, at the same place")),
        }
    }
}

/// Fetches the evidence of both, checks and judges it, and prints what differs from the other release to this one.
pub fn run(
    access: &Access,
    place: &Place,
    release: Option<u64>,
    other: &Other,
    output: Output,
) -> Result<(), Failure> {
    let (from, number) = match other {
        Other::Here(number) => (place, *number),
        Other::Named(named) => (&named.place, named.release),
    };
    comparison::of_one_service(from, place)?;
    let client = session::client(access)?;
    let profile = Profile::of(access)?;
    let (first, second) = runtime()?.block_on(async {
        let (first, ..) = Dossier::of_release(&profile, &client, from, Some(number)).await?;
        let (second, ..) = Dossier::of_release(&profile, &client, place, release).await?;
        Ok::<_, Failure>((first, second))
    })?;
    let (first, second) = (first.check()?, second.check()?);
    let [one, two] = [&first, &second].map(judge::judge_checked);
    output.print(&compared((&first, &one), (&second, &two)), Compared::text)
}
