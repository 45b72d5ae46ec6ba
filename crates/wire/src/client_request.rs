//! One request of the client, before it is sent.

use std::time::Duration;

use bytes::Bytes as Body;
use evidence::dsse::Envelope;
use reqwest::Method;

/// Method, path, body and signed request of one call.
#[derive(Clone, Debug)]
pub struct ClientRequest<'a> {
    pub method: Method,
    /// The path, without the query.
    pub path: &'a str,
    pub query: &'a str,
    pub timeout: Duration,
    pub body: Option<Body>,
    /// Media type of the body.
    pub kind: &'static str,
    /// A request that a person has signed, for the header.
    pub signed: Option<Envelope>,
}

impl<'a> ClientRequest<'a> {
    pub const fn to(method: Method, path: &'a str) -> Self {
        Self {
            method,
            path,
            query: "",
            timeout: ANSWER_TIMEOUT,
            body: None,
            kind: "application/json",
            signed: None,
        }
    }
}

/// Time in which an ordinary answer has to arrive.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
