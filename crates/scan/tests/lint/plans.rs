//! Plans of Terraform: published ones, and those that want to hide.

use std::collections::BTreeMap;

use scan::lint::{Lint, Subject, of};

use crate::published_vectors::{json_files, suite};

fn lint(text: &str) -> Lint {
    of(Subject::Infrastructure, &BTreeMap::from([("plan.json".to_owned(), text.as_bytes().to_vec())]))
        .unwrap()
}

const BUCKET: &str = r#"{"address": "aws_s3_bucket.a", "mode": "managed", "type": "aws_s3_bucket", "name": "a", "values": {"acl": "public-read"}}"#;

fn planned(head: &str, resources: &str) -> String {
    format!(r#"{{{head}, "planned_values": {{"root_module": {{"resources": [{resources}]}}}}}}"#)
}

fn changed(actions: &str, after: &str) -> String {
    format!(
        r#"{{"format_version": "1.2", "resource_changes": [{{"address": "aws_s3_bucket.a", "type": "aws_s3_bucket", "change": {{"actions": [{actions}], "after": {after}}}}}]}}"#
    )
}

#[test]
fn published_plans_are_read_or_undecided_for_a_reason() {
    let Some(vectors) = suite("terraform-plans") else { return };
    let mut read = 0;
    for file in json_files(&vectors) {
        let text = std::fs::read_to_string(&file).unwrap();
        let lint = lint(&text);
        if file.parent().unwrap().ends_with("invalid") {
            assert!(lint.unread["plan.json"].contains("no JSON"), "{:?}", lint.unread);
        } else {
            assert!(lint.unread.is_empty(), "{}: {:?}", file.display(), lint.unread);
            assert_eq!(lint.files.get("Terraform"), Some(&1), "{}", file.display());
            read += 1;
        }
    }
    assert_eq!(read, 20);
}

#[test]
fn attack_plans_that_cannot_be_read_are_undecided() {
    let sound = planned(r#""format_version": "1.2""#, BUCKET);
    for (text, why) in [
        (planned(r#""format_version": "2.0""#, BUCKET), "only 0.x and 1.x"),
        (planned(r#""format_version": 1"#, BUCKET), "no text"),
        (planned(r#""format_version": "1.2", "errored": true"#, BUCKET), "ended in an error"),
        (planned(r#""format_version": "1.2", "format_version": "1.2""#, BUCKET), "stands twice"),
        (sound.replace(r#""acl":"#, r#""acl": "private", "acl":"#), "stands twice"),
        (sound.replace(r#""values":"#, r#""value":"#), "`values` are no object"),
        (sound.replace(r#""type":"#, r#""kind":"#), "no `type`"),
        (sound.replace("[{", "{\"a\": {").replace("}]", "}}"), "no list"),
        (planned(r#""format_version": "1.2", "resource_changes": null"#, BUCKET), "no list"),
        (sound[..sound.len() - 3].to_owned(), "no JSON"),
        (changed(r#""create""#, "null"), "no object"),
        (r#"{"format_version": "1.2", "planned_values": {}}"#.to_owned(), "no `root_module`"),
        (sound.replace(r#""acl": "public-read""#, r#""policy": "{""#), "its policy is no JSON"),
    ] {
        let found = lint(&text);
        assert!(found.unread["plan.json"].contains(why), "{why}: {:?}", found.unread);
        assert!(found.document.findings.values().all(|finding| finding.undecided));
    }
}

#[test]
fn what_exists_after_the_plan_is_judged_wherever_it_stands() {
    let sound = planned(r#""format_version": "1.2""#, BUCKET);
    let nested = sound
        .replace(r#""resources": ["#, r#""child_modules": [{"child_modules": [{"resources": ["#)
        .replace("]}}}", "]}]}]}}}");
    let escaped = sound.replace("planned", "\\u0070lanned").replace("acl", "\\u0061cl");
    let acl = r#"{"acl": "public-read"}"#;
    let deferred = changed(r#""create""#, acl)
        .replace("resource_changes", "deferred_changes")
        .replace(r#"[{"address""#, r#"[{"resource_change": {"address""#);
    let deferred = deferred.replace("}}]}", "}}}], \"planned_values\": {\"root_module\": {}}}");
    let is_public = |text: &str| {
        let found = lint(text);
        assert!(found.unread.is_empty(), "{text}: {:?}", found.unread);
        found.document.findings.values().any(|finding| finding.rule == "terraform-public-bucket")
    };
    for text in [
        &sound,
        &nested,
        &escaped,
        &deferred,
        &format!("\u{feff}\n{sound}"),
        &changed(r#""no-op""#, acl),
        &changed(r#""delete", "create""#, acl),
    ] {
        assert!(is_public(text), "{text}");
    }
    for text in
        [changed(r#""delete""#, "null"), changed(r#""forget""#, "null"), sound.replace("managed", "data")]
    {
        assert!(!is_public(&text), "{text}");
    }
}
