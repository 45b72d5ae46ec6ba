//! The health of a role that listens nowhere else: a listener on loopback beside its work.
//!
//! Invariant: it listens before the role says that it is ready, ends with the role, and never ends it.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use listen::{Health, Limits};
use wire::{Figure, Vitals};

use crate::failure::Failure;

/// A listener for questions about a role's health, if its operator wants one.
#[derive(Debug)]
pub struct HealthListener(Option<TcpListener>);

impl HealthListener {
    /// Listens at the operator's address.
    pub fn open(address: Option<SocketAddr>) -> Result<Self, Failure> {
        let open = |address: SocketAddr| {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            tracing::info!(address = %listener.local_addr()?, "the health of this role is told");
            Ok(listener)
        };
        let failed = |error: std::io::Error, at| {
            Failure::error(format!("cannot listen on {at} for questions about health: {error}"))
        };
        let listener = address.map(|at| open(at).map_err(|error| failed(error, at))).transpose()?;
        Ok(Self(listener))
    }

    /// Does the role's work, and answers meanwhile.
    pub async fn beside<T>(self, vitals: Arc<Vitals>, work: impl Future<Output = T>) -> T {
        let answers = async {
            if let Some(listener) = self.0.and_then(|at| tokio::net::TcpListener::from_std(at).ok()) {
                let router = listen::health(Arc::new(move || health_of(&vitals)));
                listen::serve(listener, router, Limits::default(), std::future::pending()).await;
            }
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            done = work => done,
            never = answers => match never {},
        }
    }
}

/// A role can do its work while its server answers it.
fn health_of(vitals: &Vitals) -> Health {
    let unready = match vitals.silence() {
        None => Some("the server has not answered yet: see the log of this role".to_owned()),
        Some(silence) if silence > SILENCE_MAX => {
            let seconds = silence.as_secs();
            Some(format!("the server has not answered for {seconds} seconds: see the log of this role"))
        }
        Some(_) => None,
    };
    let figures = vitals.figures().into_iter().map(|Figure { name, help, value }| (name, help, value));
    Health { unready, figures: figures.collect() }
}

/// Longer than the server lets a question for work wait.
const SILENCE_MAX: Duration = Duration::from_secs(90);
