//! Messages about alerts of places, and about where something runs.
//!
//! Invariant: what a caller may not read is neither in a list nor in a count.

use evidence::dsse::Envelope;
use evidence::{Digest, Id, Moment, Place};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::client::{Client, path_of};
use crate::client_error::ClientError;
use crate::client_request::ClientRequest;
use crate::named::NamedPerson;

/// Most alerts in one answer.
pub const ALERTS_MAX: usize = 2_000;
/// Most releases in one answer about where something runs.
pub const SPOTS_MAX: usize = 1_000;

/// An alert about a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertView {
    /// Its identity.
    pub alert: Digest,
    /// Sort of its cause.
    pub cause: String,
    /// The place.
    pub place: Place,
    /// Number of the release, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Its artifact.
    pub artifact: Digest,
    /// The finding, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Digest>,
    /// The advisory or rule.
    pub subject: String,
    /// Other ids of the advisory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Package URL of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Severity.
    pub severity: String,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// A sentence about it.
    pub what: String,
    /// The version that has no such problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// The best answer, in words.
    pub remedy: String,
    /// The service's owner, as its files say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The champion of the owner's team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<String>,
    /// Its state.
    pub state: AlertState,
    /// Time at which it was opened.
    pub opened: Moment,
    /// Time by which it has to be mended.
    pub due: Moment,
    /// Time at which the alert was told to be overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Moment>,
    /// The person who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<AcknowledgedView>,
    /// Why its cause is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_closed: Option<String>,
    /// Since when its cause is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Moment>,
    /// Number of the entry with its newest line.
    pub entry: u64,
}

/// A person who looks after an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedView {
    /// The person.
    pub by: NamedPerson,
    /// The reason that the person gave.
    pub reason: String,
    /// The time.
    pub time: Moment,
}

/// States of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// Nobody looks after it yet.
    Open,
    /// Somebody looks after it.
    Acknowledged,
    /// Its cause is gone.
    Closed,
}

/// The answer to an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertAnswered {
    /// The alert as it is now.
    pub alert: AlertView,
}

/// The outcome of judging releases again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescanView {
    /// Number of releases that run or wait.
    pub releases: u64,
    /// Number of packages that were judged.
    pub packages: u64,
    /// Date of the advisories; absent if the server has none, so that only statements were judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Moment>,
    /// Source of the advisories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Alerts that were opened.
    pub opened: u64,
    /// Alerts that changed or became overdue.
    pub changed: u64,
    /// Alerts that were closed.
    pub closed: u64,
    /// Alerts that were not opened, because as many are open as the operator allows.
    #[serde(default)]
    pub left: u64,
    /// Ecosystems of which the advisories hold no record, with their number of packages.
    #[serde(default)]
    pub not_held: std::collections::BTreeMap<String, u64>,
    /// Places of releases without a list of packages: nothing is known of those.
    #[serde(default)]
    pub unlisted: Vec<Place>,
    /// Documents that could not be read.
    pub unread: u64,
}

/// A release that runs or waits, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedView {
    /// The place.
    pub place: Place,
    /// Number of the release, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Its artifact.
    pub artifact: Digest,
    /// Whether it waits; otherwise it runs.
    pub waits: bool,
    /// Its packages, as its build listed them.
    pub packages: Vec<PackageView>,
    /// Problems that the reports of its build name.
    pub known: Vec<KnownProblemView>,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageView {
    /// Package URL with version.
    pub purl: String,
    /// Name in its ecosystem.
    pub name: String,
    /// Version.
    pub version: String,
}

/// A problem that is known of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownProblemView {
    /// Identity of the finding.
    pub finding: Digest,
    /// Its severity, from 0 to 5.
    pub rank: i64,
    /// Whether it was known to be exploited.
    pub exploited: bool,
}

/// The answer to a question where something runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhereView {
    /// The question.
    pub asked: String,
    /// Number of releases that run with it.
    pub running: u64,
    /// Number of releases that wait with it.
    pub waiting: u64,
    /// Number of releases that ran with it.
    pub past: u64,
    /// The releases: those that run first.
    pub spots: Vec<SpotView>,
    /// Whether the list is not complete.
    pub more: bool,
    /// Documents that are not in the index yet.
    pub behind: u64,
    /// Documents that could not be read, so that nothing is known of them.
    pub unread: u64,
}

/// A release with the thing that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotView {
    /// Whether it runs, waits, or ran.
    pub state: SpotState,
    /// The place.
    pub place: Place,
    /// Number of the release, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Its artifact.
    pub artifact: Digest,
    /// The run that built it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Id>,
    /// From when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// Until when it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Package URLs that were found, or ids of problems.
    pub found: Vec<String>,
    /// Whether the project itself names the package, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<bool>,
    /// The document that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Digest>,
}

/// States of a release at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpotState {
    /// It runs.
    Runs,
    /// It waits.
    Waits,
    /// It ran.
    Ran,
}

impl Client {
    /// Alerts that this person may read: open ones first.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn alerts(&self) -> Result<Vec<AlertView>, ClientError> {
        self.get("alerts").await
    }

    /// Acknowledges an alert, by a signed request.
    ///
    /// # Errors
    /// `ClientError` if it was not recorded.
    pub async fn acknowledge_alert(&self, signed: Envelope) -> Result<AlertAnswered, ClientError> {
        self.signed_post("alerts/answers", signed).await
    }

    /// Has the server judge again what runs and what waits, by a signed request.
    ///
    /// # Errors
    /// `ClientError` if it was not judged.
    pub async fn rescan(&self, signed: Envelope) -> Result<RescanView, ClientError> {
        self.signed_post("rescans", signed).await
    }

    /// The releases that run or wait at a place, with their packages.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn watched(&self, place: &Place) -> Result<Vec<WatchedView>, ClientError> {
        self.get(&format!("watched/{place}")).await
    }

    /// The places where something runs, waits or ran.
    ///
    /// # Errors
    /// `ClientError` if there is no answer.
    pub async fn locate(&self, what: &str) -> Result<WhereView, ClientError> {
        self.get(&format!("where?what={}", encoded(what))).await
    }

    async fn signed_post<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        signed: Envelope,
    ) -> Result<T, ClientError> {
        let path = path_of(operation);
        let ask = ClientRequest { signed: Some(signed), ..ClientRequest::to(Method::POST, &path) };
        self.answer(operation, self.ask(&ask).await?).await
    }
}

/// A value for a query.
fn encoded(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let one = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(one).collect()
}
