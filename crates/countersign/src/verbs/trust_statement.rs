//! Statements of trust in files and in requests: what every subcommand of `trust` does with the statement that it made.
//!
//! Invariant: a statement is sent only inside a request that its sender signs.

use std::path::{Path, PathBuf};

use client::access::Access;
use client::declared::origin::Origin;
use client::profile::Profile;
use client::request::Parts;
use client::signing::PersonKey;
use client::{fetched, files, onboarding, session};
use evidence::dsse::Envelope;
use evidence::enrolment::{Enrolment, Purpose};
use evidence::status::{Status, StatusFile};
use evidence::trust_root::TrustRoot;
use evidence::{Digest, enrolment, environment, status, trust_root};
use serde::Serialize;
use serde_json::json;
use wire::CommandOutcome;

use super::runtime;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;
use crate::trust::{self, Named};

/// A statement with its digest.
#[derive(Debug, Serialize)]
pub struct StatementReport<T> {
    /// Digest of the payload.
    pub digest: Digest,
    /// The statement.
    pub statement: T,
}

/// Writes the statement to a file for others, or sends it.
pub fn finish(
    access: &Access,
    envelope: &Envelope,
    out: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    finish_saying(access, envelope, out, "", output)
}

/// The same, with a text about the effects once the statement is recorded.
pub fn finish_saying(
    access: &Access,
    envelope: &Envelope,
    out: Option<&Path>,
    follows: &str,
    output: Output,
) -> Result<(), Failure> {
    let Some(out) = out else { return send(access, envelope, Vec::new(), follows, output) };
    write_envelope(out, envelope)?;
    output.print(&json!({ "file": out }), |_| {
        let file = out.display();
        format!("wrote {file}\nnext: countersign trust sign {file}   (each other signer), then: countersign trust send {file}")
    })
}

/// Sends a statement inside a signed request.
pub fn send(
    access: &Access,
    envelope: &Envelope,
    attachments: Vec<Vec<u8>>,
    follows: &str,
    output: Output,
) -> Result<(), Failure> {
    send_from(access, envelope, attachments, None, follows, output)
}

/// The same for a statement that files of a commit declare.
pub fn send_from(
    access: &Access,
    envelope: &Envelope,
    attachments: Vec<Vec<u8>>,
    origin: Option<&Origin>,
    follows: &str,
    output: Output,
) -> Result<(), Failure> {
    let outcome = send_of(access, envelope, attachments, origin)?;
    if envelope.payload_type() == enrolment::PAYLOAD_TYPE {
        return enrolled(access, &Enrolment::read(envelope)?, &outcome, output);
    }
    output.print(&outcome, |outcome| format!("recorded as entry {}{follows}", outcome.entry))
}

/// Sends a statement, with the commit of the files that declare it, and answers the outcome.
pub fn send_of(
    access: &Access,
    envelope: &Envelope,
    attachments: Vec<Vec<u8>>,
    origin: Option<&Origin>,
) -> Result<CommandOutcome, Failure> {
    let digest = envelope.payload_digest();
    let (action, mut arguments, statements) = match envelope.payload_type() {
        trust_root::PAYLOAD_TYPE => ("set-root", json!({ "statement": digest }), vec![envelope.clone()]),
        enrolment::PAYLOAD_TYPE => ("enrol", json!({ "statement": digest }), vec![envelope.clone()]),
        environment::PAYLOAD_TYPE => {
            ("set-environment", json!({ "statement": digest }), vec![envelope.clone()])
        }
        status::PAYLOAD_TYPE if Status::read(envelope)?.base.is_some() => {
            let base = status_file(access)?.base;
            let arguments = json!({ "statement": base.payload_digest(), "tightening": digest });
            ("set-status", arguments, vec![base, envelope.clone()])
        }
        status::PAYLOAD_TYPE => ("set-status", json!({ "statement": digest }), vec![envelope.clone()]),
        other => {
            return Err(Failure::error(format!(
                "statements of type `{other}` cannot be sent by this command"
            )));
        }
    };
    // A status has none: it goes by witnesses too, and from places where no files are.
    let origin = origin.filter(|_| action != "set-status");
    if let (Some(origin), Some(arguments)) = (origin, arguments.as_object_mut()) {
        arguments.insert("source".into(), json!(origin));
    }
    let with = Parts { statements, attachments, ..Parts::default() };
    Ok(sending::send(access, action, arguments, with)?.outcome)
}

/// The commit of the files that declare a statement, if `apply` wrote it beside the statement's file.
pub fn origin_beside(file: &Path) -> Result<Option<Origin>, Failure> {
    let path = beside(file, "source");
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&read(&path)?)?))
}

/// Prints the command that the enrolled person types on their own machine.
fn enrolled(
    access: &Access,
    enrolment: &Enrolment,
    outcome: &CommandOutcome,
    output: Output,
) -> Result<(), Failure> {
    let pin = trust::pin_of(access, Named::default())?;
    let mut said = json!(outcome);
    if let Some(said) = said.as_object_mut() {
        said.insert("person".into(), json!(enrolment.person));
    }
    let fingerprint = |purpose| {
        let key = enrolment.keys.iter().find(|key| key.purposes.contains(&purpose));
        key.map_or_else(String::new, |key| key.key.fingerprint().to_owned())
    };
    let (approve, sign_in) = (fingerprint(Purpose::Approve), fingerprint(Purpose::SignIn));
    let line = onboarding::key_use(enrolment.person, &approve, &sign_in, access.data(), &pin);
    output.print(&said, |_| {
        format!(
            "{} is enrolled as person {}, recorded as entry {}\nnext: give them this line, which they type as themselves:\n  {line}",
            enrolment.name, enrolment.person, outcome.entry
        )
    })
}

/// Sends a status as `trust status --save` wrote it, base and tightening.
pub fn send_status(access: &Access, file: &StatusFile, output: Output) -> Result<(), Failure> {
    let outcome = sending::set_status(access, file)?;
    output.print(&outcome, |outcome| format!("recorded as entry {}", outcome.entry))
}

/// The current status, as a file.
pub fn status_file(access: &Access) -> Result<StatusFile, Failure> {
    Ok(runtime()?.block_on(fetched::status_file(&session::client(access)?))?)
}

/// The key that signs statements.
pub fn my_key(access: &Access) -> Result<PersonKey, Failure> {
    Ok(PersonKey::read(&Profile::of(access)?.approval_key)?)
}

/// Reads a statement from a file.
pub fn read_envelope(file: &Path) -> Result<Envelope, Failure> {
    envelope_in(file, &read(file)?)
}

/// Reads the bytes of a statement's file.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::error(format!("cannot read `{}`: {error}", file.display())))
}

/// The statement in a file's bytes.
pub fn envelope_in(file: &Path, bytes: &[u8]) -> Result<Envelope, Failure> {
    let envelope = Envelope::decode(bytes)
        .map_err(|error| Failure::error(format!("`{}`: {error}; {NO_STATEMENT}", file.display())))?;
    if envelope.payload_type() == trust_root::PAYLOAD_TYPE {
        TrustRoot::read(&envelope)?;
    }
    Ok(envelope)
}

/// Writes a statement to a file.
pub fn write_envelope(file: &Path, envelope: &Envelope) -> Result<(), Failure> {
    Ok(files::write_shared(file, &envelope.encode()?)?)
}

const NO_STATEMENT: &str =
    "this is no statement as the commands of `countersign trust` write it with --out FILE";

/// Policy, configuration and, if the statement names some, windows in the files beside a statement's file.
pub fn attachments(file: &Path, with_windows: bool) -> Result<Vec<Vec<u8>>, Failure> {
    let read = |what| {
        let path = beside(file, what);
        let shown = path.display().to_string();
        std::fs::read(path)
            .map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}; {TOGETHER}")))
    };
    let windows = with_windows.then(|| read("windows")).transpose()?;
    Ok([read("policy")?, read("configuration")?].into_iter().chain(windows).collect())
}

/// The file beside a statement that holds one of its payloads.
pub fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(format!(".{what}"));
    file.with_file_name(name)
}

/// The remedy if a payload beside a statement is missing or another one.
pub const TOGETHER: &str =
    "a statement's policy, configuration and windows lie beside it: have all files sent again, together";
