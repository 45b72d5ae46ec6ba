//! The remedy of each code with which an order of a person or of the server is refused.
//!
//! Invariant: it is the one of the page of codes. These orders are judged by agents alone, so no replay compares the texts.

/// The remedy of a code.
pub fn remedy_of(code: &str) -> &'static str {
    let known = REMEDIES.iter().find(|(one, _)| *one == code);
    known.map_or("ask for it again", |(_, remedy)| remedy)
}

const REMEDIES: [(&str, &str); 17] = [
    ("advance-differs", "look again with `countersign status`, and ask again"),
    ("advance-not-newer", "ask again with `countersign rollout`"),
    ("advance-stale", "ask again with `countersign rollout`"),
    ("advance-unsound", "install the same version on server and agent"),
    ("artifact-barred", "build another artifact"),
    ("configuration-differs", "somebody changed evidence"),
    ("enrolment-expired", "have the registrars enrol the person again"),
    ("enrolment-twice", "withdraw one of them"),
    ("enrolment-unsound", "have the registrars sign it again"),
    ("enrolment-withdrawn", "have the registrars sign a new one"),
    ("environment-rollback", "ask for the newest one; somebody withholds it"),
    ("release-not-newer", "ask for the newest release; this one is old"),
    ("request-unsound", "have somebody with the role ask again"),
    ("retreat-unsound", "look into the server: it told this agent to go back from a release"),
    ("return-stale", "roll back again"),
    ("return-unsound", "install the same version on server and agent"),
    ("role-missing", "ask a registrar for an enrolment with the role, or ask somebody who holds it"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn each_remedy_is_that_of_the_page_of_codes() {
        let page = include_str!("../../../docs/codes.md");
        for (code, remedy) in REMEDIES {
            let first = format!("| `{code}` |");
            let row = page.lines().find(|line| line.starts_with(&first)).unwrap();
            let written = row.trim_end_matches(" |").rsplit(" | ").next().unwrap().trim_end_matches('.');
            assert_eq!(written.to_lowercase(), remedy.to_lowercase(), "{code}");
            assert_eq!(remedy_of(code), remedy);
        }
        assert!(REMEDIES.is_sorted());
    }
}
