//! Any two releases of a service side by side: the facts of each, and everything that differs.
//!
//! Input: checked evidence of both with its judgements. Output: values, and lines of text. Invariant: both sides come from
//! verified bytes, and the order is that of the question, so the newer release may be the first one.

use std::collections::BTreeSet;

use domain::gate::GateOutcome;
use evidence::approval::Decision;
use evidence::{Moment, Place};
use judge::{Checked, Judgement};
use serde::Serialize;

use crate::differences::{self, Difference, Line, NEW_FINDING, Sign};
use crate::ids::short;

/// Two releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The first one.
    pub from: Side,
    /// The second one.
    pub to: Side,
    /// Everything that differs, from the first one to the second one; notable sorts come first.
    pub differences: Vec<Difference>,
}

/// One of two releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Its place.
    pub place: Place,
    /// Its number.
    pub release: u64,
    /// Its commit.
    pub commit: String,
    /// Digest of its artifact.
    pub artifact: String,
    /// The time as of which it was judged.
    pub judged: Moment,
    /// Outcome of its gate.
    pub outcome: GateOutcome,
    /// Names of the people whose approval counts.
    pub approved_by: Vec<String>,
    /// Names of the people whose rejection counts.
    pub rejected_by: Vec<String>,
    /// Codes of the reasons against it.
    pub reasons: BTreeSet<String>,
    /// Codes of its warnings.
    pub warnings: BTreeSet<String>,
}

/// The places belong to two services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoServices([String; 2]);

impl std::fmt::Display for TwoServices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [one, other] = &self.0;
        write!(
            f,
            "`{one}` and `{other}` are two services, and releases of two services have nothing in common to compare: name two \
             releases of one service"
        )
    }
}

impl std::error::Error for TwoServices {}

/// Refuses places of two services.
///
/// # Errors
/// `TwoServices` names both.
pub fn of_one_service(from: &Place, to: &Place) -> Result<(), TwoServices> {
    let service = |place: &Place| format!("{}/{}", place.project, place.service);
    let (one, other) = (service(from), service(to));
    if one == other { Ok(()) } else { Err(TwoServices([one, other])) }
}

/// Compares two releases.
#[must_use]
pub fn compared(from: (&Checked<'_>, &Judgement), to: (&Checked<'_>, &Judgement)) -> Compared {
    let mut differences = differences::of_two(from.0, to.0);
    let [from, to] = [from, to].map(|(checked, judgement)| Side::of(checked, judgement));
    let codes = verdicts(&from, &to);
    let nth = differences.iter().take_while(|difference| difference.is_notable).count();
    differences.splice(nth..nth, codes);
    Compared { from, to, differences }
}

impl Side {
    fn of(checked: &Checked<'_>, judgement: &Judgement) -> Self {
        let voted = |decision: Decision| {
            let counting = checked.approvals.votes.iter().filter(|vote| vote.void.is_empty());
            counting.filter(|vote| vote.decision == decision).map(|vote| shown::line(&vote.name)).collect()
        };
        let codes = |reasons: &[policy::Reason]| reasons.iter().map(|reason| reason.code.clone()).collect();
        let mut reasons: BTreeSet<String> = codes(&judgement.reasons);
        reasons.extend(codes(&judgement.unclear));
        Self {
            place: checked.place.clone(),
            release: checked.bundle.release,
            commit: checked.source.pack.id.to_string(),
            artifact: checked.bundle.artifact().to_string(),
            judged: checked.now,
            outcome: judgement.outcome,
            approved_by: voted(Decision::Approve),
            rejected_by: voted(Decision::Reject),
            reasons,
            warnings: codes(&judgement.warnings),
        }
    }

    /// The outcome in words.
    #[must_use]
    pub const fn outcome_word(&self) -> &'static str {
        match self.outcome {
            GateOutcome::Pass => "passes",
            GateOutcome::Fail => "does not pass",
            GateOutcome::Undecided => "is undecided",
        }
    }
}

/// Codes of reasons and warnings that only one of two verdicts has.
fn verdicts(from: &Side, to: &Side) -> Option<Difference> {
    // A sign would be read as good or bad, and a new reason is no good one.
    let only = |these: &BTreeSet<String>, others: &BTreeSet<String>, word: &str| {
        let lines = these.difference(others).map(|code| Line::new(Sign::Changed, &format!("{word} {code}")));
        lines.collect::<Vec<_>>()
    };
    let sorts = [
        only(&to.reasons, &from.reasons, "new reason:"),
        only(&to.warnings, &from.warnings, "new warning:"),
        only(&from.reasons, &to.reasons, "no longer a reason:"),
        only(&from.warnings, &to.warnings, "no longer a warning:"),
    ];
    let is_notable = from.outcome != to.outcome || !to.reasons.is_subset(&from.reasons);
    let title = match from.outcome == to.outcome {
        true => "The verdicts have other reasons or warnings".to_owned(),
        false => format!("The first release {}, the second one {}", from.outcome_word(), to.outcome_word()),
    };
    Difference::of(is_notable, title, String::new(), sorts.into_iter().flatten().collect())
}

impl Compared {
    /// How both stand to each other, in a sentence.
    #[must_use]
    pub fn headline(&self) -> String {
        let Self { from, to, differences } = self;
        if (&from.place, from.release) == (&to.place, to.release) {
            return format!("It is the same release: {} of {}", from.release, from.place);
        }
        let between = match from.place == to.place {
            true => format!("release {} to release {} of {}", from.release, to.release, from.place),
            false => {
                format!(
                    "release {} of {} to release {} of {}",
                    from.release, from.place, to.release, to.place
                )
            }
        };
        let artifact = if from.artifact == to.artifact { ", of the same artifact" } else { "" };
        match differences.len() {
            0 => format!("Nothing differs from {between}{artifact}"),
            count => format!(
                "{} from {between}{artifact}",
                shown::counted(count, "sort of difference", "sorts of differences")
            ),
        }
    }

    /// The second release in a sentence: the findings that it adds, and whether it passes.
    #[must_use]
    pub fn verdict(&self) -> String {
        let new = self.differences.iter().flat_map(|difference| &difference.lines);
        let new: Vec<&str> = new.filter_map(|line| line.text.strip_prefix(NEW_FINDING)).collect();
        let worst =
            SEVERITIES.iter().map(|word| (*word, new.iter().filter(|line| line.starts_with(word)).count()));
        let adds = worst.into_iter().find(|(_, count)| *count > 0).map(|(word, count)| {
            let finding = format!("{word} finding");
            format!("adds {} and ", shown::many(count, &finding))
        });
        let (Side { place, release, .. }, outcome) = (&self.to, self.to.outcome_word());
        format!("Release {release} of {} {}{outcome}", place.environment, adds.unwrap_or_default())
    }

    /// Both, and everything that differs, as lines.
    #[must_use]
    pub fn text(&self) -> String {
        let side = |side: &Side| {
            let approved = match side.approved_by.as_slice() {
                [] => "nobody".to_owned(),
                names => names.join(", "),
            };
            format!(
                "\n{} {}: commit {}, artifact {}\n  {} as of {}; approved by {approved}",
                side.place,
                side.release,
                short(&side.commit),
                short(side.artifact.trim_start_matches("sha256:")),
                side.outcome_word(),
                side.judged
            )
        };
        let sides = format!("{}{}", side(&self.from), side(&self.to));
        let differences: String = self.differences.iter().map(Difference::text).collect();
        format!("{}{sides}{differences}", self.headline())
    }
}

const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];

#[cfg(test)]
mod tests;
