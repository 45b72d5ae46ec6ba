//! `image-compiler`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-compiler",
        severity: Severity::Low,
        title: "the image has a compiler or a linker",
        why: "An attacker builds tools in the container that nobody scanned.",
        remedy: "build in one stage, and copy only what runs into the last one",
        same: &[],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    judged.programs(hits, |name| {
        // `x86_64-linux-gnu-gcc-12` is `gcc`.
        let stem = name
            .trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
            .trim_end_matches('-');
        let stem =
            stem.rsplit_once("-gnu-").or_else(|| stem.rsplit_once("-musl-")).map_or(stem, |(_, stem)| stem);
        NAMES.contains(&stem)
    });
}

const NAMES: [&str; 16] = [
    "gcc", "g++", "cc", "c++", "cpp", "clang", "clang++", "tcc", "ld", "lld", "as", "rustc", "go", "javac",
    "gfortran", "make",
];
