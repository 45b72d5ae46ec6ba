//! The statements of `apply`: signed and sent one after the other, or written for others to sign.
//!
//! Invariant: each statement is shown beside the one in force before it is signed, as `trust` shows it.

use std::path::{Path, PathBuf};

use client::access::Access;
use client::declared::origin::Origin;
use client::declared::plan::{StatusStep, Step};
use client::files;
use client::new_statement::{self, NewStatement, Until, grant};
use client::pins;
use client::profile::Profile;
use client::request::Parts;
use client::session;
use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::pin::Pin;
use evidence::statements::Statement;
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use serde::Serialize;
use serde_json::{Value, json};
use shown::shell;

use super::runtime;
use super::status_relay::{NewestStatus, Relays};
use super::trust_sign::{Page, sign_page, sign_status};
use super::trust_statement::{beside, send_of, write_envelope};
use super::trust_status;
use crate::consent::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;

/// A statement that was recorded.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The statement, for people.
    pub what: String,
    /// Its digest.
    pub statement: Digest,
    /// Its entry.
    pub entry: u64,
}

/// Statements that were written.
pub struct Written {
    /// Files, in the order in which they are sent.
    pub files: Vec<PathBuf>,
    /// Steps that wait until those are in force.
    pub notes: Vec<String>,
    /// The next commands.
    pub next: String,
}

/// How statements are signed.
pub struct Way<'a> {
    pub access: &'a Access,
    pub pin: &'a Pin,
    pub yes: bool,
    /// Whether every open time of windows is shown.
    pub all: bool,
    pub output: Output,
    pub origin: Option<&'a Origin>,
}

/// Number of people who have to sign a step.
pub const fn signers(root: &TrustRoot, step: &Step) -> u32 {
    match step {
        Step::Root(_) => root.holders.threshold,
        Step::Status(step) if step.loosens => root.status.threshold,
        Step::Status(_) | Step::Statement(_) => 1,
        Step::Person(_) => root.registrars.threshold,
        Step::Place(_) => root.policy.threshold,
    }
}

/// Signs and sends each step.
pub fn send(way: &Way<'_>, steps: Vec<Step>) -> Result<Vec<Done>, Failure> {
    let mut done = Vec::new();
    for step in steps {
        let what = step.what();
        let recorded = one(way, step);
        let (statement, entry) = recorded.map_err(|failure| stopped(failure, &what, &done))?;
        done.push(Done { what, statement, entry });
    }
    Ok(done)
}

fn one(way: &Way<'_>, step: Step) -> Result<(Digest, u64), Failure> {
    let (envelope, attached) = match step {
        Step::Status(step) => return status(way, *step),
        Step::Statement(statement) => return stated(way, *statement),
        Step::Root(root) => signed(way, root.envelope()?, Vec::new())?,
        Step::Person(person) => signed(way, person.envelope()?, Vec::new())?,
        Step::Place(draft) => signed(way, draft.envelope()?, draft.attached())?,
    };
    let outcome = send_of(way.access, &envelope, attached, way.origin)?;
    Ok((envelope.payload_digest(), outcome.entry))
}

/// The failure of a step, with what was done before it.
fn stopped(failure: Failure, what: &str, done: &[Done]) -> Failure {
    let before: Vec<_> = done.iter().map(|done| format!("{} (entry {})", done.what, done.entry)).collect();
    let before = match before.is_empty() {
        true => "nothing was recorded before it".to_owned(),
        false => {
            format!("recorded before it: {}; `countersign apply` again goes on from here", before.join(", "))
        }
    };
    let message = format!("{what}: {}; {before}", failure.message());
    failure.saying(message)
}

/// A statement that was shown, with this person's signature, and the payloads that it names.
fn signed(
    way: &Way<'_>,
    mut envelope: Envelope,
    attached: Vec<Vec<u8>>,
) -> Result<(Envelope, Vec<Vec<u8>>), Failure> {
    let page = Page { all: way.all, ..Page::default() };
    sign_page(way.access, &mut envelope, &attached, page, way.yes, way.output)?;
    Ok((envelope, attached))
}

/// A status after the newest one, which one signer may tighten alone.
fn status_after(seen: &NewestStatus, step: &StatusStep, root: &TrustRoot) -> Result<Status, Failure> {
    let base = (!step.loosens && root.status.threshold > 1).then(|| seen.file().base.payload_digest());
    let next = trust_status::next(seen.with_all_stops(), base)?;
    let mut status = Status {
        number: next.number,
        issued: next.issued,
        expires: next.expires,
        base: next.base,
        ..step.status.clone()
    };
    // Somebody may have stopped more since; only what is to be let go is let go.
    if !step.loosens {
        status.stop_too(&Status { base: None, ..next });
    }
    Ok(status)
}

fn status(way: &Way<'_>, step: StatusStep) -> Result<(Digest, u64), Failure> {
    let seen = NewestStatus::newest(way.access, &Relays::default(), false)?;
    pins::raise(way.pin, |pin| pin.status = seen.current.number)?;
    let mut envelope = status_after(&seen, &step, &seen.root)?.envelope()?;
    sign_status(way.access, &mut envelope, false, way.yes, way.output)?;
    let (said, text) = seen.deliver(way.access, way.pin, &envelope, "")?;
    match said.get("entry").and_then(Value::as_u64) {
        Some(entry) => Ok((envelope.payload_digest(), entry)),
        None => Err(Failure::error(text)),
    }
}

/// A statement of this person.
fn stated(way: &Way<'_>, statement: Statement) -> Result<(Digest, u64), Failure> {
    let until = Until(statement.expires);
    new_statement::refuse_long(statement.kind(), until)?;
    let profile = Profile::of(way.access)?;
    let client = session::client(way.access)?;
    let seen = runtime()?.block_on(grant::seen(&profile, &client))?;
    let page = match &statement.body {
        evidence::statements::Body::Grant(body) => grant::page(body, &statement.scope, until),
        body => format!(
            "{} in {} until {} in UTC: {}\n{:#}",
            statement.kind().as_str(),
            statement.scope,
            until.0,
            shown::line(&body.summary()),
            json!(body)
        ),
    };
    ask(&format!("{page}\nreason: {}", shown::line(&statement.reason)), way.yes, way.output)?;
    let Statement { scope, subjects, reason, body, .. } = statement;
    let envelope =
        new_statement::sign_under(&profile, seen, NewStatement { scope, subjects, until, reason, body })?;
    let digest = envelope.payload_digest();
    let parts = Parts { statements: vec![envelope], ..Parts::default() };
    let sent = sending::send(way.access, "state", json!({ "statement": digest }), parts)?;
    Ok((digest, sent.outcome.entry))
}

/// Signs each step and writes it into a new directory, with the payloads that it names beside it.
pub fn write(way: &Way<'_>, root: &TrustRoot, steps: Vec<Step>, out: &Path) -> Result<Written, Failure> {
    if out.exists() {
        return Err(Failure::error(format!("`{}` exists already; nothing was signed", out.display())));
    }
    let (mut made, mut notes) = (Vec::new(), Vec::new());
    for (number, step) in (1..).zip(&steps) {
        let file = out.join(step.file(number));
        let (envelope, attached) = match step {
            Step::Statement(_) => {
                notes.push(format!(
                    "{} is signed by one person: apply again once the files are sent",
                    step.what()
                ));
                continue;
            }
            Step::Status(step) => {
                let seen = NewestStatus::newest(way.access, &Relays::default(), true)?;
                let mut envelope = status_after(&seen, step, root)?.envelope()?;
                sign_status(way.access, &mut envelope, false, way.yes, way.output)?;
                (envelope, Vec::new())
            }
            Step::Root(root) => signed(way, root.envelope()?, Vec::new())?,
            Step::Person(person) => signed(way, person.envelope()?, Vec::new())?,
            Step::Place(draft) => signed(way, draft.envelope()?, draft.attached())?,
        };
        made.push((file, envelope, attached, signers(root, step)));
    }
    disk::make_dir(out)?;
    let mut next = String::new();
    for (file, envelope, attached, signers) in &made {
        write_envelope(file, envelope)?;
        for (what, bytes) in ["policy", "configuration", "windows"].iter().zip(attached) {
            files::write_shared(&beside(file, what), bytes)?;
        }
        if let Some(origin) = way.origin {
            files::write_shared(&beside(file, "source"), json!(origin).to_string().as_bytes())?;
        }
        if *signers > 1 {
            next += &format!(
                "\n  countersign trust sign {}   (until {signers} people have signed it)",
                shell::path(file)
            );
        }
    }
    for (file, ..) in &made {
        next += &format!("\n  countersign trust send {}", shell::path(file));
    }
    Ok(Written { files: made.into_iter().map(|(file, ..)| file).collect(), notes, next })
}
