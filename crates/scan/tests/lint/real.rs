//! Findings in other people's files, to be compared with those of other tools (docs/conformance.md).

use scan::lint::{Subject, of};

use crate::tree;

/// `COUNTERSIGN_LINT_DIR=DIR cargo test -p scan --test lint findings_of -- --ignored --nocapture`
#[test]
#[ignore = "it prints what is found in a directory that you name"]
fn findings_of_a_directory() {
    let dir = std::env::var_os("COUNTERSIGN_LINT_DIR").expect("COUNTERSIGN_LINT_DIR names a directory");
    let files = tree(std::path::Path::new(&dir));
    for subject in [Subject::Infrastructure, Subject::Pipelines] {
        let lint = of(subject, &files).unwrap();
        for finding in lint.document.findings.values() {
            println!("finding\t{:?}\t{}\t{}", finding.site, finding.rule, finding.message);
        }
        println!("files\t{:?}\tunread\t{:?}", lint.files, lint.unread);
    }
}
