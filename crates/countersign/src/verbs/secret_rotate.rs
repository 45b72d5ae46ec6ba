//! `countersign secret rotate`: a secret gets its next value in two phases, by a recipe.
//!
//! Invariant: nothing is made or signed that was not shown. An interrupted rotation goes on where it was.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use client::access::Access;
use client::clock::now;
use client::profile::Profile;
use client::rotation::journal::{interrupted, named};
use client::rotation::{Age, Ended, Journal, Newest, Noted, Step, carry_out, why_due};
use client::session;
use evidence::rotation_recipe::{BYTES_MAX, RotationRecipe, Source};
use evidence::statements::GrantedSecret;
use evidence::{Moment, Place};
use serde::Serialize;
use tokio::runtime::Runtime;
use wire::Client;

use super::secret_rotation::{Made, Rotation, at_place, build, newest};
use super::{DataDir, rotation_plan, words};
use crate::consent;
use crate::failure::Failure;
use crate::output::Output;
use crate::waiting::runtime;

/// Arguments of `secret rotate`.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    data_dir: DataDir,
    /// File with the recipe: the secret, the source of its next value, and how the former one ends. The same command goes on with a rotation that was interrupted.
    #[arg(required_unless_present = "due")]
    recipe: Option<PathBuf>,
    /// Rotate the secret of each recipe in this directory that is due by its age or after a release, or whose rotation was interrupted; for a timer.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "incident"])]
    due: Option<PathBuf>,
    /// End the former value at once, without waiting for anybody who uses it, and destroy or withdraw the former version.
    #[arg(long)]
    incident: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Your reason; a version at a place is signed with it and recorded.
    #[arg(long, value_parser = words, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Rotate without asking; default: show the steps and ask.
    #[arg(long)]
    yes: bool,
}

/// The way to the installation, for all recipes of one command.
struct Way {
    access: Access,
    client: Client,
    profile: Profile,
    runtime: Runtime,
}

#[derive(Debug, Serialize)]
struct Planned {
    secret: GrantedSecret,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    dry_run: bool,
    former: u32,
    number: u32,
    /// The step that an interrupted rotation has reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<Step>,
    steps: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Rotated {
    secret: GrantedSecret,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    former: u32,
    number: u32,
    /// Whether it went on with a rotation that was interrupted.
    resumed: bool,
    /// Whether somebody else put a newer version meanwhile, so that nothing was ended.
    overtaken: bool,
    /// Whether the recipe ended the former value.
    retired: bool,
    /// The entry that records the version; absent if an earlier command put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<u64>,
}

#[derive(Debug, Serialize)]
struct DueReport {
    recipes: Vec<Looked>,
}

/// A recipe of a directory.
#[derive(Debug, Serialize)]
struct Looked {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Why it is due; absent if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotated: Option<Rotated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// Rotates one secret, or those of a directory that are due.
pub fn run(verb: &Rotate, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let way = Way {
        client: session::client(&access)?,
        profile: Profile::of(&access)?,
        runtime: runtime()?,
        access,
    };
    if let Some(dir) = &verb.due {
        return all_due(verb, &way, dir, output);
    }
    let file = verb.recipe.as_deref().ok_or_else(|| Failure::usage("name a recipe"))?;
    let recipe = read(file)?;
    if verb.dry_run {
        let planned = plan(&way, &recipe, interrupted(way.profile.installation, &recipe)?, verb.incident)?;
        return output.print(&Planned { dry_run: true, ..planned }, |planned| {
            format!("{}\nnothing was done", page(planned))
        });
    }
    let rotated = rotate(verb, &way, &recipe, output)?;
    output.print(&rotated, text)
}

/// Rotates the secret of a recipe, or goes on with it.
fn rotate(verb: &Rotate, way: &Way, recipe: &RotationRecipe, output: Output) -> Result<Rotated, Failure> {
    let noted = Noted::lock(way.profile.installation, recipe)?;
    let found = noted.read()?;
    let planned = plan(way, recipe, found.clone(), verb.incident)?;
    consent::ask_for("Rotate it?", "nothing was done", &page(&planned), verb.yes, output)?;
    let mut rotation = Rotation {
        access: &way.access,
        client: &way.client,
        profile: &way.profile,
        recipe,
        noted: &noted,
        runtime: &way.runtime,
        reason: verb.reason.as_deref().unwrap_or_default(),
        yes: verb.yes,
        output,
        made: Made::default(),
    };
    let (resumed, begun) = (found.is_some(), now()?);
    let begin = |newest: &Newest| Journal::new(recipe, newest, verb.incident, begun);
    let (journal, ended) = carry_out(found, verb.incident, begin, &mut rotation)?;
    Ok(Rotated {
        secret: journal.secret,
        place: journal.place,
        former: journal.former.number,
        number: journal.number,
        resumed,
        overtaken: ended == Ended::Overtaken,
        retired: rotation.made.retired,
        entry: rotation.made.entry,
    })
}

fn plan(
    way: &Way,
    recipe: &RotationRecipe,
    found: Option<Journal>,
    incident: bool,
) -> Result<Planned, Failure> {
    let newest = way.runtime.block_on(newest(&way.client, recipe))?;
    let reached = found.as_ref().map(|journal| journal.step);
    let journal = found.unwrap_or_else(|| Journal::new(recipe, &newest, incident, Moment::default()));
    let journal = Journal { incident: incident || journal.incident, ..journal };
    Ok(Planned {
        secret: recipe.secret.clone(),
        place: recipe.place.clone(),
        dry_run: false,
        former: journal.former.number,
        number: journal.number,
        reached,
        steps: rotation_plan::steps(recipe, &journal),
    })
}

fn page(planned: &Planned) -> String {
    let named = named(&planned.secret, planned.place.as_ref());
    let reached = match planned.reached {
        None => "",
        Some(Step::Making | Step::Sending) => {
            " (it was interrupted before the version was known to be recorded)"
        }
        Some(Step::Put) => " (it was interrupted; the version is recorded)",
        Some(Step::Switched) => " (it was interrupted; the version is in use)",
        Some(Step::Retired) => " (it was interrupted; the former value has ended)",
    };
    let steps: String = planned.steps.iter().zip(1..).map(|(step, at)| format!("\n  {at}. {step}")).collect();
    format!("rotate {named}, version {} after version {}{reached}:{steps}", planned.number, planned.former)
}

fn text(rotated: &Rotated) -> String {
    let named = named(&rotated.secret, rotated.place.as_ref());
    if rotated.overtaken {
        return format!(
            "somebody else put a newer version of {named} than {}, so this rotation ended without it: no value was made invalid",
            rotated.number
        );
    }
    let entry = rotated.entry.map(|entry| format!(", recorded as entry {entry}")).unwrap_or_default();
    let former = match (rotated.former, rotated.retired) {
        (0, _) => String::new(),
        (former, true) => format!("\nthe value of version {former} is not valid any more"),
        (former, false) => {
            format!(
                "\nthe value of version {former} stays valid where it is used: the recipe names no `retire`"
            )
        }
    };
    format!("rotated {named}: version {}{entry}{former}", rotated.number)
}

/// Rotates what is due. One recipe that fails keeps no other one.
fn all_due(verb: &Rotate, way: &Way, dir: &Path, output: Output) -> Result<(), Failure> {
    let mut recipes = Vec::new();
    for file in files(dir)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut looked = Looked { file: name, secret: None, due: None, rotated: None, failure: None };
        if let Err(failure) = look(verb, way, &file, &mut looked, output) {
            looked.failure = Some(failure.message().to_owned());
        }
        recipes.push(looked);
    }
    let failed: Vec<_> = recipes
        .iter()
        .filter_map(|looked| Some(format!("{}: {}", looked.file, looked.failure.as_ref()?)))
        .collect();
    output.print(&DueReport { recipes }, |report| {
        report.recipes.iter().map(|looked| line(looked, verb.dry_run)).collect::<Vec<_>>().join("\n")
    })?;
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Failure::error(format!("not all secrets were rotated: {}", failed.join("; ")))),
    }
}

fn look(verb: &Rotate, way: &Way, file: &Path, looked: &mut Looked, output: Output) -> Result<(), Failure> {
    let recipe = read(file)?;
    looked.secret = Some(named(&recipe.secret, recipe.place.as_ref()));
    let found = interrupted(way.profile.installation, &recipe)?;
    looked.due = match found {
        Some(journal) => Some(format!("its rotation of {} was interrupted", journal.begun)),
        None => why_due(&recipe, &way.runtime.block_on(age(&way.client, &recipe))?, now()?),
    };
    if looked.due.is_none() || verb.dry_run {
        return Ok(());
    }
    if recipe.source == Source::Input {
        return Err(Failure::error(
            "it is due, and its value comes from standard input, which a timer does not have",
        ));
    }
    looked.rotated = Some(rotate(verb, way, &recipe, output)?);
    Ok(())
}

fn line(looked: &Looked, dry_run: bool) -> String {
    let named = looked.secret.as_deref().unwrap_or(&looked.file);
    match looked {
        Looked { rotated: Some(rotated), .. } => text(rotated),
        Looked { failure: Some(failure), .. } => format!("{named}: {failure}"),
        Looked { due: Some(due), .. } if dry_run => format!("{named} would be rotated: {due}"),
        _ => format!("{named} is not due"),
    }
}

async fn age(client: &Client, recipe: &RotationRecipe) -> Result<Age, Failure> {
    let released = match &recipe.after_release {
        None => None,
        Some(place) => {
            let places = client.places().await?;
            let view = places.iter().find(|view| view.place == *place);
            let view = view.ok_or_else(|| Failure::error(format!("there is no place `{place}`")))?;
            view.running.as_ref().and_then(|running| running.since)
        }
    };
    match (&recipe.secret, &recipe.place) {
        (GrantedSecret::Build(secret), _) => {
            let view = build(client, secret).await?;
            let newest = view.as_ref().and_then(|view| view.versions.first());
            let put = newest.filter(|version| !version.destroyed).map(|version| version.at);
            Ok(Age { put, rotate_days: view.as_ref().and_then(|view| view.rotate_days), released })
        }
        (GrantedSecret::Deploy(secret), Some(place)) => {
            let put = at_place(client, place, secret).await?.put;
            Ok(Age { put, rotate_days: None, released })
        }
        (GrantedSecret::Deploy(_), None) => Ok(Age::default()),
    }
}

fn read(file: &Path) -> Result<RotationRecipe, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::error(format!("`{}`: {error}", file.display()));
    let (bytes, _) = disk::read_bounded(file, BYTES_MAX as u64).map_err(|error| wrong(&error))?;
    RotationRecipe::parse(&bytes).map_err(|error| wrong(&error))
}

/// Files of recipes in a directory, in the order of their names.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::error(format!("`{}`: {error}", dir.display()));
    let mut found = Vec::new();
    for item in fs::read_dir(dir).map_err(|error| wrong(&error))? {
        let path = item?.path();
        let is_recipe = path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if is_recipe {
            found.push(path);
        }
        if found.len() > RECIPES_MAX {
            return Err(wrong(&format!("more than {RECIPES_MAX} recipes")));
        }
    }
    found.sort();
    Ok(found)
}

const RECIPES_MAX: usize = 1_024;
