//! Signs a request and sends it, for verbs: an interrupted wait says what is unknown.

use client::access::Access;
use client::request::{self, Parts, Sent};
use client::session;
use evidence::dsse::Envelope;
use evidence::status::StatusFile;
use serde_json::{Value, json};
use wire::CommandOutcome;

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

/// Sends a status inside a signed request, base and tightening.
pub fn set_status(access: &Access, file: &StatusFile) -> Result<CommandOutcome, Failure> {
    let tightening = file.tightening.as_ref().map(Envelope::payload_digest);
    let mut arguments = json!({ "statement": file.base.payload_digest() });
    if let (Some(object), Some(tightening)) = (arguments.as_object_mut(), tightening) {
        object.insert("tightening".into(), json!(tightening));
    }
    let statements = [Some(file.base.clone()), file.tightening.clone()].into_iter().flatten().collect();
    Ok(send(access, "set-status", arguments, Parts { statements, ..Parts::default() })?.outcome)
}
