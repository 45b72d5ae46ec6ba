//! `dockerfile-unsigned-packages`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-unsigned-packages",
        severity: Severity::High,
        title: "packages are installed without checking their signature",
        why: "A mirror, or anybody on the way, can put other software into the image.",
        remedy: "remove the option, and add the key of the repository with `signed-by`",
        same: &["CKV2_DOCKER_7", "CKV2_DOCKER_8", "CKV2_DOCKER_9", "CKV2_DOCKER_10", "CKV2_DOCKER_11"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for command in run.script.all().filter(|command| is_unsigned(command)) {
            hits.at(command.line, command.shown());
        }
    }
}

fn is_unsigned(command: &Command) -> bool {
    let has = |options: &[&str]| {
        command.args().iter().any(|word| options.contains(&word.text.to_ascii_lowercase().as_str()))
    };
    let tells = |texts: &[&str]| {
        command
            .words
            .iter()
            .any(|word| texts.iter().any(|text| word.text.to_ascii_lowercase().contains(text)))
    };
    match command.program() {
        "apt-get" | "apt" | "aptitude" => {
            has(&["--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"])
                || tells(&[
                    "allowunauthenticated=true",
                    "allowunauthenticated=1",
                    "allowinsecurerepositories=true",
                    "allowinsecurerepositories=1",
                ])
        }
        "apk" => has(&["--allow-untrusted"]),
        "yum" | "dnf" | "microdnf" => {
            has(&["--nogpgcheck", "--no-gpgchecks"]) || tells(&["gpgcheck=0", "gpgcheck=false"])
        }
        "yum-config-manager" | "rpm" => {
            has(&["--nosignature", "--nodigest"]) || tells(&["gpgcheck=0", "gpgcheck=false"])
        }
        "zypper" => has(&["--no-gpg-checks", "--gpg-auto-import-keys", "--allow-unsigned-rpm"]),
        "echo" | "printf" | "add-apt-repository" => tells(&["[trusted=yes", " trusted=yes", "gpgcheck=0"]),
        _ => false,
    }
}
