//! The findings of an image: broken rules, secrets in layers, and what could not be read.
//!
//! Invariant: whatever was not read is a finding that is undecided. A rule that very many files break has one finding for each
//! of the first ones, and one for the rest.

use std::collections::BTreeMap;

use evidence::document::findings::{Class, Finding, FindingsDocument, IdentityPlace, Severity, identity};
use evidence::document::{ComponentsDocument, Document as _, DocumentError, Tool};
use evidence::{Digest, Moment};

use super::fault::ImageFault;
use super::image::Image;
use super::layout::Layout;
use super::packages::{Release, of as packages_of};
use super::rules::{Asked, Judged, RULES};
use crate::lint::rule::{Found, Hit, Rule, broken};
use crate::secrets::NOT_SCANNED;
use crate::{lint, secrets};

/// The result of a scan.
#[derive(Debug)]
pub struct ImageScan {
    /// Digest of the image's manifest; of its configuration where it has no manifest.
    pub digest: Digest,
    /// Number of its layers.
    pub layers: usize,
    /// Number of files of all layers.
    pub files: u64,
    /// Bytes of all layers without compression.
    pub bytes: u64,
    /// Time at which it was made, as its builder says.
    pub created: Option<Moment>,
    /// Its distribution, if it names one.
    pub release: Option<Release>,
    /// Its packages.
    pub components: ComponentsDocument,
    /// Its findings, secrets among them.
    pub document: FindingsDocument,
    /// Files that were not read, or not as they should be, with the reasons.
    pub unread: BTreeMap<String, String>,
    /// Number of files that were not scanned for secrets, because they are compressed or archives.
    pub packed: usize,
}

/// Scans the one image of a layout, or the one of this digest.
///
/// # Errors
/// `ImageFault` if it is missing, damaged, hostile or too large, or has more findings than a document holds.
pub fn scan(layout: &dyn Layout, only: Option<&Digest>, asked: Asked) -> Result<ImageScan, ImageFault> {
    scan_by(RULES, layout, only, asked)
}

/// The same by these rules alone.
///
/// # Errors
/// As [`scan`].
pub fn scan_by(
    rules: &'static [&'static Rule<Judged>],
    layout: &dyn Layout,
    only: Option<&Digest>,
    asked: Asked,
) -> Result<ImageScan, ImageFault> {
    let image = Image::read(layout, only)?;
    let packages = packages_of(&image)?;
    let mut unread = image.pass.unclear.clone();
    unread.extend(packages.unread);
    let judged = Judged { image, asked };
    let mut document = FindingsDocument::new([tool()]);
    add_rules(&mut document, broken(rules, &judged))?;
    add_secrets(&mut document, &judged.image)?;
    for (path, why) in &unread {
        let place = IdentityPlace::Source { path, text: NOT_SCANNED, nth: 0 };
        let id = identity(Class::Configuration, NOT_SCANNED, &place).map_err(DocumentError::from)?;
        let finding = lint::finding(path, NOT_SCANNED, Severity::Unknown, 0, &format!("not judged: {why}"));
        document.add(id, Finding { undecided: true, ..finding });
    }
    document.check()?;
    let Image { digest, config, pass } = judged.image;
    Ok(ImageScan {
        digest,
        layers: config.diff_ids().len(),
        files: pass.scanned.files,
        bytes: pass.bytes,
        created: config.created.as_deref().and_then(crate::reports::findings::moment),
        release: packages.release,
        components: packages.document,
        document,
        unread,
        packed: pass.scanned.packed.len(),
    })
}

/// The scan and its version.
pub fn tool() -> Tool {
    Tool::new("countersign images", Some(env!("CARGO_PKG_VERSION")))
}

fn add_rules(document: &mut FindingsDocument, all: Vec<Found>) -> Result<(), ImageFault> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rest = BTreeMap::new();
    for Found { facts, hit } in all {
        let count = counts.entry(facts.id).or_default();
        *count += 1;
        if *count > HITS_MAX {
            rest.insert(facts.id, (facts, *count - HITS_MAX));
            continue;
        }
        add_hit(document, facts, &hit)?;
    }
    for (facts, count) in rest.into_values() {
        let about = format!("and {count} more");
        add_hit(document, facts, &Hit { line: 0, about, path: None, is_secret: false })?;
    }
    Ok(())
}

fn add_hit(document: &mut FindingsDocument, facts: &lint::Facts, hit: &Hit) -> Result<(), ImageFault> {
    let path = hit.path.as_deref().unwrap_or(CONFIGURATION);
    let place = IdentityPlace::Source { path, text: &hit.about, nth: 0 };
    let id = identity(Class::Configuration, facts.id, &place).map_err(DocumentError::from)?;
    let message = format!("{} ({}): {}", facts.title, hit.about, facts.remedy);
    let aliases = facts.same.iter().map(|alias| (*alias).to_owned()).collect();
    let finding = lint::finding(path, facts.id, facts.severity, 0, &message);
    document.add(id, Finding { aliases, ..finding });
    Ok(())
}

fn add_secrets(document: &mut FindingsDocument, image: &Image) -> Result<(), ImageFault> {
    let layers = image.config.diff_ids().len();
    for secret in &image.pass.scanned.secrets {
        let hit = &secret.hit;
        let is_there = image.pass.tree.node(&secret.path).is_some_and(|node| node.layer == secret.layer);
        let removed = if is_there { "" } else { ", and a later one removes the file" };
        let message = format!("{}; layer {} of {layers} has it{removed}", hit.message, secret.layer + 1);
        let severity = if hit.rule.contains("-test-") { Severity::Medium } else { Severity::High };
        document.add(hit.fingerprint, secrets::finding(&secret.path, hit.rule, severity, hit.line, message));
    }
    let packed = &image.pass.scanned.packed;
    if let Some(first) = packed.keys().next() {
        let lines: String = packed.iter().map(|(path, digest)| format!("{digest}\0{path}\0")).collect();
        // Other files than those that somebody saw are another finding.
        let list = Digest::of(lines.as_bytes()).to_string();
        let place = IdentityPlace::Source { path: CONFIGURATION, text: &list, nth: 0 };
        let id = identity(Class::Secret, NOT_SCANNED, &place).map_err(DocumentError::from)?;
        let message = format!(
            "not scanned for secrets: {} compressed files and archives, the first is `{first}`",
            packed.len()
        );
        let finding = secrets::finding(CONFIGURATION, NOT_SCANNED, Severity::Low, 0, message);
        // Such files are usual, so they only warn.
        document.add(id, Finding { undecided: true, unconfirmed: true, ..finding });
    }
    Ok(())
}

/// The place of findings that are about no file.
pub const CONFIGURATION: &str = "image-configuration";
/// Findings of one rule that stand apart.
const HITS_MAX: usize = 100;
