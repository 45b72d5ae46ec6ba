//! Curves over time: several series in one picture, such as those of two releases.

use serde::Serialize;

use super::shared::State;

/// Curves in one picture. The last one is the one that the page is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Curves {
    /// Their title: `Failures`.
    pub title: String,
    /// Their state, if they have one.
    pub state: Option<State>,
    /// The picture in words: what is shown, and over which time.
    pub sentence: String,
    /// The name of each series, with its newest value in words.
    pub names: Vec<(String, String)>,
    /// A limit as a height, with its words.
    pub limit: Option<(u64, String)>,
    /// Heights with their words, the lowest first. The last one is the height of the picture, unless a point is higher.
    #[cfg_attr(test, serde(default))]
    pub scale: Vec<(u64, String)>,
    /// Moments that divide the picture, in thousandths of its width, with words.
    pub marks: Vec<(u16, String)>,
    /// The points, the oldest first.
    pub points: Vec<CurvePoint>,
}

/// A point of every series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct CurvePoint {
    /// Its time or its name.
    pub label: String,
    /// The height of each series; absent where there is no value.
    pub heights: Vec<Option<u64>>,
    /// The values in words.
    pub value: String,
}
