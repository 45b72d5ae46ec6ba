//! `dockerfile-unpinned-packages`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use super::packages::Packages;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-unpinned-packages",
        severity: Severity::Low,
        title: "packages are installed without a version",
        why: "Each build can install other software, so a tested image cannot be built again.",
        remedy: "name the version of each package: `curl=7.88.1-10`, `requests==2.32.3`, `npm@10.9.2`",
        same: &["DL3008", "DL3013", "DL3016", "DL3018", "DL3028", "DL3033", "DL3037", "DL3041"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for command in run.script.all() {
            let Some(packages) = Packages::of(command) else { continue };
            let first = packages.unpinned().next().map(str::to_owned);
            if let Some(first) = first {
                hits.at(command.line, format!("{}: {first}", packages.manager));
            }
        }
    }
}
