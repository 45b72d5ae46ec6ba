//! `countersign secret put --place`: a version of a secret of one place, sealed to the place's agents.
//!
//! Invariant: a value comes from standard input or a file, never from an argument, and is printed nowhere. Nothing is signed
//! that was not shown.

use std::time::Duration;

use client::clock::now;
use client::new_statement::deploy_secret::next;
use client::new_statement::{Until, refuse_long};
use client::profile::Profile;
use client::request::Parts;
use client::session;
use evidence::statements::StatementKind;
use evidence::{Digest, Moment, Name, Place};
use serde::Serialize;
use serde_json::json;

use super::runtime;
use super::secret_values::Put;
use crate::consent::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;

#[derive(Debug, Serialize)]
struct Report {
    place: Place,
    secret: Name,
    number: u32,
    value: Digest,
    agents: Vec<Name>,
    until: Moment,
    statement: Digest,
    entry: u64,
}

/// Seals a value to the agents of a place, signs the statement about it, and sends both.
pub fn put(verb: &Put, place: &Place, output: Output) -> Result<(), Failure> {
    let secret = plain(&verb.secret)?;
    let (value, reason) = (verb.value()?, verb.reason.clone().unwrap_or_default());
    let access = verb.data_dir.access()?;
    let year = now()?.later_by(Duration::from_hours(365 * 24));
    let until = verb.expires.unwrap_or(Until(year));
    refuse_long(StatementKind::DeploySecret, until)?;
    let client = session::client(&access)?;
    let profile = Profile::of(&access)?;
    let next = runtime()?.block_on(next(&profile, &client, place, &secret))?;
    let page = next.page(value.len(), until);
    ask(&format!("{page}\nreason: {}", shown::line(&reason)), verb.yes, output)?;
    let put = next.seal(&profile, &value, until, reason)?;
    let (statement, sealed) = (put.statement.payload_digest(), Digest::of(&put.sealed));
    let parts = Parts { statements: vec![put.statement], attachments: vec![put.sealed], ..Parts::default() };
    let entry = sending::send(&access, "state", json!({ "statement": statement }), parts)?.outcome.entry;
    let report = Report {
        place: place.clone(),
        secret,
        number: next.number,
        value: sealed,
        agents: next.agents.iter().map(|(name, _)| name.clone()).collect(),
        until: until.0,
        statement,
        entry,
    };
    output.print(&report, |report| {
        format!(
            "put version {} of {} of {}, recorded as entry {}\nstatement: {}\n{ROTATES}",
            report.number, report.secret, report.place, report.entry, report.statement
        )
    })
}

/// The name of a secret at its place.
pub fn plain(text: &str) -> Result<Name, Failure> {
    text.parse().map_err(|_| {
        Failure::usage(format!(
            "`{}` is not a name: a secret of a place has a plain name there",
            shown::line(text)
        ))
    })
}

const ROTATES: &str = "a service that has the secret is started again with this version, without a release; `countersign status` shows which one it has";
