//! Alerts: things that people should look at now.
//!
//! Invariant: an alert repeats what the line beside it says, so that it can be sent on alone. It decides nothing.

use serde::{Deserialize, Serialize};

use super::rules::{Columns, Content};
use crate::entry::Actor;
use crate::secret_name::SecretName;
use crate::{Id, Name, Place};

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Sort of the event.
    pub sort: AlertSort,
    /// The secret.
    pub secret: SecretName,
    /// Number of its version, if one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// The person or machine that acted.
    pub who: Actor,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Id>,
    /// The step of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Name>,
    /// The place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Sorts of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertSort {
    /// A read outside the hours of the grant.
    OutsideHours,
    /// The first read of this secret by this person or machine.
    FirstUse,
    /// Somebody asked for a secret that nothing needs and that is there to be stolen.
    HoneyToken,
    /// A person saw the value.
    SeenByPerson,
}

impl Content for Alert {
    const URGENT: bool = true;

    fn fault(&self) -> Option<&'static str> {
        (self.step.is_some() != self.run.is_some()).then_some("a run and its step are named together")
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            project: Some(self.secret.project()),
            secret: Some(&self.secret),
            number: self.number,
            who: &self.who,
            run: self.run,
            step: self.step.as_ref(),
            place: self.place.as_ref(),
            release: None,
            allowed: None,
        }
    }

    fn summary(&self) -> String {
        let secret = &self.secret;
        match self.sort {
            AlertSort::OutsideHours => format!("{secret} was asked for outside the hours of its grant"),
            AlertSort::FirstUse if self.place.is_some() => {
                format!("{secret} is used by this agent for the first time")
            }
            AlertSort::FirstUse => format!("{secret} was lent to somebody for the first time"),
            AlertSort::HoneyToken => format!("{secret} is a honey token, and somebody asked for it"),
            AlertSort::SeenByPerson => format!("a person read the value of {secret}"),
        }
    }
}
