//! The part of `countersign scan` about images of containers.
//!
//! Invariant: an image that is damaged or hostile is an error, and nothing of it counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use client::{clock, image_file};
use evidence::Digest;
use evidence::document::findings::Class;
use scan::images::{Age, Asked, ImageScan};
use scan::lint::{Lint, Subject};

use super::scan_advisories;
use super::scan_image_facts::ImageFacts;
use super::scan_report::{Components, FoundSecret, ScanReport, unread_packages};
use super::scan_rules::RuleFindings;
use crate::failure::Failure;

/// Arguments of `scan` about images.
#[derive(Debug, Args)]
#[command(next_help_heading = "Images")]
pub struct ImageArguments {
    /// Digest of the image to scan, where the layout has several; default: the only one.
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["diff", "staged", "history"])]
    image: Option<Digest>,
    /// An allowed base of the image, as OCI layout or tar; may be given several times. Default: every base is allowed.
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["diff", "staged", "history"])]
    base: Vec<PathBuf>,
    /// Highest age of the image in days; default: every age is allowed.
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["diff", "staged", "history"])]
    age_days: Option<u32>,
}

/// The report of the image at a path; `None` if there is something else.
pub fn scanned(
    path: &Path,
    arguments: &ImageArguments,
    advisories: Option<&PathBuf>,
) -> Result<Option<ScanReport>, Failure> {
    let layout = if path == Path::new("-") { None } else { image_file::open(path)? };
    let Some(layout) = layout else {
        let is_plain = arguments.image.is_none() && arguments.base.is_empty() && arguments.age_days.is_none();
        return if is_plain {
            Ok(None)
        } else {
            let what = "is no image of a container, so `--image`, `--base` and `--age-days` have no meaning";
            Err(Failure::usage(format!("`{}` {what}; name an OCI layout, or a tar of one", path.display())))
        };
    };
    let bases = arguments.base.iter().map(|base| image_file::layers_of(base)).collect::<Result<_, _>>()?;
    let age = arguments.age_days.map(|days_max| Age { now: clock::moment(), days_max });
    let scan = scan::images::scan(layout.as_ref(), arguments.image.as_ref(), Asked { bases, age })
        .map_err(|error| Failure::error(format!("cannot scan `{}`: {error}", path.display())))?;
    report(scan, advisories).map(Some)
}

fn report(scan: ImageScan, advisories: Option<&PathBuf>) -> Result<ScanReport, Failure> {
    let image = ImageFacts {
        digest: scan.digest.to_string(),
        layers: scan.layers,
        bytes: scan.bytes,
        distribution: scan.release.map(|release| release.qualifier()),
        packed: scan.packed,
    };
    let mut unread = scan.unread;
    unread.extend(unread_packages(&scan.components, None));
    let packages = scan_advisories::judge(&scan.components, None, advisories)?;
    let mut lint = Lint::new(Subject::Images);
    lint.files = BTreeMap::from([("image", 1)]);
    let mut secrets = Vec::new();
    for (id, finding) in scan.document.findings {
        match finding.class {
            // An undecided one is a file that was not scanned, which is told apart.
            Class::Secret if finding.undecided => {}
            Class::Secret => secrets.push(FoundSecret::new(id.to_string(), finding, None)),
            _ => lint.document.add(id, finding),
        }
    }
    Ok(ScanReport {
        compared: None,
        history: None,
        image: Some(image),
        files: usize::try_from(scan.files).unwrap_or(usize::MAX),
        secrets,
        components: Some(Components::of(&scan.components, None)),
        packages,
        infrastructure: None,
        pipelines: None,
        images: Some(RuleFindings::of(lint, None)),
        unread,
    })
}
