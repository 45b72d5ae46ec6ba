//! `image-old`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-old",
        severity: Severity::High,
        title: "the image is older than allowed",
        why: "Its packages have the flaws that became known since.",
        remedy: "build it again on a base of today",
        same: &[],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    let Some(age) = &judged.asked.age else { return };
    let created = judged.image.config.created.as_deref();
    let made = created
        .and_then(|created| created.trim().parse::<jiff::Timestamp>().ok())
        .map(jiff::Timestamp::as_millisecond);
    let now = i64::try_from(age.now.millis()).unwrap_or(i64::MAX);
    match made {
        // Builders that want equal bytes write a day that is long past.
        None => hits.at(0, "it does not say when it was made"),
        Some(made) if made < FIRST_MS => hits.at(0, "the day that it says cannot be right"),
        Some(made) if made > now.saturating_add(DAY_MS) => {
            hits.at(0, "the day that it says is in the future")
        }
        Some(made) => {
            let days = now.saturating_sub(made) / DAY_MS;
            if days > i64::from(age.days_max) {
                hits.at(0, format!("{days} days, at most {}", age.days_max));
            }
        }
    }
}

const DAY_MS: i64 = 86_400_000;
/// 2000-01-01: there was no image before.
const FIRST_MS: i64 = 946_684_800_000;
