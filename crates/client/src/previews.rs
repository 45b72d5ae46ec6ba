//! Previews that a person makes: the template that allows them, the name, and the slot.
//!
//! Input: places as a server shows them, and the person's pin. Output: the wish that a request for a run carries. Invariant: the
//! template is verified under the pinned root before the person signs anything with it.

use std::collections::BTreeMap;

use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::pin::Pin;
use evidence::preview::{PreviewWish, Previews};
use evidence::trust_root::TrustRoot;
use evidence::{CommitId, Name, Place};
use wire::{Client, PlaceView, PreviewView};

use crate::error::Error;
use crate::statements;

/// The preview that a person asks for, before a template and a slot are found.
#[derive(Clone, Debug)]
pub struct PreviewAsked<'a> {
    /// The project.
    pub project: &'a Name,
    /// The template, by its environment or its whole place; `None` for the only one of the project that allows the name.
    pub template: Option<&'a str>,
    /// Name of the preview; `None` for one that is made of the revision.
    pub name: Option<&'a Name>,
    /// The revision, as the person named it.
    pub revision: &'a str,
    /// Its commit.
    pub commit: &'a CommitId,
}

/// The place of a template, and the preview that it makes.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The place of the template.
    pub template: PlaceView,
    /// The place of the preview.
    pub place: Place,
    /// The wish.
    pub wish: PreviewWish,
}

/// Finds the template and a slot, and verifies the template.
pub async fn want(
    client: &Client,
    places: &[PlaceView],
    (root, pin): (&TrustRoot, &Pin),
    asked: &PreviewAsked<'_>,
) -> Result<Wanted, Error> {
    let (view, rules) = template(places, asked)?;
    let name = match asked.name {
        Some(name) => name.clone(),
        None => default_name(rules, asked)?,
    };
    if !rules.pattern.admits(&name) {
        return Err(Error::unusable(format!(
            "`{name}` does not fit `{}`, the names of previews of {}; nothing was done",
            rules.pattern, view.place
        )));
    }
    let place = Place { environment: name.clone(), ..view.place.clone() };
    let slot = slot(places, view, rules, &place)?;
    let envelope = Envelope::decode(&client.blob(&view.envelope, ENVELOPE_BYTES_MAX).await?)?;
    statements::statement_in(&envelope, &view.place, root, Some(pin))?;
    Ok(Wanted { template: view.clone(), place, wish: PreviewWish { name, slot, template: envelope } })
}

/// The template that the person named, or the only one that allows the name.
fn template<'a>(
    places: &'a [PlaceView],
    asked: &PreviewAsked<'_>,
) -> Result<(&'a PlaceView, &'a Previews), Error> {
    let own = places.iter().filter(|view| view.place.project == *asked.project);
    let all: Vec<_> = own.filter_map(|view| Some((view, view.previews.as_ref()?))).collect();
    let is_it = |view: &PlaceView| {
        let named = |name: &str| view.place.environment.as_str() == name || view.place.to_string() == name;
        asked.template.is_none_or(named)
    };
    let mut fitting: Vec<_> = all.iter().filter(|(view, _)| is_it(view)).copied().collect();
    if let Some(name) = asked.name.filter(|_| fitting.len() > 1) {
        // A name that no template allows is told with all of them.
        fitting.retain(|(_, rules)| rules.pattern.admits(name));
    }
    let known: Vec<_> =
        all.iter().map(|(view, rules)| format!("{} ({})", view.place, rules.pattern)).collect();
    match fitting.as_slice() {
        [one] => Ok(*one),
        _ if all.is_empty() => Err(Error::unusable(format!(
            "project `{}` has no template of previews; policy signers make one with `countersign trust environment \
             {}/SERVICE/preview --previews 'pr-*' --agent LINE`; nothing was done",
            asked.project, asked.project
        ))),
        _ => Err(Error::unusable(format!(
            "name one template with --template; the project has {}; nothing was done",
            known.join(", ")
        ))),
    }
}

/// A name in the pattern: of the revision, if the person named one by a name, else of the commit.
fn default_name(rules: &Previews, asked: &PreviewAsked<'_>) -> Result<Name, Error> {
    let is_named = asked.revision != "HEAD" && !asked.commit.as_str().starts_with(asked.revision);
    let of = if is_named { asked.revision } else { asked.commit.as_str().get(..8).unwrap_or_default() };
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let rest: String = of.chars().map(plain).collect();
    let prefix = rules.pattern.prefix();
    let name: String = format!("{prefix}{}", rest.trim_start_matches(prefix)).chars().take(63).collect();
    name.trim_end_matches('-').parse().map_err(|_| {
        Error::unusable(format!("no name can be made of `{of}`; name the preview, such as `{prefix}1`"))
    })
}

/// The slot of the preview, or the lowest that is free.
fn slot(places: &[PlaceView], template: &PlaceView, rules: &Previews, place: &Place) -> Result<u32, Error> {
    let all: BTreeMap<u32, (&PlaceView, &PreviewView)> =
        of_template(places, &template.place).map(|(view, made)| (made.slot, (view, made))).collect();
    if let Some((slot, _)) = all.iter().find(|(_, (view, _))| view.place == *place) {
        return Ok(*slot);
    }
    (1..=rules.count).find(|slot| !all.contains_key(slot)).ok_or_else(|| {
        let held = all.values().map(|(view, made)| {
            let owner = made.owner.as_deref().unwrap_or("somebody who left");
            format!("{} of {owner} until {}", view.place.environment, made.until)
        });
        Error::unusable(format!(
            "{} has no free slot; of {} there are {}; nothing was done; remove one with `countersign preview remove NAME`",
            template.place,
            rules.count,
            held.collect::<Vec<_>>().join("; ")
        ))
    })
}

/// The previews of a template, as a server shows them.
pub fn of_template<'a>(
    places: &'a [PlaceView],
    template: &'a Place,
) -> impl Iterator<Item = (&'a PlaceView, &'a PreviewView)> {
    places.iter().filter_map(move |view| {
        let made = view.preview.as_ref()?;
        let own = Place { environment: made.template.clone(), ..view.place.clone() };
        (own == *template).then_some((view, made))
    })
}
