//! Steps of a plan: the statements that bring what files declare into force.
//!
//! Invariant: a step is not signed. Numbers and bases are those of the statement in force when the plan was made.

use std::time::Duration;

use domain::PersonId;
use evidence::dsse::Envelope;
use evidence::enrolment::Enrolment;
use evidence::environment::Environment;
use evidence::statements::Statement;
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment, Place};

use super::difference::Row;
use crate::error::Error;

/// The way to what files declare.
#[derive(Debug, Default)]
pub struct Plan {
    /// Every difference.
    pub rows: Vec<Row>,
    /// The statements, in their order.
    pub steps: Vec<Step>,
    /// Things that people have to do, and parts that are not compared.
    pub notes: Vec<String>,
}

/// A statement to make.
#[derive(Debug)]
pub enum Step {
    /// A trust root.
    Root(Box<TrustRoot>),
    /// The content of a status; its number and base are those of its sending.
    Status(Box<StatusStep>),
    /// An enrolment.
    Person(Box<Enrolment>),
    /// A statement of a place, with its payloads.
    Place(Box<PlaceDraft>),
    /// A statement of a person, with a stand-in for signer and time.
    Statement(Box<Statement>),
}

/// The content of a status.
#[derive(Debug)]
pub struct StatusStep {
    /// The status that stops what it has to stop.
    pub status: Status,
    /// Whether it lifts something, which needs the threshold of status signers.
    pub loosens: bool,
    /// Enrolments and statements that it withdraws, which are replaced or pruned.
    pub withdrawn: Vec<Digest>,
}

/// A statement of a place with the payloads that it names.
#[derive(Debug)]
pub struct PlaceDraft {
    /// The statement.
    pub statement: Environment,
    /// The policy.
    pub policy: Vec<u8>,
    /// The configuration.
    pub configuration: Vec<u8>,
    /// The windows, if it names some.
    pub windows: Option<Vec<u8>>,
}

impl PlaceDraft {
    /// The payloads that the statement names, in the order in which they are sent.
    #[must_use]
    pub fn attached(&self) -> Vec<Vec<u8>> {
        [&self.policy, &self.configuration].into_iter().chain(&self.windows).cloned().collect()
    }

    /// The statement without signatures.
    ///
    /// # Errors
    /// `Error` if it breaks a rule of the format.
    pub fn envelope(&self) -> Result<Envelope, Error> {
        Ok(self.statement.envelope()?)
    }
}

/// How a plan is made.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Whether what is in force and in no file is removed.
    pub prune: bool,
    /// The person who applies.
    pub me: PersonId,
    /// The time.
    pub now: Moment,
}

impl Step {
    /// The thing that it is about, for people.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Root(root) => format!("trust root, version {}", root.version),
            Self::Status(_) => "status".to_owned(),
            Self::Person(person) => format!("enrolment of {}", shown::line(&person.name)),
            Self::Place(draft) => {
                format!("statement {} of {}", draft.statement.number, draft.statement.place())
            }
            Self::Statement(it) => format!("{} in {}", it.kind().as_str(), it.scope),
        }
    }

    /// The name of a file for it.
    #[must_use]
    pub fn file(&self, number: usize) -> String {
        let name = match self {
            Self::Root(_) => "root".to_owned(),
            Self::Status(_) => "status".to_owned(),
            Self::Person(person) => {
                let name = crate::project::label(&person.name);
                format!("enrol-{}", name.map_or_else(|| person.person.to_string(), |name| name.to_string()))
            }
            Self::Place(draft) => {
                let Place { project, service, environment } = draft.statement.place();
                format!("environment-{project}-{service}-{environment}")
            }
            Self::Statement(it) => it.kind().as_str().to_owned(),
        };
        format!("{number:02}-{name}.json")
    }
}

/// Time for which a former key of a machine counts beside the new one.
pub const FORMER: Duration = Duration::from_hours(24 * 7);
