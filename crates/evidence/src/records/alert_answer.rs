//! Answers to alerts about places: a person looks after one, or its cause went.
//!
//! Invariant: a person's answer closes nothing: an alert is open until its cause is gone. It decides nothing.

use serde::{Deserialize, Serialize};

use super::rules::{Columns, Content};
use super::secret_used::REASON_BYTES_MAX;
use crate::entry::Actor;
use crate::{Digest, Place};

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertAnswer {
    /// Identity of the alert.
    pub alert: Digest,
    /// The answer.
    pub answer: AnswerSort,
    /// The place of the alert.
    pub place: Place,
    /// The subject of the alert.
    pub subject: String,
    /// The person who acknowledged it, or the server.
    pub who: Actor,
    /// The person's reason, or why the cause is gone.
    pub reason: String,
}

/// Sorts of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerSort {
    /// Somebody looks after it.
    Acknowledged,
    /// Its cause is gone.
    Closed,
}

impl Content for AlertAnswer {
    const URGENT: bool = false;

    fn fault(&self) -> Option<&'static str> {
        let is_person = matches!(self.who, Actor::Person(_));
        if is_person != (self.answer == AnswerSort::Acknowledged) {
            return Some("a person acknowledges an alert, and the server closes it");
        }
        if self.subject.is_empty() {
            return Some("an answer names the subject of its alert");
        }
        (!(1..=REASON_BYTES_MAX).contains(&self.reason.len()))
            .then_some("the reason of an answer has 1 to 500 bytes")
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            project: Some(&self.place.project),
            secret: None,
            number: None,
            who: &self.who,
            run: None,
            step: None,
            place: Some(&self.place),
            release: None,
            allowed: None,
        }
    }

    fn summary(&self) -> String {
        match self.answer {
            AnswerSort::Acknowledged => format!("the alert about {} was acknowledged", self.subject),
            AnswerSort::Closed => format!("the alert about {} was closed: {}", self.subject, self.reason),
        }
    }
}
