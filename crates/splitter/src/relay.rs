//! One request: a group, a backend, an answer.
//!
//! Invariant: it stays with the group that it was given to. Our own answers name no backend. The file deliberately does not look
//! at bodies.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::http::request;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Version};

use crate::answer::{AnswerBody, Open, Relayed};
use crate::attempts::{Answered, Attempts};
use crate::backend::millis;
use crate::client::{Client, Visit};
use crate::heads::{self, HeadError, Sender, Wants};
use crate::limits::Limits;
use crate::routes::{Chosen, Live, Routes};
use crate::sticky;
use crate::table::Sticky;
use crate::tally::{End, UnderWay};
use crate::upgraded::Upgraded;
use crate::upload::{Course, Upload};

/// Answers a request.
pub async fn relay(
    routes: Arc<Routes>,
    client: Arc<Client>,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let visit = client.begin();
    let live = routes.live();
    let exchange = match Exchange::begin(&routes, &live, &client, request) {
        Ok(exchange) => exchange,
        Err(refused) => {
            routes.refused.fetch_add(1, Ordering::Relaxed);
            visit.end();
            let status = match refused {
                Refused::Head(_) => StatusCode::BAD_REQUEST,
                Refused::NothingServes => StatusCode::SERVICE_UNAVAILABLE,
                Refused::Abandons => StatusCode::TOO_MANY_REQUESTS,
            };
            return own(status, format!("{refused}\n"));
        }
    };
    exchange.run(&live, visit).await
}

/// Why no group gets a request.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("nothing serves here now")]
    NothingServes,
    #[error("this connection abandons its requests")]
    Abandons,
}

/// A request that a group has.
struct Exchange {
    head: request::Parts,
    upload: Upload,
    course: Option<Arc<Course>>,
    chosen: Chosen,
    wants: Wants,
    clients_upgrade: OnUpgrade,
    by_http2: bool,
    limits: Limits,
}

impl Exchange {
    fn begin(
        routes: &Routes,
        live: &Arc<Live>,
        client: &Arc<Client>,
        mut request: Request<Incoming>,
    ) -> Result<Self, Refused> {
        // Each further one would cost a connection to a backend until the client's own connection ends.
        if client.is_abusive() {
            return Err(Refused::Abandons);
        }
        let (table, limits) = (&live.table, live.table.limits);
        let clients_upgrade = hyper::upgrade::on(&mut request);
        let (mut head, body) = request.into_parts();
        let sender = Sender { address: client.address, is_trusted: table.trusted.contains(&client.address) };
        let wants = heads::clean(&mut head, sender)?;
        let wish = sticky::wish(table.sticky.as_ref(), &head.headers, |token| live.knows(token));
        let chosen = routes.choose(live, wish).ok_or(Refused::NothingServes)?;
        let by_http2 = chosen.member.row.http2 && client.is_http2;
        heads::to_backend(&mut head, &wants, by_http2)?;
        let (upload, course) = Upload::new(body, client, millis(limits.stalled_ms));
        Ok(Self { head, upload, course, chosen, wants, clients_upgrade, by_http2, limits })
    }

    async fn run(self, live: &Live, visit: Visit) -> Response<AnswerBody> {
        let Self { head, upload, course, chosen, wants, clients_upgrade, by_http2, limits } = self;
        let Chosen { member, mut under_way, stays } = chosen;
        let request = Request::from_parts(head, upload);
        let mut attempts = Attempts {
            member: &member,
            limits,
            under_way: &mut under_way,
            course: course.as_deref(),
            by_http2,
        };
        let Answered { mut answer, busy, link } = match attempts.answered(request).await {
            Ok(answered) => answered,
            Err(end) => return failed(visit, under_way, course.as_deref(), end),
        };
        under_way.note_head(course.as_ref().map_or(Duration::ZERO, |course| course.waited()));
        let backends_upgrade = hyper::upgrade::on(&mut answer);
        let (mut head, body) = answer.into_parts();
        let protocol = head.headers.get(UPGRADE).cloned();
        heads::to_client(&mut head.headers, visit.client().is_http2);
        head.version = Version::HTTP_11;
        if let Some(Sticky::Cookie(name)) = live.table.sticky.as_ref().filter(|_| !stays) {
            sticky::set_cookie(&mut head.headers, name, member.token());
        }
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            let time = millis(limits.answer_ms);
            let open = Open { under_way, visit, busy, link, status: head.status, course, time };
            return Response::from_parts(head, AnswerBody::Relayed(Box::new(Relayed::new(body, open))));
        }
        let (Some(link), Some(protocol), Some(_)) = (link, protocol, wants.upgrade) else {
            return failed(visit, under_way, course.as_deref(), End::Broken);
        };
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol);
        let ends = (clients_upgrade, backends_upgrade);
        tokio::spawn(Upgraded { ends, link, busy, under_way, visit, time: millis(limits.tunnel_ms) }.run());
        Response::from_parts(head, AnswerBody::Own(None))
    }
}

/// Ends a request without a backend's answer.
fn failed(visit: Visit, under_way: UnderWay, course: Option<&Course>, end: End) -> Response<AnswerBody> {
    let (status, words) = match end {
        End::Timeout => (StatusCode::GATEWAY_TIMEOUT, "the service did not answer in time\n"),
        End::Aborted => (StatusCode::REQUEST_TIMEOUT, "the request was not finished in time\n"),
        _ => (StatusCode::BAD_GATEWAY, "the service gave no answer\n"),
    };
    if end == End::Timeout {
        under_way.note_head(course.map_or(Duration::ZERO, Course::waited));
    }
    under_way.end(end);
    // Otherwise it counts as abandoned.
    if end != End::Aborted {
        visit.end();
    }
    own(status, words)
}

fn own(status: StatusCode, words: impl Into<Bytes>) -> Response<AnswerBody> {
    let mut answer = Response::new(AnswerBody::Own(Some(words.into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
