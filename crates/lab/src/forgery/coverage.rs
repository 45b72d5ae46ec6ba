//! Coverage in the report lane: of several runners the lowest counts.

use evidence::document::coverage::Lines;
use evidence::document::{CoverageDocument, Tool};

use super::documents::{one_saw, with};
use super::row::{Forgery, forged};
use crate::documents::LabDocument;
use crate::files::PIPELINE_COVERAGE;
use crate::world::Lab;

pub(super) fn rows() -> Vec<Forgery> {
    vec![
        forged("coverage that one runner alone saw fall", "coverage-low", |lab, parts| {
            parts.documents.insert(PATH.into(), LabDocument::of(&covered(&[("src/main.rs", 9)])));
            one_saw(lab, parts, PATH, &LabDocument::of(&covered(&[("src/main.rs", 7)])));
        })
        .in_lab(floor),
        forged("a file that one runner alone measured", "coverage-low", |lab, parts| {
            let more = [("src/main.rs", 9), ("src/more.rs", 9)];
            parts.documents.insert(PATH.into(), LabDocument::of(&covered(&[("src/main.rs", 9)])));
            one_saw(lab, parts, PATH, &LabDocument::of(&covered(&more)));
        })
        .in_lab(floor),
    ]
}

/// Files of ten lines, with the lines that ran.
fn covered(files: &[(&str, u64)]) -> CoverageDocument {
    let mut document = CoverageDocument::new([Tool::new("lcov", None)]);
    document.files =
        files.iter().map(|(path, n)| ((*path).to_owned(), Lines { covered: *n, total: 10 })).collect();
    document
}

/// A policy with a floor of 80 percent, which the honest report keeps.
fn floor(lab: &mut Lab) {
    lab.pipeline = PIPELINE_COVERAGE;
    lab.policy = with(
        "reads contains {\"kind\": \"coverage\"}
deny contains {\"code\": \"coverage-low\", \"what\": \"fewer than 80 of 100 lines ran\", \"remedy\": \"test more\"} if {
\tinput.coverage.lines.covered * 100 < input.coverage.lines.total * 80
}
",
    );
}

const PATH: &str = "out/lcov.info";
