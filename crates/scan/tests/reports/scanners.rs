//! Scanners' own formats: what each says about suppressions, failures, severities and places.

use std::collections::BTreeMap;

use evidence::document::findings::{Class, Finding, Severity, Site};
use scan::reports::ReportFormat::{
    self, Bandit, CyclonedxJson, CyclonedxXml, Grype, OsvScanner, Semgrep, Trivy, Wapiti, ZapJson, ZapXml,
};

use crate::{findings, refusal};

fn all(format: ReportFormat, text: &str) -> Vec<Finding> {
    findings(format, text.as_bytes(), &BTreeMap::new()).findings.into_values().collect()
}

fn one(format: ReportFormat, text: &str) -> Finding {
    let found = all(format, text);
    assert_eq!(found.len(), 1, "{text}");
    found.into_iter().next().unwrap()
}

fn purl(finding: &Finding) -> &str {
    match &finding.site {
        Site::Component { purl, .. } => purl,
        other => panic!("{other:?}"),
    }
}

fn trivy(result: &str) -> String {
    format!(r#"{{"SchemaVersion":2,"Trivy":{{"Version":"0.69.0"}},"Results":[{result}]}}"#)
}

#[test]
fn trivy_lists() {
    let vulnerability = r#"{"VulnerabilityID":"CVE-2025-1","VendorIDs":["GHSA-fpj8-gq4v-p354"],"PkgName":"a:b","InstalledVersion":"9.0.109",
        "FixedVersion":"11.0.14, 10.1.49, 9.0.112","Severity":"LOW","PublishedDate":"2026-02-17T19:21:55.31Z",
        "CVSS":{"x":{"V3Vector":"CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:N/A:N"},"y":{"V40Vector":"CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N"}}}"#;
    let found = one(
        Trivy,
        &trivy(&format!(r#"{{"Target":"Java","Type":"jar","Vulnerabilities":[{vulnerability}]}}"#)),
    );
    assert_eq!((purl(&found), found.rule.as_str()), ("pkg:maven/a/b@9.0.109", "CVE-2025-1"));
    assert_eq!((found.severity, found.score), (Severity::Medium, Some(63)), "the highest of the vectors");
    assert_eq!(found.fixed.as_deref(), Some("9.0.112"));
    assert_eq!(found.aliases.first().unwrap(), "GHSA-fpj8-gq4v-p354");
    assert_eq!(found.published.unwrap().to_string(), "2026-02-17T19:21:55.310Z");

    let ignored = format!(
        r#"{{"Target":"Java","Type":"jar","ExperimentalModifiedFindings":[{{"Type":"vulnerability","Status":"ignored","Source":".trivyignore","Finding":{vulnerability}}}]}}"#
    );
    assert_eq!(one(Trivy, &trivy(&ignored)), found, "an ignored vulnerability is a finding");

    let secret = r#"{"Target":"a.env","Secrets":[{"RuleID":"aws-access-key-id","Title":"AWS key","Severity":"CRITICAL","StartLine":3,"EndLine":3,"Match":"AKIA"}]}"#;
    let secret = one(Trivy, &trivy(secret));
    assert_eq!((secret.class, secret.message.as_str()), (Class::Secret, "AWS key"));
    let checks = r#"{"Target":"Dockerfile","Misconfigurations":[{"ID":"DS002","Status":"FAIL","Severity":"HIGH","Message":"root"},
        {"ID":"DS003","Status":"PASS"},{"ID":"DS004","Status":"EXCEPTION","Severity":"LOW"}]}"#;
    let rules: Vec<_> =
        all(Trivy, &trivy(checks)).into_iter().map(|found| (found.class, found.rule)).collect();
    assert_eq!(rules.len(), 2, "an exception of a check is a finding: {rules:?}");
    assert!(rules.iter().all(|(class, _)| *class == Class::Configuration));
    let licences = r#"{"Target":"OS","Licenses":[{"Severity":"HIGH","Category":"restricted","PkgName":"a","Name":"GPL-2.0"}]}"#;
    assert_eq!(one(Trivy, &trivy(licences)).class, Class::Licence);
    assert!(all(Trivy, &trivy(r#"{"Target":"x"}"#)).is_empty());
}

fn grype(list: &str, id: &str) -> String {
    let entry = format!(
        r#"{{"vulnerability":{{"id":"{id}","severity":"High","fix":{{"versions":["3.2.10"]}},"epss":[{{"epss":0.0719}}],"knownExploited":[{{"cve":"CVE-1"}}]}},
        "relatedVulnerabilities":[{{"id":"CVE-2021-44420","severity":"Low"}}],"artifact":{{"name":"Django","version":"3.2.9","type":"python","purl":"pkg:pypi/Django@3.2.9"}}}}"#
    );
    format!(r#"{{"matches":[],"{list}":[{entry}],"descriptor":{{"name":"grype","version":"0.94.0"}}}}"#)
}

#[test]
fn grype_matches() {
    let found = one(Grype, &grype("matches", "GHSA-v6rh-hp5x-86rv").replace("\"matches\":[],", ""));
    assert_eq!((purl(&found), found.severity), ("pkg:pypi/django@3.2.9", Severity::High));
    assert_eq!((found.epss, found.exploited, found.fixed.as_deref()), (Some(719), true, Some("3.2.10")));
    assert_eq!(
        one(Grype, &grype("ignoredMatches", "GHSA-v6rh-hp5x-86rv")),
        found,
        "an ignored match is a finding"
    );
}

#[test]
fn osv_scanner_records() {
    let record = |id: &str, alias: &str, more: &str| {
        format!(r#"{{"id":"{id}","aliases":["{alias}"],"summary":"s"{more}}}"#)
    };
    let fix = r#","affected":[{"package":{"name":"b"},"ranges":[{"type":"SEMVER","events":[{"fixed":"1.4.0"},{"fixed":"2.0.1"}]},{"type":"GIT","events":[{"fixed":"abc"}]}]}],
        "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#;
    let report = |records: &str, groups: &str| {
        format!(
            r#"{{"results":[{{"packages":[{{"package":{{"name":"b","version":"1.2.0","ecosystem":"crates.io"}},"vulnerabilities":[{records}],"groups":[{groups}]}}]}}]}}"#
        )
    };
    let both = [record("RUSTSEC-2020-1", "CVE-1", ""), record("GHSA-aaaa-bbbb-cccc", "CVE-1", fix)].join(",");
    let found = one(OsvScanner, &report(&both, ""));
    assert_eq!((purl(&found), found.rule.as_str()), ("pkg:cargo/b@1.2.0", "GHSA-aaaa-bbbb-cccc"));
    assert_eq!(found.aliases.iter().collect::<Vec<_>>(), ["CVE-1", "RUSTSEC-2020-1"]);
    assert_eq!(
        (found.severity, found.score, found.fixed.as_deref()),
        (Severity::Critical, Some(98), Some("1.4.0"))
    );

    let group = r#"{"ids":["RUSTSEC-2020-1"],"max_severity":"5.5","experimentalAnalysis":{"RUSTSEC-2020-1":{"called":false}}}"#;
    let uncalled = one(OsvScanner, &report(&record("RUSTSEC-2020-1", "CVE-1", ""), group));
    assert_eq!((uncalled.severity, uncalled.unconfirmed), (Severity::Medium, false));
    let malicious = one(OsvScanner, &report(&record("MAL-2023-1", "X", ""), ""));
    assert_eq!((malicious.class, malicious.severity), (Class::Supply, Severity::Critical));
    let word = record("A-1", "B", r#","database_specific":{"severity":"MODERATE"}"#);
    assert_eq!(one(OsvScanner, &report(&word, "")).severity, Severity::Medium);
    assert_eq!(one(OsvScanner, &report(&record("A-1", "B", ""), "")).severity, Severity::Unknown);
    assert!(all(OsvScanner, r#"{"results":[]}"#).is_empty());
}

#[test]
fn cyclonedx_in_both_encodings() {
    let json = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"tools":{"components":[{"name":"t","version":"1"}]}},
        "components":[{"name":"outer","bom-ref":"o","components":[{"name":"b","version":"2","bom-ref":"r","purl":"pkg:npm/b@2"}]}],
        "vulnerabilities":[{"id":"GHSA-1","references":[{"id":"CVE-1"}],"description":"d","published":"2021-01-01T00:00:00Z",
        "ratings":[{"severity":"unknown"},{"severity":"low","method":"other","vector":"OWASP/K9:M1"},{"method":"CVSSv3","vector":"AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "analysis":{"state":"not_affected"},"affects":[{"ref":"r"},{"ref":"urn:cdx:a/1#r"}]}]}"#;
    let xml = r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><metadata><tools><components><component type="application"><name>t</name><version>1</version></component></components></tools></metadata>
        <components><component bom-ref="o"><name>outer</name><components><component bom-ref="r"><name>b</name><version>2</version><purl>pkg:npm/b@2</purl></component></components></component></components>
        <vulnerabilities><vulnerability><id>GHSA-1</id><references><reference><id>CVE-1</id></reference></references><ratings><rating><severity>unknown</severity></rating>
        <rating><severity>low</severity><method>other</method><vector>OWASP/K9:M1</vector></rating><rating><method>CVSSv3</method><vector>AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</vector></rating></ratings>
        <description>d</description><published>2021-01-01T00:00:00Z</published><analysis><state>not_affected</state></analysis><affects><target><ref>r</ref></target></affects></vulnerability></vulnerabilities></bom>"#;
    let found = one(CyclonedxJson, json);
    assert_eq!((purl(&found), found.severity, found.score), ("pkg:npm/b@2", Severity::Critical, Some(98)));
    assert_eq!(
        findings(CyclonedxJson, json.as_bytes(), &BTreeMap::new()),
        findings(CyclonedxXml, xml.as_bytes(), &BTreeMap::new())
    );
    let scored = json.replace(r#""vector":"AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H""#, r#""score":7.2"#);
    assert_eq!(one(CyclonedxJson, &scored).severity, Severity::High);
    let unplaced = json.replace(r#"{"ref":"r"},{"ref":"urn:cdx:a/1#r"}"#, "");
    assert_eq!(one(CyclonedxJson, &unplaced).site, Site::Whole);
}

#[test]
fn zap_alerts() {
    let json = |confidence: &str| {
        format!(
            r#"{{"@version":"2.16.1","site":[{{"@name":"https://a","alerts":[{{"pluginid":"10055","alertRef":"10055-6","alert":"CSP","riskcode":"2","confidence":"{confidence}",
            "instances":[{{"uri":"https://a/x?y=1","method":"GET","param":"p"}},{{"uri":"https://a/x?y=2","method":"GET","param":"p"}},{{"uri":"https://a","method":"POST","param":""}}]}}]}}]}}"#
        )
    };
    let xml = r#"<OWASPZAPReport version="2.16.1"><site name="https://a"><alerts><alertitem><pluginid>10055</pluginid><alertRef>10055-6</alertRef><alert>CSP</alert><riskcode>2</riskcode><confidence>3</confidence>
        <instances><instance><uri>https://a/x?y=1</uri><method>GET</method><param>p</param></instance><instance><uri>https://a</uri><method>POST</method></instance></instances></alertitem></alerts></site></OWASPZAPReport>"#;
    let found = findings(ZapJson, json("3").as_bytes(), &BTreeMap::new());
    assert_eq!(found, findings(ZapXml, xml.as_bytes(), &BTreeMap::new()));
    assert_eq!(found.findings.len(), 2, "pages are told apart by path, not by query");
    for (confidence, unconfirmed) in [("0", false), ("1", true), ("2", true), ("3", false), ("4", false)] {
        let found = all(ZapJson, &json(confidence));
        assert!(
            found.iter().all(|found| found.unconfirmed == unconfirmed && found.class == Class::Web),
            "{confidence}"
        );
    }
    let bare = r#"{"site":[{"alerts":[{"pluginid":"1","riskcode":"0","confidence":"2"}]}]}"#;
    assert_eq!(one(ZapJson, bare).site, Site::Whole);
}

#[test]
fn wapiti_of_a_real_scan() {
    let bytes = include_bytes!("real/wapiti.json");
    let document = findings(Wapiti, bytes, &BTreeMap::new());
    assert_eq!(document.tools.first().unwrap().to_string(), "wapiti 3.2.3");
    assert_eq!(document.findings.len(), 6);
    let scripted =
        document.findings.values().find(|found| found.rule == "Reflected Cross Site Scripting").unwrap();
    assert_eq!((scripted.severity, scripted.unconfirmed), (Severity::Medium, false));
    assert_eq!(
        scripted.site,
        Site::Page { method: "GET".into(), path: "/search".into(), parameter: Some("q".into()) }
    );
    let other = r#"{"infos":{"version":"Wapiti 3"},"vulnerabilities":{},"anomalies":{"Internal Server Error":[{"method":"GET","path":"/b","level":2}]}}"#;
    assert!(one(Wapiti, other).unconfirmed);
}

fn semgrep(extra: &str) -> String {
    format!(
        r#"{{"version":"1.97.0","errors":[],"results":[{{"check_id":"a.b","path":"./x.py","start":{{"line":3,"col":1}},"end":{{"line":4,"col":2}},"extra":{{{extra}}}}}]}}"#
    )
}

#[test]
fn semgrep_results() {
    let plain = one(Semgrep, &semgrep(r#""message":"m","severity":"ERROR""#));
    assert_eq!((plain.class, plain.severity), (Class::Code, Severity::High));
    assert_eq!(plain.site, Site::File { path: "x.py".into(), line: Some(3), end: Some(4) });
    assert_eq!(one(Semgrep, &semgrep(r#""message":"m","severity":"ERROR","is_ignored":true"#)), plain);
    assert_eq!(one(Semgrep, &semgrep(r#""message":"m","severity":"INFO""#)).severity, Severity::Low);
    assert_eq!(one(Semgrep, &semgrep(r#""message":"m""#)).severity, Severity::Unknown);
    let supply = r#""message":"m","severity":"HIGH","metadata":{"sca-vuln-database-identifier":"CVE-2024-1"},
        "sca_info":{"dependency_match":{"found_dependency":{"package":"b","version":"1","ecosystem":"npm"}}}"#;
    let supply = one(Semgrep, &semgrep(supply));
    assert_eq!(
        (supply.class, supply.rule.as_str(), purl(&supply)),
        (Class::Dependency, "CVE-2024-1", "pkg:npm/b@1")
    );
}

#[test]
fn bandit_results() {
    let report = r#"{"errors":[],"metrics":{"_totals":{"nosec":0},"./a.py":{"nosec":0}},"results":[{"filename":"./a.py","test_id":"B105","test_name":"hardcoded_password_string",
            "issue_text":"Possible hardcoded password: 'hunter2'","issue_severity":"LOW","issue_confidence":"MEDIUM","line_number":2,"line_range":[2,3]}]}"#;
    let found = one(Bandit, report);
    assert_eq!((found.class, found.message.as_str()), (Class::Secret, "hardcoded_password_string"));
    assert_eq!(found.site, Site::File { path: "a.py".into(), line: Some(2), end: Some(3) });
    // Bandit 1.9.4 about a file with two `nosec` comments.
    let hidden = refusal(Bandit, include_bytes!("real/bandit-nosec.json"));
    assert!(hidden.contains("--ignore-nosec"), "{hidden}");
}

#[test]
fn refused() {
    for (format, text, why) in [
        (Trivy, r#"{"SchemaVersion":1,"Results":[]}"#, "only schema version 2"),
        (Trivy, "[]", "not an object"),
        (Trivy, r#"{"SchemaVersion":2}"#, "found nothing that it can scan"),
        (
            Trivy,
            r#"{"SchemaVersion":2,"Results":[{"Vulnerabilities":[{"PkgName":"a"}]}]}"#,
            "$.Results[0].Vulnerabilities[0]: the field `VulnerabilityID`",
        ),
        (
            Trivy,
            r#"{"SchemaVersion":2,"Results":[{"ExperimentalModifiedFindings":[{"Type":"new","Finding":{}}]}]}"#,
            "not a type of finding",
        ),
        (
            Trivy,
            r#"{"SchemaVersion":2,"Results":[{"Vulnerabilities":[{"VulnerabilityID":"C","PkgName":"a","PublishedDate":"soon"}]}]}"#,
            "not a time",
        ),
        (Grype, "{}", "the field `matches`"),
        (
            Grype,
            r#"{"matches":[{"vulnerability":{"id":"C","epss":[{"epss":7}]},"artifact":{"name":"a"}}]}"#,
            "not a probability",
        ),
        (OsvScanner, "{}", "the field `results`"),
        (OsvScanner, r#"{"results":[{}]}"#, "the field `packages`"),
        (CyclonedxJson, r#"{"bomFormat":"SPDX"}"#, "not `CycloneDX`"),
        (CyclonedxJson, r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#, "did not look for any"),
        (CyclonedxXml, "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'/>", "did not look for any"),
        (CyclonedxXml, "<bom/>", "expected `bom`"),
        (ZapJson, r#"{"site":[]}"#, "ZAP reached nothing"),
        (ZapXml, "<OWASPZAPReport/>", "ZAP reached nothing"),
        (ZapXml, "<OWASPZAPReport><site/></OWASPZAPReport>", "`alerts` is missing"),
        (
            ZapXml,
            "<OWASPZAPReport><site><alerts><alertitem><pluginid>1</pluginid><riskcode>9</riskcode></alertitem></alerts></site></OWASPZAPReport>",
            "risk code",
        ),
        (Wapiti, r#"{"infos":{"crawled_pages_nbr":0},"vulnerabilities":{}}"#, "crawled no page"),
        (Wapiti, r#"{"infos":{}}"#, "the field `vulnerabilities`"),
        (Semgrep, r#"{"results":[]}"#, "the field `errors`"),
        (Semgrep, r#"{"results":[],"errors":[{"level":"error","message":"no rules"}]}"#, "no rules"),
        (Semgrep, r#"{"results":[],"errors":[{"code":2}]}"#, "reports an error"),
        (
            Bandit,
            r#"{"results":[],"metrics":{},"errors":[{"filename":"a.py","reason":"syntax error"}]}"#,
            "could not read `a.py`: syntax error",
        ),
    ] {
        let error = refusal(format, text.as_bytes());
        assert!(error.contains(why), "{format:?} {text}: {error}");
    }
}
