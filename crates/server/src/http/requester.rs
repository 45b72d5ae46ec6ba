//! The requester of a request, for as long as it is answered: work for anybody but the server's own user takes turns.
//!
//! Invariant: blocking work for a request runs in a turn of its requester, and nothing else does.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use listen::{Account, Peer};
use wire::ProblemKind;

use super::problem::Failure;
use crate::turns::Turns;

tokio::task_local! {
    static REQUESTER: Requester;
}

/// The account whose turns the work takes.
#[derive(Clone, Debug)]
pub struct Requester(Option<(Arc<Turns>, Account)>);

/// Answers a request in the turns of its sender.
pub async fn in_turn(State(turns): State<Arc<Turns>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().filter(|peer| !peer.has_reserve());
    let requester = Requester(peer.map(|peer| (turns, peer.account)));
    REQUESTER.scope(requester, next.run(request)).await
}

/// Runs blocking work off the runtime's threads, in a turn of the current request's requester.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    Requester::here().blocking(work).await
}

impl Requester {
    /// The requester of the current request.
    pub fn here() -> Self {
        REQUESTER.try_with(Clone::clone).unwrap_or(Self(None))
    }

    /// Runs blocking work in a turn. It keeps the turn to the end, even if nobody waits for its result any more.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = match &self.0 {
            Some((turns, account)) => Some(turns.take(*account).await),
            None => None,
        };
        // Log lines of that work belong to the request, too.
        let span = tracing::Span::current();
        let joined = tokio::task::spawn_blocking(move || {
            let done = span.in_scope(work);
            drop(turn);
            done
        });
        joined.await.unwrap_or_else(|error| Err(Failure::new(ProblemKind::Failed, error.to_string())))
    }
}

#[cfg(test)]
pub mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use listen::Account;
    use tokio::time::timeout;

    use super::{REQUESTER, Requester, blocking};
    use crate::turns::Turns;

    /// A requester all of whose turns are taken, until they end.
    pub struct Busy {
        turns: Arc<Turns>,
        ends: std::sync::Mutex<Vec<mpsc::Sender<()>>>,
    }

    impl Busy {
        /// Runs a future as a request of the busy requester.
        pub async fn is_here<T>(&self, work: impl Future<Output = T>) -> T {
            REQUESTER.scope(requester(&self.turns, 1), work).await
        }

        /// Ends the work that takes the turns.
        pub fn end(&self) {
            self.ends.lock().unwrap().clear();
        }
    }

    fn account(number: u8) -> Account {
        Account::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)))
    }

    fn requester(turns: &Arc<Turns>, number: u8) -> Requester {
        Requester(Some((Arc::clone(turns), account(number))))
    }

    pub async fn busy() -> Busy {
        let turns = Turns::new();
        let each = std::thread::available_parallelism().unwrap().get().max(2) / 2;
        let mut ends = Vec::new();
        for _ in 0..each {
            let (end, ended) = mpsc::channel::<()>();
            let (begin, begun) = tokio::sync::oneshot::channel();
            tokio::spawn(REQUESTER.scope(
                requester(&turns, 1),
                blocking(move || {
                    let _ = begin.send(());
                    let _ = ended.recv();
                    Ok(())
                }),
            ));
            begun.await.unwrap();
            ends.push(end);
        }
        Busy { turns, ends: ends.into() }
    }

    #[tokio::test]
    async fn attack_work_for_one_asker_waits_and_for_another_it_does_not() {
        let busy = busy().await;
        let mut waits = Box::pin(busy.is_here(blocking(|| Ok(1))));
        assert!(timeout(Duration::ZERO, &mut waits).await.is_err(), "it has its part");
        let another = REQUESTER.scope(requester(&busy.turns, 2), blocking(|| Ok(2)));
        assert_eq!(another.await.unwrap(), 2, "another one has one, too");
        assert_eq!(blocking(|| Ok(3)).await.unwrap(), 3, "and the server's own work takes no turn");
        busy.end();
        assert_eq!(waits.await.unwrap(), 1);
    }
}
