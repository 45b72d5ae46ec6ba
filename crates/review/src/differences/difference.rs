//! One sort of differences, with its lines.

use serde::Serialize;

use crate::headline::capital;

/// A sort of differences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Whether a reader should look at it first, because it changes how releases are made or judged.
    pub is_notable: bool,
    /// A sentence: `14 commits, all signed`.
    pub title: String,
    /// More about it.
    pub detail: String,
    /// The differences, at most [`LINES_MAX`].
    pub lines: Vec<Line>,
    /// Number of further differences.
    pub more: usize,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Added, removed or changed.
    pub sign: Sign,
    /// Its text.
    pub text: String,
}

/// The sort of one difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Only the new release has it.
    Added,
    /// Only the running release has it.
    Removed,
    /// Both have it, with different content.
    Changed,
}

impl Difference {
    /// A difference with bounded lines; `None` without lines.
    pub(crate) fn of(is_notable: bool, title: String, detail: String, mut lines: Vec<Line>) -> Option<Self> {
        let more = lines.len().saturating_sub(LINES_MAX);
        lines.truncate(LINES_MAX);
        (!lines.is_empty()).then(|| Self { is_notable, title: capital(&title), detail, lines, more })
    }

    /// It as lines, each behind its sign.
    #[must_use]
    pub fn text(&self) -> String {
        let detail = if self.detail.is_empty() { String::new() } else { format!(" ({})", self.detail) };
        let line = |line: &Line| {
            let sign = match line.sign {
                Sign::Added => '+',
                Sign::Removed => '-',
                Sign::Changed => '~',
            };
            format!("\n  {sign} {}", line.text)
        };
        let lines: String = self.lines.iter().map(line).collect();
        let more = if self.more == 0 { String::new() } else { format!("\n  and {} more", self.more) };
        format!("\n{}{detail}{lines}{more}", self.title)
    }
}

/// Most lines of one sort.
pub const LINES_MAX: usize = 50;
