//! The report lane: receipts name the reports of their steps, and the bundle carries the documents that the policy reads.
//!
//! Invariant: the reports of each receipt are those that the pipeline declares. Each report that the policy demands is
//! there, from the demanded work, by enough runners, and recent enough. The bundle carries every document that the
//! policy reads, and no other. Documents of several runners are joined, so that nothing which one of them saw is lost.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::{Bundle, Lanes};
use evidence::document::{AnyDocument, DocumentError, DocumentKind, Documents, Producer, ReportRef};
use evidence::pipeline::{Pipeline, ScanSort};
use evidence::policy_files::PolicyFiles;
use evidence::receipt::{Receipt, Work};
use evidence::statements::{SeenReport, results};
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{Digest, Moment, Place};
use policy::{Producers, Read, ReportsFrom};

use crate::input_reads::{compile, reads_input};
use crate::lanes::checks::CheckProof;
use crate::lanes::proven::ProvenReport;
use crate::reasons::{Flaw, Reasons};
use crate::receipts::BuildProof;

/// Facts that reports prove.
#[derive(Clone, Debug, Default)]
pub struct DocumentProof {
    /// The reports that the policy reads.
    pub reads: BTreeSet<Read>,
    /// All reports of the build, by step and path.
    pub reports: Vec<ProvenReport>,
    /// Digests of the documents that the policy reads.
    pub documents: BTreeSet<Digest>,
    /// The documents of all reports that the policy reads, merged into one of each kind.
    pub all: Documents,
    /// The same of the checks in the environment before.
    pub before: Option<Box<DocumentProof>>,
    /// Documents that are part of the above, with their counts.
    merged: BTreeSet<Stated>,
    /// Entries that failed, by document.
    failing: BTreeMap<Digest, BTreeSet<Digest>>,
}

/// A document as a runner states it: kind, digest and counts.
type Stated = (DocumentKind, Digest, BTreeMap<String, u64>);

/// Proves the reports of a build against the declarations of its pipeline and the demands of the policy.
pub fn prove(
    bundle: &Bundle,
    build: &BuildProof,
    checks: &CheckProof,
    root: &TrustRoot,
    reads: BTreeSet<Read>,
    now: Moment,
    reasons: &mut Reasons,
) -> Result<DocumentProof, Flaw> {
    let reports = declared(&build.pipeline, &build.receipts)?;
    written_by_steps(bundle, build.receipts.iter().chain(&checks.receipts))?;
    for read in &reads {
        let of = if read.from == ReportsFrom::Build { &reports } else { &checks.reports };
        demand_report(read, of, root, now, reasons);
    }
    let of = |receipts: &[(Digest, Receipt)], from| {
        referenced(&reads, from, receipts.iter().map(|(_, receipt)| receipt))
    };
    let documents = of(&build.receipts, ReportsFrom::Build);
    let before = of(&checks.receipts, ReportsFrom::Before);
    check_carried(&bundle.lanes, &documents.union(&before).copied().collect())?;
    let before = DocumentProof { documents: before, ..DocumentProof::default() };
    let before = all(checks.reports.clone(), before, &bundle.lanes, reasons)?;
    let proof = DocumentProof { documents, ..DocumentProof::default() };
    let proof = all(reports, proof, &bundle.lanes, reasons)?;
    let before = (!before.reports.is_empty()).then(|| Box::new(before));
    Ok(DocumentProof { reads, before, ..proof })
}

/// Joins the documents of these reports that the policy reads. Of two texts about one entry people read that of the runner: a
/// report of a step may say what the commit wants.
fn all(
    reports: Vec<ProvenReport>,
    mut proof: DocumentProof,
    lanes: &Lanes,
    reasons: &mut Reasons,
) -> Result<DocumentProof, Flaw> {
    let is_of_runner = |report: &&ProvenReport| report.by.values().all(|by| by.producer == Producer::Runner);
    for report in reports.iter().filter(is_of_runner) {
        join(report, lanes, &mut proof, reasons)?;
    }
    let mut all = std::mem::take(&mut proof.all);
    for report in reports.iter().filter(|report| !is_of_runner(report)) {
        join(report, lanes, &mut proof, reasons)?;
    }
    if let Err(error) = all.add_below(proof.all) {
        reasons.unclear("documents-differ", error.to_string(), SAME_BYTES);
    }
    Ok(DocumentProof { reports, all, ..proof })
}

impl DocumentProof {
    /// The proof about the build, and then that about the checks in the environment before.
    pub fn with_before(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.before.as_deref())
    }

    /// The documents of the build, one of each kind, and then those of the checks in the environment before.
    pub fn joined(&self) -> impl Iterator<Item = &Documents> {
        self.with_before().map(|proof| &proof.all)
    }

    /// Digests of the results that somebody may answer for, of steps and of checks, whether the policy reads them or not.
    #[must_use]
    pub fn stated_tests(&self) -> BTreeSet<Digest> {
        let reports = self.with_before().flat_map(|proof| &proof.reports);
        results(reports.flat_map(|report| report.by.values()))
    }

    /// The reports in which an entry failed, on any runner, among those that the policy reads.
    #[must_use]
    pub fn failing_in(&self, entry: &Digest) -> BTreeSet<SeenReport> {
        let is_in = |document: &Digest| self.failing.get(document).is_some_and(|all| all.contains(entry));
        let reports = self.reports.iter().filter(|report| report.by.values().any(|by| is_in(&by.document)));
        reports.map(|report| SeenReport::of(&report.maker, &report.path)).collect()
    }

    /// Digests of the documents that the policy reads, of steps and of checks.
    #[must_use]
    pub fn all_documents(&self) -> BTreeSet<Digest> {
        self.with_before().flat_map(|proof| &proof.documents).copied().collect()
    }
}

/// Digests of the documents that a policy reads at a place, in these receipts of a build and of checks in the
/// environment before. A policy that cannot be compiled reads none.
#[must_use]
pub fn needed_documents(
    policy: &PolicyFiles,
    mode: Mode,
    place: &Place,
    receipts: &[Receipt],
    checks: &[Receipt],
) -> BTreeSet<Digest> {
    let reads = compile(policy).ok().and_then(|gate| gate.reads(&reads_input(mode, place).ok()?).ok());
    reads.map(|reads| documents_read(&reads, receipts, checks)).unwrap_or_default()
}

/// The same for these reads.
pub fn documents_read<'a>(
    reads: &BTreeSet<Read>,
    receipts: impl IntoIterator<Item = &'a Receipt>,
    checks: impl IntoIterator<Item = &'a Receipt>,
) -> BTreeSet<Digest> {
    let mut found = referenced(reads, ReportsFrom::Build, receipts);
    found.append(&mut referenced(reads, ReportsFrom::Before, checks));
    found
}

/// Digests of the documents that the policy reads, in these receipts.
fn referenced<'a>(
    reads: &BTreeSet<Read>,
    from: ReportsFrom,
    receipts: impl IntoIterator<Item = &'a Receipt>,
) -> BTreeSet<Digest> {
    let all = receipts.into_iter().flat_map(|receipt| receipt.reports.values());
    let read = |carried: &&ReportRef| {
        reads.iter().any(|read| read.from == from && read.content && is_met_by(read, carried))
    };
    all.filter(read).map(|report| report.document).collect()
}

/// Whether a report is one that the policy reads by this demand.
fn is_met_by(read: &Read, report: &ReportRef) -> bool {
    read.kind == report.kind
        && read.format.as_ref().is_none_or(|format| *format == report.format)
        && match (read.producer, report.producer) {
            (Producers::Any, _) | (Producers::Runner, Producer::Runner) => true,
            (Producers::Step(listed), Producer::Step(found)) => listed == found,
            (Producers::Runner, Producer::Step(_)) | (Producers::Step(_), Producer::Runner) => false,
        }
}

/// Checks that the reports of each receipt are those that its step declares, and groups them by step and path.
fn declared(pipeline: &Pipeline, receipts: &[(Digest, Receipt)]) -> Result<Vec<ProvenReport>, Flaw> {
    let mut of_steps = Vec::new();
    for (_, receipt) in receipts {
        let differs = |what: &str| {
            Flaw::new(
                "reports-differ",
                format!("a receipt of {} for {:?} {what}", receipt.runner, receipt.work),
            )
        };
        let Work::Step(name) = &receipt.work else {
            if receipt.reports.is_empty() && receipt.report_exits.is_empty() {
                continue;
            }
            return Err(differs("has reports, but no step left them"));
        };
        let Some(step) = pipeline.steps.get(name) else { return Err(differs("is of an unknown step")) };
        if receipt.report_exits != step.report_exits {
            return Err(differs("accepts other exit codes than its step declares"));
        }
        let stated: BTreeSet<_> =
            receipt.reports.iter().map(|(path, report)| (path.as_str(), report.format.as_str())).collect();
        if stated != step.declared_reports() {
            return Err(differs("has other reports than its step declares"));
        }
        let producer = if step.scan.is_empty() {
            let digest = pipeline.producer(name).map_err(|error| differs(&error.to_string()))?;
            Producer::Step(digest)
        } else {
            Producer::Runner
        };
        if receipt.reports.values().any(|report| report.producer != producer) {
            return Err(differs("says that another work made a report"));
        }
        let is_other = |sort: &ScanSort| {
            receipt.reports.get(sort.as_str()).is_some_and(|report| report.kind != sort.document())
        };
        if step.scan.iter().any(is_other) {
            return Err(differs("gives a scan of the runner another kind of document"));
        }
        of_steps.push(receipt);
    }
    Ok(ProvenReport::of(of_steps))
}

/// Checks that each report was written by its step: it is neither a file of the commit nor an input of the step.
fn written_by_steps<'a>(
    bundle: &Bundle,
    receipts: impl IntoIterator<Item = &'a (Digest, Receipt)>,
) -> Result<(), Flaw> {
    for (_, receipt) in receipts {
        // A scan by the runner itself has a name and no file.
        let by_steps = receipt.reports.iter().filter(|(_, report)| report.producer != Producer::Runner);
        for (path, _) in by_steps {
            let was = match (bundle.tree.file(path), receipt.inputs.get(path)) {
                (Some(_), _) => "a file of the commit",
                (None, Some(_)) => "an output of an earlier step",
                (None, None) => continue,
            };
            let what = format!(
                "report `{path}` of a receipt of {} is {was}, so nothing shows that a tool wrote it",
                receipt.runner
            );
            return Err(Flaw::new("report-not-written", what));
        }
    }
    Ok(())
}

/// Finds fault where a demanded report is missing, made by too few runners, or too old.
fn demand_report(
    read: &Read,
    reports: &[ProvenReport],
    root: &TrustRoot,
    now: Moment,
    reasons: &mut Reasons,
) {
    let names: BTreeSet<_> = reports
        .iter()
        .flat_map(|report| &report.by)
        .filter(|(_, report)| is_met_by(read, report))
        .map(|(runner, _)| runner)
        .collect();
    let runners = root.counting_runners(names);
    if runners.len() < read.runners as usize {
        let (origin, remedy) = match read.from {
            ReportsFrom::Build => ("", ADD_STEP),
            ReportsFrom::Before => (" in the environment before", ADD_CHECK),
        };
        let what = format!(
            "the policy reads {} by {} of {} runners{origin}, and {} made such a report",
            read.reports(),
            read.producer,
            read.runners,
            runners.len()
        );
        reasons.against("report-missing", what, remedy);
    }
    let Some(days) = read.days else { return };
    let met = reports.iter().flat_map(|report| report.by.values().map(move |by| (report, by)));
    for (report, by) in met.filter(|(_, by)| is_met_by(read, by)) {
        let maker = &report.maker;
        let at = format!("report `{}` of {} `{}`", report.path, maker.sort(), maker.name());
        match by.knowledge.as_ref().map(|knowledge| knowledge.modified) {
            None => reasons.against(
                "report-undated",
                format!("{at} does not say how old its knowledge is"),
                DATED,
            ),
            Some(modified) if modified > now => {
                let what = format!("{at} rests on knowledge of {modified}, which is in the future");
                reasons.unclear("report-undated", what, DATED);
            }
            Some(modified) => {
                let age = now.days_since(modified);
                if age >= u64::from(days.get()) {
                    let what = format!(
                        "{at} rests on knowledge that is {age} days old; it has to be younger than {days} days"
                    );
                    reasons.against("report-old", what, RUN_AGAIN);
                }
            }
        }
    }
}

/// Checks that the bundle carries these documents and no others.
fn check_carried(lanes: &Lanes, needed: &BTreeSet<Digest>) -> Result<(), Flaw> {
    if let Some(missing) = needed.iter().find(|digest| !lanes.documents.contains_key(digest)) {
        return Err(Flaw::new("document-missing", format!("the document {missing} of a report is missing")));
    }
    if let Some(stray) = lanes.documents.keys().find(|digest| !needed.contains(digest)) {
        return Err(Flaw::new("document-stray", format!("the policy does not read the document {stray}")));
    }
    let unlike = |(digest, bytes): &(&Digest, &evidence::Bytes)| Digest::of(&bytes.0) != **digest;
    if let Some((digest, _)) = lanes.documents.iter().find(unlike) {
        return Err(Flaw::new("document-unsound", format!("the bytes of document {digest} are others")));
    }
    let bytes: usize = lanes.documents.values().map(|bytes| bytes.0.len()).sum();
    if bytes > BYTES_MAX {
        let what = format!("the documents have {bytes} bytes together, at most {BYTES_MAX} are allowed");
        return Err(Flaw::new("document-unsound", what));
    }
    Ok(())
}

/// Joins the runners' documents of one report, and adds the result to those of the other reports.
fn join(
    report: &ProvenReport,
    lanes: &Lanes,
    proof: &mut DocumentProof,
    reasons: &mut Reasons,
) -> Result<(), Flaw> {
    let Some(kind) = report.by.values().next().map(|by| by.kind) else { return Ok(()) };
    let stated: BTreeSet<Stated> =
        report.by.values().map(|by| (by.kind, by.document, by.items.clone())).collect();
    if stated.len() == 1 && stated.is_subset(&proof.merged) {
        // Many reports may be one document, which is read once.
        return Ok(());
    }
    proof.merged.extend(stated);
    if report.by.values().any(|by| by.kind != kind) {
        let what = format!("runners do not agree on the kind of report `{}`", report.path);
        return Err(Flaw::new("reports-differ", what));
    }
    if let Some(joined) = joined(kind, report, lanes, proof, reasons)?
        && let Err(error) = proof.all.add(joined)
    {
        reasons.unclear("documents-differ", error.to_string(), SAME_BYTES);
    }
    Ok(())
}

/// The documents of one report by all its runners, as one. `None` if the policy does not read them.
fn joined(
    kind: DocumentKind,
    report: &ProvenReport,
    lanes: &Lanes,
    proof: &mut DocumentProof,
    reasons: &mut Reasons,
) -> Result<Option<AnyDocument>, Flaw> {
    let mut all: Option<AnyDocument> = None;
    let mut seen = BTreeSet::new();
    for (runner, by) in &report.by {
        let Some(bytes) =
            lanes.documents.get(&by.document).filter(|_| proof.documents.contains(&by.document))
        else {
            continue;
        };
        if !seen.insert((by.document, &by.items)) {
            continue;
        }
        let unsound = |error: DocumentError| Flaw::new("document-unsound", error.to_string());
        let document = AnyDocument::decode(kind, &bytes.0).map_err(unsound)?;
        if document.items() != by.items {
            let what = format!("{runner} states other counts than the document of `{}` has", report.path);
            return Err(Flaw::new("document-unsound", what));
        }
        proof.failing.insert(by.document, document.failing());
        all = Some(match all {
            None => document,
            Some(others) => match others.join(document) {
                Ok(joined) => joined,
                Err(error) => {
                    reasons.unclear("documents-differ", error.to_string(), SAME_BYTES);
                    return Ok(None);
                }
            },
        });
    }
    Ok(all)
}

const ADD_STEP: &str = "declare a step that makes it, with `reports`, and run the commit again";
const ADD_CHECK: &str = "declare a check of the service that makes it, and run the commit again";
const DATED: &str = "let the scan use a dated snapshot";
const RUN_AGAIN: &str = "renew the snapshot on the runners and run the commit again";
const SAME_BYTES: &str = "give all runners the same lockfiles and tools, and run the commit again";
/// Highest number of bytes of all documents of a bundle. `docs/formats/bundle.md` has the arithmetic.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;
