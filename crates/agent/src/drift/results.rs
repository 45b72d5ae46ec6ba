//! Results of other tools: the JSON report of InSpec, and XCCDF 1.2 as OpenSCAP writes it.
//!
//! Invariant: pure. A rule counts as passed only if the tool says so; one that was skipped, unknown or in error is a
//! difference, and so is a report without a single rule.

use evidence::drift::ResultFormat;
use serde::Deserialize;

use super::baseline::Unmeasured;

/// Rules that did not pass, with what the tool says, or why the text is no report.
pub fn failed(format: ResultFormat, text: &str) -> Result<Vec<(String, String)>, Unmeasured> {
    let (all, failed) = match format {
        ResultFormat::Inspec => of_inspec(text)?,
        ResultFormat::Xccdf => of_xccdf(text)?,
    };
    if all == 0 {
        return Err(Unmeasured("it has no result of any rule".to_owned()));
    }
    Ok(failed)
}

#[derive(Deserialize)]
struct Report {
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(default)]
    name: String,
    /// `loaded`, or why its controls did not run; older reports have none.
    status: Option<String>,
    controls: Vec<Control>,
}

#[derive(Deserialize)]
struct Control {
    id: String,
    #[serde(default)]
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    status: String,
}

type Judged = (usize, Vec<(String, String)>);

fn of_inspec(text: &str) -> Result<Judged, Unmeasured> {
    let report: Report =
        serde_json::from_str(text).map_err(|error| no_report(error.line(), error.column()))?;
    let idle =
        report.profiles.iter().find(|profile| profile.status.as_deref().is_some_and(|it| it != "loaded"));
    if let Some(Profile { name, status, .. }) = idle {
        let status = status.as_deref().unwrap_or_default();
        return Err(Unmeasured(format!("its profile `{name}` did not run: {status}")));
    }
    let controls: Vec<_> = report.profiles.into_iter().flat_map(|profile| profile.controls).collect();
    let of_control = |control: &Control| {
        let bad = control.results.iter().find(|outcome| outcome.status != "passed");
        match (bad, control.results.is_empty()) {
            (Some(outcome), _) => Some((control.id.clone(), outcome.status.clone())),
            (None, true) => Some((control.id.clone(), "no result".to_owned())),
            (None, false) => None,
        }
    };
    Ok((controls.len(), controls.iter().filter_map(of_control).collect()))
}

/// Why a text is no report. Words of a reader repeat parts of the text, which may be any file that the agent may read.
fn no_report(line: usize, column: usize) -> Unmeasured {
    Unmeasured(format!("it is no such report: line {line}, column {column}"))
}

fn of_xccdf(text: &str) -> Result<Judged, Unmeasured> {
    let read = roxmltree::Document::parse(text).map_err(|error| {
        let at = error.pos();
        no_report(at.row as usize, at.col as usize)
    })?;
    let (mut all, mut failed) = (0, Vec::new());
    for rule in read.descendants().filter(|node| node.has_tag_name_of("rule-result")) {
        let result = rule.children().find(|node| node.has_tag_name_of("result"));
        let result = result.and_then(|node| node.text()).unwrap_or_default().trim();
        // Rules that were not chosen or do not apply to this host say nothing of it.
        if ["notselected", "notapplicable"].contains(&result) {
            continue;
        }
        all += 1;
        if !["pass", "fixed"].contains(&result) {
            let name = rule.attribute("idref").unwrap_or("a rule without `idref`");
            failed.push((name.to_owned(), if result.is_empty() { "no result" } else { result }.to_owned()));
        }
    }
    Ok((all, failed))
}

trait LocalName {
    /// Whether an element has this name, in whatever namespace.
    fn has_tag_name_of(&self, name: &str) -> bool;
}

impl LocalName for roxmltree::Node<'_, '_> {
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    const INSPEC: &str = r#"{"platform":{"name":"debian"},"profiles":[{"name":"linux","controls":[
        {"id":"os-01","results":[{"status":"passed","code_desc":"x"}]},
        {"id":"os-02","results":[{"status":"passed"},{"status":"failed","message":"y"}]},
        {"id":"os-03","results":[{"status":"skipped"}]},{"id":"os-04","results":[]}]}],"version":"5"}"#;
    const XCCDF: &str = r#"<?xml version="1.0"?><arf:x xmlns:arf="urn:arf"><Benchmark
        xmlns="http://checklists.nist.gov/xccdf/1.2"><TestResult><rule-result idref="a"><result>pass</result></rule-result>
        <rule-result idref="b"><result>fail</result></rule-result><rule-result idref="c"><result>notselected</result></rule-result>
        <rule-result idref="d"><result>error</result></rule-result></TestResult></Benchmark></arf:x>"#;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, said)| ((*name).to_owned(), (*said).to_owned())).collect()
    }

    #[test]
    fn only_rules_that_passed_count_as_passed() {
        let found = failed(ResultFormat::Inspec, INSPEC).unwrap();
        assert_eq!(found, pairs(&[("os-02", "failed"), ("os-03", "skipped"), ("os-04", "no result")]));
        let found = failed(ResultFormat::Xccdf, XCCDF).unwrap();
        assert_eq!(found, pairs(&[("b", "fail"), ("d", "error")]));
    }

    /// A user who may write the file links it to another one, of which a reader's complaint would repeat a part.
    #[test]
    fn attack_a_complaint_about_a_report_repeats_nothing_of_it() {
        for (format, text) in [
            (ResultFormat::Inspec, "\"hush\""),
            (ResultFormat::Inspec, r#"{"profiles": "hush"}"#),
            (ResultFormat::Xccdf, "<a>&hush;</a>"),
            (ResultFormat::Xccdf, "<a></hush>"),
        ] {
            let said = failed(format, text).unwrap_err().to_string();
            assert!(said.contains("line 1, column ") && !said.contains("hush"), "{said}");
        }
    }

    #[test]
    fn attack_a_report_without_a_rule_passes_nothing() {
        for (format, text) in [
            (ResultFormat::Inspec, r#"{"profiles":[]}"#),
            (
                ResultFormat::Inspec,
                r#"{"profiles":[{"controls":[{"id":"a","results":[{"status":"passed"}]}],"status":"loaded"},
                    {"name":"b","controls":[],"status":"failed"}]}"#,
            ),
            (ResultFormat::Inspec, "[]"),
            (ResultFormat::Inspec, ""),
            (ResultFormat::Xccdf, "<TestResult/>"),
            (ResultFormat::Xccdf, "<!DOCTYPE x [<!ENTITY a \"b\">]><TestResult>&a;</TestResult>"),
            (ResultFormat::Xccdf, "{}"),
        ] {
            assert!(failed(format, text).is_err(), "{text}");
        }
    }
}
