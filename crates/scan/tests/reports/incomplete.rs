//! A scan that did not see everything: what a tool says about its own run is a finding, never silence.

use std::collections::BTreeMap;

use evidence::document::findings::{Class, Finding, Severity, Site};
use scan::reports::ReportFormat::{self, Bandit, CyclonedxJson, CyclonedxXml, Sarif, Semgrep};

use crate::{findings, refusal, tree};

/// Message and place of the findings of the rule `scan-incomplete`.
fn incomplete(format: ReportFormat, text: &str) -> Vec<(String, String)> {
    let found = findings(format, text.as_bytes(), &tree(&[("a.py", "x\n")])).findings;
    let is_one = |found: &&Finding| {
        assert_eq!(found.unconfirmed, found.rule == "scan-incomplete");
        assert_eq!(found.undecided, found.rule == "scan-incomplete");
        found.rule == "scan-incomplete"
    };
    let mut rows: Vec<_> = found
        .values()
        .filter(is_one)
        .map(|found| {
            assert_eq!((found.class, found.severity), (Class::Code, Severity::Unknown));
            (found.message.clone(), found.site.to_string())
        })
        .collect();
    rows.sort();
    rows
}

fn rows(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(message, place)| ((*message).to_owned(), (*place).to_owned())).collect()
}

fn sarif(notifications: &str) -> String {
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T","globalMessageStrings":{{"m":{{"text":"cannot parse {{0}}"}}}}}}}},"results":[],
        "invocations":[{{"executionSuccessful":true,{notifications}}}]}}]}}"#
    )
}

#[test]
fn warnings_of_sarif_tools() {
    let text = sarif(
        r#""toolExecutionNotifications":[{"level":"warning","descriptor":{"id":"E1"},"message":{"text":"timeout"},
        "locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///ci/a.py"}}}]},{"message":{"id":"m","arguments":["b.py"]}},
        {"level":"note","message":{"text":"read 1 file"}},{"level":"none","message":{"text":"no"}}],
        "toolConfigurationNotifications":[{"level":"warning","message":{"text":"the rule R does not exist"}}]"#,
    );
    let expected = [
        ("E1: timeout", "a.py"),
        ("cannot parse b.py", "no place"),
        ("the rule R does not exist", "no place"),
    ];
    assert_eq!(incomplete(Sarif, &text), rows(&expected));
    for (level, why) in [("error", "the tool reports an error: x"), ("fatal", "not a level of SARIF 2.1.0")] {
        let text = sarif(&format!(
            r#""toolConfigurationNotifications":[{{"level":"{level}","message":{{"text":"x"}}}}]"#
        ));
        assert!(refusal(Sarif, text.as_bytes()).contains(why), "{level}");
    }
}

#[test]
fn warnings_and_skipped_files_of_semgrep() {
    let text = r#"{"version":"1","results":[],"errors":[{"level":"warn","type":["PartialParsing",[]],"path":"./a.py","message":"Syntax error at line a.py:3"},
        {"level":"info","long_msg":"a plugin is missing"}],"skipped_rules":[{"rule_id":"r"}],
        "paths":{"scanned":["a.py"],"skipped":[{"path":"b.py","reason":"semgrepignore_patterns_match"},{"path":"c.md","reason":"wrong_language"},
        {"path":"d.js","reason":"exceeded_size_limit"}]}}"#;
    let expected = [
        ("Semgrep skipped the file: exceeded_size_limit", "d.js"),
        ("Semgrep skipped the file: semgrepignore_patterns_match", "b.py"),
        ("Semgrep skipped the rule r", "no place"),
        ("Syntax error at line a.py:3", "a.py"),
        ("a plugin is missing", "no place"),
    ];
    assert_eq!(incomplete(Semgrep, text), rows(&expected));
    let broken = text.replace(r#""path":"d.js","#, "");
    assert!(refusal(Semgrep, broken.as_bytes()).contains("$.paths.skipped[2]: the field `path` is missing"));
}

#[test]
fn semgrep_that_scanned_no_file() {
    let text = |paths: &str| format!(r#"{{"errors":[],"results":[]{paths}}}"#);
    let nothing = refusal(Semgrep, text(r#","paths":{"scanned":[]}"#).as_bytes());
    assert!(nothing.contains("$.paths.scanned: Semgrep scanned no file"), "{nothing}");
    assert!(incomplete(Semgrep, &text(r#","paths":{"scanned":["a.py"]}"#)).is_empty());
    assert!(incomplete(Semgrep, &text("")).is_empty(), "old versions do not say");
}

#[test]
fn bandit_without_counts_is_refused() {
    for (metrics, why) in [
        ("", "the field `metrics` is missing"),
        (r#","metrics":{}"#, "the field `_totals` is missing"),
        (r#","metrics":{"_totals":{"loc":1}}"#, "the field `nosec` is missing"),
        (r#","metrics":{"_totals":{"nosec":0},"a.py":{"nosec":1}}"#, "--ignore-nosec"),
        (r#","metrics":{"_totals":{"nosec":0}}"#, "Bandit read no file"),
    ] {
        let text = format!(r#"{{"errors":[],"results":[]{metrics}}}"#);
        assert!(refusal(Bandit, text.as_bytes()).contains(why), "{metrics}");
    }
}

#[test]
fn a_level_of_none_takes_no_problem_away() {
    let result = |result: &str, rule: &str| {
        let text = format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T","rules":[{rule}]}}}},"results":[{result}]}}]}}"#
        );
        let found = findings(Sarif, text.as_bytes(), &BTreeMap::new()).findings;
        found.into_values().map(|found| (found.severity, found.unconfirmed)).collect::<Vec<_>>()
    };
    let by_default = r#"{"id":"R","defaultConfiguration":{"level":"none"}}"#;
    let high = r#"{"id":"R","defaultConfiguration":{"level":"error"}}"#;
    for (text, rule, severity) in [
        (r#"{"ruleId":"R","level":"none"}"#, "", Severity::Unknown),
        (r#"{"ruleId":"R","level":"none","kind":"fail"}"#, by_default, Severity::Unknown),
        (r#"{"ruleId":"R"}"#, by_default, Severity::Unknown),
        (r#"{"ruleId":"R","level":"none"}"#, high, Severity::High),
    ] {
        assert_eq!(result(text, rule), [(severity, false)], "{text}");
    }
    assert_eq!(result(r#"{"ruleId":"R","level":"none","kind":"open"}"#, ""), [(Severity::Medium, true)]);
    assert_eq!(result(r#"{"ruleId":"R","level":"none","kind":"pass"}"#, high), []);
}

#[test]
fn each_tag_of_a_rule_counts() {
    let tags: Vec<String> = (0..1_000).map(|n| format!("\"t{n}\"")).collect();
    let read = |last: &str| {
        let text = format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T","rules":[{{"id":"R","properties":{{"tags":[{},{last}]}}}}]}}}},
            "results":[{{"ruleId":"R","properties":{{"tags":["CVE-2024-1"]}}}}]}}]}}"#,
            tags.join(",")
        );
        let found = findings(Sarif, text.as_bytes(), &BTreeMap::new()).findings;
        found.into_values().next().unwrap()
    };
    assert_eq!(read("\"secret\"").class, Class::Secret);
    let found = read("\"security\",\"external/cve/cve-2023-77\"");
    assert_eq!(found.class, Class::Code);
    assert_eq!(found.aliases.iter().collect::<Vec<_>>(), ["CVE-2023-77", "CVE-2024-1"]);
    let many: Vec<String> = (0..65).map(|n| format!("\"CVE-2024-{n}\"")).collect();
    let text = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},"results":[{{"ruleId":"R","properties":{{"tags":[{}]}}}}]}}]}}"#,
        many.join(",")
    );
    assert!(refusal(Sarif, text.as_bytes()).contains("tags: they name more than 64 advisories"));
}

#[test]
fn two_components_with_one_reference_are_refused() {
    let json = |second: &str| {
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{{"name":"a","version":"1","bom-ref":"r","purl":"pkg:npm/a@1"}},{{"name":"b","bom-ref":"r","purl":"{second}"}}],
            "vulnerabilities":[{{"id":"CVE-1","affects":[{{"ref":"r"}}]}}]}}"#
        )
    };
    let xml = |second: &str| {
        format!(
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'><components><component bom-ref='r'><name>a</name><purl>pkg:npm/a@1</purl></component>
            <component bom-ref='r'><name>b</name><purl>{second}</purl></component></components>
            <vulnerabilities><vulnerability><id>CVE-1</id><affects><target><ref>r</ref></target></affects></vulnerability></vulnerabilities></bom>"
        )
    };
    for (format, text) in [(CyclonedxJson, &json as &dyn Fn(&str) -> String), (CyclonedxXml, &xml)] {
        assert!(
            refusal(format, text("pkg:npm/b@2").as_bytes()).contains("two components have the reference `r`")
        );
        let found = findings(format, text("pkg:npm/a@1").as_bytes(), &BTreeMap::new()).findings;
        let sites: Vec<Site> = found.into_values().map(|found| found.site).collect();
        assert_eq!(sites, [Site::Component { purl: "pkg:npm/a@1".into(), through: Vec::new() }]);
    }
}
