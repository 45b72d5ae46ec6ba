//! Claims of VEX documents: a person in the role for security takes over those that concern open findings, and no other.

use serde_json::{Value, json};

use super::reading::{colleague, elsewhere, rehearsal_with};
use super::reports::tomorrow;
use super::shop::Shop;
use crate::codes;

/// A report with a critical finding about each of these packages.
pub fn reported(shop: &Shop) {
    let path = ".countersign/pipeline.yaml";
    let text = std::fs::read_to_string(shop.repository().join(path)).unwrap();
    let step = "steps:
  scan:
    run: cp found.json scan.json
    reports: [{ kind: cyclonedx-json, path: scan.json }]
";
    shop.write(path, &text.replace("steps:\n", step));
    let packages = ["jinja2@2.4.1", "pyyaml@5.3", "flask@0.5", "django@3.2"];
    let components: Vec<_> = packages.iter().map(|package| {
        let (name, version) = package.split_once('@').unwrap();
        json!({ "type": "library", "name": name, "version": version, "bom-ref": name, "purl": format!("pkg:pypi/{package}") })
    }).collect();
    let vulnerability = |id: &str, alias: &str, name: &str, severity: &str| {
        json!({ "id": id, "references": [{ "id": alias, "source": { "name": "x" } }], "description": "bad",
                "ratings": [{ "severity": severity }], "affects": [{ "ref": name }] })
    };
    let found = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components,
        "vulnerabilities": [
            vulnerability("CVE-2019-10906", "GHSA-462w-v97r-4m45", "jinja2", "critical"),
            vulnerability("CVE-2020-14343", "GHSA-8q59-q68h-6hv4", "pyyaml", "critical"),
            vulnerability("CVE-2019-1010083", "GHSA-5wv5-4vpf-pj6m", "flask", "medium"),
            vulnerability("CVE-2022-28346", "GHSA-2gwj-7jmv-h26r", "django", "medium"),
        ] });
    shop.write("found.json", &found.to_string());
}

/// A document: one claim by an alias and a package URL without a version, one that a part of a product is fixed, one that
/// is open, one that was taken back, one about another product, one without a justification.
fn document() -> String {
    let claim = |name: &str, product: Value, status: &str, more: Value| {
        let mut claim = json!({ "vulnerability": { "name": name }, "products": [product], "status": status });
        claim.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claim
    };
    let product = |id: &str| json!({ "@id": id });
    let part = json!({ "@id": "pkg:oci/shop", "subcomponents": [{ "@id": "pkg:pypi/pyyaml@5.3" }] });
    let unreachable = json!({ "justification": "vulnerable_code_not_in_execute_path", "impact_statement": "no template is by others" });
    let said = json!({ "impact_statement": "we do not call it" });
    let early = json!({ "justification": "component_not_present", "timestamp": "2023-01-01T00:00:00Z" });
    json!({ "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/1", "author": "Vendor", "version": 1,
        "timestamp": "2024-01-01T00:00:00Z", "statements": [
            claim("GHSA-462w-v97r-4m45", product("pkg:pypi/jinja2"), "not_affected", unreachable),
            claim("CVE-2020-14343", part, "fixed", json!({})),
            claim("CVE-2022-28346", product("pkg:pypi/django@3.2"), "not_affected", early),
            claim("CVE-2022-28346", product("pkg:pypi/django@3.2"), "under_investigation", json!({})),
            claim("CVE-2019-1010083", product("pkg:pypi/flask@0.5"), "not_affected", said.clone()),
            claim("CVE-2019-1010083", product("pkg:pypi/flask@9"), "not_affected", said.clone()),
            claim("CVE-1999-1", product("pkg:pypi/flask@0.5"), "not_affected", said),
        ] })
    .to_string()
}

/// The contents of signed statements.
fn bodies(statements: &[Value]) -> Vec<Value> {
    let body = |envelope: &Value| {
        let envelope: evidence::dsse::Envelope = serde_json::from_value(envelope.clone()).unwrap();
        let statement = evidence::statements::Statement::read(&envelope).unwrap();
        serde_json::to_value(&statement.body).unwrap()
    };
    statements.iter().map(body).collect()
}

#[test]
fn claims_of_a_file_settle_the_findings_that_they_concern() {
    let (shop, made) = rehearsal_with(&["developer", "release-manager", "security"]);
    reported(&shop);
    shop.commit("a scanner");
    let up = shop.home.up();
    let data = elsewhere(&shop, "elsewhere", &up.url);
    let bob = colleague(&shop, &made, "bob", made["people"][1]["person"].as_str().unwrap(), &data);
    shop.ok(&["run"]);
    let file = shop.home.dir.path().join("vex.json");
    std::fs::write(&file, document()).unwrap();
    let file = file.to_str().unwrap();
    let until = tomorrow();
    let words = ["not-affected", "--vex", file, "--reason", "as the vendor says", "--until", &until];
    let by = |more: &[&str], code: i32| bob.json(&[&words[..], more, &["--data", &data]].concat(), code);
    // Ada wrote the change.
    let own = shop.in_repository(&[&words[..], &["--yes"]].concat(), 3);
    assert_eq!(codes(&own), ["own-change"], "{own}");

    // Everything is shown before anybody is asked, and nothing is signed without an answer.
    let shown = bob.run(&[&words[..], &["--data", &data]].concat());
    assert_eq!(shown.status.code(), Some(2));
    let page = String::from_utf8(shown.stdout).unwrap();
    for text in [
        "CVE-2019-10906 (GHSA-462w-v97r-4m45) at pkg:pypi/jinja2@2.4.1: bad",
        "about pkg:pypi/jinja2: not_affected, justification vulnerable_code_not_in_execute_path",
        "\"no template is by others\"",
        "about pkg:oci/shop: fixed",
        "justification: vulnerable_code_not_present",
        "not signed: CVE-2022-28346: its status is under_investigation, so its finding stays open",
        "not signed: CVE-2022-28346: a later claim of the document about pkg:pypi/django@3.2 counts",
        "not signed: CVE-2019-1010083: it has no justification, which says none of OpenVEX's list",
        "not signed: CVE-2019-1010083: no component of the release is pkg:pypi/flask@9",
        "not signed: CVE-1999-1: pkg:pypi/flask@0.5 has no open finding with one of these ids",
        ", by Vendor",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }

    // A chosen finding alone, with the person's justification.
    let all = bob.ok(&["approve", "--show", "--data", &data]);
    let worst = all["findings"]["worst"].as_array().unwrap();
    let flask =
        worst.iter().find(|found| found["rule"] == "CVE-2019-1010083").unwrap()["id"].as_str().unwrap();
    assert!(
        by(&[flask, "--yes"], 1)["error"].as_str().unwrap().contains("choose one with `--justification`")
    );
    let one = by(&[flask, "--yes", "--justification", "vulnerable_code_not_in_execute_path"], 0);
    assert_eq!(one["statements"].as_array().unwrap().len(), 1, "{one}");
    let settled = by(&["--yes"], 0);
    assert_eq!(settled["statements"].as_array().unwrap().len(), 2, "{settled}");
    assert_eq!(settled["unsigned"].as_array().unwrap().len(), 5, "{settled}");
    let two = ["not-affected", flask, flask, "--justification", "component_not_present", "--reason", "x"];
    let two = bob.json(&[&two[..], &["--until", &until, "--data", &data]].concat(), 2);
    assert!(two["error"].as_str().unwrap().contains("without `--vex`, name one finding"), "{two}");
    let again = by(&["--yes"], 1);
    assert!(again["error"].as_str().unwrap().contains("nothing was signed"), "{again}");

    let shown = String::from_utf8(bob.run(&["approve", "--show", "--data", &data]).stdout).unwrap();
    let settles = "  settles CVE-2019-1010083 at pkg:pypi/flask@0.5, medium, finding sha256:";
    assert!(shown.contains(settles) && shown.contains(", not affected until "), "{shown}");
    // The statements name the file, and the release passes without the findings.
    bob.ok(&["approve", "--yes", "--reason", "with the claims", "--data", &data]);
    shop.ok(&["promote", "--bundle", "claimed.json"]);
    let bytes = std::fs::read(shop.repository().join("claimed.json")).unwrap();
    let bundle: Value = serde_json::from_slice(&bytes).unwrap();
    let statements = bundle["lanes"]["statements"].as_array().unwrap();
    let digest = evidence::Digest::of(document().as_bytes()).to_string();
    let bodies = bodies(statements);
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| body["vex"] == json!(digest)), "{bodies:?}");
    assert_eq!(settled["vex"], json!(digest));
    assert_eq!(shop.ok(&["verify", "claimed.json"])["outcome"], json!("pass"));
    // A file that is no VEX document signs nothing.
    std::fs::write(file, "{}").unwrap();
    assert!(by(&["--yes"], 1)["error"].as_str().unwrap().contains("neither OpenVEX"));
    assert!(up.stop());
}
