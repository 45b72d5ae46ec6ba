//! Claims of a VEX document about open findings of a pending release.
//!
//! Input: the document's bytes and checked evidence. Output: the claims that a person may sign, and a line about each
//! other one. Invariant: nothing here signs. The document is somebody's word: of several claims about a finding the latest
//! counts, and only `not_affected` and `fixed` can settle it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use evidence::Digest;
use evidence::document::findings::Finding;
use evidence::statements::{Justification, NotAffected, Scope, StatementKind};
use judge::Checked;
use review::findings;
use scan::vex::{Claim, Status, Vex};

use crate::error::Error;
use crate::id_prefix::IdPrefix;
use crate::new_statement::not_affected::{self, open_dependencies};
use crate::new_statement::{Until, finding};

/// A VEX document that was read.
#[derive(Debug)]
pub struct VexFile {
    /// Digest of its bytes.
    pub digest: Digest,
    vex: Vex,
}

/// The claims of a document, as they meet a release.
#[derive(Debug, Default)]
pub struct Claims<'a> {
    /// Claims that settle an open finding.
    pub settling: Vec<Settling<'a>>,
    /// A line about each claim that settles nothing, with the reason; text by others is escaped.
    pub told: Vec<String>,
}

/// A claim that settles an open finding.
#[derive(Debug)]
pub struct Settling<'a> {
    /// Identity of the finding.
    pub id: Digest,
    /// The content of the statement about it.
    pub body: NotAffected,
    found: &'a Finding,
    claim: &'a Claim,
    component: &'a str,
    /// Other findings that the statement settles.
    also: Vec<String>,
}

impl VexFile {
    /// Reads a document in OpenVEX or CycloneDX.
    ///
    /// # Errors
    /// `Error` names the file and the fault.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let fault = |error: &dyn std::fmt::Display| Error::unusable(format!("`{}`: {error}", path.display()));
        let mut bytes = Vec::new();
        // One byte more than is read, so that a longer file is refused as such.
        let most = scan::INPUT_BYTES_MAX as u64 + 1;
        let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
        read.map_err(|error| fault(&error))?;
        let vex = scan::vex::read(&bytes).map_err(|error| fault(&error))?;
        Ok(Self { digest: Digest::of(&bytes), vex })
    }

    /// The claims that settle open findings of a release: those findings that the digits name, or all. `justification`
    /// stands for that of a claim which has none of OpenVEX's list.
    ///
    /// # Errors
    /// `Error` when digits name no finding.
    pub fn claims<'a>(
        &'a self,
        checked: &'a Checked<'_>,
        chosen: &[IdPrefix],
        justification: Option<Justification>,
    ) -> Result<Claims<'a>, Error> {
        let chosen: BTreeSet<Digest> =
            chosen.iter().map(|id| Ok(finding::find(checked, id)?.0)).collect::<Result<_, Error>>()?;
        let mut claims = Claims::default();
        let mut used: Vec<&Claim> = Vec::new();
        for (id, found, component) in open_dependencies(checked) {
            let names: BTreeSet<_> = found.aliases.iter().chain([&found.rule]).cloned().collect();
            let Some(claim) = self.vex.about(&names, component) else { continue };
            used.push(claim);
            if !chosen.is_empty() && !chosen.contains(id) {
                continue;
            }
            let by_earlier = |settling: &Settling<'_>| settling.settles(id, found);
            if claims.settling.iter().any(by_earlier) {
                continue;
            }
            match justified(claim, justification) {
                Ok(justification) => {
                    let body = not_affected::body(found, justification, Some(self.digest));
                    let also = Vec::new();
                    claims.settling.push(Settling { id: *id, body, found, claim, component, also });
                }
                Err(why) => claims.told.push(format!("{}: {why}", named(claim))),
            }
        }
        for settling in &mut claims.settling {
            // The build and a check may report one finding.
            let mut told = BTreeSet::from([settling.id]);
            let others = open_dependencies(checked).filter(|(id, found, _)| settling.settles(id, found));
            let also = others.filter(|(id, ..)| told.insert(**id));
            settling.also =
                also.map(|(id, found, _)| format!("{}, finding {id}", shown::line(&found.rule))).collect();
        }
        let unused =
            self.vex.statements.iter().filter(|claim| !used.iter().any(|it| std::ptr::eq(*it, *claim)));
        claims.told.extend(unused.map(|claim| format!("{}: {}", named(claim), self.unused(claim, checked))));
        claims.told.dedup();
        Ok(claims)
    }

    /// Why a claim meets no open finding.
    fn unused(&self, claim: &Claim, checked: &Checked<'_>) -> String {
        let is_about = |component: &str| claim.products.iter().any(|product| product.holds(component));
        let joined = checked.lanes.documents.joined();
        let listed = joined.filter_map(|all| all.components.as_ref()).flat_map(|all| all.components.keys());
        let found = findings::all(checked).filter_map(|(_, found)| found.dependency());
        let Some(component) = listed.map(String::as_str).chain(found).find(|component| is_about(component))
        else {
            let products: Vec<_> =
                claim.products.iter().take(PRODUCTS_SHOWN).map(|product| shown::line(&product.id)).collect();
            let more = claim.products.len().saturating_sub(products.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return format!("no component of the release is {}{more}", products.join(", "));
        };
        let later = self.vex.about(&claim.vulnerabilities, component);
        if later.is_some_and(|later| !std::ptr::eq(later, claim)) {
            return format!("a later claim of the document about {} counts", shown::line(component));
        }
        format!("{} has no open finding with one of these ids", shown::line(component))
    }

    /// The author, as the document names them.
    #[must_use]
    pub fn author(&self) -> String {
        self.vex.author.as_ref().map_or_else(|| "nobody".to_owned(), |author| shown::line(author))
    }
}

impl Settling<'_> {
    fn settles(&self, id: &Digest, found: &Finding) -> bool {
        self.body.finding.settles(&[self.id], id, found)
    }

    /// The page about it that a person reads before the signature.
    #[must_use]
    pub fn page(&self, scope: &Scope, until: Until) -> String {
        let page = finding::page(StatementKind::NotAffected, &self.id, self.found, scope, until);
        let said =
            self.claim.justification.as_ref().map(|said| format!(", justification {}", shown::line(said)));
        let sentence = self.claim.sentence.as_ref().map(|said| format!("\n  \"{}\"", shown::line(said)));
        let time = self.claim.time.map(|time| format!(" of {time}")).unwrap_or_default();
        let about = self.claim.products.iter().find(|product| product.holds(self.component));
        let about = about.map(|product| shown::line(&product.id)).unwrap_or_default();
        format!(
            "{page}\n  claim{time} about {about}: {}{}{}\n  justification: {}{}",
            word(self.claim.status),
            said.unwrap_or_default(),
            sentence.unwrap_or_default(),
            self.body.justification.as_str(),
            self.also.iter().map(|also| format!("\n  it settles too: {also}")).collect::<String>(),
        )
    }
}

/// The justification of a statement that takes over a claim; or why none can.
fn justified(claim: &Claim, given: Option<Justification>) -> Result<Justification, String> {
    match claim.status {
        // The product has the version of the finding with a fix in it.
        Status::Fixed => Ok(given.unwrap_or(Justification::VulnerableCodeNotPresent)),
        Status::NotAffected => {
            let said = claim.justification.as_deref();
            said.and_then(of_list).or(given).ok_or_else(|| {
                let said = said
                    .map_or_else(|| "no justification".to_owned(), |said| format!("`{}`", shown::line(said)));
                format!("it has {said}, which says none of OpenVEX's list; choose one with `--justification`")
            })
        }
        Status::UnderInvestigation | Status::Affected => {
            Err(format!("its status is {}, so its finding stays open", word(claim.status)))
        }
    }
}

/// The word of OpenVEX for a justification of OpenVEX or CycloneDX. `false_positive`, `protected_at_perimeter` and the
/// three `requires_` have no word with the same meaning.
fn of_list(said: &str) -> Option<Justification> {
    match said {
        "code_not_present" => Some(Justification::VulnerableCodeNotPresent),
        "code_not_reachable" => Some(Justification::VulnerableCodeNotInExecutePath),
        "protected_by_compiler" | "protected_at_runtime" | "protected_by_mitigating_control" => {
            Some(Justification::InlineMitigationsAlreadyExist)
        }
        _ => Justification::ALL.into_iter().find(|justification| justification.as_str() == said),
    }
}

fn named(claim: &Claim) -> String {
    claim.vulnerabilities.iter().map(|id| shown::line(id)).collect::<Vec<_>>().join(", ")
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::NotAffected => "not_affected",
        Status::Fixed => "fixed",
        Status::UnderInvestigation => "under_investigation",
        Status::Affected => "affected",
    }
}

const PRODUCTS_SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::document::findings::{Class, Severity, Site};
    use judge::VerificationContext;
    use lab::documents::{self, ATTACK, LabDocument};
    use lab::{assemble, forgery};

    use super::{Digest, VexFile};

    /// `countersign approve --show` lists what a check found, and a person may name it: a claim settles it too.
    #[test]
    fn a_claim_settles_what_a_check_found_in_the_environment_before() {
        let mut found = documents::findings(&[("CVE-2026-1", Class::Dependency, Severity::Critical)]);
        for finding in found.findings.values_mut() {
            finding.site = Site::Component { purl: "pkg:cargo/serde@1.0.0".into(), through: Vec::new() };
        }
        let (lab, mut parts) = forgery::KINDS.get(5).unwrap().stated(|_| ());
        parts.statements.clear();
        parts.documents.insert(ATTACK.into(), LabDocument::of(&found));
        parts.checks = lab.checks(&parts, |_| {});
        lab.approve(&mut parts);
        let (bundle, _) = assemble(&lab, &parts);
        let seen = VerificationContext { root: 1, ..VerificationContext::default() };
        let checked = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
        let before = checked.lanes.documents.before.as_ref().unwrap();
        assert_eq!(before.all.findings.as_ref().unwrap().findings, found.findings);
        let claims = |product: &str| {
            let text = format!(
                r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","version":1,"timestamp":"2024-01-01T00:00:00Z","statements":[{{"vulnerability":{{"name":"CVE-2026-1"}},"products":[{{"@id":"{product}"}}],"status":"not_affected","justification":"component_not_present"}}]}}"#
            );
            let vex = scan::vex::read(text.as_bytes()).unwrap();
            let file = VexFile { digest: Digest::of(text.as_bytes()), vex };
            let claims = file.claims(&checked, &[], None).unwrap();
            (claims.settling.iter().map(|it| it.id).collect::<Vec<_>>(), claims.told)
        };
        let ids: Vec<_> = found.findings.keys().copied().collect();
        assert_eq!(claims("pkg:cargo/serde"), (ids, Vec::new()));
        let (settling, told) = claims("pkg:cargo/other");
        assert!(settling.is_empty(), "{settling:?}");
        assert_eq!(told, ["CVE-2026-1: no component of the release is pkg:cargo/other"]);
    }
}
