//! VEX documents: OpenVEX and CycloneDX, published ones, and such as say something that is not understood.

use std::collections::BTreeSet;

use scan::vex::{self, Status, Vex};

use crate::mutations::{MUTATIONS, SEED_BYTES_MAX, mutate};
use crate::published_vectors::suite;

fn read(text: &str) -> Result<Vex, String> {
    vex::read(text.as_bytes()).map_err(|error| error.to_string())
}

/// Status of each statement of a published file, or the error.
fn published(path: &str) -> Option<Result<Vec<Status>, String>> {
    let (name, rest) = path.split_once('/').unwrap();
    let bytes = std::fs::read(suite(name)?.join(rest)).unwrap();
    let vex = vex::read(&bytes).map_err(|error| error.to_string());
    Some(vex.map(|vex| vex.statements.iter().map(|claim| claim.status).collect()))
}

#[test]
fn published_documents() {
    use Status::{Fixed, NotAffected, UnderInvestigation};
    for (path, expected) in [
        ("openvex/v0.0.1.json", vec![Fixed]),
        ("openvex/v001-2.vex.json", vec![Fixed]),
        ("openvex/v0.2.0.json", vec![Fixed, Fixed, Fixed, NotAffected, NotAffected]),
        ("openvex/v020-1.vex.json", vec![UnderInvestigation]),
        ("openvex/v020-2.vex.json", vec![UnderInvestigation]),
        ("cyclonedx/1.5/valid-vulnerability-1.5.json", vec![NotAffected]),
        ("cyclonedx/1.6/valid-vulnerability-1.6.json", vec![NotAffected]),
        ("cyclonedx/1.7/valid-vulnerability-1.7.json", vec![NotAffected]),
        ("scanner-reports/cyclonedx/log4j.json", vec![UnderInvestigation; 8]),
        ("scanner-reports/cyclonedx/valid-vulnerability-1.4.json", vec![NotAffected]),
    ] {
        let Some(found) = published(path) else { return };
        assert_eq!(found, Ok(expected), "{path}");
    }
    for (path, why) in [
        ("openvex/csaf.json", "CSAF and SPDX are not read"),
        ("openvex/openvex_json_schema.json", "neither OpenVEX"),
        ("openvex/vex.yaml", "not sound JSON"),
        ("scanner-reports/cyclonedx/no-severity.json", "it holds no statement"),
        ("scanner-reports/cyclonedx/log4j.xml", "not sound JSON"),
    ] {
        let Some(found) = published(path) else { return };
        assert!(found.as_ref().is_err_and(|error| error.contains(why)), "{path}: {found:?}");
    }
}

#[test]
fn no_published_document_is_left_out() {
    let Some(root) = suite("openvex") else { return };
    let count = std::fs::read_dir(root).unwrap().count();
    assert_eq!(count, 9, "8 documents and the notice");
}

fn openvex(statement: &str) -> String {
    format!(
        r#"{{"@context":"https://openvex.dev/ns/v0.2.0","author":"A","timestamp":"2024-01-01T00:00:00Z","statements":[{statement}]}}"#
    )
}

#[test]
fn openvex_statement() {
    let text = openvex(
        r#"{"vulnerability":{"name":"CVE-2024-1","aliases":["GHSA-1"]},"products":[{"@id":"https://a/b","identifiers":{"purl":"pkg:pypi/My_App@1"},
        "subcomponents":[{"@id":"pkg:pypi/Django@3.2"}]},{"@id":"urn:x"}],"status":"not_affected","justification":"component_not_present",
        "impact_statement":" not\n built ","timestamp":"2024-02-01T00:00:00+01:00"}"#,
    );
    let vex = read(&text).unwrap();
    assert_eq!(vex.author.as_deref(), Some("A"));
    let claim = &vex.statements[0];
    assert_eq!(claim.vulnerabilities.iter().collect::<Vec<_>>(), ["CVE-2024-1", "GHSA-1"]);
    assert_eq!(claim.products[0].id, "pkg:pypi/my-app@1");
    assert_eq!(claim.products[0].components.first().unwrap(), "pkg:pypi/django@3.2");
    assert_eq!((claim.products[1].id.as_str(), claim.products[1].components.len()), ("urn:x", 0));
    assert_eq!(claim.justification.as_deref(), Some("component_not_present"));
    assert_eq!(claim.sentence.as_deref(), Some("not built"));
    assert_eq!(claim.time.unwrap().to_string(), "2024-01-31T23:00:00.000Z");
}

fn cyclonedx(analysis: &str, affects: &str) -> String {
    format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"timestamp":"2024-01-01T00:00:00Z","authors":[{{"name":"A"}}]}},
        "components":[{{"name":"b","version":"2","bom-ref":"r","purl":"pkg:npm/b@2"}}],
        "vulnerabilities":[{{"id":"CVE-1","references":[{{"id":"GHSA-1"}}],{analysis}"affects":[{affects}]}},{{"id":"CVE-2"}}]}}"#
    )
}

#[test]
fn cyclonedx_analysis() {
    let affects = r#"{"ref":"r"},{"ref":"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Anpm%2Fc%401"}"#;
    for (analysis, status, justification) in [
        (
            r#"{"state":"not_affected","justification":"code_not_reachable"}"#,
            Status::NotAffected,
            Some("code_not_reachable"),
        ),
        (r#"{"state":"not_affected","detail":"d"}"#, Status::NotAffected, None),
        (r#"{"state":"false_positive"}"#, Status::NotAffected, Some("false_positive")),
        (r#"{"state":"resolved_with_pedigree"}"#, Status::Fixed, None),
        (r#"{"state":"in_triage"}"#, Status::UnderInvestigation, None),
        (r#"{"state":"exploitable"}"#, Status::Affected, None),
    ] {
        let vex = read(&cyclonedx(&format!(r#""analysis":{analysis},"#), affects)).unwrap();
        assert_eq!(vex.statements.len(), 1, "a vulnerability without analysis is no statement");
        let claim = &vex.statements[0];
        assert_eq!((claim.status, claim.justification.as_deref()), (status, justification));
        assert_eq!(claim.vulnerabilities.iter().collect::<Vec<_>>(), ["CVE-1", "GHSA-1"]);
        let ids: Vec<&str> = claim.products.iter().map(|product| product.id.as_str()).collect();
        assert_eq!(ids, ["pkg:npm/b@2", "pkg:npm/c@1"]);
        assert_eq!(claim.time.unwrap().to_string(), "2024-01-01T00:00:00.000Z");
    }
}

#[test]
fn the_latest_statement_holds() {
    let statement = |status: &str, time: &str, product: &str| {
        format!(
            r#"{{"vulnerability":{{"name":"CVE-1","aliases":["GHSA-1"]}},"products":[{product}],"status":"{status}","impact_statement":"i","timestamp":"{time}"}}"#
        )
    };
    let product = r#"{"@id":"pkg:npm/app@1","subcomponents":[{"@id":"pkg:npm/b@2"}]}"#;
    let status = |statements: &[String], id: &str, component: &str| {
        let vex = read(&openvex(&statements.join(","))).unwrap();
        vex.about(&BTreeSet::from([id.to_owned()]), component).map(|claim| claim.status)
    };
    let (early, late) = ("2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z");
    let first = statement("not_affected", early, product);
    let second = statement("affected", late, product);
    for order in [[first.clone(), second.clone()], [second, first.clone()]] {
        assert_eq!(status(&order, "CVE-1", "pkg:npm/b@2"), Some(Status::Affected));
    }
    let at_once = [statement("under_investigation", early, product), first.clone()];
    assert_eq!(status(&at_once, "GHSA-1", "pkg:npm/b@2"), Some(Status::UnderInvestigation));
    assert_eq!(
        status(std::slice::from_ref(&first), "CVE-1", "pkg:npm/app@1"),
        None,
        "it is about the component inside"
    );
    assert_eq!(status(std::slice::from_ref(&first), "CVE-1", "pkg:npm/b@3"), None);
    assert_eq!(status(&[first], "CVE-2", "pkg:npm/b@2"), None);
}

#[test]
fn refused() {
    let statement = |status: &str, more: &str| {
        openvex(&format!(
            r#"{{"vulnerability":{{"name":"CVE-1"}},"products":[{{"@id":"a"}}],"status":"{status}"{more}}}"#
        ))
    };
    let long = "a".repeat(2_000);
    let many = vec![r#"{"@id":"a"}"#; vex::PRODUCTS_MAX + 1].join(",");
    let analysis = |analysis: &str| cyclonedx(&format!(r#""analysis":{analysis},"#), r#"{"ref":"r"}"#);
    let triage = r#""analysis":{"state":"in_triage"},"#;
    for (text, why) in [
        ("{}".to_owned(), "neither OpenVEX"),
        (
            r#"{"@context":"https://openvex.dev/ns/v9","statements":[]}"#.into(),
            "only OpenVEX 0.0.1 and 0.2.0",
        ),
        (openvex(""), "it holds no statement"),
        (statement("harmless", ""), "$.statements[0].status: not a status"),
        (statement("not_affected", ""), "needs a `justification`"),
        (statement("not_affected", r#","justification":"because""#), "not a justification of OpenVEX"),
        (statement("fixed", r#","justification":"component_not_present""#), "beside another status"),
        (statement("fixed", r#","unless":"x""#), "$.statements[0].unless: not a field of OpenVEX"),
        (statement("fixed", r#","timestamp":"soon""#), "not a time of RFC 3339"),
        (statement("fixed", "").replace(r#""timestamp":"2024-01-01T00:00:00Z","#, ""), "has a `timestamp`"),
        (statement("fixed", "").replace(r#"{"@id":"a"}"#, ""), "it names no product"),
        (statement("fixed", "").replace(r#"{"@id":"a"}"#, "{}"), "neither `@id` nor"),
        (statement("fixed", "").replace(r#"{"@id":"a"}"#, r#"{"@id":" "}"#), "not an id"),
        (statement("fixed", "").replace(r#"{"@id":"a"}"#, &format!(r#"{{"@id":"{long}"}}"#)), "not an id"),
        (statement("fixed", "").replace(r#"{"@id":"a"}"#, &many), "more than 1000 items"),
        (statement("fixed", r#","status":"affected""#), "occurs twice"),
        (cyclonedx("", r#"{"ref":"r"}"#), "it holds no statement"),
        (analysis(r#"{"state":"not_affected"}"#), "needs a `justification` or a `detail`"),
        (analysis(r#"{"state":"calm"}"#), "not a state of CycloneDX"),
        (analysis(r#"{"state":"in_triage","justification":"x"}"#), "not a justification of CycloneDX"),
        (analysis(r#"{"justification":"code_not_present"}"#), "the field `state` is missing"),
        (cyclonedx(triage, ""), "`affects` names no component"),
        (cyclonedx(triage, r#"{"ref":"q"}"#), "no component of the document has this reference"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    for bytes in [&b"\xff\xfe{"[..], b"", b"\xff\xfe\0\0x"] {
        vex::read(bytes).unwrap_err();
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&deep).unwrap_err().contains("not sound JSON"));
}

/// One list of components that each product of each statement shares.
#[test]
fn shared_components_are_counted() {
    let list = |count: usize| (0..count).map(|n| format!("\"pkg:npm/a{n}@1\"")).collect::<Vec<_>>().join(",");
    let document = |products: usize, statements: usize| {
        let statement = format!(
            r#"{{"vulnerability":"CVE-1","status":"fixed","products":[{}],"subcomponents":[{}]}}"#,
            list(products),
            list(1_000)
        );
        let statements = vec![statement; statements].join(",");
        let head = r#""@context":"https://openvex.dev/ns","timestamp":"2024-01-01T00:00:00Z""#;
        read(&format!(r#"{{{head},"statements":[{statements}]}}"#))
    };
    assert_eq!(document(10, 1).unwrap().statements[0].products[9].components.len(), 1_000);
    for (products, statements) in [(1_000, 1), (10, 6)] {
        let error = document(products, statements).unwrap_err();
        assert!(error.contains("more than 50000 products and components"), "{error}");
    }
}

#[test]
fn mutations() {
    let product = r#"{"@id":"pkg:npm/app@1","identifiers":{"purl":"pkg:npm/app@1"},"subcomponents":[{"@id":"pkg:npm/b@2"}]}"#;
    let statement = format!(
        r#"{{"vulnerability":{{"name":"CVE-1","aliases":["GHSA-1"]}},"products":[{product}],"status":"not_affected","justification":"component_not_present","impact_statement":"i"}}"#
    );
    let analysis =
        r#""analysis":{"state":"not_affected","justification":"code_not_reachable","detail":"d"},"#;
    let mut seeds =
        vec![openvex(&statement).into_bytes(), cyclonedx(analysis, r#"{"ref":"r"}"#).into_bytes()];
    for file in suite("openvex").iter().flat_map(std::fs::read_dir).flatten() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        if bytes.len() <= SEED_BYTES_MAX && vex::read(&bytes).is_ok() {
            seeds.push(bytes);
        }
    }
    let mut random = fastrand::Rng::with_seed(18);
    let mut counts = [0, 0];
    for n in 0..MUTATIONS {
        let mutated = mutate(&mut random, &seeds[n % seeds.len()]);
        let Ok(vex) = vex::read(&mutated) else {
            counts[1] += 1;
            continue;
        };
        counts[0] += 1;
        for claim in &vex.statements {
            let text = String::from_utf8_lossy(&mutated);
            let has_cause = claim.justification.is_some() || claim.sentence.is_some();
            assert!(claim.status != Status::NotAffected || has_cause, "{text}");
            assert!(!claim.products.is_empty() && !claim.vulnerabilities.is_empty(), "{text}");
        }
    }
    assert!(counts.iter().all(|count| *count > MUTATIONS / 100), "{counts:?} were read and refused");
}
