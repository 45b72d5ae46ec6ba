//! `script-unsigned-packages`.

use evidence::document::findings::Severity;

use super::Source;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-unsigned-packages",
        severity: Severity::High,
        title: "packages are installed without a check of their signature",
        why: "Anybody between this machine and the mirror, or the mirror itself, can give packages that run as root.",
        remedy: "remove the option, and add the key of the repository to those that are trusted",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    for command in source.script.all().filter(|command| is_unchecked(command)) {
        hits.at(command.line, command.shown());
    }
}

fn is_unchecked(command: &Command) -> bool {
    let has_text =
        |text: &str| command.args().iter().any(|word| word.text.to_ascii_lowercase().contains(text));
    match command.program() {
        "apt-get" | "apt" | "aptitude" => {
            command.has(&["--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"])
                || has_text("allowunauthenticated=true")
                || has_text("allowinsecurerepositories=true")
        }
        "yum" | "dnf" | "microdnf" | "tdnf" => {
            command.has(&["--nogpgcheck", "--no-gpg-checks"]) || has_text("gpgcheck=0")
        }
        "zypper" => command.has(&["--no-gpg-checks", "--no-gpg-check"]),
        "rpm" => command.has(&["--nosignature", "--nodigest", "--nogpg"]),
        "apk" => command.has(&["--allow-untrusted"]),
        "echo" | "printf" => has_text("[trusted=yes]"),
        _ => false,
    }
}
