//! `image-secret-value`.

use evidence::document::findings::Severity;
use evidence::document::text;

use super::subject::Judged;
use crate::lint::plain_secret::is_secret;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-secret-value",
        severity: Severity::High,
        title: "a secret stands in the configuration of the image",
        why: "Everybody who may pull the image reads it, with one command and without running anything.",
        remedy: "revoke it, and give it to the container when it starts, or to one step of the build by `--mount=type=secret`",
        same: &["CIS-DI-0010"],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    let config = &judged.image.config;
    // A text that cannot be scanned may hold anything.
    let is_known = |text: &str| {
        let found = crate::secrets::scan("configuration", text.as_bytes());
        !found.is_ok_and(|found| found.is_empty())
    };
    for (name, value) in config.environment() {
        if is_secret(name, value) || is_known(&format!("{name}={value}")) {
            hits.secret_at(0, format!("variable {}", text(name, 100)));
        }
    }
    for (name, value) in config.labels() {
        if is_secret(name, value) || is_known(&format!("{name}={value}")) {
            hits.secret_at(0, format!("label {}", text(name, 100)));
        }
    }
    if is_known(&config.program().collect::<Vec<_>>().join(" ")) {
        hits.secret_at(0, "the program that is run, or its arguments");
    }
    for (number, step) in config.history().iter().enumerate() {
        let command = step.created_by.as_deref().unwrap_or_default();
        // Arguments of the build stand before the command: `|1 TOKEN=abc /bin/sh -c ...`.
        let words =
            command.split_whitespace().filter_map(|word| word.trim_matches(['"', '\'']).split_once('='));
        let is_named =
            words.into_iter().any(|(name, value)| is_secret(name, value.trim_matches(['"', '\''])));
        if is_named || is_known(command) {
            hits.secret_at(0, format!("step {} of the history", number + 1));
        }
    }
}
