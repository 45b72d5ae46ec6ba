//! Evidence of a release, saved in a file for anyone who wants to verify it.
//!
//! Input: a release. Output: the file. Invariant: unless a file is named, git ignores a file that is written into a
//! repository; otherwise the next commit, and so the next artifact, would contain it.

use std::path::{Path, PathBuf};

use evidence::Place;
use evidence::bundle::BYTES_MAX;
use wire::{Client, PlaceView, ReleaseKind, ReleaseView, RunFilter};

use crate::access::Access;
use crate::error::Error;
use crate::files::{private_dir, write_shared};
use crate::profile::Profile;
use crate::{dirs, project};

/// Evidence of a release in a file.
#[derive(Debug)]
pub struct SavedEvidence {
    /// Number of the release.
    pub release: u64,
    /// The file.
    pub file: PathBuf,
}

/// Saves the evidence of a release.
pub async fn save(
    access: &Access,
    client: &Client,
    release: &ReleaseView,
    out: Option<&Path>,
) -> Result<SavedEvidence, Error> {
    let (place, number) = (&release.place, release.release.unwrap_or_default());
    let digest = release.bundle.ok_or_else(|| {
        Error::unusable(format!(
            "release {number} of {place} has no evidence yet: its gate has not judged it; it is {}",
            release.stage
        ))
    })?;
    let bytes = client.blob(&digest, BYTES_MAX).await?;
    let file = match out {
        Some(file) => file.to_path_buf(),
        None => usual(access, place, number)?,
    };
    write_shared(&file, &bytes)?;
    Ok(SavedEvidence { release: number, file })
}

/// A file in the current directory. If that is in a repository whose git cannot be told to ignore the file, a file in the
/// person's own data directory.
fn usual(access: &Access, place: &Place, number: u64) -> Result<PathBuf, Error> {
    let name = format!("{}-{number}.bundle", place.to_string().replace('/', "-"));
    let here = std::env::current_dir()?;
    let is_outside = matches!(project::toplevel(&here), Ok(None));
    if is_outside || project::ignore(&here.join(&name), &format!("{}-*.bundle", place.project)) {
        return Ok(PathBuf::from(name));
    }
    let dir = dirs::evidence_dir(Profile::of(access)?.installation)?;
    private_dir(&dir)?;
    Ok(dir.join(name))
}

/// The release of that number, else the running one; for a rollback, the release that it brought back.
pub async fn meant(client: &Client, view: &PlaceView, number: Option<u64>) -> Result<ReleaseView, Error> {
    let place = &view.place;
    let running = view.running.as_ref().map(|running| running.release);
    let Some(wanted) = number.or(running) else {
        return Err(Error::unusable(format!("nothing runs at {place}; see `countersign status`")));
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
        Error::unusable(format!("the server shows no release {wanted} of {place}; it shows {shown}"))
    })?;
    if found.kind != ReleaseKind::Rollback {
        return Ok(found.clone());
    }
    let same =
        known.iter().filter(|other| other.kind == ReleaseKind::Release && other.artifact == found.artifact);
    let before = same.filter(|other| other.bundle.is_some() && other.began < found.began);
    before.max_by_key(|other| other.began).cloned().ok_or_else(|| {
        Error::unusable(format!(
            "release {wanted} of {place} is a rollback, which no gate judged, and the release that it brought back is too \
             old to be listed; name that release by its number"
        ))
    })
}
