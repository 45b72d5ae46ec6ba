//! Files that want to hide from the rules, or to break their reader.

use std::collections::BTreeMap;

use scan::lint::{Subject, of};

const POD: &str =
    "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, securityContext: {privileged: true}}]}\n";

fn lint(path: &str, bytes: &[u8]) -> scan::lint::Lint {
    of(Subject::Infrastructure, &BTreeMap::from([(path.to_owned(), bytes.to_vec())])).unwrap()
}

#[test]
fn attack_what_cannot_be_read_is_undecided_and_never_nothing() {
    for (bytes, why) in [
        (format!("{POD}x: ["), "no YAML"),
        (format!("{POD}kind: ConfigMap\n"), "stands twice"),
        (format!("{POD}metadata: {{{{ .Values.x }}}}\n"), "it is a template"),
    ] {
        let found = lint("a.yaml", bytes.as_bytes());
        assert!(found.unread["a.yaml"].contains(why), "{:?}", found.unread);
        assert!(found.document.findings.values().all(|finding| finding.undecided));
        assert_eq!(found.document.findings.len(), 1);
    }
    assert!(lint("a.yaml", b"\xff\xff\x80apiVersion: v1\nkind: Pod\n").unread["a.yaml"].contains("no text"));
}

#[test]
fn attack_other_encodings_and_forms_hide_nothing() {
    let utf16: Vec<u8> = POD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe][..], &utf16].concat();
    let json = r#"{"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"name": "a", "securityContext": {"privileged": true}}]}}"#;
    let escaped = json.replace("apiVersion", "\\u0061piVersion");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", POD.trim_end().replace('\n', "\n  "));
    let later = format!("a: 1\n---\n{POD}");
    let merged = "apiVersion: v1\nkind: Pod\nx: &x {privileged: yes}\nspec: {containers: [{name: a, securityContext: {<<: *x}}]}\n";
    for bytes in [
        POD.as_bytes(),
        &utf16,
        &marked,
        json.as_bytes(),
        escaped.as_bytes(),
        list.as_bytes(),
        later.as_bytes(),
        merged.as_bytes(),
    ] {
        let found = lint("dir/a.YML", bytes);
        let rules: Vec<_> = found.document.findings.values().map(|finding| finding.rule.as_str()).collect();
        assert!(
            rules.contains(&"k8s-privileged"),
            "{}: {rules:?} {:?}",
            String::from_utf8_lossy(bytes),
            found.unread
        );
    }
}

#[test]
fn equal_places_are_kept_apart_and_moved_ones_are_the_same() {
    let ids = |text: &str| lint("a.yaml", text.as_bytes()).document.findings.into_keys().collect::<Vec<_>>();
    let two = format!("{POD}---\n{POD}");
    let privileged = |text: &str| {
        let found = lint("a.yaml", text.as_bytes()).document.findings;
        found.values().filter(|finding| finding.rule == "k8s-privileged").count()
    };
    assert_eq!((privileged(POD), privileged(&two)), (1, 2));
    assert_eq!(ids(POD), ids(&format!("# a comment\n\n{POD}")));
}
