//! A request that changed its protocol, such as a WebSocket: a tunnel from then on.
//!
//! Invariant: it is under way in its group until the tunnel ends.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::backend::Busy;
use crate::client::Visit;
use crate::link::Link;
use crate::tally::{End, UnderWay};
use crate::tunnel;

/// A request that changes its protocol.
#[derive(Debug)]
pub struct Upgraded {
    /// The client's end and the backend's.
    pub ends: (OnUpgrade, OnUpgrade),
    /// The connection to the backend.
    pub link: Link,
    /// The backend.
    pub busy: Busy,
    /// The request.
    pub under_way: UnderWay,
    /// The same, as its client's connection sees it.
    pub visit: Visit,
    /// Time for which nothing may move.
    pub time: Duration,
}

impl Upgraded {
    /// Passes bytes on until the end.
    pub async fn run(self) {
        let Self { ends: (client, backend), mut link, busy, mut under_way, visit, time } = self;
        let drive = std::future::poll_fn(|context| link.poll_drive(context));
        let opened = timeout(OPENING_TIME, async { tokio::join!(client, backend, drive) }).await;
        let end = match opened {
            Ok((Ok(client), Ok(backend), ())) => {
                let (client, backend) = (TokioIo::new(client), TokioIo::new(backend));
                tunnel::pass(client, backend, &mut under_way, time).await
            }
            Ok((Ok(_), Err(_), ())) => End::Broken,
            _ => End::Aborted,
        };
        under_way.end(end);
        drop(busy);
        visit.end();
    }
}

/// Time in which both sides have changed.
const OPENING_TIME: Duration = Duration::from_secs(10);
