//! Bodies: a body that is declared too large is refused, a large body gets memory only once its sender is known, and a
//! body that does not arrive in time is dropped.
//!
//! Invariant: an unknown sender reserves no memory. A small body needs no reservation, because connections are limited
//! already (`listen::Limits`). One sender cannot reserve the memory of all others, and stopping actions have a separate
//! reserve. A person has one share, whatever accounts it is sent from. People read each other's signed requests in the
//! ledger, so a recorded request may come from anybody: all recorded requests together have one share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::PersonId;
use evidence::claim::ClaimedOperation;
use evidence::{Digest, Name};
use listen::{Account, Peer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::{BLOB_BYTES_MAX, BODY_BYTES_MAX, Credential, ProblemKind};

use super::problem::Failure;
use super::requester::blocking;
use super::right::credential;
use crate::caller::Caller;
use crate::clock;
use crate::shared::Shared;

/// The owner of a memory reservation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Owner,
    /// A person, from all accounts together.
    Person(PersonId),
    /// Another user of the machine, or an address, under whatever names it sends.
    Peer(Account),
    /// A signed request that is not recorded yet: only one copy of its body is received at a time.
    Request(Digest),
    /// All recorded requests that are sent again.
    Recorded,
    Machine(Name),
}

/// The owners of a body's reservation, and whether the body is a stopping action.
#[derive(Debug)]
struct Sender {
    holders: Vec<Holder>,
    stops: bool,
}

/// The memory for all bodies.
#[derive(Debug)]
pub struct Bodies {
    shared: Arc<Shared>,
    ordinary: Arc<BodyMemory>,
    stopping: Arc<BodyMemory>,
}

impl Bodies {
    /// The memory for the bodies of one server.
    pub fn new(shared: Arc<Shared>) -> Arc<Self> {
        let ordinary = BodyMemory::new(MEMORY_KIB, EACH_KIB);
        Arc::new(Self { shared, ordinary, stopping: BodyMemory::new(STOPPING_KIB, STOPPING_EACH_KIB) })
    }
}

/// Lets a request through once memory for its body is reserved.
pub async fn bounded(State(bodies): State<Arc<Bodies>>, request: Request, next: Next) -> Response {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let declared = declared.and_then(|length| length.parse::<u64>().ok());
    // A blob is written to disk in pieces after its claim was checked; every other body is small and quick.
    let (most, timeout) = match *request.method() {
        Method::PUT => (BLOB_BYTES_MAX as u64, TRANSFER_TIMEOUT),
        _ => (BODY_BYTES_MAX as u64, REQUEST_TIMEOUT),
    };
    if let Some(declared) = declared.filter(|declared| *declared > most) {
        let detail = format!("a body has at most {most} bytes, this one would have {declared}");
        return Failure::new(ProblemKind::TooLarge, detail).into_response();
    }
    let wanted = match *request.method() {
        // Without a length, a body comes in pieces or not at all (RFC 9112, section 6.3).
        Method::POST if request.headers().contains_key(header::TRANSFER_ENCODING) => most,
        Method::POST => declared.unwrap_or(0),
        _ => 0,
    };
    let answered = async {
        let (parts, body) = request.into_parts();
        let reservation = match wanted {
            0..=SMALL_BYTES_MAX => None,
            large => Some(reserve(&bodies, &parts, large).await?),
        };
        let answer = next.run(Request::from_parts(parts, body)).await;
        drop(reservation);
        Ok::<_, Failure>(answer)
    };
    in_time(timeout, answered).await
}

/// The answer, unless the body takes longer to arrive.
async fn in_time(limit: Duration, answered: impl Future<Output = Result<Response, Failure>>) -> Response {
    match tokio::time::timeout(limit, answered).await {
        Ok(answer) => answer.into_response(),
        Err(_) => {
            Failure::new(ProblemKind::Busy, "the request did not arrive or finish in time").into_response()
        }
    }
}

/// Reserves memory for a large body of a known sender.
async fn reserve(bodies: &Bodies, parts: &Parts, bytes: u64) -> Result<Reservation, Failure> {
    let sender = sender(&bodies.shared, parts).await?;
    // A signed request alone does not prove who sends it: its body may be missing or another one.
    match sender.holders.first() {
        Some(Holder::Owner) => listen::note_identity(&Caller::Owner.identity()),
        Some(Holder::Machine(machine)) => listen::note_identity(machine.as_str()),
        _ => {}
    }
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    let memory = if sender.stops && kib <= STOPPING_EACH_KIB { &bodies.stopping } else { &bodies.ordinary };
    memory.take(sender.holders, kib).await
}

/// The sender of a request, from its header alone, and whether it is a stopping action.
async fn sender(shared: &Arc<Shared>, parts: &Parts) -> Result<Sender, Failure> {
    let credential = credential(&parts.headers);
    let operation = format!("{} {}", parts.method, parts.uri.path());
    let asked = ClaimedOperation { operation, server: *shared.introducer.key() };
    let (at, peer) = (Arc::clone(shared), parts.extensions.get::<Peer>().copied());
    let is_owner = peer.as_ref().is_some_and(Peer::is_owner);
    blocking(move || {
        let (state, now, keeper) = (at.intake.state(), clock::now(), &at.gatekeeper);
        match credential {
            Some(Credential::Request(envelope)) => {
                let request = keeper.signed(&state, &envelope, now)?;
                let stops = STOPPING.contains(&request.action.as_str());
                let holders = match peer {
                    _ if is_owner => vec![Holder::Owner],
                    peer => {
                        let new = if keeper.is_recorded(&request)? {
                            None
                        } else {
                            Some(envelope.payload_digest())
                        };
                        holders(request.person.into(), new, peer.as_ref())
                    }
                };
                Ok(Sender { holders, stops })
            }
            Some(Credential::Claim(claim)) => match keeper.machine(&state, &claim, &asked, now)? {
                Caller::Runner(name) | Caller::Agent(name, _) => {
                    Ok(Sender { holders: vec![Holder::Machine(name)], stops: false })
                }
                Caller::Owner | Caller::Anybody | Caller::Person(_) => Err(nobody()),
            },
            _ if is_owner => Ok(Sender { holders: vec![Holder::Owner], stops: false }),
            _ => Err(nobody()),
        }
    })
    .await
}

/// The owners of a person's reservation; the request's digest is one, unless it is recorded.
fn holders(person: PersonId, new: Option<Digest>, peer: Option<&Peer>) -> Vec<Holder> {
    let mut holders = match new {
        Some(request) => vec![Holder::Person(person), Holder::Request(request)],
        None => vec![Holder::Recorded],
    };
    // The server's own user is not counted, because its owner may route everybody's commands through that user.
    holders.extend(peer.filter(|peer| !peer.has_reserve()).map(|peer| Holder::Peer(peer.account)));
    holders
}

fn nobody() -> Failure {
    let what = format!(
        "a body of more than {SMALL_BYTES_MAX} bytes, or of unknown length, needs the signed request or claim in the \
         header `Authorization` too, so that it is known who sends it before it is read"
    );
    Failure::new(ProblemKind::Unauthenticated, what)
}

impl Holder {
    fn holds_too_much(&self, each_kib: u32) -> String {
        match self {
            Self::Recorded => format!(
                "the ledger holds this request already, and such requests are being sent again with more than \
                 {each_kib} KiB at once; look up what became of it with `countersign status`, or send it again later"
            ),
            _ => format!(
                "you send more than {each_kib} KiB at once; wait until some of it is answered, then send it again"
            ),
        }
    }
}

/// Memory that senders share.
#[derive(Debug)]
struct BodyMemory {
    all: Arc<Semaphore>,
    each: u32,
    by: Mutex<BTreeMap<Holder, u32>>,
}

/// The reservation of one body.
#[derive(Debug)]
struct Reservation {
    memory: Arc<BodyMemory>,
    holders: Vec<Holder>,
    kib: u32,
    _permit: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
    fn new(kib: usize, each: u32) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(kib)), each, by: Mutex::default() })
    }

    /// Waits for memory; refuses a reservation beyond one sender's share.
    async fn take(self: &Arc<Self>, holders: Vec<Holder>, kib: u32) -> Result<Reservation, Failure> {
        // The reservation is counted before the wait, so that a sender beyond its share delays nobody else.
        let mut reservation = {
            let mut by = self.by();
            if holders.iter().any(|holder| matches!(holder, Holder::Request(..)) && by.contains_key(holder)) {
                let what = "this very request is being sent already; wait for its answer";
                return Err(Failure::new(ProblemKind::Busy, what));
            }
            let own = |holder| by.get(holder).copied().unwrap_or_default();
            let full = holders.iter().find(|holder| own(holder).saturating_add(kib) > self.each);
            if let Some(full) = full {
                return Err(Failure::new(ProblemKind::Busy, full.holds_too_much(self.each)));
            }
            for holder in &holders {
                *by.entry(holder.clone()).or_default() += kib;
            }
            Reservation { memory: Arc::clone(self), holders, kib, _permit: None }
        };
        let permit = Arc::clone(&self.all).acquire_many_owned(kib).await;
        reservation._permit = permit.ok();
        Ok(reservation)
    }

    fn by(&self) -> MutexGuard<'_, BTreeMap<Holder, u32>> {
        self.by.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut by = self.memory.by();
        for holder in &self.holders {
            match by.get_mut(holder) {
                Some(kib) if *kib > self.kib => *kib -= self.kib,
                _ => drop(by.remove(holder)),
            }
        }
    }
}

/// Actions of signed requests that stop something; a rejection is an `approve`.
const STOPPING: [&str; 7] =
    ["set-status", "set-root", "cancel", "rollback", "advance", "approve", "secret-destroy"];
/// Largest body that needs no reservation.
const SMALL_BYTES_MAX: u64 = 32 * 1024;
/// All large bodies in memory at once, in KiB; a further one waits.
const MEMORY_KIB: usize = 256 * 1024;
/// One sender's share, in KiB.
const EACH_KIB: u32 = 64 * 1024;
/// Separate memory for stopping actions, in KiB.
const STOPPING_KIB: usize = 32 * 1024;
const STOPPING_EACH_KIB: u32 = 8 * 1024;
const _: () = assert!(EACH_KIB as usize * 1024 >= BODY_BYTES_MAX);
const _: () = assert!(BLOB_BYTES_MAX as u64 == ledger::BLOB_BYTES_MAX);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
const TRANSFER_TIMEOUT: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::net::{IpAddr, Ipv4Addr};

    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use domain::PersonId;
    use evidence::Digest;
    use futures_util::{StreamExt as _, stream};
    use listen::{Account, Peer};

    use super::{BodyMemory, Failure, Holder, holders, in_time};

    /// A person, by the number of their address.
    const ADA: u8 = 1;
    const BOB: u8 = 2;
    const EVE: u8 = 9;

    fn machine(name: &str) -> Vec<Holder> {
        vec![Holder::Machine(name.parse().unwrap())]
    }

    fn at(address: u8) -> Peer {
        Peer::of(Account::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, address))))
    }

    /// The owners for a new request of a person, sent from an address.
    fn new(person: u8, request: &str, from: u8) -> Vec<Holder> {
        holders(PersonId::from(lab::id(person)), Some(Digest::of(request.as_bytes())), Some(&at(from)))
    }

    /// The owners for a recorded request.
    fn recorded(person: u8, from: u8) -> Vec<Holder> {
        holders(PersonId::from(lab::id(person)), None, Some(&at(from)))
    }

    /// A body that stops in its middle holds its place and memory for a bounded time (CWE-400).
    #[tokio::test]
    async fn attack_a_body_that_is_sent_in_part_ends_with_its_time() {
        let piece = || stream::iter([Ok::<_, std::io::Error>("half")]);
        let took = async |body: Body| {
            let bytes = to_bytes(body, 9).await.map_err(Failure::failed)?;
            Ok::<_, Failure>(bytes.into_response())
        };
        let whole = in_time(Duration::MAX, took(Body::from_stream(piece()))).await;
        assert_eq!(whole.status(), StatusCode::OK);
        let half = Body::from_stream(piece().chain(stream::pending()));
        assert_eq!(in_time(Duration::ZERO, took(half)).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    /// Colleagues read signed requests in the ledger while the requests could still be sent again.
    #[tokio::test]
    async fn attack_a_colleagues_request_holds_nothing_of_whose_it_is() {
        let memory = BodyMemory::new(20, 6);
        let stolen = memory.take(recorded(ADA, EVE), 5).await.unwrap();
        let own = memory.take(new(ADA, "another one", ADA), 6).await.unwrap();
        drop(own);
        // Under however many names she sends, she has one sender's share.
        let more = memory.take(new(BOB, "a request of Bob's", EVE), 2).await.unwrap_err();
        assert!(more.to_string().contains("you send more than 6 KiB at once"), "{more}");
        drop(stolen);
        assert_eq!(memory.by().len(), 0);
    }

    #[tokio::test]
    async fn attack_requests_from_several_accounts_hold_one_part_of_the_room() {
        let memory = BodyMemory::new(20, 6);
        // Recorded requests of all signers share one part.
        let stolen = memory.take(recorded(ADA, EVE), 4).await.unwrap();
        let more = memory.take(recorded(BOB, EVE + 1), 4).await.unwrap_err();
        assert!(more.to_string().contains("the ledger holds this request already"), "{more}");
        // A request that she signed herself is received once at a time, and many of them share her part.
        let own = memory.take(new(EVE, "one", EVE + 2), 4).await.unwrap();
        let again = memory.take(new(EVE, "one", EVE + 3), 1).await.unwrap_err();
        assert!(again.to_string().contains("is being sent already"), "{again}");
        let more = memory.take(new(EVE, "another one", EVE + 3), 4).await.unwrap_err();
        assert!(more.to_string().contains("you send more than 6 KiB at once"), "{more}");
        // Others have their full share at once.
        let [ada, bob] = [(ADA, "hers"), (BOB, "his")].map(|(who, what)| memory.take(new(who, what, who), 6));
        let reservations =
            tokio::time::timeout(Duration::ZERO, futures_util::future::join(ada, bob)).await.unwrap();
        drop((stolen, own, reservations.0.unwrap(), reservations.1.unwrap()));
        assert_eq!(memory.by().len(), 0);
    }

    #[tokio::test]
    async fn one_sender_cannot_hold_the_room_of_others_and_room_comes_back() {
        let memory = BodyMemory::new(10, 6);
        let first = memory.take(machine("a"), 6).await.unwrap();
        assert!(memory.take(machine("a"), 1).await.is_err(), "a sender has its part");
        let second = memory.take(machine("b"), 4).await.unwrap();
        let waits = tokio::time::timeout(Duration::ZERO, memory.take(machine("c"), 1)).await;
        assert!(waits.is_err(), "the room is full, so it waits");
        assert_eq!(memory.by().len(), 2, "a sender that stopped waiting holds nothing");
        drop(first);
        let third = memory.take(machine("c"), 6).await.unwrap();
        drop((second, third));
        assert_eq!(memory.by().len(), 0);
        drop(memory.take(machine("a"), 6).await.unwrap());
    }
}
