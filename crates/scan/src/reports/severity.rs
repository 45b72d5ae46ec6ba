//! Severities: of CVSS vectors, of scores, of the words of tools. The table of words stands in `docs/scan/reports.md`.
//!
//! Invariant: a vector counts more than a tool's score, a score more than a tool's word, and of several the highest
//! counts. A word outside the table is `unknown` and never `none`.

use cvss::Cvss;
use evidence::document::findings::Severity;

/// Severity, with the score if it follows from a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rating {
    /// Severity.
    pub severity: Severity,
    /// CVSS base score times ten.
    pub score: Option<u8>,
}

impl Rating {
    /// A severity without vector.
    pub(crate) const fn of(severity: Severity) -> Self {
        Self { severity, score: None }
    }

    /// The highest of several CVSS vectors (3.0, 3.1, 4.0); `None` if none is sound.
    pub(crate) fn of_vectors<'v>(vectors: impl IntoIterator<Item = &'v str>) -> Option<Self> {
        let score = vectors.into_iter().filter_map(base_score).max()?;
        Some(Self { severity: Severity::of_score(score), score: Some(score) })
    }

    /// The severity of a score from 0 to 10 that the tool states; `None` if it is outside.
    pub(crate) fn of_number(score: f64) -> Option<Self> {
        tenths(score).map(|score| Self::of(Severity::of_score(score)))
    }

    /// The severity of a word.
    pub(crate) fn of_word(word: &str) -> Self {
        Self::of(of_word(word))
    }
}

/// The base score of a vector, times ten.
fn base_score(vector: &str) -> Option<u8> {
    let vector = vector.trim();
    let base: &[&str] = match vector.split_once('/')?.0 {
        "CVSS:3.0" | "CVSS:3.1" => &V3,
        "CVSS:4.0" => &V4,
        _ => return None,
    };
    // Threat and environmental metrics are somebody's assessment; the base score is the advisory's.
    let metric =
        |part: &&str| part.split_once(':').is_some_and(|(name, _)| name == "CVSS" || base.contains(&name));
    let parts: Vec<&str> = vector.split('/').filter(metric).collect();
    if parts.len() != base.len() + 1 {
        return None;
    }
    tenths(parts.join("/").parse::<Cvss>().ok()?.score())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn tenths(score: f64) -> Option<u8> {
    (0.0..=10.0).contains(&score).then(|| (score * 10.0).round() as u8)
}

fn of_word(word: &str) -> Severity {
    match word.trim().to_ascii_lowercase().as_str() {
        "critical" | "blocker" => Severity::Critical,
        "high" | "important" | "error" => Severity::High,
        "medium" | "moderate" | "warning" => Severity::Medium,
        "low" | "negligible" | "minor" | "note" => Severity::Low,
        "none" | "info" | "informational" | "information" => Severity::None,
        _ => Severity::Unknown,
    }
}

const V3: [&str; 8] = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];
const V4: [&str; 11] = ["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors() {
        // Scores of the calculators at first.org.
        for (vector, score) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(100)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(98)),
            ("CVSS:3.0/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", Some(55)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O", Some(98)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0)),
            ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N", Some(63)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U", Some(93)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", None),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/A:N", None),
            ("CVSS:2.0/AV:N/AC:M/Au:N/C:N/I:P/A:N", None),
            ("AV:N/AC:M/Au:N/C:N/I:P/A:N", None),
            ("CVSS:3.1", None),
            ("", None),
        ] {
            assert_eq!(Rating::of_vectors([vector]).and_then(|rating| rating.score), score, "{vector}");
        }
        let both = [
            "CVSS:3.0/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "?",
        ];
        assert_eq!(Rating::of_vectors(both), Some(Rating { severity: Severity::Critical, score: Some(98) }));
    }

    #[test]
    fn numbers_and_words() {
        assert_eq!(Rating::of_number(8.95), Some(Rating::of(Severity::Critical)));
        assert_eq!(Rating::of_number(0.0), Some(Rating::of(Severity::None)));
        for bad in [-0.1, 10.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Rating::of_number(bad), None);
        }
        assert_eq!(of_word(" HIGH"), Severity::High);
        assert_eq!(of_word("Undefined"), Severity::Unknown);
        assert_eq!(of_word(""), Severity::Unknown);
    }
}
