//! Probes: they check whether a release works, within limits that its plan cannot raise.
//!
//! Invariant: a release works once its probe has passed and its process stayed up for a while after that. A probe ends
//! after an hour at the latest, and at once if the process ends by itself or the probe is interrupted. Over HTTP only a
//! complete answer with status 200 passes, read by a client of the protocol (RFC 9112): interim answers are skipped, and a
//! redirect is not followed and does not pass.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evidence::plan::Probe;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::apply::{ENDING, Fault};
use crate::held::ServiceProcess;
use crate::interrupts::{Interrupt, Interrupts};
use crate::probe_error::ProbeError;

/// A running probe.
#[derive(Debug)]
pub struct Probing<'a> {
    /// The probe of the plan.
    pub probe: &'a Probe,
    /// The probed process; `None` if files are only installed.
    pub service: Option<&'a mut ServiceProcess>,
    /// Longest total time.
    pub time_max: Duration,
    /// Time for which the process has to stay up after its probe has passed.
    pub settle: Duration,
    /// Receives the last answer while the probe runs.
    pub said: LastAnswer,
    /// Interrupts that may end it.
    pub interrupts: Interrupts,
}

impl Probing<'_> {
    /// Repeats the probe until it passes, or its attempts or its time are used up.
    pub async fn until_good(
        mut self,
        mut ask: impl AsyncFnMut(u32) -> Result<(), ProbeError>,
    ) -> Result<(), Fault> {
        let until = Instant::now().checked_add(self.time_max).unwrap_or_else(Instant::now);
        let interval = Duration::from_millis(self.probe.interval_ms);
        let mut last = "it was never asked".to_owned();
        for attempt in 0..self.probe.attempts {
            if attempt > 0 {
                self.watched(until, sleep(interval), &last).await?;
            }
            match self.watched(until, ask(attempt), &last).await? {
                Ok(()) => {
                    // From here on, the status must not report the probe as failing.
                    self.said.say(None);
                    return self.settled().await;
                }
                Err(_) if cfg!(feature = "drill-probe") => return Ok(()),
                Err(error) => {
                    last = error.to_string();
                    self.said.say(Some(&last));
                }
            }
        }
        let times = self.probe.attempts;
        Err(Fault::new("probe-failed", format!("the probe failed {times} times, the last time: {last}")))
    }

    /// Waits whether the process stays up: a process that ends right after a weak probe works no better than one that never
    /// started.
    async fn settled(mut self) -> Result<(), Fault> {
        if self.service.is_none() {
            return Ok(());
        }
        let (settle, seconds) = (self.settle, self.settle.as_secs());
        // The time limit of the probe does not apply to this wait.
        let until = Instant::now() + settle.saturating_add(PROBE_TIME_MAX);
        self.watched(until, sleep(settle), "").await.map_err(|fault| match fault.code {
            "probe-failed" => {
                let what = format!("{fault}, within {seconds} seconds after its probe had passed");
                Fault::new("ended-early", what)
            }
            _ => fault,
        })
    }

    /// Waits for a future, unless the process ends, the time is over, or an interrupt arrives.
    async fn watched<T>(
        &mut self,
        until: Instant,
        work: impl Future<Output = T>,
        last: &str,
    ) -> Result<T, Fault> {
        tokio::pin!(work);
        loop {
            if let Some(interrupt) = self.interrupts.take() {
                return Err(interrupted(&interrupt));
            }
            if let Some(end) = self.service.as_mut().and_then(|service| service.ended()) {
                return Err(Fault::new("probe-failed", format!("the process ended by itself with {end}")));
            }
            if Instant::now() >= until {
                let seconds = self.time_max.as_secs();
                let what = format!("the probe took longer than {seconds} seconds, the last time: {last}");
                return Err(Fault::new("probe-failed", what));
            }
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = self.interrupts.raised() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }
}

/// The last answer of a running probe, for status reports.
#[derive(Clone, Debug, Default)]
pub struct LastAnswer(Arc<Mutex<Option<String>>>);

impl LastAnswer {
    /// Sets the last answer, or clears it when no probe runs.
    pub fn say(&self, what: Option<&str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what.map(str::to_owned);
    }

    /// The last answer.
    pub fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn interrupted(interrupt: &Interrupt) -> Fault {
    match interrupt {
        Interrupt::Ending => Fault::new(ENDING, "the agent was asked to end"),
        Interrupt::Unwanted(why) => Fault::new(INTERRUPTED, format!("its probe was ended: {why}")),
    }
}

/// Longest time of one attempt over HTTP: ten intervals, but never more than the whole probe may take.
pub fn try_time(probe: &Probe) -> Duration {
    Duration::from_millis(probe.interval_ms).saturating_mul(10).min(PROBE_TIME_MAX)
}

/// Asks for a path once.
pub async fn http(path: &str, address: SocketAddr, time: Duration) -> Result<(), ProbeError> {
    match timeout(time, answer(path, address)).await {
        Ok(answered) => answered,
        Err(_) => Err(ProbeError::Timeout { path: path.to_owned(), address, millis: time.as_millis() }),
    }
}

async fn answer(path: &str, address: SocketAddr) -> Result<(), ProbeError> {
    let failed = |error: &dyn std::fmt::Display| ProbeError::Exchange {
        path: path.to_owned(),
        address,
        cause: error.to_string(),
    };
    let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let mut client = http1::Builder::new();
    client.max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
    let (mut send, connection) =
        client.handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let request = Request::get(path)
        .header(header::HOST, format!("localhost:{}", address.port()))
        .header(header::USER_AGENT, concat!("countersign-probe/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(&error))?;
    let read = async {
        let answer = send.send_request(request).await.map_err(|error| failed(&chain(&error)))?;
        judged(path, answer).await
    };
    tokio::pin!(read, connection);
    tokio::select! {
        biased;
        judged = &mut read => return judged,
        // The connection drives the request. When it ends, all bytes are there, and the request reports what is missing.
        _ = &mut connection => {}
    }
    read.await
}

/// Only 200 passes; what else is said, with what people need to mend it.
async fn judged(path: &str, answer: Response<Incoming>) -> Result<(), ProbeError> {
    let (path, status) = (path.to_owned(), answer.status());
    let location =
        answer.headers().get(header::LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
    let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await;
    if status == hyper::StatusCode::OK {
        return match body {
            Ok(_) => Ok(()),
            // The answer is longer than needed, so the rest is not read.
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(()),
            Err(source) => Err(ProbeError::Body { path, source }),
        };
    }
    if let Some(to) = location.filter(|_| status.is_redirection()) {
        return Err(ProbeError::Redirect { path, status, to });
    }
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let said = String::from_utf8_lossy(&body).trim().chars().take(SAID_CHARS_MAX).collect();
    Err(ProbeError::Status { path, status, said })
}

/// An error of hyper with its causes.
fn chain(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Code of a probe that nobody wants any more.
pub const INTERRUPTED: &str = "probe-interrupted";
/// Longest total time of a probe; a plan can only shorten it.
pub const PROBE_TIME_MAX: Duration = Duration::from_hours(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const HEADERS_MAX: usize = 100;
const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024;
const SAID_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests;
