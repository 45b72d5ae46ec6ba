//! Facts about the evidence of a release, by sort, and the address of its file.

use std::collections::BTreeMap;

use review::results::{Results, counts};
use review::waivers::waived;
use web::model::{EvidenceFile, Fact};
use wire::ReleaseKind;

use super::seen::Seen;
use crate::console::judgement::EvidenceFacts;
use crate::console::words::{command, digest_fact, fact, list, release_href};

/// Facts about the evidence, which only the record has before the first judgement.
pub fn of(seen: &Seen<'_>) -> Vec<Fact> {
    let number = seen.view.release.unwrap_or_default();
    let href = Some(format!("{}/record", release_href(&seen.view.place, number)));
    let record = Fact { href, ..fact("Record", "all of it on one page") };
    let Some(proven) = seen.proven() else { return vec![record] };
    let EvidenceFacts {
        signer,
        runners,
        receipts,
        files,
        components,
        policy,
        root,
        status,
        witnesses,
        entries,
        plan,
        strategy,
    } = &proven.facts;
    let agree = if runners.len() == 1 { "" } else { ", equal outputs" };
    let mut facts = vec![
        fact(
            "Commit",
            signer
                .as_ref()
                .map_or("not signed by anybody enrolled".to_owned(), |name| format!("signed by {name}")),
        ),
        fact("Runners", format!("{}{agree}", list(runners, NAMES_MAX))),
        fact("Receipts", receipts.to_string()),
        fact("Files", files.to_string()),
    ];
    facts.extend(components.map(|count| fact("Components", count.to_string())));
    facts.extend(results(&proven.results, waived(&proven.waivers)));
    let href = Some(format!("{}/rollout", release_href(&seen.view.place, number)));
    facts.extend(strategy.map(|strategy| Fact { href, ..fact("Rollout", strategy) }));
    facts.extend([
        digest_fact("Plan", plan),
        digest_fact("Policy", policy),
        fact("Trust root", format!("version {root}")),
        fact("Status", format!("number {status}")),
        fact(
            "Ledger",
            match witnesses {
                0 => format!("{entries} entries, no witness"),
                count => {
                    format!("{entries} entries, {} agree", shown::counted(*count, "witness", "witnesses"))
                }
            },
        ),
        record,
    ]);
    facts
}

/// Counts of tests, findings and reports; so many of the findings are waived.
fn results(results: &Results, waived: usize) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(results.tests.as_ref().map(|tests| fact("Tests", counts(&tests.counts))));
    facts.extend(results.findings.as_ref().map(|found| fact("Findings", findings(&found.counts, waived))));
    let reports = results.reports.len();
    facts.extend((reports > 0).then(|| fact("Reports", reports.to_string())));
    let checked = results.before.as_ref();
    facts.extend(checked.map(|before| {
        fact(
            "Checks before",
            format!("{} of {}", shown::many(before.reports.len(), "report"), before.environment),
        )
    }));
    facts
}

/// Counts of findings, and the number of those that are waived: `1 critical, waived`.
fn findings(all: &BTreeMap<String, u64>, waived: usize) -> String {
    let total: u64 = all.values().sum();
    let said = counts(all);
    match u64::try_from(waived).unwrap_or(u64::MAX) {
        0 => said,
        waived if waived >= total => format!("{said}, waived"),
        waived => format!("{said}; {waived} waived"),
    }
}

/// Address of the evidence file, and the command that verifies the same under the reader's own pin.
pub fn bundle(seen: &Seen<'_>) -> Option<EvidenceFile> {
    let place = &seen.view.place;
    let name = |number: u64| format!("{}-{}-{number}.bundle", place.service, place.environment);
    let brought_back = seen.rollback.as_ref().and_then(|back| back.brought_back.as_ref());
    let own = brought_back.filter(|_| seen.view.kind == ReleaseKind::Rollback).unwrap_or(&seen.view);
    if let Some(digest) = own.bundle {
        let number = own.release.unwrap_or_default();
        let file = name(number);
        let line = format!("countersign evidence {place} {number} --out {file} && countersign verify {file}");
        let href = format!("{}/blobs/{digest}", wire::API);
        return Some(EvidenceFile { href, name: file, verify: command(line) });
    }
    let href = seen.is_pending.then(|| format!("{}/evidence/{place}", wire::API))?;
    let verify = command(format!("countersign approve {place} --show"));
    Some(EvidenceFile { href, name: name(seen.view.release.unwrap_or_default()), verify })
}

const NAMES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::findings;

    #[test]
    fn waived_findings_are_not_counted_as_open_ones() {
        let all = |critical, high| [("critical".to_owned(), critical), ("high".to_owned(), high)].into();
        assert_eq!(findings(&all(1, 2), 0), "1 critical, 2 high");
        assert_eq!(findings(&all(1, 2), 1), "1 critical, 2 high; 1 waived");
        assert_eq!(findings(&[("critical".to_owned(), 1)].into(), 1), "1 critical, waived");
    }
}
