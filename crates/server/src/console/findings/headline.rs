//! The first sentences of the page: how many places run something grave, what is blocked, and what ends soon.

use review::headline::{capital, words};

use crate::console::exposure::Exposure;

/// The numbers that the first sentences tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Places where something runs.
    pub running: usize,
    /// Of these, places without a report of findings.
    pub unscanned: usize,
    /// Of these, places whose evidence was not read for this page.
    pub unread: usize,
    /// Of these, places with an open finding that is critical, exploited or a secret.
    pub grave: usize,
    /// Of these, places with any open finding.
    pub open: usize,
    /// Releases that wait and that a finding blocks.
    pub blocked: usize,
    /// Statements about findings that end within two weeks.
    pub ending: usize,
}

impl Outlook {
    /// The numbers of what runs and waits.
    pub fn of(all: &[Exposure], ending: usize) -> Self {
        let mut outlook = Self { ending, ..Self::default() };
        for found in all {
            if found.waits {
                outlook.blocked += usize::from(!found.blocks.is_empty());
                continue;
            }
            let tally = found.tally();
            outlook.running += 1;
            outlook.unread += usize::from(found.unread);
            outlook.unscanned += usize::from(!found.is_scanned() && !found.unread);
            outlook.grave += usize::from(tally.grave > 0);
            outlook.open += usize::from(tally.open_count() > 0);
        }
        outlook
    }

    /// How things stand.
    pub fn headline(&self) -> String {
        let scanned = self.running.saturating_sub(self.unscanned + self.unread);
        let runs = match (self.running, scanned, self.grave) {
            (0, ..) => "Nothing runs yet.".to_owned(),
            (_, 0, _) if self.unread > 0 => "No report of findings was read yet.".to_owned(),
            (_, 0, _) => {
                "No release that runs has a report of findings, so nobody knows which are exposed.".to_owned()
            }
            (1, _, 0) => "The one place that runs something is not exposed.".to_owned(),
            (running, scanned, 0) if running == scanned => {
                format!("None of {} places is exposed.", words(running))
            }
            (_, scanned, 0) => {
                format!("No grave finding is open in what runs, as far as {} known.", of_scanned(scanned))
            }
            (1, ..) => "The one place that runs something is exposed: it runs a grave finding.".to_owned(),
            (running, _, 1) => {
                format!("One of {} places is exposed: it runs a grave finding.", words(running))
            }
            (running, _, grave) => {
                format!(
                    "{} of {} places are exposed: they run a grave finding.",
                    capital(&words(grave)),
                    words(running)
                )
            }
        };
        let blocked = match self.blocked {
            0 => String::new(),
            1 => " A finding blocks one release.".to_owned(),
            many => format!(" Findings block {} releases.", words(many)),
        };
        let ending = match self.ending {
            0 => String::new(),
            1 => " One waiver or statement ends within two weeks.".to_owned(),
            many => format!(" {} waivers and statements end within two weeks.", capital(&words(many))),
        };
        format!("{runs}{blocked}{ending}")
    }

    /// Facts below the headline.
    pub fn sub(&self) -> Vec<String> {
        let mut sub =
            vec!["a finding is grave if it is critical, known to be exploited, or a secret".to_owned()];
        let places = |count| shown::many(count, "place");
        sub.extend((self.open > 0).then(|| format!("{} with any open finding", places(self.open))));
        sub.extend((self.unscanned > 0).then(|| format!("{} not scanned", places(self.unscanned))));
        sub.extend((self.unscanned > 0).then(|| ADVICE.to_owned()));
        sub.extend(
            (self.unread > 0).then(|| format!("{} not read yet: load the page again", places(self.unread))),
        );
        sub
    }
}

/// The part of the places about which something is known.
fn of_scanned(scanned: usize) -> String {
    match scanned {
        1 => "one place is".to_owned(),
        many => format!("{} places are", words(many)),
    }
}

const ADVICE: &str = "a step with `scan: [secrets, dependencies]` makes one, or a report of a scanner";

#[cfg(test)]
mod tests {
    use super::Outlook;

    #[test]
    fn the_headline_is_true_in_every_state() {
        let of = |running, unscanned, grave, blocked, ending| Outlook {
            running,
            unscanned,
            unread: 0,
            grave,
            open: grave,
            blocked,
            ending,
        };
        for (outlook, said) in [
            (of(0, 0, 0, 0, 0), "Nothing runs yet."),
            (of(0, 0, 0, 1, 0), "Nothing runs yet. A finding blocks one release."),
            (
                of(2, 2, 0, 0, 0),
                "No release that runs has a report of findings, so nobody knows which are exposed.",
            ),
            (of(1, 0, 0, 0, 0), "The one place that runs something is not exposed."),
            (of(3, 0, 0, 0, 0), "None of three places is exposed."),
            (of(3, 1, 0, 0, 0), "No grave finding is open in what runs, as far as two places are known."),
            (of(3, 2, 0, 0, 0), "No grave finding is open in what runs, as far as one place is known."),
            (of(1, 0, 1, 0, 0), "The one place that runs something is exposed: it runs a grave finding."),
            (
                of(5, 0, 1, 2, 1),
                "One of five places is exposed: it runs a grave finding. Findings block two releases. One waiver or \
                 statement ends within two weeks.",
            ),
            (
                of(13, 4, 2, 0, 3),
                "Two of 13 places are exposed: they run a grave finding. Three waivers and statements end within two weeks.",
            ),
        ] {
            assert_eq!(outlook.headline(), said);
        }
        assert_eq!(of(3, 1, 2, 0, 0).sub()[2], "1 place not scanned");
        let unread = |running, unread| Outlook { unread, ..of(running, 0, 0, 0, 0) };
        assert_eq!(unread(2, 2).headline(), "No report of findings was read yet.");
        let said = "No grave finding is open in what runs, as far as one place is known.";
        assert_eq!(unread(3, 2).headline(), said);
        assert_eq!(unread(3, 2).sub()[1], "2 places not read yet: load the page again");
    }
}
