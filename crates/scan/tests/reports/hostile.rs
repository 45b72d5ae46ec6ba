//! Reports that are made to cost much: each names one long thing many times, or nests, or counts without end. A parser
//! that read the long thing again for each entry would need hours here.

use std::collections::BTreeMap;

use evidence::document::findings::Origin;
use scan::reports::ReportFormat::{self, CyclonedxJson, Grype, OsvScanner, Sarif, Trivy, ZapJson};
use scan::reports::translate;

use crate::{refusal, tree};

const MANY: usize = 20_000;

fn repeated(part: &str) -> String {
    vec![part; MANY].join(",")
}

fn sarif(rule: &str, result: &str) -> String {
    let results = repeated(result);
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T","rules":[{rule}]}}}},"results":[{results}]}}]}}"#
    )
}

/// The number of findings, or the error.
fn read(format: ReportFormat, text: &str, tree: &BTreeMap<String, String>) -> Result<u64, String> {
    let translated = translate(format, text.as_bytes(), tree, Origin::Scan);
    translated.map(|translated| translated.items.values().sum()).map_err(|error| error.to_string())
}

#[test]
fn long_rules_that_many_results_name() {
    let long = "x ".repeat(2_000_000);
    let message = format!(r#"{{"id":"R","messageStrings":{{"m":{{"text":"{long}"}}}}}}"#);
    assert_eq!(read(Sarif, &sarif(&message, r#"{"ruleId":"R","message":{"id":"m"}}"#), &tree(&[])), Ok(1));
    let described = format!(r#"{{"id":"R","shortDescription":{{"text":"{long}"}}}}"#);
    assert_eq!(read(Sarif, &sarif(&described, r#"{"ruleId":"R"}"#), &tree(&[])), Ok(1));
    let tags = format!(r#"{{"id":"R","properties":{{"tags":[{}]}}}}"#, repeated("\"t\""));
    assert_eq!(read(Sarif, &sarif(&tags, r#"{"ruleId":"R"}"#), &tree(&[])), Ok(1));
}

#[test]
fn one_long_line_with_many_findings() {
    let line = "eval(x);".repeat(500_000);
    let region = |n: usize| {
        format!(
            r#"{{"physicalLocation":{{"artifactLocation":{{"uri":"a.js"}},"region":{{"startLine":1,"startColumn":{n}}}}}}}"#
        )
    };
    let locations: Vec<String> = (1..2_000).map(region).collect();
    let text = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},"results":[{{"ruleId":"R","locations":[{}]}}]}}]}}"#,
        locations.join(",")
    );
    assert_eq!(read(Sarif, &text, &tree(&[("a.js", &line)])), Ok(1_999));
}

#[test]
fn endless_aliases_and_entries() {
    let references = repeated(r#"{"id":"A"}"#);
    let affects: Vec<String> = (0..MANY).map(|n| format!(r#"{{"ref":"{n}"}}"#)).collect();
    let cyclonedx = |references: &str| {
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","vulnerabilities":[{{"id":"V","references":[{references}],"affects":[{}]}}]}}"#,
            affects.join(",")
        )
    };
    assert!(
        refusal(CyclonedxJson, cyclonedx(&references).as_bytes()).contains("at most 10000"),
        "one alias many times"
    );
    let distinct: Vec<String> = (0..MANY).map(|n| format!(r#"{{"id":"A{n}"}}"#)).collect();
    assert!(refusal(CyclonedxJson, cyclonedx(&distinct.join(",")).as_bytes()).contains("more than 64"));

    let records: Vec<String> =
        (0..MANY).map(|n| format!(r#"{{"id":"A{n}","aliases":["A{}"]}}"#, n + 1)).collect();
    let osv = format!(
        r#"{{"results":[{{"packages":[{{"package":{{"name":"b","version":"1","ecosystem":"npm"}},"vulnerabilities":[{}]}}]}}]}}"#,
        records.join(",")
    );
    assert!(refusal(OsvScanner, osv.as_bytes()).contains("more than 65 ids"));

    let matches =
        repeated(r#"{"vulnerability":{"id":"C"},"artifact":{"name":"a","version":"1","type":"npm"}}"#);
    assert_eq!(read(Grype, &format!(r#"{{"matches":[{matches}]}}"#), &tree(&[])), Ok(1), "the same match");

    let instances = vec![r#"{"uri":"https://a/"}"#; 100_001].join(",");
    let zap = format!(
        r#"{{"site":[{{"alerts":[{{"pluginid":"1","riskcode":"1","confidence":"1","instances":[{instances}]}}]}}]}}"#
    );
    assert!(refusal(ZapJson, zap.as_bytes()).contains("more than 100000 findings"));
}

#[test]
fn long_targets_and_names() {
    let long = "a/".repeat(2_000_000);
    let secrets = repeated(r#"{"RuleID":"r"}"#);
    let text = format!(
        r#"{{"SchemaVersion":2,"Results":[{{"Target":"/{long}","Type":"{long}","Secrets":[{secrets}]}}]}}"#
    );
    assert_eq!(read(Trivy, &text, &tree(&[])), Ok(1));
    let uri =
        format!(r#"{{"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"{long}"}}}}}}]}}"#);
    let one =
        format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},"results":[{uri}]}}]}}"#);
    assert!(refusal(Sarif, one.as_bytes()).contains("longer than 4096 bytes"));
}

#[test]
fn too_long() {
    let long = vec![b' '; scan::INPUT_BYTES_MAX + 1];
    for format in ReportFormat::all() {
        assert!(refusal(format, &long).contains("more than 67108864 bytes"), "{format:?}");
        assert!(refusal(format, b"\xff\xfe{").contains("UTF-16"), "{format:?}");
        assert!(refusal(format, b"").contains("empty"), "{format:?}");
    }
}

/// Sound JSON that is no report, keys twice, and nesting: of each format, and with another encoding.
#[test]
fn other_roots() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let inner = format!("{{\"results\":{}1{}}}", "{\"a\":".repeat(200), "}".repeat(200));
    let doctype = "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>";
    for format in ReportFormat::all() {
        for text in
            ["null", "true", "1", "\"results\"", "{}", "{\"a\":1,\"a\":2}", "[[]]", "[1]", "<a/>", doctype]
        {
            let error = refusal(format, text.as_bytes());
            assert!(error.len() < 500, "{format:?} {text}: {error}");
        }
        for text in [&deep, &inner] {
            let wide: Vec<u8> =
                [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
            assert!(refusal(format, text.as_bytes()).contains("not sound"), "{format:?}");
            assert!(refusal(format, &wide).contains("not sound"), "{format:?}");
        }
    }
}

#[test]
fn one_line_of_many_bytes() {
    let long = "a".repeat(4_000_000);
    for format in ReportFormat::all() {
        let text = format!(r#"{{"version":"{long}","errors":"{long}"}}"#);
        let error = refusal(format, text.as_bytes());
        assert!(error.len() < 500, "{format:?}: {error}");
    }
}

#[test]
fn npm_advisories_of_many_copies() {
    let nodes: Vec<String> = (0..MANY).map(|n| format!("\"node_modules/{n}\"")).collect();
    let versions: Vec<String> =
        (0..MANY).map(|n| format!(r#""node_modules/{n}":{{"version":"1.0.{n}"}}"#)).collect();
    let text = format!(
        r#"{{"auditReportVersion":2,"vulnerabilities":{{"a":{{"via":[{}],"nodes":[{}]}}}}}}"#,
        repeated(r#"{"source":1}"#),
        nodes.join(",")
    );
    let lock = format!(r#"{{"packages":{{{}}}}}"#, versions.join(","));
    let error = read(ReportFormat::NpmAudit, &text, &tree(&[("package-lock.json", &lock)]));
    assert!(error.unwrap_err().contains("more than 100000 findings"));
}
