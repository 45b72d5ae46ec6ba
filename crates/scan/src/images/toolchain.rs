//! The findings of an image in which steps run: its packages, secrets and accounts.
//!
//! Invariant: only rules that are about such an image hold. A step has no right of root, setuid or device, whatever its image
//! says; and a shell or a compiler is what the image is for. Paths begin with the name of the image, so that findings of several
//! stay apart.

use evidence::Digest;
use evidence::document::findings::{Finding, FindingsDocument, IdentityPlace, Site, identity};
use evidence::document::{Document as _, DocumentError, Tool};

use super::fault::ImageFault;
use super::judge::scan_by;
use super::layout::Layout;
use super::rules::{Asked, IN_STEPS};
use crate::advisories::{self, AdvisoriesError, Database};

/// Why an image in which steps run has no findings.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// The image cannot be read whole.
    #[error(transparent)]
    Image(#[from] ImageFault),
    /// Its packages cannot be judged.
    #[error(transparent)]
    Advisories(#[from] AdvisoriesError),
    /// A finding has no identity.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// Judges an image in which steps run, by the rules about such images and by these advisories. `name` is its name without tag and
/// digest, which stays when the image is replaced by a newer one.
///
/// # Errors
/// `ToolchainError` if the image is missing, damaged, hostile or too large, or the advisories are damaged.
pub fn judge(
    layout: &dyn Layout,
    manifest: &Digest,
    name: &str,
    database: &Database,
) -> Result<FindingsDocument, ToolchainError> {
    let scan = scan_by(IN_STEPS, layout, Some(manifest), Asked::default())?;
    let mut document = FindingsDocument::new(scan.document.tools);
    for (id, finding) in scan.document.findings {
        let place = IdentityPlace::Source { path: name, text: &id.to_string(), nth: 0 };
        let id = identity(finding.class, &finding.rule, &place).map_err(DocumentError::from)?;
        document.add(id, Finding { site: within(name, finding.site), ..finding });
    }
    Ok(document.merge(advisories::judge(&scan.components, database)?))
}

/// This scan, for a document about no image.
#[must_use]
pub fn tool() -> Tool {
    super::judge::tool()
}

fn within(name: &str, site: Site) -> Site {
    match site {
        Site::File { path, line, end } => Site::File { path: format!("{name}/{path}"), line, end },
        other => other,
    }
}
