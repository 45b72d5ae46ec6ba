//! The health of a role over HTTP: whether it lives, whether it can do its work, and its figures in OpenMetrics.
//!
//! Invariant: everybody who reaches the listener gets an answer, so the listener is on loopback alone, and the figures name
//! no project, person or place.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The health of a role at one moment.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Why it cannot do its work; `None` if it can.
    pub unready: Option<String>,
    /// Names, explanations and values of its figures.
    pub figures: Vec<(&'static str, &'static str, u64)>,
}

/// Tells the health at the moment of a question. It does not block.
pub type HealthLook = Arc<dyn Fn() -> Health + Send + Sync>;

/// `GET /healthz`, `GET /readyz` and `GET /metrics`.
pub fn health(look: HealthLook) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(look)
}

async fn ready(State(look): State<HealthLook>) -> Response {
    match look().unready {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(look): State<HealthLook>) -> Response {
    let Health { unready, figures } = look();
    let mut registry = Registry::with_prefix("countersign");
    let ready = ("ready", "1 if the role can do its work", u64::from(unready.is_none()));
    for (name, help, value) in std::iter::once(ready).chain(figures) {
        let gauge = Gauge::<u64, AtomicU64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
    let mut text = String::new();
    if let Err(error) = encode(&mut text, &registry) {
        return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response();
    }
    ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response()
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
