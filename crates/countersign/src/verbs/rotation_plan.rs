//! The steps of a rotation in words, for the person who is asked, and for a dry run.
//!
//! Invariant: pure; it says what the recipe does and nothing of any value.

use client::rotation::{Journal, Step};
use evidence::rotation_recipe::{RotationRecipe, Source};
use evidence::statements::GrantedSecret;

use super::secret_rotation::PLACE_DAYS;

/// The steps that are left.
pub fn steps(recipe: &RotationRecipe, journal: &Journal) -> Vec<String> {
    let (former, number) = (journal.former.number, journal.number);
    let mut steps = Vec::new();
    if journal.step < Step::Put {
        steps.push(made(recipe));
        steps.push(sealed(recipe, number));
    }
    if journal.step < Step::Switched && !journal.incident {
        steps.push(waited(recipe, number));
    }
    if former == 0 {
        return steps;
    }
    if journal.step < Step::Retired {
        let at_once =
            if journal.incident { "at once, without waiting for anybody who uses it: " } else { "" };
        steps.push(format!("{at_once}{}", retired(recipe)));
    }
    if journal.incident {
        steps.push(match (&journal.secret, journal.former.statement) {
            (GrantedSecret::Build(_), _) => format!("version {former} is destroyed"),
            (GrantedSecret::Deploy(_), Some(statement)) => {
                format!("version {former} is withdrawn by a status that you sign: {statement}")
            }
            (GrantedSecret::Deploy(_), None) => format!("version {former} does not count already"),
        });
    }
    steps
}

fn made(recipe: &RotationRecipe) -> String {
    match &recipe.source {
        Source::Input => "the next value is read from standard input".to_owned(),
        Source::Command(words) => format!(
            "`{}` prints the next value, which is valid beside the former one; after an interruption it is called again",
            shown::line(&words.join(" "))
        ),
        Source::Postgres(postgres) => {
            let [one, other] = &postgres.users;
            format!(
                "of the users `{one}` and `{other}` of database `{}` at {}, the one that may not log in gets a new password and may",
                shown::line(&postgres.database),
                shown::line(&postgres.host)
            )
        }
    }
}

fn sealed(recipe: &RotationRecipe, number: u32) -> String {
    match &recipe.place {
        None => {
            let ends = recipe.expires_days.map(|days| format!(", for {}", days_text(days)));
            format!("it is sealed here and put as version {number}{}", ends.unwrap_or_default())
        }
        Some(place) => {
            let days = recipe.expires_days.unwrap_or(PLACE_DAYS);
            let days = days_text(days);
            format!(
                "it is sealed here to the agents of {place}, and you sign it as version {number}, for {days}"
            )
        }
    }
}

fn days_text(days: u32) -> String {
    shown::many(usize::try_from(days).unwrap_or(usize::MAX), "day")
}

fn waited(recipe: &RotationRecipe, number: u32) -> String {
    let seconds = shown::many(usize::try_from(recipe.wait().as_secs()).unwrap_or(usize::MAX), "second");
    match &recipe.place {
        None => format!("until no step at work has an older version, for at most {seconds}"),
        Some(_) => format!(
            "until each agent reports that its service runs with version {number}, for at most {seconds}"
        ),
    }
}

fn retired(recipe: &RotationRecipe) -> String {
    match (&recipe.source, &recipe.retire) {
        (Source::Postgres(_), _) => {
            "the former user loses its password and may not log in any more, and its sessions end".to_owned()
        }
        (_, Some(retire)) => format!(
            "`{}` makes the former value invalid; after an interruption it may be called again",
            shown::line(&retire.command.join(" "))
        ),
        (_, None) => "nothing makes the former value invalid: the recipe names no `retire`".to_owned(),
    }
}
