//! SARIF: rules, places, levels, suppressions and failures.

use std::collections::BTreeMap;

use evidence::document::findings::{Class, Finding, Severity, Site};
use scan::reports::ReportFormat::Sarif;

use crate::{findings, refusal, tree};

/// A report with one run of these results, as JSON.
fn report(results: &str, rules: &str, more: &str) -> Vec<u8> {
    let driver = format!(r#"{{"name":"T","version":"1.2","rules":[{rules}]}}"#);
    format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{driver}}},"results":[{results}]{more}}}]}}"#)
        .into_bytes()
}

/// The one finding of a report.
fn one(results: &str, rules: &str) -> Finding {
    let document = findings(Sarif, &report(results, rules, ""), &BTreeMap::new());
    assert_eq!(document.findings.len(), 1);
    document.findings.into_values().next().unwrap()
}

#[test]
fn suppressed_results_are_findings() {
    let plain = r#"{"ruleId":"R","message":{"text":"m"}}"#;
    let expected = one(plain, "");
    for suppressed in [
        r#"{"ruleId":"R","message":{"text":"m"},"suppressions":[{"kind":"inSource"}]}"#,
        r#"{"ruleId":"R","message":{"text":"m"},"suppressions":[{"kind":"external","status":"accepted"}]}"#,
        r#"{"ruleId":"R","message":{"text":"m"},"baselineState":"unchanged"}"#,
        r#"{"ruleId":"R","message":{"text":"m"},"baselineState":"absent"}"#,
        r#"{"ruleId":"R","message":{"text":"m"},"fingerprints":{"a":"b"},"partialFingerprints":{"c":"d"}}"#,
    ] {
        assert_eq!(one(suppressed, ""), expected, "{suppressed}");
    }
}

/// Semgrep 1 about `eval(a)` and `eval(b)  # nosemgrep`, and zizmor 1.32 about a workflow.
#[test]
fn real_tools() {
    let source = tree(&[("a.py", "eval(a)\neval(b)  # nosemgrep\n")]);
    let semgrep = findings(Sarif, include_bytes!("real/semgrep-nosem.sarif"), &source);
    assert_eq!(semgrep.findings.len(), 2, "the comment has no effect");
    assert!(
        semgrep.findings.values().all(|found| (found.class, found.severity) == (Class::Code, Severity::High))
    );
    let zizmor = findings(Sarif, include_bytes!("real/zizmor.sarif"), &tree(&[]));
    assert_eq!(zizmor.findings.len(), 5);
    assert!(zizmor.findings.values().all(|found| found.class == Class::Configuration));
}

#[test]
fn levels_and_scores() {
    let vector = r#"{"id":"R","properties":{"security-severity":"2.0","cvssv3":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}"#;
    for (result, rules, severity, score) in [
        (r#"{"ruleId":"R"}"#, "", Severity::Medium, None),
        (r#"{"ruleId":"R","level":"error"}"#, "", Severity::High, None),
        (r#"{"ruleId":"R","level":"note"}"#, "", Severity::Low, None),
        (r#"{"ruleId":"R"}"#, r#"{"id":"R","defaultConfiguration":{"level":"error"}}"#, Severity::High, None),
        (
            r#"{"ruleId":"R/sub"}"#,
            r#"{"id":"R","defaultConfiguration":{"level":"note"}}"#,
            Severity::Low,
            None,
        ),
        (
            r#"{"ruleIndex":0}"#,
            r#"{"id":"R","properties":{"security-severity":"9.1"}}"#,
            Severity::Critical,
            None,
        ),
        (
            r#"{"ruleId":"R","level":"none"}"#,
            r#"{"id":"R","properties":{"security-severity":7}}"#,
            Severity::High,
            None,
        ),
        (r#"{"ruleId":"R","level":"note"}"#, vector, Severity::Critical, Some(98)),
        (r#"{"ruleId":"R","kind":"review","level":"none"}"#, "", Severity::Medium, None),
    ] {
        let finding = one(result, rules);
        assert_eq!((finding.severity, finding.score), (severity, score), "{result}");
        assert_eq!(finding.unconfirmed, result.contains("review"));
    }
}

#[test]
fn kinds_that_are_no_problem() {
    for kind in ["pass", "notApplicable", "informational"] {
        let bytes = report(&format!(r#"{{"ruleId":"R","kind":"{kind}"}}"#), "", "");
        let document = findings(Sarif, &bytes, &BTreeMap::new());
        assert!(document.findings.is_empty());
        assert_eq!(document.tools.first().unwrap().to_string(), "T 1.2", "the tool ran and found nothing");
    }
}

#[test]
fn rules_messages_and_classes() {
    let rule = r#"{"id":"R","shortDescription":{"text":"d"},"messageStrings":{"m":{"text":"{0} and {1}"}}}"#;
    let filled = one(r#"{"ruleId":"R","message":{"id":"m","arguments":["a","b"]}}"#, rule);
    assert_eq!((filled.rule.as_str(), filled.message.as_str()), ("R", "a and b"));
    assert_eq!(one(r#"{"rule":{"index":0}}"#, rule).message, "d");
    assert_eq!(one(r#"{"message":{"text":"x"}}"#, "").rule, "unnamed");
    let advisory = one(r#"{"ruleId":"CVE-2020-1234-zlib"}"#, "");
    assert_eq!(
        (advisory.class, advisory.aliases.first().map(String::as_str)),
        (Class::Dependency, Some("CVE-2020-1234"))
    );
    let secret = one(
        r#"{"ruleId":"aws","message":{"text":"found AKIA1234"}}"#,
        r#"{"id":"aws","shortDescription":{"text":"AWS key"},"properties":{"tags":["secret"]}}"#,
    );
    assert_eq!(
        (secret.class, secret.message.as_str()),
        (Class::Secret, "AWS key"),
        "the secret is not printed"
    );
}

#[test]
fn places() {
    let source = tree(&[("src/a b.py", "x\neval(y)\n"), ("sub/c.py", "z\n")]);
    let at = |uri: &str, base: &str| {
        let location = format!(
            r#"{{"physicalLocation":{{"artifactLocation":{{"uri":"{uri}"{base}}},"region":{{"startLine":2,"endLine":3}}}}}}"#
        );
        let bases = r#","originalUriBaseIds":{"ROOT":{"uri":"file:///ci/work/"},"SUB":{"uri":"sub/"}}"#;
        let bytes = report(&format!(r#"{{"ruleId":"R","locations":[{location}]}}"#), "", bases);
        let document = findings(Sarif, &bytes, &source);
        let (id, finding) = document.findings.into_iter().next().unwrap();
        let Site::File { path, line: Some(2), end: Some(3) } = finding.site else {
            panic!("{:?}", finding.site)
        };
        (id, path)
    };
    let plain = at("src/a%20b.py", "");
    assert_eq!(plain.1, "src/a b.py");
    for (uri, base) in [
        ("file:///ci/work/src/a%20b.py", ""),
        ("./src/a b.py", r#","uriBaseId":"ROOT""#),
        ("%SRCROOT%/src/a%20b.py", r#","uriBaseId":"%SRCROOT%""#),
        ("/other/machine/src/a%20b.py", ""),
    ] {
        assert_eq!(at(uri, base), plain, "{uri}");
    }
    assert_eq!(at("c.py", r#","uriBaseId":"SUB""#).1, "sub/c.py");
    assert_eq!(at("../../etc/passwd", "").1, "../../etc/passwd", "no text of the tree, and still a finding");
}

#[test]
fn each_location_is_a_finding() {
    let location = |line| {
        format!(
            r#"{{"physicalLocation":{{"artifactLocation":{{"uri":"a.py"}},"region":{{"startLine":{line}}}}}}}"#
        )
    };
    let result = format!(r#"{{"ruleId":"R","locations":[{},{},{}]}}"#, location(1), location(2), location(2));
    assert_eq!(findings(Sarif, &report(&result, "", ""), &tree(&[])).findings.len(), 2);
    let page = r#"{"ruleId":"R","webRequest":{"method":"POST"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"https://a/b?c"}}}]}"#;
    assert_eq!(one(page, "").site, Site::Page { method: "POST".into(), path: "/b".into(), parameter: None });
    let logical = r#"{"ruleId":"R","message":{"text":"m"},"locations":[{"logicalLocations":[{"fullyQualifiedName":"A.b"}]}]}"#;
    assert_eq!((one(logical, "").site, one(logical, "").message.as_str()), (Site::Whole, "A.b: m"));
}

#[test]
fn results_beside_the_run() {
    let inline = |guid: &str| {
        format!(
            r#"{{"version":"2.1.0","inlineExternalProperties":[{{"guid":"g","results":[{{"ruleId":"R"}}]}}],
            "runs":[{{"tool":{{"driver":{{"name":"T"}}}},"externalPropertyFileReferences":{{"results":[{{"guid":"{guid}"}}]}}}}]}}"#
        )
    };
    assert_eq!(findings(Sarif, inline("g").as_bytes(), &tree(&[])).findings.len(), 1);
    assert!(refusal(Sarif, inline("h").as_bytes()).contains("results stand in another file"));
}

#[test]
fn refused() {
    let with = |more: &str| String::from_utf8(report("", "", more)).unwrap();
    let result = |result: &str| String::from_utf8(report(result, "", "")).unwrap();
    for (text, why) in [
        (r#"{"version":"2.1.0","runs":[]}"#.to_owned(), "no tool ran"),
        (r#"{"version":"2.1.0"}"#.to_owned(), "the field `runs` is missing"),
        (r#"{"version":"2.0.0","runs":[]}"#.to_owned(), "only SARIF 2.1.0"),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}}}]}"#.to_owned(),
            "did not look for problems",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"results":null}]}"#.to_owned(),
            "did not look for problems",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":""}},"results":[]}]}"#.to_owned(),
            "`name` is missing",
        ),
        (
            with(r#","invocations":[{"executionSuccessful":false}]"#),
            "$.runs[0].invocations[0]: the tool says that it failed",
        ),
        (
            with(
                r#","invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"no memory"}}]}]"#,
            ),
            "no memory",
        ),
        (
            with(r#","invocations":[{"toolConfigurationNotifications":[{"level":"error"}]}]"#),
            "the tool reports an error",
        ),
        (with(r#","invocations":{}"#), "not an array"),
        (result(r#"{"ruleId":"R","level":"grave"}"#), "not a level"),
        (result(r#"{"ruleId":"R","kind":"PASS"}"#), "not a kind"),
        (result(r#"{"ruleId":7}"#), "$.runs[0].results[0].ruleId: not a text"),
        (result(r#"{"ruleIndex":9}"#), "names no rule"),
        (result(r#"{"properties":{"security-severity":"11"}}"#), "not a score"),
        (
            result(
                r#"{"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a"},"region":{"startLine":-4}}}]}"#,
            ),
            "not a line number",
        ),
        (result("[]"), "not an object"),
        ("{".to_owned(), "not sound JSON"),
    ] {
        let error = refusal(Sarif, text.as_bytes());
        assert!(error.starts_with("SARIF report: ") && error.contains(why), "{text}: {error}");
    }
}
