//! `countersign secret grant`: lend a secret to a step, or let a service have it.
//!
//! Invariant: nothing is signed that was not shown. A grant names every ref, pool and destination; none is a default.

use std::time::Duration;

use clap::Args;
use client::clock::now;
use client::new_statement::grant::{self, Bounds, To};
use client::new_statement::{self, NewStatement, Until};
use client::profile::Profile;
use client::request::Parts;
use client::session;
use evidence::git::RefPattern;
use evidence::pool::Pool;
use evidence::statements::{Body, GrantedSecret, Hours, StatementKind, StoreSource};
use evidence::{Digest, Moment, Name, Place};
use serde::Serialize;
use serde_json::json;

use super::{DataDir, runtime, words};
use crate::consent::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;

/// Arguments of `secret grant`.
#[derive(Debug, Args)]
pub struct SecretGrantVerb {
    #[command(flatten)]
    data_dir: DataDir,
    /// The secret: PROJECT/PATH of a build secret, for a step, or the name of a deploy secret, for a service.
    secret: GrantedSecret,
    /// The step of the project's pipeline that gets it.
    #[arg(long, value_name = "STEP", required_unless_present = "to_service", conflicts_with = "to_service", requires_all = ["refs", "pools"])]
    to_step: Option<Name>,
    /// The service that gets it, with its place, PROJECT/SERVICE/ENVIRONMENT.
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["refs", "pools"])]
    to_service: Option<Place>,
    /// A ref that has to contain the commit, for instance `refs/heads/main` or `refs/tags/v*`; may be given several times.
    #[arg(long = "ref", value_name = "REF")]
    refs: Vec<RefPattern>,
    /// A pool in which the run may be: `branch` or `protected`; may be given several times. If runners have no pools, the run
    /// counts as one in the pool that its ref leads to.
    #[arg(long = "pool", value_name = "POOL")]
    pools: Vec<Pool>,
    /// A destination, HOST:PORT, that may be reached while the secret is held; may be given several times; default: none.
    #[arg(long, value_name = "HOST:PORT")]
    network: Vec<String>,
    /// Hours in UTC, for instance "mon-fri 08:00-18:00"; default: all.
    #[arg(long)]
    hours: Option<Hours>,
    /// Where the value is, if it is in a store that the operator of the runner or agent names: `STORE:MOUNT/PATH#FIELD`, with `@VERSION` or without, or `STORE:MOUNT/creds/ROLE` for a user of a database that is made for the step; default: the vault, or versions that were put for the place.
    #[arg(long, value_name = "SOURCE")]
    from: Option<StoreSource>,
    /// Your reason; it is signed and recorded.
    #[arg(long, value_parser = words)]
    reason: String,
    /// End of the grant: a date, which means the end of that day in UTC, or a time such as 2026-12-31T12:00:00Z; default: 90
    /// days from now.
    #[arg(long)]
    until: Option<Until>,
    /// Sign without asking; default: show the grant and ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Granted {
    kind: StatementKind,
    secret: GrantedSecret,
    scope: String,
    statement: Digest,
    until: Moment,
    entry: u64,
}

/// Shows the grant, signs it and sends it.
pub fn run(verb: SecretGrantVerb, output: Output) -> Result<(), Failure> {
    let to = match (verb.to_step, verb.to_service) {
        (Some(step), _) => To::Step(step),
        (None, Some(place)) => To::Service(place),
        (None, None) => return Err(Failure::usage("name --to-step or --to-service")),
    };
    let until = match verb.until {
        Some(until) => until,
        None => Until(now()?.later_by(Duration::from_hours(DEFAULT_DAYS * 24))),
    };
    let kind = StatementKind::Grant;
    new_statement::refuse_long(kind, until)?;
    let bounds = Bounds {
        refs: verb.refs,
        pools: verb.pools,
        network: verb.network,
        hours: verb.hours,
        from: verb.from,
    };
    let (scope, body) = grant::body(verb.secret.clone(), &to, bounds)?;
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let profile = Profile::of(&access)?;
    let seen = runtime()?.block_on(grant::seen(&profile, &client))?;
    let page = grant::page(&body, &scope, until);
    ask(&format!("{page}\nreason: {}", shown::line(&verb.reason)), verb.yes, output)?;
    let subjects = vec![body.secret.subject()];
    let new =
        NewStatement { scope: scope.clone(), subjects, until, reason: verb.reason, body: Body::Grant(body) };
    let statement = new_statement::sign_under(&profile, seen, new)?;
    let digest = statement.payload_digest();
    let parts = Parts { statements: vec![statement], ..Parts::default() };
    let sent = sending::send(&access, "state", json!({ "statement": digest }), parts)?;
    let (scope, entry) = (scope.to_string(), sent.outcome.entry);
    let granted = Granted { kind, secret: verb.secret, scope, statement: digest, until: until.0, entry };
    output.print(&granted, |granted| {
        format!(
            "\n{} granted until {} in UTC, recorded as entry {}\nstatement: {digest}\nto take it back: countersign trust status \
             --withdraw {digest}",
            granted.secret, granted.until, granted.entry
        )
    })
}

const DEFAULT_DAYS: u64 = 90;
