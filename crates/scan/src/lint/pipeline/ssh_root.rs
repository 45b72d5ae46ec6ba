//! `pipeline-ssh-root`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-ssh-root",
        severity: Severity::High,
        title: "a step gets a key for root of other machines",
        why: "What the step runs, and whoever gets into it, owns each of these machines.",
        remedy: "name an account that may do only this, and a `command`",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (name, service) in description.services() {
        for step in service.get("before").map(Marked::items).unwrap_or_default() {
            for (key, access) in step.get("ssh").into_iter().flat_map(Marked::entries) {
                let accounts = access.get("principals").map(Marked::items).unwrap_or_default();
                for account in accounts.iter().filter(|account| account.text() == Some("root")) {
                    hits.of(account, format!("{name}: {key}"));
                }
            }
        }
    }
}
