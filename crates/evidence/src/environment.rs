//! Environment statements: the policy and configuration of one service in one environment. Format:
//! `docs/formats/environment.md`.
//!
//! Invariant: no other statement sets policy and configuration. A threshold of policy signers signs it, and its number
//! rises.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::id::CommitId;
use crate::plan::{Plan, PlanError};
use crate::preview::{Preview, PreviewWish, Previews};
use crate::request::{self, Request};
use crate::trust_root::{FORMER_MAX, Machine, QuorumError, TrustRoot};
use crate::{Digest, Id, Moment, Name};

/// DSSE payload type of an environment statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.environment+json";
/// SSHSIG namespace of its signatures.
pub const NAMESPACE: &str = "countersign-environment@v1";

/// Highest number of packs in one statement.
pub const PACKS_MAX: usize = 32;

/// Shortest soak time in milliseconds: a minute.
pub const SOAK_MS_MIN: u64 = 60_000;
/// Longest soak time in milliseconds: 90 days.
pub const SOAK_MS_MAX: u64 = 90 * 86_400_000;

/// An environment statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// Number of the statement. It rises with each statement for this service and environment.
    pub number: u64,
    /// Time of signing.
    pub issued: Moment,
    /// Digest of the policy files.
    pub policy: Digest,
    /// Digest of the configuration.
    pub configuration: Digest,
    /// Agents that may apply releases here.
    pub agents: Vec<Machine>,
    /// Commit after which the range of changes of the first release begins.
    pub baseline: CommitId,
    /// Environment of the same service that must run the artifact first; absent for the first environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Name>,
    /// Whether releases go ahead by themselves. If not, each one needs a person's signed request.
    pub automatic: bool,
    /// Class of the environment; absent if nobody says. In production no release goes ahead by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Digest of the times in which releases may begin; absent if they always may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Digest>,
    /// Milliseconds for which the environment before has to run an artifact until it may come here; absent if it need not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak_ms: Option<u64>,
    /// Region in which the place keeps its data, in the words of the policy; absent if nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Name>,
    /// Packs that the policy has to contain at least, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<Name>,
    /// Digest of the template that the environment is made from; absent if it is made to stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Digest>,
    /// Previews that people may make from this statement; then it is a template, and no release goes to its own place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previews: Option<Previews>,
    /// The preview that a person's request made from a template. It is never in a statement that is signed.
    #[serde(skip)]
    pub preview: Option<Box<Preview>>,
}

/// Classes of environments. A policy asks for the class, because a name says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Made for one change, and removed on time.
    Preview,
    /// For people who develop.
    Development,
    /// For tests before production.
    Staging,
    /// For everybody. No release goes ahead by itself.
    Production,
}

/// Errors of reading and verifying an environment statement.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The envelope is malformed.
    #[error("environment statement: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A signature is invalid, or too few policy signers signed.
    #[error("environment statement: {0}; it needs the policy signers that the trust root names")]
    Quorum(#[from] QuorumError),
    /// A rule of the format is broken.
    #[error("environment statement: {0}")]
    Rule(&'static str),
}

impl Environment {
    /// Encodes the statement into an envelope without signatures.
    ///
    /// # Errors
    /// `EnvironmentError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, EnvironmentError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("environment statement", self)?))
    }

    /// Fields that restrict what may happen and that this program does not apply. A judge that meets one decides nothing.
    #[must_use]
    pub fn unapplied(&self) -> Vec<&'static str> {
        let is_made = self.template.is_some() && self.preview.is_none();
        let fields = [(!self.packs.is_empty(), "packs"), (is_made, "template")];
        fields.into_iter().filter_map(|(is_there, field)| is_there.then_some(field)).collect()
    }

    /// Reads the payload without verifying signatures: of a statement, or of a request that makes a preview.
    ///
    /// # Errors
    /// `EnvironmentError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, EnvironmentError> {
        if envelope.is_of(request::PAYLOAD_TYPE) {
            return Self::previewed(envelope, Self::of_statement);
        }
        Self::of_statement(envelope)
    }

    fn of_statement(envelope: &Envelope) -> Result<Self, EnvironmentError> {
        let payload = envelope.payload(PAYLOAD_TYPE)?;
        let statement: Self = canonical::decode("environment statement", payload, PAYLOAD_BYTES_MAX)?;
        statement.check().map(|()| statement)
    }

    /// Reads a statement and verifies it against a root. Of a request that makes a preview, the template is verified; the
    /// signature of the request is the caller's to verify, because the root does not name the person.
    ///
    /// # Errors
    /// `EnvironmentError` names the fault.
    pub fn open(envelope: &Envelope, root: &TrustRoot) -> Result<Self, EnvironmentError> {
        if envelope.is_of(request::PAYLOAD_TYPE) {
            return Self::previewed(envelope, |template| Self::open_statement(template, root));
        }
        Self::open_statement(envelope, root)
    }

    fn open_statement(envelope: &Envelope, root: &TrustRoot) -> Result<Self, EnvironmentError> {
        let statement = Self::of_statement(envelope)?;
        if statement.installation != root.installation {
            return Err(EnvironmentError::Rule("it is of another installation"));
        }
        root.policy.signed(envelope, NAMESPACE)?;
        Ok(statement)
    }

    /// The environment that a request for a run makes from the template in it. It is a function of the request alone.
    fn previewed(
        envelope: &Envelope,
        open: impl Fn(&Envelope) -> Result<Self, EnvironmentError>,
    ) -> Result<Self, EnvironmentError> {
        let rule = EnvironmentError::Rule;
        let request = Request::read(envelope).map_err(|_| rule("the request for a preview is malformed"))?;
        let wish = request.arguments.get("preview").filter(|_| request.action.as_str() == "run").cloned();
        let wish = wish.ok_or(rule("it is a request that makes no preview"))?;
        let wish: PreviewWish =
            serde_json::from_value(wish).map_err(|_| rule("`preview` of the request is malformed"))?;
        let template = open(&wish.template)?;
        let previews = template.previews.clone().ok_or(rule("the template allows no previews"))?;
        if let Some(fault) = previews.against(&wish.name, wish.slot) {
            return Err(rule(fault));
        }
        let project = request.arguments.get("project").and_then(serde_json::Value::as_str);
        if project != Some(template.project.as_str()) || request.installation != template.installation {
            return Err(rule("the request for a preview is of another project than its template"));
        }
        if request.issued <= template.issued {
            return Err(rule("the request for a preview is older than its template"));
        }
        let preview = Preview {
            template: template.environment.clone(),
            number: template.number,
            slot: wish.slot,
            until: previews.until(request.issued),
            person: request.person,
            request: envelope.payload_digest(),
        };
        Ok(Self {
            environment: wish.name,
            // A later request has a higher number.
            number: request.issued.millis(),
            issued: request.issued,
            template: Some(wish.template.payload_digest()),
            previews: None,
            preview: Some(Box::new(preview)),
            ..template
        })
    }

    /// The plan as it is at this place: that of a preview has the port of its slot.
    ///
    /// # Errors
    /// `PlanError` when there is no such port.
    pub fn planned(&self, plan: Plan) -> Result<Plan, PlanError> {
        match &self.preview {
            Some(preview) => preview.planned(plan),
            None => Ok(plan),
        }
    }

    fn check(&self) -> Result<(), EnvironmentError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(EnvironmentError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.number >= 1, "`number` starts at 1")?;
        rule(self.agents.is_sorted_by(|a, b| a < b), "`agents` are not sorted or one stands twice")?;
        rule(self.after.as_ref() != Some(&self.environment), "`after` names the environment itself")?;
        let keys: BTreeSet<_> = self.agents.iter().map(|agent| &agent.key).collect();
        rule(keys.len() == self.agents.len(), "an agent's key stands twice")?;
        let latest = self.issued.later_by(FORMER_MAX);
        let mut former = self.agents.iter().filter_map(|agent| agent.former.as_ref());
        let sound = former.all(|former| former.until <= latest && !keys.contains(&former.key));
        rule(sound, "a former key is also a present one, or counts for more than 90 days")?;
        rule((1..=64).contains(&self.agents.len()), "between 1 and 64 agents are needed")?;
        let pooled = self.agents.iter().any(|agent| agent.pool.is_some());
        rule(!pooled, "an agent has a `pool`; pools are of runners")?;
        let sealed: Vec<_> = self.agents.iter().filter_map(|agent| agent.seal).collect();
        let seals: BTreeSet<_> = sealed.iter().collect();
        rule(seals.len() == sealed.len(), "an agent's `seal` key stands twice")?;
        let by_itself = self.automatic && self.class == Some(Class::Production);
        rule(
            !by_itself,
            "`class` is `production` and `automatic` is true: there a person asks for each release",
        )?;
        let soak = self.soak_ms.is_none_or(|soak| (SOAK_MS_MIN..=SOAK_MS_MAX).contains(&soak));
        rule(soak, "`soak_ms` is less than a minute or more than 90 days")?;
        rule(
            self.soak_ms.is_none() || self.after.is_some(),
            "`soak_ms` needs `after`, the environment that runs the artifact for so long",
        )?;
        rule(self.preview.is_none(), "a preview has no statement: a request makes it")?;
        if let Some(fault) = self.previews.as_ref().and_then(Previews::fault) {
            return Err(EnvironmentError::Rule(fault));
        }
        let bare = self.after.is_none() && self.template.is_none() && self.windows.is_none();
        rule(
            self.previews.is_none() || (self.class == Some(Class::Preview) && bare),
            "`previews` need the class `preview`, and neither `after`, `windows` nor `template`",
        )?;
        let packs = self.packs.is_sorted_by(|a, b| a < b) && self.packs.len() <= PACKS_MAX;
        rule(packs, "`packs` are not sorted, one stands twice, or there are more than 32")
    }
}
