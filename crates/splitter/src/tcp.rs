//! A connection of a port without a known protocol: one group, one backend, bytes.
//!
//! Invariant: the client's connection ends like the backend's: a broken one with a reset.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpStream;

use crate::backend::{Backend, millis};
use crate::client::Client;
use crate::routes::{Chosen, Live, Routes};
use crate::sticky::Wish;
use crate::tally::End;
use crate::tunnel;

/// Passes a connection on.
pub async fn pass(routes: &Routes, live: &Arc<Live>, client: &Arc<Client>, mut stream: TcpStream) {
    let limits = live.table.limits;
    let Some(Chosen { member, mut under_way, .. }) = routes.choose(live, Wish::Any) else {
        routes.refused.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let visit = client.begin();
    let mut not: Option<Arc<Backend>> = None;
    let mut end = End::Connect;
    while let Some(busy) = member.backend(not.as_ref()) {
        let is_second = not.is_some();
        if is_second {
            under_way.tally().note_retry();
        }
        if let Some(backend) = busy.backend().stream(limits).await {
            end = tunnel::pass(&mut stream, backend, &mut under_way, millis(limits.tunnel_ms)).await;
            break;
        }
        if is_second {
            break;
        }
        not = Some(Arc::clone(busy.backend()));
    }
    if !matches!(end, End::Passed | End::Aborted) {
        // The connection is gone already if this fails.
        drop(stream.set_zero_linger());
    }
    under_way.end(end);
    visit.end();
}
