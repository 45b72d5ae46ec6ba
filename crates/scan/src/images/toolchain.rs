//! The findings of an image in which steps run: its packages, secrets and accounts.
//!
//! Invariant: only rules that are about such an image hold. A step has no right of root, setuid or device, whatever its image
//! says; and a shell or a compiler is what the image is for. Paths begin with the name of the image, so that findings of several
//! stay apart.

use evidence::Digest;
use evidence::document::findings::{Finding, FindingsDocument, IdentityPlace, Site, identity};
use evidence::document::{Document as _, DocumentError};

use super::fault::ImageFault;
use super::judge::{scan_by, tool};
use super::layout::Layout;
use super::rules::{Asked, IN_STEPS};
use crate::advisories::{self, AdvisoriesError, Database};

/// Why an image in which steps run has no findings.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// An image cannot be read whole.
    #[error("image `{0}`: {1}")]
    Image(String, ImageFault),
    /// Its packages cannot be judged.
    #[error(transparent)]
    Advisories(#[from] AdvisoriesError),
    /// The document would be too large.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// An image in which steps run.
#[derive(Debug)]
pub struct StepImage<L> {
    /// Its files.
    pub layout: L,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Its name without tag and digest, which stays when the image is replaced by a newer one.
    pub name: String,
}

/// Judges images in which steps run, by the rules about such images and by these advisories.
///
/// # Errors
/// `ToolchainError` if an image is missing, damaged, hostile or too large, or the advisories are damaged.
pub fn judge<L: Layout>(
    images: &[StepImage<L>],
    database: &Database,
) -> Result<FindingsDocument, ToolchainError> {
    let mut all = FindingsDocument::new([tool()]);
    for StepImage { layout, manifest, name } in images {
        let scan = scan_by(IN_STEPS, layout, Some(manifest), Asked::default())
            .map_err(|fault| ToolchainError::Image(name.clone(), fault))?;
        let packages = advisories::judge(&scan.components, database)?;
        all.tools.extend(packages.tools);
        for (id, finding) in scan.document.findings.into_iter().chain(packages.findings) {
            let place = IdentityPlace::Source { path: name, text: &id.to_string(), nth: 0 };
            let id = identity(finding.class, &finding.rule, &place).map_err(DocumentError::from)?;
            all.add(id, Finding { site: within(name, finding.site), ..finding });
        }
    }
    Ok(all)
}

/// The same document in its bytes.
///
/// # Errors
/// As [`judge`], and if the document would be too large.
pub fn encoded<L: Layout>(images: &[StepImage<L>], database: &Database) -> Result<Vec<u8>, ToolchainError> {
    Ok(judge(images, database)?.encode()?)
}

fn within(name: &str, site: Site) -> Site {
    match site {
        Site::File { path, line, end } => Site::File { path: format!("{name}/{path}"), line, end },
        other => other,
    }
}
