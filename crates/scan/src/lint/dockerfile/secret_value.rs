//! `dockerfile-secret-value`.
//!
//! Arguments are in the history of the image: <https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/>.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::plain_secret::{is_literal_secret, is_secret_name};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-secret-value",
        severity: Severity::High,
        title: "a secret is an argument or a variable of the image",
        why: "It stays in the image and its history, where everybody who can pull the image reads it.",
        remedy: "give it to the step that needs it with `RUN --mount=type=secret`",
        same: &["AVD-DS-0031"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    let instructions = file.globals.iter().chain(file.named("ARG")).chain(file.named("ENV"));
    for instruction in instructions {
        for (name, value) in instruction.pairs() {
            // The value of an argument comes from outside, and lands in the history of the image too.
            let is_given = instruction.name == "ARG" && value.as_deref().is_none_or(str::is_empty);
            let is_passed_on = value.as_deref().is_some_and(|value| value.starts_with('$'));
            let is_written = value.as_deref().is_some_and(is_literal_secret);
            if is_secret_name(&name) && (is_given || is_passed_on || is_written) {
                hits.secret_at(instruction.line, format!("{} {name}", instruction.name));
            }
        }
    }
}
