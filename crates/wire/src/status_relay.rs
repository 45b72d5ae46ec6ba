//! The way by which a status goes to a witness and comes from there, whether the server is up or not.
//!
//! Invariant: what comes from there proves itself under its reader's own pin, so it is asked for without credentials, and over TLS
//! also where the reader does not know the witness's key. Answers are bounded, and every wait has an end.

use std::time::Duration;

use evidence::machine::MachineKey;
use evidence::relayed_status::{BYTES_MAX, RelayedStatus};
use evidence::{Id, address};
use futures_util::future::join_all;
use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, StatusCode};
use tls::Trust;

use crate::client_error::{ClientError, innermost, unreadable};
use crate::transport::{builder, without_tls};

/// A witness that keeps statuses.
#[derive(Clone, Debug)]
pub struct StatusRelay {
    url: String,
    http: reqwest::Client,
}

/// Why a witness gives or takes no status.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] ClientError),
    /// The witness does not answer.
    #[error("the witness does not answer: {0}")]
    Unreachable(String),
    /// The witness refused the status.
    #[error("the witness refuses it: {0}")]
    Refused(String),
}

impl StatusRelay {
    /// The witness at a URL. Over TLS it has to be one of those with these keys; without keys, every program that answers
    /// is asked, because the answer proves itself.
    ///
    /// # Errors
    /// `RelayError::Url` if it is not the URL of a witness.
    pub fn new(url: &str, keys: Option<&[MachineKey]>) -> Result<Self, RelayError> {
        let url = url.trim_end_matches('/').to_owned();
        if address::check(&url).is_err() {
            return Err(ClientError::Url(url).into());
        }
        let builder = match address::is_secured(&url) {
            false => without_tls(builder())?,
            true => {
                let trust = keys.map_or(Trust::Unverified, |keys| Trust::Witness(keys.to_vec()));
                let config = tls::client_config(&trust, None).map_err(ClientError::from)?;
                builder().https_only(true).tls_backend_preconfigured(config)
            }
        };
        let built = builder.timeout(TIMEOUT).build();
        Ok(Self { url, http: built.map_err(|error| ClientError::Tls(error.to_string()))? })
    }

    /// URL of the witness.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The newest status of an installation, unverified; `None` if the witness keeps none.
    ///
    /// # Errors
    /// `RelayError` when there is no usable answer.
    pub async fn newest(&self, installation: Id) -> Result<Option<RelayedStatus>, RelayError> {
        let operation = format!("status/{installation}");
        let (status, bytes) = self.asked(self.http.get(format!("{}/{operation}", self.url))).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                let read = RelayedStatus::decode(&bytes);
                Ok(Some(read.map_err(|error| unreadable(&operation, error))?))
            }
            other => Err(unreadable(&operation, format!("status {other}")).into()),
        }
    }

    /// Gives a status to the witness, which keeps it if it is the newest.
    ///
    /// # Errors
    /// `RelayError` when the witness does not answer, or refuses it.
    pub async fn give(&self, status: &RelayedStatus) -> Result<(), RelayError> {
        let body = status.encode().map_err(|error| unreadable("status", error))?;
        let request = self.http.post(format!("{}/status", self.url));
        let (status, bytes) = self.asked(request.header(CONTENT_TYPE, "application/json").body(body)).await?;
        if status.is_success() {
            return Ok(());
        }
        let mut said = String::from_utf8_lossy(&bytes).into_owned();
        said.truncate(said.floor_char_boundary(REFUSAL_BYTES_MAX));
        Err(RelayError::Refused(said.trim().to_owned()))
    }

    async fn asked(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), RelayError> {
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > BYTES_MAX {
                return Err(unreadable("status", format!("more than {BYTES_MAX} bytes")).into());
            }
        }
        Ok((response.status(), bytes))
    }
}

/// The newest status that each of these witnesses keeps, unverified. All are asked at once, so that a dead one delays no other.
pub async fn newest_of_all(
    relays: &[StatusRelay],
    installation: Id,
) -> Vec<Result<Option<RelayedStatus>, RelayError>> {
    join_all(relays.iter().map(|relay| relay.newest(installation))).await
}

/// Gives a status to all witnesses with these URLs and keys at once; their answers in this order.
pub async fn give_to_all(
    urls: impl IntoIterator<Item = &String>,
    keys: &[MachineKey],
    status: &RelayedStatus,
) -> Vec<Result<(), RelayError>> {
    let one = |url: &String| {
        let relay = StatusRelay::new(url, Some(keys));
        async move { relay?.give(status).await }
    };
    join_all(urls.into_iter().map(one)).await
}

fn unreachable(failure: &reqwest::Error) -> RelayError {
    RelayError::Unreachable(innermost(failure))
}

/// Time for one question and its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a refusal that are shown.
const REFUSAL_BYTES_MAX: usize = 1024;
