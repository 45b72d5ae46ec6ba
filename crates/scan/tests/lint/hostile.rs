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
        // Braces elsewhere make no template of a file that cannot be read.
        (format!("# {{{{\n{POD}a: 1\nb: 2\nc: 3\na: 2\n"), "stands twice"),
    ] {
        let found = lint("a.yaml", bytes.as_bytes());
        assert!(found.unread["a.yaml"].contains(why), "{:?}", found.unread);
        assert!(found.document.findings.values().all(|finding| finding.undecided));
        assert_eq!(found.document.findings.len(), 1);
    }
    let twice = r#"{"apiVersion": "v1", "k\u0069nd": "Pod", "spec": {}, "spec": {}}"#;
    assert!(lint("a.json", twice.as_bytes()).unread["a.json"].contains("stands twice"));
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

fn pipeline(path: &str, text: &str) -> Vec<String> {
    let files = BTreeMap::from([(path.to_owned(), text.as_bytes().to_vec())]);
    let found = of(Subject::Pipelines, &files).unwrap();
    found.document.findings.values().map(|finding| finding.rule.clone()).collect()
}

#[test]
fn attack_workflows_hide_nothing_in_other_forms() {
    let path = "vendor/a/.github/workflows/a.YAML";
    let job = |step: &str| format!("\"on\": [Issues]\njobs: {{a: {{steps: [{step}]}}}}\n");
    for (text, rule) in [
        (job("{run: \"echo ${{ GitHub.Event['Issue'].TITLE }}\"}"), "github-event-in-code"),
        (job("{run: \"echo ${{github.event[inputs.x].title}}\"}"), "github-event-in-code"),
        (job("{uses: \"Actions/Checkout@V5\"}"), "github-unpinned-action"),
        (job("{run: \"cu\\\"r\\\"l https://a.example | s\\\\h\"}"), "github-pipe-to-shell"),
        (job("{env: &e {ACTIONS_ALLOW_UNSECURE_COMMANDS: yes}, run: a}"), "github-unsecure-commands"),
        ("on: issues\nx: &x {uses: a/b@v1}\njobs: {a: {steps: [*x]}}\n".to_owned(), "github-unpinned-action"),
        ("on: push\njobs: {a: {steps: [}\n".to_owned(), "not-scanned"),
        ("on: push\n".to_owned(), "not-scanned"),
        ("jobs: {a: {}}\njobs: {}\n".to_owned(), "not-scanned"),
    ] {
        let rules = pipeline(path, &text);
        assert!(rules.iter().any(|own| own == rule), "{text}: {rules:?}");
    }
    assert_eq!(pipeline("a/action.yml", "a: [\nruns: {using: x}"), ["not-scanned"]);
    assert_eq!(pipeline("a/action.yml", "a: 1\n"), Vec::<String>::new());
}

/// Hostile workflows and scripts end soon.
#[test]
fn attack_long_pipelines_are_judged() {
    let expression = format!("${{{{ {}github.head_ref }}}}", "'' || (".repeat(20_000));
    let many = "      - run: |\n          echo \"${{ github.head_ref }}\" >> $GITHUB_ENV\n".repeat(2_000);
    let text = format!("on: pull_request\njobs:\n  a:\n    steps:\n{many}      - run: echo {expression}\n");
    let rules = pipeline(".github/workflows/a.yml", &text);
    assert_eq!(rules.iter().filter(|rule| *rule == "github-event-in-code").count(), 2_001);
    for part in ["$(", "\t$(", "a:=$(", "sh \"\"\"${", "'", "\\\n", "function ", "eval \"$1\"; "] {
        for path in ["a.sh", "Makefile", "Jenkinsfile"] {
            let _ = pipeline(path, &part.repeat(3_000));
        }
    }
}
