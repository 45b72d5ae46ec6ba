//! Whether a secret has to be rotated: by its age, or because of a release.
//!
//! Invariant: pure; a moment comes in. It is due from the last tenth of its cadence on, so that no secret is refused meanwhile.

use std::time::Duration;

use evidence::Moment;
use evidence::rotation_recipe::RotationRecipe;

/// The age of a secret's newest version, and of the newest release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Age {
    /// The moment at which it was put; `None` if no version counts.
    pub put: Option<Moment>,
    /// Days of the cadence that the secret itself has.
    pub rotate_days: Option<u32>,
    /// The moment of the newest release at the place that the recipe names.
    pub released: Option<Moment>,
}

/// Why a secret is due; `None` if it is not.
#[must_use]
pub fn why_due(recipe: &RotationRecipe, age: &Age, now: Moment) -> Option<String> {
    let Some(put) = age.put else { return Some("no version of it counts".to_owned()) };
    let days = [recipe.every_days, age.rotate_days].into_iter().flatten().min();
    if let Some(days) = days {
        let begins = put.later_by(Duration::from_secs(u64::from(days) * DAY_SECONDS / 10 * 9));
        if now >= begins {
            return Some(format!(
                "its version is of {put}, and a newer one is due every {}",
                days_text(days)
            ));
        }
    }
    let (place, released) =
        (recipe.after_release.as_ref()?, age.released.filter(|released| *released > put)?);
    Some(format!("{place} has a release of {released}, and its version is of {put}"))
}

fn days_text(days: u32) -> String {
    shown::many(usize::try_from(days).unwrap_or(usize::MAX), "day")
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64, second: u64) -> Moment {
        Moment::from_millis((day * DAY_SECONDS + second) * 1_000).unwrap()
    }

    #[test]
    fn a_secret_is_due_by_its_age_or_after_a_release() {
        let recipe = |more: &str| {
            let text = format!("version: 1\nsecret: shop/token\nsource: input\n{more}");
            RotationRecipe::parse(text.as_bytes()).unwrap()
        };
        let age = Age { put: Some(at(100, 0)), ..Age::default() };
        let due = |more: &str, age: &Age, now| why_due(&recipe(more), age, now);
        assert_eq!(due("", &age, at(9_000, 0)), None, "nobody asks for a cadence");
        assert_eq!(due("", &Age::default(), at(0, 0)).unwrap(), "no version of it counts");
        let every = "every-days: 30";
        assert_eq!(due(every, &age, at(126, DAY_SECONDS - 1)), None);
        let words = "its version is of 1970-04-11T00:00:00.000Z, and a newer one is due every 30 days";
        assert_eq!(due(every, &age, at(127, 0)).unwrap(), words);
        let own = Age { rotate_days: Some(10), ..age };
        assert!(due(every, &own, at(109, 0)).is_some() && due(every, &own, at(108, 0)).is_none());
        let after = "after-release: shop/api/production";
        let released = |day, second| Age { released: Some(at(day, second)), ..age };
        assert_eq!(due(after, &released(100, 0), at(200, 0)), None);
        let words = "shop/api/production has a release of 1970-04-11T00:00:01.000Z, and its version is of 1970-04-11T00:00:00.000Z";
        assert_eq!(due(after, &released(100, 1), at(200, 0)).unwrap(), words);
        assert_eq!(due("", &released(100, 1), at(200, 0)), None);
    }
}
