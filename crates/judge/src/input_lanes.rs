//! The part of the gate input that comes from reports: what was reported, and what the documents say.
//!
//! Invariant: everything here is absent in a build without reports. Ages are whole days before the time of the judgement.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::components::Scope;
use evidence::document::findings::{Class, Severity, Site};
use evidence::document::tests::{TestOutcome, identity};
use evidence::document::{DocumentKind, Producer, ReportRef};
use evidence::receipt::Ending;
use evidence::statements::Body;
use evidence::{Digest, Moment, Name};
use serde::Serialize;
use serde_json::Value;

use crate::lanes::checks::CheckProof;
use crate::lanes::observations::{ObservationProof, age};
use crate::lanes::{
    DocumentProof, ProvenReport, ProvenStatement, counting, outgrown, settling_finding, settling_test,
};
use crate::owners::Owners;

#[derive(Serialize)]
pub struct ReportInput<'a> {
    step: &'a Name,
    path: &'a str,
    kind: Option<DocumentKind>,
    format: Option<&'a Name>,
    producer: Option<String>,
    tool: Option<&'a str>,
    runners: usize,
    items: BTreeMap<&'a str, u64>,
    days: u64,
    knowledge_days: Option<u64>,
    /// Omitted where all runners state how old their knowledge is, or none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    undated: Option<usize>,
}

#[derive(Serialize)]
pub struct CheckInput<'a> {
    name: &'a Name,
    runners: usize,
    passed: bool,
    exits: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gave_up: Option<&'a BTreeSet<Name>>,
    reports: Vec<ReportInput<'a>>,
}

#[derive(Serialize)]
pub struct FindingInput<'a> {
    id: Digest,
    class: Class,
    rule: &'a str,
    aliases: &'a BTreeSet<String>,
    severity: Severity,
    score: Option<u8>,
    epss: Option<u16>,
    exploited: bool,
    unconfirmed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    undecided: bool,
    message: &'a str,
    at: String,
    path: Option<&'a str>,
    line: Option<u32>,
    component: Option<&'a str>,
    fixed: Option<&'a str>,
    published_days: Option<u64>,
    fix_days: Option<u64>,
    state: &'static str,
    settled_until: Option<Moment>,
    settled_by: Option<&'a str>,
    /// Why a statement does not settle it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    outgrown: Option<String>,
    /// From the component, so that no rule has to look for it in the list of all components.
    scope: Option<Scope>,
    direct: Option<bool>,
    licence: Option<&'a str>,
    /// Omitted when unknown, because inputs from before the field existed must stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

#[derive(Serialize)]
pub struct ComponentInput<'a> {
    purl: &'a str,
    name: &'a str,
    version: &'a str,
    scope: Scope,
    direct: Option<bool>,
    pinned: bool,
    licence: Option<&'a str>,
}

#[derive(Serialize)]
pub struct TestsInput<'a> {
    passed: usize,
    flaky: usize,
    skipped: usize,
    failing: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waived: Vec<WaivedTestInput<'a>>,
    covers: BTreeSet<&'a str>,
}

/// A test that failed, and whose failure a statement settles.
#[derive(Serialize)]
pub struct WaivedTestInput<'a> {
    test: String,
    until: Moment,
    by: &'a str,
}

#[derive(Serialize)]
pub struct StatementInput<'a> {
    kind: &'static str,
    by: &'a str,
    name: &'a str,
    reason: &'a str,
    until: Moment,
    body: &'a Body,
}

/// A measurement by an agent of the environment before.
#[derive(Serialize)]
pub struct ObservationInput<'a> {
    kind: &'static str,
    agent: &'a Name,
    release: Option<u64>,
    seconds: Option<u64>,
    body: Value,
}

/// All observations that the policy reads.
pub fn observations(proof: &ObservationProof, now: Moment) -> Vec<ObservationInput<'_>> {
    let written = proof.observations.iter().map(|observation| ObservationInput {
        kind: observation.kind().as_str(),
        agent: &observation.agent,
        release: observation.about().map(|about| about.release),
        seconds: age(observation, now),
        body: observation.body.facts(),
    });
    written.collect()
}

/// All reports of the build. Where runners differ, the highest count stands.
pub fn reports(proof: &DocumentProof, now: Moment) -> Vec<ReportInput<'_>> {
    proof.reports.iter().map(|one| report(one, now)).collect()
}

fn report(report: &ProvenReport, now: Moment) -> ReportInput<'_> {
    let first = report.by.values().next();
    let (modified, undated) = knowledge(report, now);
    ReportInput {
        step: report.maker.name(),
        path: &report.path,
        kind: first.map(|by| by.kind),
        format: first.map(|by| &by.format),
        producer: first.map(|by| match by.producer {
            Producer::Runner => "runner".to_owned(),
            Producer::Step(digest) => digest.to_string(),
        }),
        tool: first.map(|by| by.tool.as_str()),
        runners: report.by.len(),
        items: ReportRef::highest_items(report.by.values()),
        days: now.days_since(report.made),
        knowledge_days: modified.map(|modified| now.days_since(modified)),
        undated,
    }
}

/// The checks that ran in the environment before. A check has passed if it passed on each runner that did it.
pub fn checks(proof: &CheckProof, now: Moment) -> Vec<CheckInput<'_>> {
    let written = proof.ran.iter().map(|(name, by)| CheckInput {
        name,
        runners: by.len(),
        passed: by.values().all(|(_, passed)| *passed),
        exits: by.values().map(|(exit, _)| ending(*exit)).collect(),
        gave_up: proof.gave_up.get(name),
        reports: proof
            .reports
            .iter()
            .filter(|it| it.maker.name() == name)
            .map(|it| report(it, now))
            .collect(),
    });
    written.collect()
}

fn ending(exit: Ending) -> String {
    match exit {
        Ending::Code(code) => format!("code {code}"),
        Ending::Signal(signal) => format!("signal {signal}"),
        Ending::TimedOut => "time limit".to_owned(),
        Ending::MemoryExceeded => "memory limit".to_owned(),
        Ending::GaveUp => "given up".to_owned(),
    }
}

/// The findings of all reports that the policy reads.
pub fn findings<'a>(
    proof: &'a DocumentProof,
    statements: &'a [ProvenStatement],
    owners: &Owners,
    now: Moment,
) -> Option<Vec<FindingInput<'a>>> {
    let known = proof.all.components.as_ref();
    let mut owners = owners.lookup();
    let written = proof.all.findings.as_ref()?.findings.iter().map(|(id, finding)| {
        let (path, line) = match &finding.site {
            Site::File { path, line, .. } => (Some(path.as_str()), *line),
            Site::Component { .. } | Site::Page { .. } | Site::Whole => (None, None),
        };
        let component = match &finding.site {
            Site::Component { purl, .. } => Some(purl.as_str()),
            Site::File { .. } | Site::Page { .. } | Site::Whole => None,
        };
        let settled = settling_finding(statements, id, finding);
        let part = component.and_then(|purl| known?.components.get(purl));
        FindingInput {
            id: *id,
            class: finding.class,
            rule: &finding.rule,
            aliases: &finding.aliases,
            severity: finding.severity,
            score: finding.score,
            epss: finding.epss,
            exploited: finding.exploited,
            unconfirmed: finding.unconfirmed,
            undecided: finding.undecided,
            message: &finding.message,
            at: finding.site.to_string(),
            path,
            line,
            component,
            fixed: finding.fixed.as_deref(),
            state: settled.map_or(OPEN, |proven| proven.statement.kind().as_str()),
            settled_until: settled.map(|proven| proven.statement.expires),
            settled_by: settled.map(|proven| proven.subject.as_str()),
            outgrown: outgrown(statements, id, finding),
            published_days: finding.published.map(|then| now.days_since(then)),
            fix_days: finding.fix_released.map(|then| now.days_since(then)),
            scope: part.map(|part| part.scope),
            direct: part.and_then(|part| part.direct),
            licence: part.and_then(|part| part.licence.as_deref()),
            owner: owners.at(path),
        }
    });
    Some(written.collect())
}

/// The components of all reports that the policy reads.
pub fn components(proof: &DocumentProof) -> Option<Vec<ComponentInput<'_>>> {
    let written = proof.all.components.as_ref()?.components.iter().map(|(purl, component)| ComponentInput {
        purl,
        name: &component.name,
        version: &component.version,
        scope: component.scope,
        direct: component.direct,
        pinned: component.pinned,
        licence: component.licence.as_deref(),
    });
    Some(written.collect())
}

/// The tests of all reports that the policy reads. A failed test that a statement settles does not count as failing.
pub fn tests<'a>(proof: &'a DocumentProof, statements: &'a [ProvenStatement]) -> Option<TestsInput<'a>> {
    let suites = &proof.all.tests.as_ref()?.suites;
    let all = || suites.iter().flat_map(|(suite, tests)| tests.iter().map(move |row| (suite, row)));
    let count = |outcome| all().filter(|(_, (_, test))| test.outcome == outcome).count();
    let (mut failing, mut waived) = (Vec::new(), Vec::new());
    for (suite, (name, _)) in all().filter(|(_, (_, test))| test.outcome.is_failure()) {
        let test = format!("{suite} {name}");
        let id = identity(suite, name).ok();
        match id.and_then(|id| settling_test(proof, statements, &id)) {
            Some(proven) => {
                waived.push(WaivedTestInput { test, until: proven.statement.expires, by: &proven.subject });
            }
            None => failing.push(test),
        }
    }
    let passing =
        all().filter(|(_, (_, test))| matches!(test.outcome, TestOutcome::Passed | TestOutcome::Flaky));
    Some(TestsInput {
        passed: count(TestOutcome::Passed),
        flaky: count(TestOutcome::Flaky),
        skipped: count(TestOutcome::Skipped),
        failing,
        waived,
        covers: passing.flat_map(|(_, (_, test))| test.covers.iter().map(String::as_str)).collect(),
    })
}

/// The statements that count, of every kind.
pub fn statements(statements: &[ProvenStatement]) -> Vec<StatementInput<'_>> {
    let written = counting(statements).map(|proven| StatementInput {
        kind: proven.statement.kind().as_str(),
        by: &proven.subject,
        name: &proven.name,
        reason: &proven.statement.reason,
        until: proven.statement.expires,
        body: &proven.statement.body,
    });
    written.collect()
}

/// State of a finding that no statement settles. Other states are kinds of statements.
const OPEN: &str = "open";

/// The oldest knowledge that runners state of a report, and how many state none while others do: nobody knows how old theirs
/// is. A time in the future says nothing of an age and does not count.
fn knowledge(report: &ProvenReport, now: Moment) -> (Option<Moment>, Option<usize>) {
    let stated = report.by.values().filter_map(|by| by.knowledge.as_ref());
    let dated = stated.clone().map(|knowledge| knowledge.modified).filter(|modified| *modified <= now);
    let undated = report.by.len() - dated.clone().count();
    (dated.min(), (stated.count() > 0 && undated > 0).then_some(undated))
}
