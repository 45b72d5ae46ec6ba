//! Judges a bill of materials by a database of advisories.
//!
//! Invariant: each component is judged, or a finding says why it is not. Equal components and an equal database give an
//! equal document.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Digest;
use evidence::document::components::{Component, Skipped};
use evidence::document::findings::{self, Class, Finding, IdentityPlace, Origin, Severity, Site};
use evidence::document::{
    ComponentsDocument, DocumentError, FindingsDocument, MESSAGE_BYTES_MAX, Tool, text,
};

use super::affected::{Parsed, Verdict};
use super::database::{Database, Reader};
use super::ecosystem::Package;
use super::error::AdvisoriesError;
use super::groups::{aliases, groups, rule};
use super::paths::Paths;
use super::stored::{Entry, Sort, StoredRecord, Withdrawal, Withdrawn};
use crate::components::purl::is_exact;
use crate::reports::severity::Rating;

/// A component that is judged.
struct Case<'c> {
    component: &'c Component,
    package: Package,
    /// The version that is compared: that of the source, where the advisories are about sources.
    version: &'c str,
}

/// A record that affects a component, or may affect it.
struct Hit<'r> {
    parsed: Parsed<'r>,
    /// The reason, if it cannot be told.
    undecided: Option<String>,
}

/// Judges components: vulnerabilities, malicious packages, packages without a checksum, and what could not be judged.
///
/// # Errors
/// `AdvisoriesError` when the database is damaged, or the result is larger than a document may be.
pub fn judge(
    components: &ComponentsDocument,
    database: &Database,
) -> Result<FindingsDocument, AdvisoriesError> {
    let knowledge = database.knowledge();
    let date = format!("{} {}", knowledge.modified, knowledge.digest.hex().get(..12).unwrap_or_default());
    let tools = [
        Tool::new("countersign dependencies", Some(env!("CARGO_PKG_VERSION"))),
        Tool::new("advisories", Some(&date)),
    ];
    let mut document = FindingsDocument::new(tools);
    let paths = Paths::of(components);
    let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut reader = database.reader();
    for (purl, component) in &components.components {
        let site = || Site::Component { purl: purl.clone(), through: paths.to(purl) };
        if !component.pinned && !purl.starts_with("pkg:maven/") {
            add(&mut document, unpinned(component, site()))?;
        }
        if let Some(difference) = &component.differs {
            let message = format!("{UNDECIDED} which package is installed: {difference}");
            let finding = supply(SOURCE_DIFFERS, Severity::High, &message, site());
            let place = IdentityPlace::Source { path: purl, text: difference, nth: 0 };
            put(&mut document, &place, Finding { undecided: true, ..finding })?;
        }
        let packages = match held(purl, &mut reader, database) {
            Ok(packages) => packages,
            Err(ecosystem) => {
                missing.entry(ecosystem).or_default().push(purl);
                continue;
            }
        };
        for (package, version) in packages {
            let Some(entry) = reader.find(&package)? else { continue };
            let version = version.as_deref().unwrap_or(&component.version);
            Case { component, package, version }.add(&mut document, purl, &entry, &site)?;
        }
    }
    unread(&mut document, components, missing)?;
    // The limits of a document are the limits of this answer.
    evidence::document::Document::check(&document)?;
    Ok(document)
}

/// Adds what was not judged, and not read.
fn unread(
    document: &mut FindingsDocument,
    components: &ComponentsDocument,
    missing: BTreeMap<String, Vec<&str>>,
) -> Result<(), AdvisoriesError> {
    for (ecosystem, purls) in missing {
        // Other components than those that somebody saw are another finding.
        let unjudged = digest(purls.iter().copied());
        let place = IdentityPlace::Source { path: &ecosystem, text: &unjudged, nth: 0 };
        put(document, &place, missing_of(&ecosystem, purls.len()))?;
    }
    for (directory, skipped) in &components.skipped {
        // Other files than those that somebody saw are another finding.
        let place = IdentityPlace::Source { path: directory, text: &skipped.digest.to_string(), nth: 0 };
        put(document, &place, not_read(directory, skipped))?;
    }
    for (path, sentences) in &components.drift {
        for sentence in sentences {
            let place = IdentityPlace::Source { path, text: sentence, nth: 0 };
            let site = Site::File { path: path.clone(), line: None, end: None };
            put(document, &place, supply(LOCKFILE_DRIFT, Severity::Medium, sentence, site))?;
        }
    }
    if components.sources.is_empty() && components.components.is_empty() {
        // Nothing was read, so there is nothing to tell apart: the first manifest or component ends the finding, and what
        // is not read of installed packages is the finding above.
        add(document, no_source())?;
    }
    Ok(())
}

impl Case<'_> {
    /// Adds the findings of an entry.
    fn add(
        &self,
        document: &mut FindingsDocument,
        purl: &str,
        entry: &Entry,
        site: &dyn Fn() -> Site,
    ) -> Result<(), AdvisoriesError> {
        if is_exact(purl) {
            for mut finding in self.judge(&entry.records, site)? {
                finding.fix_released =
                    finding.fixed.as_ref().and_then(|fix| entry.released.get(fix)).copied();
                add(document, finding)?;
            }
            if let Some(word) = self.word(entry) {
                add(document, withdrawn(self.component, word, site()))?;
            }
        } else if !entry.records.is_empty() {
            // Other advisories are another finding: a waiver speaks of those that were known.
            let known = digest(entry.records.iter().map(|record| record.id.as_str()));
            let place = IdentityPlace::Source { path: purl, text: &known, nth: 0 };
            put(document, &place, self.open(&entry.records, site())?)?;
        }
        Ok(())
    }

    /// One finding for each vulnerability.
    fn judge(
        &self,
        records: &[StoredRecord],
        site: &dyn Fn() -> Site,
    ) -> Result<Vec<Finding>, AdvisoriesError> {
        let order = self.package.ecosystem.order();
        let mut hits = Vec::new();
        for record in records {
            let parsed = record.affected.parse(order);
            match parsed.verdict(self.version) {
                Verdict::Affected => hits.push((record, Hit { parsed, undecided: None })),
                Verdict::Undecided(why) => hits.push((record, Hit { parsed, undecided: Some(why) })),
                Verdict::Unaffected => {}
            }
        }
        Ok(groups(hits)?.iter().map(|group| self.finding(group, site())).collect())
    }

    fn finding(&self, group: &[(&StoredRecord, Hit<'_>)], site: Site) -> Finding {
        let records = || group.iter().map(|(record, _)| *record);
        // A record that decides says more than one that does not.
        let decided = group.iter().find(|(_, hit)| hit.undecided.is_none());
        let told = decided.or(group.first());
        let summary = told.map_or("", |(record, _)| record.summary.as_str());
        let why = told.and_then(|(_, hit)| hit.undecided.as_deref());
        let message = match why {
            Some(why) => {
                format!("{UNDECIDED} whether {} is affected: {why}. {summary}", self.version)
            }
            None => summary.to_owned(),
        };
        let sort = sort(records());
        let rating = rating(sort, records());
        let is_vulnerability = matches!(sort, Sort::Vulnerability | Sort::Unsound);
        Finding {
            class: if is_vulnerability { Class::Dependency } else { Class::Supply },
            rule: rule(group).to_owned(),
            aliases: aliases(group),
            severity: rating.severity,
            score: rating.score,
            epss: records().filter_map(|record| record.epss).max(),
            exploited: records().any(|record| record.exploited),
            unconfirmed: false,
            undecided: why.is_some(),
            message: text(&message, MESSAGE_BYTES_MAX),
            site,
            published: records().filter_map(|record| record.published).min(),
            fixed: self.fixed(group),
            fix_released: None,
        }
    }

    /// The smallest version above the installed one that no record of the group affects.
    fn fixed(&self, group: &[(&StoredRecord, Hit<'_>)]) -> Option<String> {
        let installed = self.package.ecosystem.order().parse(self.version)?;
        let mut least: Option<(&str, &super::versions::Version)> = None;
        let candidates = group.iter().flat_map(|(_, hit)| hit.parsed.fixes(&installed));
        for (text, version) in candidates.take(CANDIDATES_MAX) {
            let is_less = least.is_none_or(|(_, best)| version.against(best).is_lt());
            let is_free =
                |text: &str| group.iter().all(|(_, hit)| hit.parsed.verdict(text) == Verdict::Unaffected);
            if is_less && is_free(text) {
                least = Some((text, version));
            }
        }
        least.map(|(text, _)| text.to_owned())
    }

    /// The publisher's word against the installed version.
    fn word<'e>(&self, entry: &'e Entry) -> Option<&'e Withdrawn> {
        let order = self.package.ecosystem.order();
        let installed = order.parse(self.version);
        let is_same = |version: &str| {
            let own = installed.as_ref().zip(order.parse(version));
            version == self.version || own.is_some_and(|(own, other)| own.against(&other).is_eq())
        };
        entry.withdrawn.iter().find(|(version, _)| is_same(version)).map(|(_, word)| word)
    }

    /// A component without an exact version: which of the advisories affect it is open, unless they affect all.
    fn open(&self, records: &[StoredRecord], site: Site) -> Result<Finding, AdvisoriesError> {
        let all = groups(records.iter().map(|record| (record, ())).collect())?;
        let worst = all.iter().map(|group| {
            let records = || group.iter().map(|(record, ())| *record);
            rating(sort(records()), records()).severity
        });
        let severity = worst.max().unwrap_or(Severity::Unknown).max(Severity::Unknown);
        let message = format!(
            "{UNDECIDED}: `{}` is no exact version, and {} of this package are known; let a lockfile fix it",
            text(&self.component.version, 60),
            counted(all.len(), "problem"),
        );
        Ok(Finding { undecided: true, ..supply(VERSION_OPEN, severity, &message, site) })
    }
}

/// The sort of a group: the one that weighs most.
fn sort<'r>(records: impl Iterator<Item = &'r StoredRecord>) -> Sort {
    let sorts: BTreeSet<Sort> = records.map(|record| record.sort).collect();
    let weight = [Sort::Malicious, Sort::Vulnerability, Sort::Unsound, Sort::Unmaintained, Sort::Notice];
    weight.into_iter().find(|sort| sorts.contains(sort)).unwrap_or_default()
}

/// The highest of the vectors, otherwise the highest of the words, otherwise what the sort says.
fn rating<'r>(sort: Sort, records: impl Iterator<Item = &'r StoredRecord>) -> Rating {
    if sort == Sort::Malicious {
        return Rating::of(Severity::Critical);
    }
    let (mut score, mut word) = (None, None);
    for record in records {
        score = score.max(record.score);
        word = word.max(record.severity.filter(|_| record.score.is_none()));
    }
    match (score, word, sort) {
        (Some(score), ..) => Rating { severity: Severity::of_score(score), score: Some(score) },
        (None, Some(word), _) => Rating::of(word),
        (None, None, Sort::Unsound) => Rating::of(Severity::Medium),
        (None, None, Sort::Unmaintained) => Rating::of(Severity::Low),
        (None, None, Sort::Notice) => Rating::of(Severity::None),
        (None, None, Sort::Vulnerability | Sort::Malicious) => Rating::of(Severity::Unknown),
    }
}

fn unpinned(component: &Component, site: Site) -> Finding {
    let message = format!("no lockfile fixes the bytes of `{}` by a checksum", text(&component.name, 200));
    supply(UNPINNED, Severity::Medium, &message, site)
}

fn withdrawn(component: &Component, word: &Withdrawn, site: Site) -> Finding {
    let (rule, severity, what) = match word.kind {
        Withdrawal::Yanked => (YANKED, Severity::Medium, "yanked"),
        Withdrawal::Deprecated => (DEPRECATED, Severity::Low, "deprecated"),
    };
    let subject = format!("{} {}", text(&component.name, 200), text(&component.version, 60));
    let reason = if word.reason.is_empty() { "no reason is given" } else { &word.reason };
    supply(rule, severity, &format!("`{subject}` was {what} by its publisher: {reason}"), site)
}

/// The ecosystem of a package URL, if the database holds no record of it, so that the component is not judged.
#[must_use]
pub fn not_held(purl: &str, database: &Database) -> Option<String> {
    held(purl, &mut database.reader(), database).err()
}

/// The packages of a package URL; or their ecosystem, if the database holds no record of that.
fn held(
    purl: &str,
    reader: &mut Reader<'_>,
    database: &Database,
) -> Result<Vec<(Package, Option<String>)>, String> {
    let packages = Package::all_of_purl(purl).map_err(|kind| text(&kind, 40))?;
    let Some((package, _)) = packages.first() else { return Ok(packages) };
    let ecosystem = package.ecosystem.as_str();
    if !database.holds(package.ecosystem) {
        return Err(ecosystem.to_owned());
    }
    match package.release() {
        // A part that cannot be read is no release either, and what is not judged is told.
        Some(release) if !reader.holds_release(package).unwrap_or(false) => {
            Err(format!("{ecosystem}:{}", text(release, 20)))
        }
        _ => Ok(packages),
    }
}

fn missing_of(ecosystem: &str, count: usize) -> Finding {
    let message = format!(
        "{UNDECIDED}: the advisories hold no record of `{ecosystem}`, and {} not judged",
        if count == 1 { "1 component was".to_owned() } else { format!("{count} components were") },
    );
    let rule = format!("{ADVISORIES_MISSING}/{ecosystem}");
    Finding { undecided: true, ..supply(&rule, Severity::Unknown, &message, Site::Whole) }
}

fn not_read(directory: &str, skipped: &Skipped) -> Finding {
    let message = format!(
        "{UNDECIDED}: {} not read, as part of installed packages; a build that uses one needs more packages than these",
        match skipped.files {
            1 => "1 lockfile or manifest was".to_owned(),
            files => format!("{files} lockfiles and manifests were"),
        },
    );
    let site = Site::File { path: directory.to_owned(), line: None, end: None };
    Finding { undecided: true, ..supply(LOCKFILES_SKIPPED, Severity::Unknown, &message, site) }
}

fn no_source() -> Finding {
    let message = format!(
        "{UNDECIDED}: no manifest or lockfile was found; commit one, or have this waived if there is no dependency"
    );
    Finding { undecided: true, ..supply(LOCKFILE_MISSING, Severity::Unknown, &message, Site::Whole) }
}

fn supply(rule: &str, severity: Severity, message: &str, site: Site) -> Finding {
    Finding {
        class: Class::Supply,
        rule: rule.to_owned(),
        aliases: BTreeSet::new(),
        severity,
        score: None,
        epss: None,
        exploited: false,
        unconfirmed: false,
        undecided: false,
        message: text(message, MESSAGE_BYTES_MAX),
        site,
        published: None,
        fixed: None,
        fix_released: None,
    }
}

fn add(document: &mut FindingsDocument, finding: Finding) -> Result<(), AdvisoriesError> {
    let site = finding.site.clone();
    let place = match &site {
        Site::Component { purl, .. } => IdentityPlace::Component { purl },
        // One report has one such finding, whatever the report.
        _ => IdentityPlace::Whole { origin: Origin::Scan, nth: 0 },
    };
    put(document, &place, finding)
}

/// Digest of a set of names. No name has a line feed.
fn digest<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: BTreeSet<&str> = names.collect();
    let lines: String = names.into_iter().flat_map(|name| [name, "\n"]).collect();
    Digest::of(lines.as_bytes()).to_string()
}

fn put(
    document: &mut FindingsDocument,
    place: &IdentityPlace<'_>,
    finding: Finding,
) -> Result<(), AdvisoriesError> {
    let id = findings::identity(finding.class, &finding.rule, place).map_err(DocumentError::from)?;
    document.add(id, finding);
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Rule of findings about components that no checksum fixes.
pub const UNPINNED: &str = "unpinned";
/// Rule of findings about components with known problems and without an exact version.
pub const VERSION_OPEN: &str = "version-open";
/// Rule of findings about ecosystems that the database does not hold.
pub const ADVISORIES_MISSING: &str = "advisories-missing";

/// Rule of findings about entries of lockfiles whose address is that of another package.
pub const SOURCE_DIFFERS: &str = "source-differs";
/// Rule of findings about lockfiles and manifests of installed packages, which are not read.
pub const LOCKFILES_SKIPPED: &str = "lockfiles-skipped";
/// Rule of findings about what a manifest asks for and its lockfile does not have as asked.
pub const LOCKFILE_DRIFT: &str = "lockfile-drift";
/// Rule of the finding about a tree without a manifest and a lockfile.
pub const LOCKFILE_MISSING: &str = "lockfile-missing";
/// Rule of findings about versions that their publisher yanked.
pub const YANKED: &str = "dependency-yanked";
/// Rule of findings about versions that their publisher deprecated.
pub const DEPRECATED: &str = "dependency-deprecated";

const UNDECIDED: &str = "could not decide";

/// Highest number of fixes that are tried for one finding.
const CANDIDATES_MAX: usize = 1_024;
