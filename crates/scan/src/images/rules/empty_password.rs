//! `image-empty-password`.

use evidence::document::findings::Severity;
use evidence::document::text;

use super::subject::Judged;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-empty-password",
        severity: Severity::High,
        title: "an account has an empty password",
        why: "Everybody who reaches a login or `su` in the container becomes this account.",
        remedy: "lock the account by `passwd -l`, or remove it",
        same: &["DKL-LI-0001"],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    for path in ["etc/passwd", "etc/shadow"] {
        let lines = String::from_utf8_lossy(judged.image.file(path).unwrap_or_default()).into_owned();
        for line in lines.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split(':');
            let (name, password) = (fields.next().unwrap_or_default(), fields.next());
            if !name.is_empty() && password == Some("") {
                hits.in_file(path, format!("account {}", text(name, 100)));
            }
        }
    }
}
