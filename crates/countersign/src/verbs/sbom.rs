//! `countersign sbom`: the bill of materials of a directory or an image, for other tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use client::{files, image_file, source_tree};
use evidence::document::ComponentsDocument;
use evidence::{Digest, Moment};
use scan::components::cyclonedx::Subject;
use scan::components::{self, cyclonedx, spdx};
use scan::images::{self, Asked, Layout};

use crate::failure::Failure;
use crate::output;

/// Arguments of `sbom`.
#[derive(Debug, Args)]
pub struct Sbom {
    /// Directory with lockfiles, or an image of a container as OCI layout or tar. Files that its repository ignores are not read; default: the current directory.
    path: Option<PathBuf>,
    /// Digest of the image, where the layout has several; default: the only one.
    #[arg(long, value_name = "DIGEST")]
    image: Option<Digest>,
    /// Format of the bill.
    #[arg(long, value_enum, default_value_t)]
    format: BillFormat,
    /// File to write, which replaces an existing one; default: standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Formats of bills of materials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum BillFormat {
    /// CycloneDX 1.6 in JSON.
    #[default]
    Cyclonedx,
    /// SPDX 2.3 in JSON.
    Spdx,
}

/// Writes the bill. The same commit gives the same bytes.
pub fn run(verb: &Sbom) -> Result<(), Failure> {
    let path = verb.path.as_deref().unwrap_or(Path::new("."));
    let (document, subject) = match image_file::open(path)? {
        Some(layout) => of_image(path, layout.as_ref(), verb.image.as_ref())?,
        None if verb.image.is_some() => {
            let what = "is no image of a container, so `--image` has no meaning";
            return Err(Failure::usage(format!("`{}` {what}", path.display())));
        }
        None => (of_directory(path)?, subject(path)?),
    };
    let bytes = match verb.format {
        BillFormat::Cyclonedx => cyclonedx::cyclonedx(&document, &subject)?,
        BillFormat::Spdx => spdx::spdx(&document, &subject)?,
    };
    match &verb.out {
        Some(out) => Ok(files::write_shared(out, &bytes)?),
        None => output::stream(&[bytes.as_slice(), b"\n"].concat()),
    }
}

/// Packages of an image. The bill of one whose packages cannot be read whole would be believed, so it is an error.
fn of_image(
    path: &Path,
    layout: &dyn Layout,
    only: Option<&Digest>,
) -> Result<(ComponentsDocument, Subject), Failure> {
    let scan = images::scan(layout, only, Asked::default())
        .map_err(|error| Failure::error(format!("cannot read `{}`: {error}", path.display())))?;
    if let Some((file, why)) = scan.unread.first_key_value() {
        return Err(Failure::error(format!("`{}`: `{file}`: {why}", path.display())));
    }
    if scan.components.components.is_empty() {
        return Err(Failure::error(format!(
            "the image `{}` has no database of packages and no lockfile; docs/scan/images.md lists those that are read",
            path.display()
        )));
    }
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
    let subject = Subject {
        name: name.unwrap_or_else(|| "image".to_owned()),
        version: Some(scan.digest.to_string()),
        // The clock would give other bytes each time.
        created: scan.created.unwrap_or(Moment::from_millis(0)?),
    };
    Ok((scan.components, subject))
}

fn of_directory(path: &Path) -> Result<ComponentsDocument, Failure> {
    let document = components::of(&manifests(path)?)?;
    if document.components.is_empty() {
        let known = components::FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
        return Err(Failure::error(format!(
            "no lockfile below `{}` names a package; files of these formats are read: {known}",
            path.display()
        )));
    }
    Ok(document)
}

fn manifests(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let (mut manifests, mut unread) = (BTreeMap::new(), None);
    source_tree::each(path, |file| {
        if components::is_read(&file.path) {
            match file.content {
                Ok(bytes) => drop(manifests.insert(file.path, bytes)),
                Err(why) => unread = Some(format!("cannot read `{}`: {why}", file.path)),
            }
        }
        Ok(())
    })?;
    unread.map_or(Ok(manifests), |why| Err(Failure::error(why)))
}

fn subject(path: &Path) -> Result<Subject, Failure> {
    let full = std::fs::canonicalize(path)?;
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned());
    let commit = source_tree::last_commit(path);
    Ok(Subject {
        name: name.unwrap_or_else(|| "source".to_owned()),
        version: commit.as_ref().map(|(id, _)| id.clone()),
        // The clock would give other bytes each time.
        created: commit.map_or(Moment::from_millis(0)?, |(_, moment)| moment),
    })
}
