//! `image-root-user`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-root-user",
        severity: Severity::Medium,
        title: "programs of the image run as root",
        why: "A flaw in the service then gives an attacker every right in the container, and a flaw in the kernel or runtime the host.",
        remedy: "end the Dockerfile with `USER` and an account without rights, by number",
        same: &["CIS-DI-0001"],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    let config = &judged.image.config;
    let user = config.user().split(':').next().unwrap_or_default();
    // As runtimes read it: `+0` is a number, too.
    let is_zero = |text: &str| text.parse::<i64>() == Ok(0);
    if user.is_empty() {
        hits.at(0, "no user is set");
    } else if is_zero(user) || user == "root" {
        hits.at(0, format!("user {user}"));
    } else if judged.accounts().any(|(name, number)| name == user && is_zero(&number)) {
        hits.at(0, format!("user {user}, which has the number 0"));
    }
}
