//! Templates of CloudFormation that want to hide.

use std::collections::BTreeMap;

use scan::lint::{Lint, Subject, of};

fn lint(path: &str, text: &str) -> Lint {
    of(Subject::Infrastructure, &BTreeMap::from([(path.to_owned(), text.as_bytes().to_vec())])).unwrap()
}

#[test]
fn attack_templates_that_cannot_be_read_are_undecided() {
    for (text, why) in [
        ("AWSTemplateFormatVersion: '2010-09-09'\nResources: []\n", "no map"),
        ("Resources:\n  A: {Type: AWS::S3::Bucket}\n  A: {Type: AWS::S3::Bucket}\n", "stands twice"),
        ("Resources:\n  A: {Type: AWS::S3::Bucket}\n  B: {Properties: {}}\n", "no `Type`"),
        ("Resources:\n  A: {Type: AWS::S3::Bucket\n", "no YAML"),
    ] {
        let found = lint("a.yml", text);
        assert!(found.unread["a.yml"].contains(why), "{why}: {:?}", found.unread);
        assert!(found.document.findings.values().all(|finding| finding.undecided));
    }
}

#[test]
fn attack_forms_of_templates_hide_nothing_and_functions_are_no_values() {
    let count = |path: &str, text: &str| {
        let found = lint(path, text);
        assert!(found.unread.is_empty(), "{text}: {:?}", found.unread);
        found.document.findings.values().filter(|finding| finding.rule == "cfn-public-bucket").count()
    };
    for (path, text) in [
        (
            "a.template",
            "Resources:\n  A:\n    Type: 'AWS::S3::Bucket'\n    Properties: {AccessControl: \"PublicRead\"}\n",
        ),
        (
            "A.JSON",
            r#"{"Resources": {"A": {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "Public\u0052ead"}}}}"#,
        ),
        (
            "a.yml",
            "x: &x {AccessControl: PublicRead}\nResources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties: {<<: *x}\n",
        ),
        (
            "a.yml",
            "a: 1\n---\nResources:\n  A: {Type: AWS::S3::Bucket, Properties: {AccessControl: PublicRead}}\n",
        ),
    ] {
        assert_eq!(count(path, text), 1, "{text}");
    }
    for acl in ["!Ref Acl", "{Ref: Acl}", "!If [Open, PublicRead, Private]", "!Sub PublicRead${X}"] {
        let text = format!(
            "Resources:\n  A:\n    Type: AWS::S3::Bucket\n    Properties:\n      AccessControl: {acl}\n"
        );
        assert_eq!(count("a.yml", &text), 0, "{acl}");
    }
}
