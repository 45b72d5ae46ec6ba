//! Alerts about places: what runs or waits there is judged worse now than when it was released.
//!
//! Invariant: one cause at one place has one alert, whose identity follows from both. Each line repeats the whole alert, so that it can
//! be sent on alone. It decides nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rules::{Columns, Content};
use crate::canonical::{self, CanonicalError};
use crate::document::findings::Severity;
use crate::document::{MESSAGE_BYTES_MAX, TEXT_BYTES_MAX};
use crate::entry::Actor;
use crate::{Digest, Moment, Place};

/// One alert about a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceAlert {
    /// Its identity.
    pub alert: Digest,
    /// The news about it.
    pub news: AlertNews,
    /// Sort of its cause.
    pub cause: AlertCause,
    /// The place.
    pub place: Place,
    /// Number of the release there; absent before it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Its artifact.
    pub artifact: Digest,
    /// Identity of the finding, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Digest>,
    /// The advisory or rule.
    pub subject: String,
    /// Other ids of the advisory.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// Package URL of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Severity.
    pub severity: Severity,
    /// Whether it is known to be exploited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exploited: bool,
    /// A sentence about it.
    pub what: String,
    /// The version that has no such problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// The service's owner, as its files say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The champion of the owner's team, as the operator's file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<String>,
    /// Time by which it has to be mended.
    pub due: Moment,
    /// Date of the advisories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Moment>,
}

/// News about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertNews {
    /// Its cause is new.
    Opened,
    /// Its severity, its fix or the release changed.
    Changed,
    /// Its time is over.
    Overdue,
}

/// Sorts of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertCause {
    /// An advisory about a component is new, or worse than it was at the release.
    Advisory,
    /// A waiver or a statement that a finding does no harm has ended.
    StatementEnded,
}

impl AlertCause {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Advisory => "advisory",
            Self::StatementEnded => "statement-ended",
        }
    }
}

impl PlaceAlert {
    /// The identity of an alert: of one cause at one place.
    ///
    /// # Errors
    /// `CanonicalError` never happens for texts.
    pub fn identity(cause: AlertCause, place: &Place, about: &str) -> Result<Digest, CanonicalError> {
        let of = json!({ "about": about, "cause": cause.as_str(), "place": place.to_string() });
        Ok(Digest::of(&canonical::encode("alert", &of)?))
    }
}

static SERVER: Actor = Actor::System;

impl Content for PlaceAlert {
    const URGENT: bool = true;

    fn fault(&self) -> Option<&'static str> {
        let short = |text: &String| (1..=TEXT_BYTES_MAX).contains(&text.len());
        let texts = [&self.component, &self.fixed, &self.owner, &self.champion];
        if !short(&self.subject) || !texts.into_iter().flatten().chain(&self.aliases).all(short) {
            return Some("a text of an alert is empty or long");
        }
        if self.aliases.len() > ALIASES_MAX {
            return Some("an alert has more than 64 aliases");
        }
        if self.aliases.iter().map(String::len).sum::<usize>() > ALIASES_BYTES_MAX {
            return Some("the aliases of an alert have more than 8 KiB");
        }
        (!(1..=MESSAGE_BYTES_MAX).contains(&self.what.len()))
            .then_some("the sentence of an alert has 1 to 400 bytes")
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            project: Some(&self.place.project),
            secret: None,
            number: None,
            who: &SERVER,
            run: None,
            step: None,
            place: Some(&self.place),
            release: self.release,
            allowed: None,
        }
    }

    fn summary(&self) -> String {
        let at = self.component.as_ref().map(|purl| format!(" in {purl}")).unwrap_or_default();
        let subject = format!("{}{at}", self.subject);
        let exploited = if self.exploited { ", known to be exploited" } else { "" };
        let severity = self.severity.as_str();
        match self.news {
            AlertNews::Opened => format!("{subject} is an open problem now ({severity}{exploited})"),
            AlertNews::Changed => format!("{subject} changed ({severity}{exploited})"),
            AlertNews::Overdue => format!("{subject} is overdue ({severity}{exploited})"),
        }
    }
}

const ALIASES_MAX: usize = 64;
/// Most bytes of all aliases of an alert: its line has to fit into an entry.
pub const ALIASES_BYTES_MAX: usize = 8 << 10;
