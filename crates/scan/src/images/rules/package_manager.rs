//! `image-package-manager`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-package-manager",
        severity: Severity::Low,
        title: "the image has a package manager",
        why: "An attacker installs programs with it, and its database of packages goes out of date in every copy.",
        remedy: "copy the service and its libraries into an image without one, or remove it in the last step",
        same: &[],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    judged.programs(hits, |name| NAMES.contains(&name));
}

const NAMES: [&str; 19] = [
    "apt", "apt-get", "aptitude", "dpkg", "apk", "yum", "dnf", "dnf5", "microdnf", "tdnf", "rpm", "zypper",
    "pacman", "pip", "pip3", "npm", "yarn", "gem", "composer",
];
