//! The first sentences of the overview, with numbers in words.

/// How things stand: the number of things that wait for people, and the services that are not healthy.
#[must_use]
pub fn of_overview(waiting: usize, running: usize, unhealthy: &[String]) -> String {
    let waits = match waiting {
        0 => "Nothing waits for a person.".to_owned(),
        1 => "One thing waits for a person.".to_owned(),
        many => format!("{} things wait for a person.", capital(&words(many))),
    };
    let health = match (running, unhealthy) {
        (0, []) => "Nothing runs yet.".to_owned(),
        (_, []) => "Everything that runs is healthy.".to_owned(),
        (_, [one]) => format!("One service is not healthy: {one}."),
        (_, many) => {
            let named = many.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = many.len().saturating_sub(NAMED_MAX);
            let more = if more == 0 { String::new() } else { format!(" and {} more", words(more)) };
            format!("{} services are not healthy: {named}{more}.", capital(&words(many.len())))
        }
    };
    format!("{waits} {health}")
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

#[cfg(test)]
mod tests {
    use super::of_overview;

    #[test]
    fn numbers_have_the_right_plural() {
        let names = |count: usize| -> Vec<String> { (1..=count).map(|n| format!("s{n}")).collect() };
        for (waiting, running, unhealthy, said) in [
            (0, 0, 0, "Nothing waits for a person. Nothing runs yet."),
            (1, 2, 0, "One thing waits for a person. Everything that runs is healthy."),
            (3, 2, 1, "Three things wait for a person. One service is not healthy: s1."),
            (13, 2, 2, "13 things wait for a person. Two services are not healthy: s1, s2."),
            (0, 9, 5, "Nothing waits for a person. Five services are not healthy: s1, s2, s3 and two more."),
        ] {
            assert_eq!(of_overview(waiting, running, &names(unhealthy)), said);
        }
    }
}
