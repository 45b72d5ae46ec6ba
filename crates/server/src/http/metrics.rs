//! Figures for a monitoring system (OpenMetrics), and whether the server lives and is ready.
//!
//! Invariant: figures count the whole installation and name machines alone, no project, person or place. Outside solo mode
//! they need a right to read, or the scrape token that the operator wrote beside the ledger; a reader of some projects gets no
//! figure of what happens in projects.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use domain::release::Stage;
use evidence::Digest;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use wire::{Credential, ProblemKind};

use super::problem::Failure;
use super::requester::blocking;
use super::right;
use crate::attendance::MachineId;
use crate::clock;
use crate::figures::{figures, visible};
use crate::shared::Shared;

/// A figure at the moment of the scrape.
type Gauge64 = Gauge<u64, AtomicU64>;
/// Figures by one label.
type Figures = Family<Vec<(&'static str, String)>, Gauge64>;

/// Whether this process answers; it says nothing else, and everybody may ask.
pub async fn lives() -> &'static str {
    "ok\n"
}

/// Whether commands are accepted and the ledger can be read.
pub async fn is_ready(State(shared): State<Arc<Shared>>) -> Result<&'static str, Failure> {
    if !shared.intake.is_alive() {
        return Err(Failure::failed("the writer has stopped: see the server's log"));
    }
    blocking(move || {
        shared.gatekeeper.readers().with(|reader| reader.head())?;
        Ok("ready\n")
    })
    .await
}

/// All figures.
pub async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let reads_all = may_scrape(&shared, &parts).await?;
    let text = blocking(move || text(&shared, reads_all)).await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Refuses a sender with neither a right to read nor the scrape token; says whether the sender may read every project.
async fn may_scrape(shared: &Arc<Shared>, parts: &Parts) -> Result<bool, Failure> {
    let refused = match right::asker(shared, parts).await {
        Ok(visitor) => return Ok(visitor.caller.reads_everything(&shared.intake.state(), clock::now())),
        Err(failure) => failure,
    };
    let Some(Credential::Token(token)) = right::credential(&parts.headers) else {
        return Err(nobody(&refused));
    };
    let file = shared.gatekeeper.readers().dir().join(TOKEN_FILE);
    let read = blocking(move || std::fs::read_to_string(file).map_err(Failure::failed)).await;
    // Without a file, or with one that is too short to be secret, nobody has the token.
    let Some(kept) = read.ok().filter(|kept| kept.trim().len() >= TOKEN_BYTES_MIN) else {
        return Err(nobody(&refused));
    };
    // Digests, because the time of the comparison would show the token's length.
    let [kept, token] = [kept.trim(), &token].map(|text| Digest::of(text.as_bytes()));
    verify_slices_are_equal(kept.as_bytes(), token.as_bytes()).map_err(|_| nobody(&refused))?;
    Ok(true)
}

/// The failure for a sender without the scrape token; another failure stays as it is.
fn nobody(refused: &Failure) -> Failure {
    if refused.kind() != ProblemKind::Unauthenticated {
        return Failure::new(refused.kind(), refused.to_string());
    }
    let what = format!(
        "figures need a right to read, or the token in `{TOKEN_FILE}` of the data directory, at least \
         {TOKEN_BYTES_MIN} characters, as `Authorization: Bearer TOKEN`"
    );
    Failure::new(ProblemKind::Unauthenticated, what)
}

fn text(shared: &Shared, reads_all: bool) -> Result<String, Failure> {
    let mut registry = Registry::with_prefix("countersign");
    for figure in visible(figures(shared)?, reads_all) {
        let gauge = Gauge64::default();
        gauge.set(figure.value);
        registry.register(figure.name, figure.help, gauge);
    }
    if reads_all {
        releases(shared, &mut registry);
    }
    runners(shared, &mut registry)?;
    let mut text = String::new();
    encode(&mut text, &registry).map_err(Failure::failed)?;
    Ok(text)
}

fn releases(shared: &Shared, registry: &mut Registry) {
    let state = shared.intake.state();
    let releases = Figures::default();
    for stage in ["proposed", "judging", "held", "due"] {
        releases.get_or_create(&vec![("stage", stage.to_owned())]).set(0);
    }
    for open in state.release.places().filter_map(|(_, standing)| standing.open.as_ref()) {
        let stage = match open.stage {
            Stage::Proposed => "proposed",
            Stage::Judging => "judging",
            Stage::Held => "held",
            Stage::Due(_) => "due",
        };
        releases.get_or_create(&vec![("stage", stage.to_owned())]).inc();
    }
    registry.register("releases_open", "Releases that are pending, by stage", releases);
}

fn runners(shared: &Shared, registry: &mut Registry) -> Result<(), Failure> {
    let silent = Figures::default();
    for runner in shared.gatekeeper.root(&shared.intake.state())?.runners {
        let view = shared.attendance.of(&MachineId::Runner(runner.name));
        silent.get_or_create(&vec![("runner", view.name.to_string())]).set(view.silent_seconds);
    }
    registry.register("runner_silent_seconds", "Seconds since a runner was heard", silent);
    Ok(())
}

/// File of the scrape token in the data directory.
const TOKEN_FILE: &str = "metrics.token";
const TOKEN_BYTES_MIN: usize = 32;
