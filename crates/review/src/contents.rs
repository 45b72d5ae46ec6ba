//! Findings and components of one release.
//!
//! Input: checked evidence. Output: values. Invariant: everything in `Contents` follows from the evidence alone, so it may be kept by
//! the digest of the evidence. Whether a finding is open follows from statements, which come and end later. This module
//! deliberately omits whether a gate would pass: the judge says that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evidence::document::components::{Component, ComponentsDocument, Scope};
use evidence::document::findings::{Finding, Severity, Site};
use evidence::document::{DocumentKind, FindingsDocument};
use evidence::{Digest, Id, Moment, Name};
use judge::{Checked, DocumentProof, Owners};

use crate::ids::beginnings;
use crate::standing::{Counting, Standing};
use crate::tally::rank;

/// Findings and components of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Findings, the severest first. `None` if the policy reads no report of findings.
    pub findings: Option<Vec<Found>>,
    /// Components by package URL. `None` if the policy reads no list of components.
    pub components: Option<Vec<Used>>,
    /// Time of the oldest report of findings.
    pub scanned: Option<Moment>,
    /// Whom to ask about the service.
    pub owner: Option<String>,
    /// People whose statements do not count here, because they are behind the change.
    pub barred: BTreeSet<Id>,
}

/// A finding of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its identity.
    pub id: Digest,
    /// Beginning of the identity that no other finding of the release has.
    pub shown: String,
    /// The finding.
    pub finding: Finding,
    /// Whom to ask about it.
    pub owner: Option<String>,
    /// The environment whose checks found it. Absent for a finding of the build.
    pub before: Option<Name>,
}

/// A component of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Package URL with version.
    pub purl: String,
    /// Name in its ecosystem.
    pub name: String,
    /// Version.
    pub version: String,
    /// Licence, if it is known.
    pub licence: Option<String>,
    /// Whether the project itself names it, if it is known.
    pub direct: Option<bool>,
    /// Use of the component.
    pub scope: Scope,
    /// Components that need it, each with its version: the first of them.
    pub through: Vec<String>,
}

impl Found {
    /// It in a few words: its rule and its place.
    #[must_use]
    pub fn about(&self) -> String {
        let (rule, site) = (&self.finding.rule, self.finding.site.to_string());
        format!("{} at {}", shown::brief(rule, RULE_CHARS), shown::brief(&site, SITE_CHARS))
    }

    /// Its severity in words, with what makes it more or less.
    #[must_use]
    pub fn weight(&self) -> String {
        let severity = match self.finding.severity {
            Severity::Unknown => "severity unknown",
            known => known.as_str(),
        };
        let more = [
            (self.finding.exploited, ", known to be exploited"),
            (self.finding.unconfirmed, ", only suspected"),
            (self.finding.undecided, ", could not be decided"),
        ];
        let more = more.iter().filter(|(is, _)| *is).map(|(_, words)| *words);
        std::iter::once(severity).chain(more).collect()
    }

    /// Package URL of the component that it is about.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        match &self.finding.site {
            Site::Component { purl, .. } => Some(purl),
            Site::File { .. } | Site::Page { .. } | Site::Whole => None,
        }
    }
}

impl Contents {
    /// Findings and components of checked evidence.
    #[must_use]
    pub fn of(checked: &Checked<'_>) -> Self {
        let proof = &checked.lanes.documents;
        let owners = Owners::of(checked.bundle, &checked.place.service);
        let people = checked.people.enrolled.all();
        let barred = people.filter(|person| checked.is_barred(&person.subject)).map(|person| person.person);
        let before = checked.before.as_ref().map(|before| before.environment.clone());
        let components = proof.all.components.as_ref();
        Self {
            findings: findings(proof, before.as_ref(), &owners),
            components: components.map(used),
            scanned: scanned(proof),
            owner: owners.service().map(str::to_owned),
            barred: barred.collect(),
        }
    }

    /// Its findings; none where no report is read.
    #[must_use]
    pub fn found(&self) -> &[Found] {
        self.findings.as_deref().unwrap_or_default()
    }

    /// Its components; none where no list is read.
    #[must_use]
    pub fn used(&self) -> &[Used] {
        self.components.as_deref().unwrap_or_default()
    }

    /// How each finding stands under these statements, in the order of the findings.
    #[must_use]
    pub fn standings(&self, statements: &[Arc<Counting>]) -> Vec<Standing> {
        let counts = |known: &&Arc<Counting>| {
            !(known.statement.kind().rules().bars_authors && self.barred.contains(&known.statement.person))
        };
        let counting: Vec<&Counting> = statements.iter().filter(counts).map(AsRef::as_ref).collect();
        self.found().iter().map(|found| Standing::of(&found.id, &found.finding, &counting)).collect()
    }

    /// About so many bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let found = self.found().iter().map(|found| {
            let finding = &found.finding;
            let aliases: usize = finding.aliases.iter().map(|alias| alias.len() + WORD_BYTES).sum();
            ROW_BYTES + finding.message.len() + finding.rule.len() + aliases + text(&found.owner)
        });
        let used = self.used().iter().map(|used| {
            let through: usize = used.through.iter().map(|one| one.len() + WORD_BYTES).sum();
            WORD_BYTES * 6
                + through
                + used.purl.len()
                + used.name.len()
                + used.version.len()
                + text(&used.licence)
        });
        ROW_BYTES + found.sum::<usize>() + used.sum::<usize>()
    }
}

impl Used {
    fn of(purl: &str, component: &Component, through: Vec<String>) -> Self {
        Self {
            through,
            purl: purl.to_owned(),
            name: component.name.clone(),
            version: component.version.clone(),
            licence: component.licence.clone(),
            direct: component.direct,
            scope: component.scope,
        }
    }

    /// The ecosystem that its package URL names, such as `npm`.
    #[must_use]
    pub fn ecosystem(&self) -> &str {
        let rest = self.purl.strip_prefix("pkg:").unwrap_or(&self.purl);
        rest.split_once('/').map_or("other", |(ecosystem, _)| ecosystem)
    }

    /// The way in which a release uses it: `direct`, `through others, for builds and tests`; empty if nothing is known.
    #[must_use]
    pub fn how(&self) -> String {
        let how = match self.direct {
            Some(true) => "direct",
            Some(false) => "through others",
            None => "",
        };
        let scope = match self.scope {
            Scope::Runtime => "",
            Scope::Optional => "optional",
            Scope::Development => "for builds and tests",
        };
        [how, scope].iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(", ")
    }

    /// Its package URL without the version.
    #[must_use]
    pub fn package(&self) -> &str {
        self.purl.rsplit_once('@').map_or(&self.purl, |(package, _)| package)
    }
}

/// Findings of the build, and those of checks in the environment before.
fn findings(proof: &DocumentProof, before: Option<&Name>, owners: &Owners) -> Option<Vec<Found>> {
    let of_build = proof.all.findings.as_ref().map(|document| (None, document));
    let of_checks = proof.before.as_ref().and_then(|proof| proof.all.findings.as_ref());
    let documents: Vec<(Option<&Name>, &FindingsDocument)> =
        of_build.into_iter().chain(of_checks.map(|document| (before, document))).collect();
    let ids: BTreeSet<Digest> =
        documents.iter().flat_map(|(_, document)| document.findings.keys().copied()).collect();
    let shown: BTreeMap<Digest, String> = ids.iter().copied().zip(beginnings(&ids)).collect();
    let mut lookup = owners.lookup();
    let mut seen = BTreeSet::new();
    let mut found: Vec<Found> = Vec::new();
    for (environment, document) in &documents {
        for (id, finding) in document.findings.iter().filter(|(id, _)| seen.insert(**id)) {
            found.push(Found {
                id: *id,
                shown: shown.get(id).cloned().unwrap_or_else(|| id.hex()),
                owner: lookup.at(finding.site.file()),
                finding: finding.clone(),
                before: environment.cloned(),
            });
        }
    }
    found.sort_by_key(|one| (rank(&one.finding), one.id));
    (!documents.is_empty()).then_some(found)
}

/// The components of a list, each with the first of those that need it.
fn used(list: &ComponentsDocument) -> Vec<Used> {
    let mut needed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for component in list.components.values() {
        for need in &component.needs {
            let by = needed.entry(need).or_default();
            if by.len() < THROUGH_MAX {
                by.push(format!("{} {}", component.name, component.version));
            }
        }
    }
    let all = list.components.iter();
    all.map(|(purl, component)| Used::of(purl, component, needed.remove(purl.as_str()).unwrap_or_default()))
        .collect()
}

/// Time of the oldest report of findings.
fn scanned(proof: &DocumentProof) -> Option<Moment> {
    let before = proof.before.iter().flat_map(|proof| &proof.reports);
    let of_findings = proof
        .reports
        .iter()
        .chain(before)
        .filter(|report| report.by.values().any(|by| by.kind == DocumentKind::Findings));
    of_findings.map(|report| report.made).min()
}

/// Memory of a finding besides its texts.
const ROW_BYTES: usize = 640;
/// Memory of a text besides its bytes.
const WORD_BYTES: usize = 32;
/// Most components that are named as those which need one.
const THROUGH_MAX: usize = 3;
const RULE_CHARS: usize = 60;
const SITE_CHARS: usize = 100;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

    use evidence::document::findings::Severity;
    use evidence::statements::{Body, Statement, Waiver};
    use judge::VerificationContext;
    use lab::{assemble, forgery};

    use super::*;
    use crate::standing::{Near, near};
    use crate::tally::Tally;

    /// The contents of a release with a statement of a kind of the lab, and the statement.
    fn contents(kind: usize, change: impl Fn(&mut Statement)) -> (Contents, Arc<Counting>) {
        let (lab, parts) = forgery::KINDS[kind].stated(change);
        let (bundle, _) = assemble(&lab, &parts);
        let seen = VerificationContext { root: 1, ..VerificationContext::default() };
        let checked = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
        let counting = Counting::of(&bundle.lanes.statements[0]).unwrap();
        (Contents::of(&checked), Arc::new(counting))
    }

    #[test]
    fn a_waived_finding_is_open_again_without_its_waiver() {
        let (contents, waiver) = contents(0, |_| ());
        let (until, digest) = (waiver.statement.expires, waiver.digest);
        let tally = |statements: &[Arc<Counting>]| {
            let standings = contents.standings(statements);
            Tally::of(contents.found().iter().map(|found| &found.finding).zip(&standings))
        };
        assert!(contents.standings(&[Arc::clone(&waiver)]).contains(&Standing::Waived(until, digest)));
        let (with, without) = (tally(&[waiver]), tally(&[]));
        assert_eq!((with.waived, without.waived), (1, 0));
        assert_eq!((with.grave, without.grave), (0, 1));
        assert_eq!(without.words(), ["1 critical"]);
        assert_eq!(with.open_count() + 1, without.open_count());
    }

    #[test]
    fn attack_a_waiver_by_somebody_behind_the_change_settles_nothing() {
        let (mut contents, waiver) = contents(0, |_| ());
        contents.barred.insert(waiver.statement.person);
        assert!(contents.standings(&[waiver]).iter().all(Standing::is_open));
    }

    #[test]
    fn a_waiver_that_its_finding_has_outgrown_settles_nothing_and_says_why() {
        let (contents, waiver) = contents(0, |statement| {
            if let Body::Waiver(Waiver::Finding(seen)) = &mut statement.body {
                seen.severity = Some(Severity::Medium);
            }
        });
        let why = "its waiver was signed when it was medium; it is critical now".to_owned();
        assert!(contents.standings(&[waiver]).contains(&Standing::Outgrown(why)));
    }

    #[test]
    fn a_waiver_of_other_code_says_that_it_is_for_another_finding() {
        let (contents, waiver) = contents(0, |_| ());
        let found = contents.found().iter().find(|found| found.finding.rule == "sql").unwrap();
        let statements = [Arc::clone(&waiver)];
        let near = |id: &Digest, barred: &BTreeSet<Id>| {
            near((id, &found.finding), barred, &statements).map(|(_, why)| why)
        };
        assert_eq!(near(&found.id, &BTreeSet::new()), None, "it settles this one");
        let other = Digest::of(b"other code");
        assert_eq!(near(&other, &BTreeSet::new()), Some(Near::Other(found.id)));
        assert_eq!(near(&found.id, &[waiver.statement.person].into()), Some(Near::Barred));
    }

    #[test]
    fn contents_are_findings_also_of_checks_and_components() {
        let (contents, waiver) = contents(5, |_| ());
        let standings = contents.standings(&[waiver]);
        let settled = standings.iter().position(|standing| standing.settled().is_some()).unwrap();
        assert!(contents.found()[settled].before.is_some(), "a check found it");
        assert!(contents.found().iter().all(|found| found.id.hex().starts_with(&found.shown)));
        assert!(contents.found().is_sorted_by_key(|found| rank(&found.finding)));
        assert!(contents.bytes() > ROW_BYTES * contents.found().len());
        assert!(contents.scanned.is_some() && !contents.barred.is_empty(), "{contents:?}");
        let (of_build, _) = self::contents(0, |_| ());
        let one = &of_build.used()[0];
        assert_eq!(
            (one.ecosystem(), one.package(), one.version.as_str()),
            ("cargo", "pkg:cargo/serde", "1.0.0")
        );
    }
}
