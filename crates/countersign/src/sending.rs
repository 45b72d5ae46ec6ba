//! Signs a request and sends it, for verbs: an interrupted wait says what is unknown.

use client::access::Access;
use client::request::{self, Parts, Sent};
use client::session;
use serde_json::Value;

use crate::failure::Failure;
use crate::waiting::{runtime, unless_interrupted};

/// Signs a request and sends it; a refusal is a failure with its reasons.
pub fn send(access: &Access, action: &str, arguments: Value, parts: Parts) -> Result<Sent, Failure> {
    let signed = request::sign(access, action, arguments, parts)?;
    let client = session::client(access)?;
    let sending = async { Ok(signed.send(&client).await?) };
    let unknown = "it is unknown whether the server has recorded the request; `countersign status` shows what is recorded";
    runtime()?.block_on(unless_interrupted(sending, unknown))
}
