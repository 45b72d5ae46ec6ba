//! Results of scanners and tests about a release, as a person reads them: counts of each report, the worst findings,
//! and the failed tests.
//!
//! Input: checked evidence and its judgement. Output: values, and lines of text. Invariant: texts of tools are escaped
//! and bounded, and the number of lines is bounded; whatever is not shown is counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::{Finding, Severity};
use evidence::document::{FindingsDocument, Maker, ReportRef};
use evidence::statements::StatementKind;
use evidence::{Digest, Moment, Name};
use judge::{Checked, DocumentProof, Judgement, Lookup, Owners, ProvenStatement, outgrown, settling_finding};
use serde::Serialize;

use crate::ids::beginnings;

mod lines;
mod tested;

pub use lines::{LISTED_MAX, counts};
use lines::{MESSAGE_CHARS, PATH_CHARS, SHOWN_MAX, TOOL_CHARS, bounded, more};
pub use tested::{Covered, FailedTest, TestsShown};

/// Results of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Results {
    /// Every report of the build.
    pub reports: Vec<ReportCounts>,
    /// Findings that the judge sees. Absent if the policy reads none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingsShown>,
    /// Tests that the judge sees. Absent if the policy reads none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestsShown>,
    /// Results of checks in the environment before. Absent if there are no reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<BeforeResults>>,
}

/// Results of checks of the release in the environment before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BeforeResults {
    /// The environment.
    pub environment: Name,
    /// Every report of its checks.
    pub reports: Vec<ReportCounts>,
    /// Findings that the judge sees. Absent if the policy reads none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingsShown>,
    /// Tests that the judge sees. Absent if the policy reads none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestsShown>,
}

/// One report of a step or check, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReportCounts {
    /// The step or check, as `step` or `check` with its name.
    #[serde(flatten)]
    pub maker: Maker,
    /// Path of the report in the workspace.
    pub path: String,
    /// Its format.
    pub format: String,
    /// The tools that it names.
    pub tool: String,
    /// Number of runners that read it.
    pub runners: usize,
    /// Counts of its entries by sort. Where runners differ, the highest.
    pub items: BTreeMap<String, u64>,
}

/// Findings, the worst first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingsShown {
    /// Counts by severity; `unconfirmed` counts suspicions of any severity.
    pub counts: BTreeMap<String, u64>,
    /// The worst findings, at most [`LISTED_MAX`].
    pub worst: Vec<FindingShown>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingShown {
    /// Beginning of its id, which no other finding of the release has.
    pub id: String,
    /// Severity.
    pub severity: Severity,
    /// The tool's rule, or the advisory.
    pub rule: String,
    /// Its place in one line.
    pub at: String,
    /// The tool's sentence.
    pub message: String,
    /// Smallest version without it, if known.
    pub fixed: Option<String>,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Whether the tool only suspects it.
    pub unconfirmed: bool,
    /// Whether it says that an answer could not be given.
    pub undecided: bool,
    /// Codes of the gate's reasons that name it.
    pub blocks: BTreeSet<String>,
    /// End of the waiver that settles it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waived_until: Option<Moment>,
    /// End of the statement that it does not affect the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_affected_until: Option<Moment>,
    /// Why a statement does not settle it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outgrown: Option<String>,
    /// Whom to ask about it. Absent if the commit names nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Facts with which the findings of a document are shown.
struct FindingContext<'a> {
    /// Beginnings of the ids of all findings.
    ids: &'a BTreeMap<Digest, String>,
    /// Words that the policy adds to the place of each finding.
    at: &'a str,
    judgement: &'a Judgement,
    statements: &'a [ProvenStatement],
    owners: &'a Owners,
}

impl Results {
    /// The results of a release; its judgement says which findings block it.
    #[must_use]
    pub fn of(checked: &Checked<'_>, judgement: &Judgement) -> Self {
        let proof = &checked.lanes.documents;
        let before = proof.before.as_deref().zip(checked.before.as_ref());
        let ids = ids(proof.joined().filter_map(|all| all.findings.as_ref()));
        let owners = Owners::of(checked.bundle, &checked.place.service);
        let reports = |proof: &DocumentProof| {
            let all = proof.reports.iter();
            all.map(|report| ReportCounts::of(&report.maker, &report.path, &report.by)).collect()
        };
        let shown = |proof: &DocumentProof, at: &str| {
            let statements = &checked.lanes.statements;
            let context = FindingContext { ids: &ids, at, judgement, statements, owners: &owners };
            proof.all.findings.as_ref().map(|found| FindingsShown::of(found, &context))
        };
        let tests = |proof: &DocumentProof| {
            proof.all.tests.as_ref().map(|tests| TestsShown::of(tests, proof, &checked.lanes.statements))
        };
        Self {
            reports: reports(proof),
            findings: shown(proof, ""),
            tests: tests(proof),
            before: before.map(|(proof, at)| {
                Box::new(BeforeResults {
                    environment: at.environment.clone(),
                    reports: reports(proof),
                    findings: shown(proof, &format!(", in {}", at.environment)),
                    tests: tests(proof),
                })
            }),
        }
    }

    /// The results in lines, each after a line break; empty without reports.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = lines(&self.reports, self.findings.as_ref(), self.tests.as_ref(), "");
        if let Some(before) = &self.before {
            let at = format!(" in {}", before.environment);
            lines.extend(self::lines(&before.reports, before.findings.as_ref(), before.tests.as_ref(), &at));
        }
        lines.iter().map(|line| format!("\n{line}")).collect()
    }

    /// The findings that the gate's reasons name.
    pub fn blocking(&self) -> impl Iterator<Item = &FindingShown> {
        self.worst().filter(|finding| !finding.blocks.is_empty())
    }

    /// The worst findings of the build, and then those of the environment before.
    pub fn worst(&self) -> impl Iterator<Item = &FindingShown> {
        let before = self.before.iter().filter_map(|before| before.findings.as_ref());
        self.findings.iter().chain(before).flat_map(|found| &found.worst)
    }
}

/// Beginnings of the ids of all these findings, each of which names one of them.
fn ids<'a>(all: impl Iterator<Item = &'a FindingsDocument>) -> BTreeMap<Digest, String> {
    let ids: BTreeSet<Digest> = all.flat_map(|document| document.findings.keys().copied()).collect();
    let shown = beginnings(&ids);
    ids.into_iter().zip(shown).collect()
}

/// Reports, findings and tests in lines; `at` says where.
fn lines(
    reports: &[ReportCounts],
    found: Option<&FindingsShown>,
    tests: Option<&TestsShown>,
    at: &str,
) -> Vec<String> {
    let mut lines = Vec::new();
    if !reports.is_empty() {
        lines.push(format!("reports{at}:"));
        lines.extend(bounded(reports, "report", |report| vec![format!("  {}", report.line())]));
    }
    if let Some(found) = found {
        lines.push(format!("findings{at}: {}", counts(&found.counts)));
        let all: u64 = found.counts.values().sum();
        let shown = found.worst.iter().take(SHOWN_MAX);
        let count = shown.len();
        lines.extend(shown.flat_map(FindingShown::lines));
        lines.extend(more(all, count, "finding"));
    }
    if let Some(tests) = tests {
        let mut said = tests.lines();
        if let Some(first) = said.first_mut() {
            *first = first.replacen("tests:", &format!("tests{at}:"), 1);
        }
        lines.extend(said);
    }
    lines
}

impl ReportCounts {
    /// The counts of a report by its runners.
    #[must_use]
    pub fn of(maker: &Maker, path: &str, by: &BTreeMap<Name, ReportRef>) -> Self {
        let first = by.values().next();
        let items = ReportRef::highest_items(by.values());
        Self {
            maker: maker.clone(),
            path: path.to_owned(),
            format: first.map(|by| by.format.to_string()).unwrap_or_default(),
            tool: first.map(|by| by.tool.clone()).unwrap_or_default(),
            runners: by.len(),
            items: items.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
        }
    }

    /// The report in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let (path, tool) = (shown::brief(&self.path, PATH_CHARS), shown::brief(&self.tool, TOOL_CHARS));
        let (maker, format, runners) = (&self.maker, &self.format, shown::many(self.runners, "runner"));
        format!("{path} ({format}) of {maker}: {}; by {tool}, read by {runners}", counts(&self.items))
    }
}

impl FindingsShown {
    fn of(document: &FindingsDocument, context: &FindingContext<'_>) -> Self {
        let FindingContext { ids, at, judgement, statements, owners } = context;
        let mut by_id: BTreeMap<Digest, BTreeSet<String>> = BTreeMap::new();
        // Policies from before reasons named their finding: the sentence of the reason is that of the finding.
        let mut by_sentence: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for reason in &judgement.reasons {
            let codes = match reason.finding {
                Some(id) => by_id.entry(id).or_default(),
                None => by_sentence.entry(&reason.what).or_default(),
            };
            codes.insert(reason.code.clone());
        }
        let blocking = |id: &Digest, finding: &Finding| {
            let named = format!("{} at {}{at}: {}", finding.rule, finding.site, finding.message);
            let both = by_id.get(id).into_iter().chain(by_sentence.get(named.as_str()));
            both.flatten().cloned().collect()
        };
        let name = |whole: &Digest| ids.get(whole).cloned().unwrap_or_else(|| whole.hex());
        let mut rows: Vec<Row<'_>> = document
            .findings
            .iter()
            .map(|(whole, finding)| Row {
                id: name(whole),
                whole,
                finding,
                blocks: blocking(whole, finding),
                settled: settling_finding(statements, whole, finding)
                    .map(|proven| (proven.statement.kind(), proven.statement.expires)),
                outgrown: outgrown(statements, whole, finding),
            })
            .collect();
        rows.sort_by(|one, other| one.rank().cmp(&other.rank()));
        let mut owners = owners.lookup();
        let shown = rows.into_iter().take(LISTED_MAX).map(|row| FindingShown::of(row, &mut owners));
        Self { counts: evidence::document::Document::items(document), worst: shown.collect() }
    }
}

/// A finding with everything that its place in the list depends on.
struct Row<'a> {
    id: String,
    whole: &'a Digest,
    finding: &'a Finding,
    blocks: BTreeSet<String>,
    settled: Option<(StatementKind, Moment)>,
    outgrown: Option<String>,
}

impl Row<'_> {
    /// Those that block come first, then the worst; those that are settled come last.
    fn rank(&self) -> impl Ord {
        let Finding { unconfirmed, exploited, severity, score, site, rule, .. } = self.finding;
        let state = (self.blocks.is_empty(), self.settled.is_some(), *unconfirmed, !exploited);
        (state, Reverse((*severity, *score)), site, rule, self.whole)
    }
}

impl FindingShown {
    fn of<'a>(row: Row<'a>, owners: &mut Lookup<'a>) -> Self {
        let Row { id, finding, blocks, settled, outgrown, .. } = row;
        let until = |kind| settled.filter(|(settling, _)| *settling == kind).map(|(_, until)| until);
        Self {
            id,
            severity: finding.severity,
            rule: finding.rule.clone(),
            at: finding.site.to_string(),
            message: finding.message.clone(),
            fixed: finding.fixed.clone(),
            exploited: finding.exploited,
            unconfirmed: finding.unconfirmed,
            undecided: finding.undecided,
            blocks,
            waived_until: until(StatementKind::Waiver),
            not_affected_until: until(StatementKind::NotAffected),
            outgrown,
            owner: owners.at(finding.site.file()),
        }
    }

    /// The finding in two lines.
    fn lines(&self) -> [String; 2] {
        let suspected = if self.unconfirmed { ", only suspected" } else { "" };
        let exploited = if self.exploited { ", known to be exploited" } else { "" };
        // The runner's own scanners begin their sentence with it.
        let says_so = self.message.starts_with(UNDECIDED);
        let undecided = if self.undecided && !says_so { format!(", {UNDECIDED}") } else { String::new() };
        let until = |words: &str, until: Option<Moment>| {
            until.map(|until| format!(", {words} until {until} in UTC")).unwrap_or_default()
        };
        let settled = until("waived", self.waived_until) + &until("not affected", self.not_affected_until);
        let fixed = self.fixed.as_ref().map(|version| shown::brief(version, TOOL_CHARS));
        let fixed = fixed.map(|version| format!("; fixed in {version}")).unwrap_or_default();
        let outgrown = self.outgrown.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        let blocks: Vec<_> = self.blocks.iter().map(|code| shown::brief(code, TOOL_CHARS)).collect();
        let blocks =
            if blocks.is_empty() { String::new() } else { format!("; blocks: {}", blocks.join(", ")) };
        let owner = self.owner.as_ref().map(|owner| shown::brief(owner, TOOL_CHARS));
        let owner = owner.map(|owner| format!("; owner: {owner}")).unwrap_or_default();
        let [rule, at, message] =
            [(&self.rule, PATH_CHARS), (&self.at, PATH_CHARS), (&self.message, MESSAGE_CHARS)]
                .map(|(text, most)| shown::brief(text, most));
        [
            format!(
                "  {}{exploited}{suspected}{undecided}{settled}: {rule} at {at}: {message}",
                self.severity.as_str()
            ),
            format!("    finding {}{fixed}{blocks}{outgrown}{owner}", self.id),
        ]
    }
}

const UNDECIDED: &str = "could not decide";

#[cfg(test)]
mod tests;
