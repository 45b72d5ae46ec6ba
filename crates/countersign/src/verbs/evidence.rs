//! `countersign evidence`: saves the evidence of a released artifact, for anyone who wants to verify it.
//!
//! Invariant: unless a file is named, git ignores a file that is written into a repository; otherwise the next commit,
//! and so the next artifact, would contain it.

use std::path::{Path, PathBuf};

use clap::Args;
use client::dirs;
use client::files;
use client::home::Home;
use client::profile::Profile;
use client::project;
use client::session;
use client::shell;
use evidence::Place;
use evidence::bundle::BYTES_MAX;
use serde::Serialize;
use wire::{Client, PlaceView, ReleaseKind, ReleaseView, RunFilter};

use super::promote::{named, only};
use super::trust::write_file;
use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `evidence`.
#[derive(Debug, Args)]
pub struct Evidence {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place that runs a release approved by people.
    place: Option<Place>,
    /// Number of the release; default: the release that runs at the place.
    release: Option<u64>,
    /// File to write; default: a file in the current directory, which git is told to ignore.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Saved {
    place: Place,
    release: u64,
    bundle: PathBuf,
    next: String,
}

/// Fetches the evidence and saves it.
pub fn run(verb: &Evidence, output: Output) -> Result<(), Failure> {
    let home = verb.data_dir.home()?;
    let client = session::client(&home)?;
    let runtime = runtime()?;
    let places = runtime.block_on(client.places())?;
    let view = match &verb.place {
        Some(at) => named(places, at)?,
        None => only(
            places,
            |view| !view.automatic && view.running.is_some(),
            "runs a release that people promoted",
        )?,
    };
    let release = runtime.block_on(meant(&client, &view, verb.release))?;
    let (number, file) = runtime.block_on(save(&home, &client, &release, verb.out.as_deref()))?;
    let next = format!("countersign verify {}", shell::path(&file));
    let saved = Saved { place: view.place, release: number, bundle: file, next };
    output.print(&saved, |saved| {
        format!(
            "evidence of release {} of {} saved in `{}`\nnext: {}",
            saved.release,
            saved.place,
            saved.bundle.display(),
            saved.next
        )
    })
}

/// Saves the evidence of a release; returns its number and the file.
pub async fn save(
    home: &Home,
    client: &Client,
    release: &ReleaseView,
    out: Option<&Path>,
) -> Result<(u64, PathBuf), Failure> {
    let (place, number) = (&release.place, release.release.unwrap_or_default());
    let digest = release.bundle.ok_or_else(|| {
        Failure::error(format!(
            "release {number} of {place} has no evidence yet: its gate has not judged it; it is {}",
            release.stage
        ))
    })?;
    let bytes = client.blob(&digest, BYTES_MAX).await?;
    let file = match out {
        Some(file) => file.to_path_buf(),
        None => usual(home, place, number)?,
    };
    write_file(&file, &bytes)?;
    Ok((number, file))
}

/// A file in the current directory. If that is in a repository whose git cannot be told to ignore the file, a file in the
/// person's own data directory.
fn usual(home: &Home, place: &Place, number: u64) -> Result<PathBuf, Failure> {
    let name = format!("{}-{number}.bundle", place.to_string().replace('/', "-"));
    let here = std::env::current_dir()?;
    let is_outside = matches!(project::toplevel(&here), Ok(None));
    if is_outside || project::ignore(&here.join(&name), &format!("{}-*.bundle", place.project)) {
        return Ok(PathBuf::from(name));
    }
    let dir = dirs::evidence_dir(Profile::of(home)?.installation)?;
    files::private_dir(&dir)?;
    Ok(dir.join(name))
}

/// The release of that number, else the running one; for a rollback, the release that it brought back.
async fn meant(client: &Client, view: &PlaceView, number: Option<u64>) -> Result<ReleaseView, Failure> {
    let place = &view.place;
    let running = view.running.as_ref().map(|running| running.release);
    let Some(wanted) = number.or(running) else {
        return Err(Failure::error(format!("nothing runs at {place}; see `countersign status`")));
    };
    let mut known = view.releases.clone();
    // The view of a place has only its newest releases; older ones are found in the views of the runs.
    if !known.iter().any(|release| release.release == Some(wanted)) {
        let runs =
            client.runs(&RunFilter { project: Some(place.project.clone()), ..RunFilter::default() }).await?;
        let here = runs.into_iter().flat_map(|run| run.releases).filter(|release| release.place == *place);
        known.extend(here);
    }
    let found = known.iter().find(|release| release.release == Some(wanted)).ok_or_else(|| {
        let mut shown: Vec<_> = known.iter().filter_map(|release| release.release).collect();
        shown.sort_unstable();
        shown.dedup();
        let shown: Vec<_> = shown.iter().map(ToString::to_string).collect();
        let shown = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
        Failure::error(format!("the server shows no release {wanted} of {place}; it shows {shown}"))
    })?;
    if found.kind != ReleaseKind::Rollback {
        return Ok(found.clone());
    }
    let same =
        known.iter().filter(|other| other.kind == ReleaseKind::Release && other.artifact == found.artifact);
    let before = same.filter(|other| other.bundle.is_some() && other.began < found.began);
    before.max_by_key(|other| other.began).cloned().ok_or_else(|| {
        Failure::error(format!(
            "release {wanted} of {place} is a rollback, which no gate judged, and the release that it brought back is too \
             old to be listed; name that release by its number"
        ))
    })
}
