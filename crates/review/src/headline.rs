//! The first sentences of pages: how things stand, with numbers in words.
//!
//! Invariant: a sentence is true in every state. A service is called healthy where its badge says so, and nowhere else.

use crate::place_state::PlaceState;

/// A place of a service, as far as a headline tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceFacts<'a> {
    /// Its environment.
    pub environment: &'a str,
    /// How the service does there.
    pub state: PlaceState,
    /// Whether the place is frozen, whatever runs there.
    pub frozen: bool,
    /// The release that is pending there, with its state in a word.
    pub pending: Option<(u64, &'a str)>,
}

/// How things stand: the number of things that wait for people, of those that are stopped, and how services do, each with its name:
/// `api in production`. `exposed` are the places where an open finding runs, with its sort: `critical`.
#[must_use]
pub fn of_overview(
    (waiting, stopped): (usize, usize),
    places: &[(String, PlaceState)],
    exposed: (&[String], &str),
) -> String {
    let waits = match (waiting, stopped) {
        (0, _) => "Nothing waits for a person.".to_owned(),
        (1, 0) => "One thing waits for a person.".to_owned(),
        (1, _) => "One thing is stopped and waits for a person.".to_owned(),
        (many, 0) => format!("{} things wait for a person.", capital(&words(many))),
        (many, stopped) => {
            format!("{} things wait for a person, {} of them stopped.", capital(&words(many)), words(stopped))
        }
    };
    let found = exposed.0.iter().map(String::as_str).collect::<Vec<_>>();
    let found = match found.as_slice() {
        [] => String::new(),
        [one] => format!(" {one} runs a {} finding.", exposed.1),
        many => format!(" {} run a {} finding.", few(many), exposed.1),
    };
    format!("{waits} {}{found}", health(places))
}

fn health(places: &[(String, PlaceState)]) -> String {
    let of = |which: &dyn Fn(PlaceState) -> bool| -> Vec<&str> {
        places.iter().filter(|(_, state)| which(*state)).map(|(name, _)| name.as_str()).collect()
    };
    let unhealthy = of(&PlaceState::is_unhealthy);
    match unhealthy.as_slice() {
        [] => {}
        [one] => return format!("One service is not healthy: {one}."),
        many => {
            return format!("{} services are not healthy: {}.", capital(&words(many.len())), few(many));
        }
    }
    if places.iter().all(|(_, state)| *state == PlaceState::Nothing) {
        return "Nothing runs yet.".to_owned();
    }
    let told = OVERVIEW.iter().filter_map(|(state, one, more)| {
        let names = of(&|found| found == *state);
        let verb = if names.len() == 1 { one } else { more };
        (!names.is_empty()).then(|| format!("{} {verb}", few(&names)))
    });
    let told: Vec<String> = told.collect();
    match told.as_slice() {
        [] => "Everything that runs is healthy.".to_owned(),
        all => format!("No service is down; {}.", all.join("; ")),
    }
}

/// How a service does at all its places: the worst first, then freezes, then the releases that are pending.
#[must_use]
pub fn of_service(service: &str, places: &[PlaceFacts<'_>]) -> String {
    let all = |which: &dyn Fn(&PlaceFacts<'_>) -> bool| -> Vec<&str> {
        places.iter().filter(|place| which(place)).map(|place| place.environment).collect()
    };
    let did = SERVICE.iter().filter_map(|(state, verb)| {
        let at = all(&|place| place.state == *state);
        (!at.is_empty()).then(|| format!("{verb} {}", and(&at)))
    });
    let did: Vec<String> = did.collect();
    let did: Vec<&str> = did.iter().map(String::as_str).collect();
    let mut parts = vec![match places.iter().all(|place| place.state == PlaceState::Nothing) {
        true => format!("{service} does not run anywhere"),
        false => format!("{service} {}", and(&did)),
    }];
    let frozen = all(&|place| place.frozen);
    match frozen.as_slice() {
        [] => {}
        [one] => parts.push(format!("{one} is frozen")),
        many if many.len() == places.len() => parts.push("every place is frozen".to_owned()),
        many => parts.push(format!("{} are frozen", and(many))),
    }
    let pending = places.iter().filter_map(|place| Some((place.environment, place.pending?)));
    parts.extend(
        pending.map(|(environment, (release, word))| format!("release {release} to {environment}: {word}")),
    );
    parts.join("; ")
}

/// How trust stands: a root that has ended, then the number of listed things that have ended, and of those that end soon.
#[must_use]
pub fn of_trust(root: u32, root_has_ended: bool, (ended, soon): (usize, usize), frozen: &[String]) -> String {
    let things = |count: usize, one: &str, more: &str| match count {
        1 => format!("one thing {one}"),
        count => format!("{} things {more}", words(count)),
    };
    let soon_text = things(soon, "ends within two weeks", "end within two weeks");
    let ends = match (root_has_ended, ended, soon) {
        (true, _, _) => format!("Trust root {root} has ended: nothing is released until it is renewed"),
        (false, 0, 0) => format!("Trust root {root} is in force; nothing listed here ends within two weeks"),
        (false, 0, _) => capital(&soon_text),
        (false, ended, 0) => capital(&things(ended, "has ended", "have ended")),
        (false, ended, _) => {
            format!("{}; {soon_text}", capital(&things(ended, "has ended", "have ended")))
        }
    };
    let names: Vec<&str> = frozen.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => ends,
        [one] => format!("{ends}; {one} is frozen"),
        many => format!("{ends}; {} are frozen", few(many)),
    }
}

/// Names in one line, at most so many that a headline can be read.
fn few(names: &[&str]) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let named: Vec<&str> = names.iter().take(NAMED_MAX).copied().collect();
    match more {
        0 => and(&named),
        more => format!("{} and {} more", named.join(", "), words(more)),
    }
}

/// Texts in one line: `a`, `a and b`, `a, b and c`.
fn and(texts: &[&str]) -> String {
    match texts {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A small number as a word, a larger one in digits.
#[must_use]
pub fn words(number: usize) -> String {
    match number.checked_sub(1) {
        None => "no".to_owned(),
        Some(nth) => WORDS.get(nth).map_or_else(|| number.to_string(), |word| (*word).to_owned()),
    }
}

/// A text whose first letter is a capital letter.
#[must_use]
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

const WORDS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
/// Most services that the headline names.
const NAMED_MAX: usize = 3;

/// States that the overview tells although the service works, with the ends of their sentences, the one that matters most first.
const OVERVIEW: [(PlaceState, &str, &str); 6] = [
    (PlaceState::ChecksLost, "was not checked", "were not checked"),
    (PlaceState::RolledBack, "was rolled back", "were rolled back"),
    (PlaceState::RollingBack, "is rolling back", "are rolling back"),
    (PlaceState::RollingOut, "is rolling out", "are rolling out"),
    (PlaceState::Checking, "is being checked", "are being checked"),
    (PlaceState::Frozen, "is frozen", "are frozen"),
];
/// Verbs for each state of a service in an environment, the one that matters most first.
const SERVICE: [(PlaceState, &str); 12] = [
    (PlaceState::Failed, "failed in"),
    (PlaceState::Down, "is down in"),
    (PlaceState::Silent, "has a silent agent in"),
    (PlaceState::ChecksFailed, "failed its checks in"),
    (PlaceState::ChecksLost, "was not checked in"),
    (PlaceState::RolledBack, "was rolled back in"),
    (PlaceState::RollingBack, "is rolling back in"),
    (PlaceState::RollingOut, "is rolling out in"),
    (PlaceState::Checking, "is being checked in"),
    (PlaceState::Frozen, "runs in"),
    (PlaceState::Healthy, "is healthy in"),
    (PlaceState::Nothing, "does not run in"),
];

#[cfg(test)]
mod tests;
