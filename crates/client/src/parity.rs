//! Parity of two environments of a service: what runs in each, and what is in force there.
//!
//! Input: a profile, a client, two places. Output: every value that differs. Invariant: the evidence of both releases is checked
//! under the person's own pin, and so are the statements in force; the server says only which release runs.

use evidence::configuration::{BYTES_MAX, Configuration};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::pin::Pin;
use evidence::trust_root::TrustRoot;
use evidence::{Name, Place};
use review::parity::{Parity, ParitySide};
use wire::{Client, PlaceView};

use crate::dossier::{Dossier, nothing_pinned};
use crate::error::Error;
use crate::profile::Profile;
use crate::{fetched, pins, places, statements};

/// An environment, as people name it: alone, or with its project and service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedEnvironment {
    /// Its name.
    Name(Name),
    /// The whole place.
    Place(Place),
}

impl NamedEnvironment {
    /// Reads `staging` or `shop/api/staging`.
    ///
    /// # Errors
    /// Words that say what is missing.
    pub fn read(text: &str) -> Result<Self, Error> {
        if text.contains('/') {
            return text
                .parse()
                .map(Self::Place)
                .map_err(|error| Error::unusable(format!("`{text}`: {error}")));
        }
        text.parse().map(Self::Name).map_err(|error| Error::unusable(format!("`{text}`: {error}")))
    }
}

/// Both places. A name alone takes project and service of the other one; two names need one service that has both.
///
/// # Errors
/// `Error` if no service has both, more than one has, or the places are of two services.
pub fn both(
    all: Vec<PlaceView>,
    from: &NamedEnvironment,
    to: &NamedEnvironment,
) -> Result<[PlaceView; 2], Error> {
    let beside =
        |place: &Place, environment: &Name| Place { environment: environment.clone(), ..place.clone() };
    let [from, to] = match (from, to) {
        (NamedEnvironment::Place(from), NamedEnvironment::Place(to)) => [from.clone(), to.clone()],
        (NamedEnvironment::Place(from), NamedEnvironment::Name(to)) => [from.clone(), beside(from, to)],
        (NamedEnvironment::Name(from), NamedEnvironment::Place(to)) => [beside(to, from), to.clone()],
        (NamedEnvironment::Name(from), NamedEnvironment::Name(to)) => {
            let has_both = |view: &PlaceView| {
                let other = beside(&view.place, to);
                view.place.environment == *from && all.iter().any(|one| one.place == other)
            };
            let what = format!("is `{from}` of a service that has `{to}` too");
            let view = places::only(all.clone(), has_both, &what)?;
            [view.place.clone(), beside(&view.place, to)]
        }
    };
    review::comparison::of_one_service(&from, &to).map_err(|error| Error::unusable(error.to_string()))?;
    if from == to {
        return Err(Error::unusable(format!("`{from}` is one place; name two environments of a service")));
    }
    Ok([places::named(all.clone(), &from)?, places::named(all, &to)?])
}

/// Compares what runs at two places.
///
/// # Errors
/// `Error` if nothing runs at one of them, or its evidence does not hold.
pub async fn compare(
    profile: &Profile,
    client: &Client,
    [from, to]: &[PlaceView; 2],
) -> Result<Parity, Error> {
    let pin = pins::read(profile.installation)?.ok_or_else(nothing_pinned)?;
    let roots = fetched::roots(client, &pin).await?;
    let root = roots
        .last()
        .map(|(_, root)| root)
        .ok_or_else(|| Error::unusable("the server shows no trust root"))?;
    let from = side(profile, client, from, root, &pin).await?;
    let to = side(profile, client, to, root, &pin).await?;
    Ok(Parity::of(from, to))
}

async fn side(
    profile: &Profile,
    client: &Client,
    view: &PlaceView,
    root: &TrustRoot,
    pin: &Pin,
) -> Result<ParitySide, Error> {
    let place = &view.place;
    let running = view.running.as_ref();
    let release = running.map(|running| running.release).ok_or_else(|| {
        Error::unusable(format!(
            "nothing runs at {place}, so there is nothing to compare; see `countersign status`"
        ))
    })?;
    let (dossier, ..) = Dossier::of_release(profile, client, place, Some(release)).await?;
    let checked = dossier.check()?;
    let envelope = Envelope::decode(&client.blob(&view.envelope, ENVELOPE_BYTES_MAX).await?)?;
    let statement = statements::statement_in(&envelope, place, root, Some(pin))?;
    let configuration = Configuration::decode(&client.blob(&statement.configuration, BYTES_MAX).await?)?;
    let side = ParitySide::of(checked.bundle, release, &statement, &configuration);
    Ok(side.observed(&view.drift, &view.baseline))
}
