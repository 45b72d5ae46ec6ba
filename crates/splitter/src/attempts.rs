//! A request on its way to a backend of its group, and to a second one if the first does not take it.
//!
//! Invariant: a request is sent a second time only if nothing of it was sent before, or if it has no body, may be repeated by
//! its method (RFC 9110, 9.2.2) and its connection was an old one, which the backend closed at that moment.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::{Method, Request, Response};

use crate::backend::{Backend, Busy, millis};
use crate::limits::Limits;
use crate::link::{Link, Unsent};
use crate::patience::Patience;
use crate::routes::Member;
use crate::tally::{End, UnderWay};
use crate::upload::{Course, Upload};

/// The attempts of a request.
#[derive(Debug)]
pub struct Attempts<'a> {
    /// The group.
    pub member: &'a Member,
    /// Limits of the port.
    pub limits: Limits,
    /// The request.
    pub under_way: &'a mut UnderWay,
    /// The course of its body, if it has one.
    pub course: Option<&'a Course>,
    /// Whether the backend gets it by HTTP/2.
    pub by_http2: bool,
}

/// A backend's answer.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Response<Incoming>,
    /// The backend.
    pub busy: Busy,
    /// Its connection; none by HTTP/2.
    pub link: Option<Link>,
}

/// Why an attempt gave no answer.
enum Failure {
    /// Nothing of the request was sent.
    Unsent(Box<Request<Upload>>),
    /// The backend closed the connection.
    Closed,
    /// The request has ended.
    Ended(End),
}

impl Attempts<'_> {
    /// The answer.
    ///
    /// # Errors
    /// How the request ended.
    pub async fn answered(&mut self, mut request: Request<Upload>) -> Result<Answered, End> {
        let mut not: Option<Arc<Backend>> = None;
        while let Some(busy) = self.member.backend(not.as_ref()) {
            let is_second = not.is_some();
            if is_second {
                self.under_way.tally().note_retry();
            }
            let done = if self.by_http2 {
                self.by_http2(busy.backend(), request).await.map(|answer| (answer, None))
            } else {
                self.by_http1(busy.backend(), request).await.map(|(answer, link)| (answer, Some(link)))
            };
            match done {
                Ok((answer, link)) => return Ok(Answered { answer, busy, link }),
                Err(Failure::Unsent(back)) if !is_second => request = *back,
                Err(Failure::Unsent(_)) => return Err(End::Connect),
                Err(Failure::Closed) => {
                    busy.backend().rest();
                    return Err(End::Broken);
                }
                Err(Failure::Ended(end)) => return Err(end),
            }
            not = Some(Arc::clone(busy.backend()));
        }
        Err(End::Connect)
    }

    async fn by_http1(
        &mut self,
        backend: &Backend,
        mut request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Link), Failure> {
        let copy = copy(&request);
        let reuse = millis(self.limits.reuse_ms);
        let reuse = if copy.is_some() { reuse } else { reuse.min(UNREPEATABLE_REUSE) };
        if let Some(mut link) = backend.idle_link(reuse) {
            match self.through(&mut link, request).await {
                Ok(answer) => return Ok((answer, link)),
                Err(Failure::Unsent(back)) => request = *back,
                Err(Failure::Closed) => request = copy.ok_or(Failure::Closed)?,
                Err(ended) => return Err(ended),
            }
        }
        let Some(mut link) = backend.link(self.limits).await else {
            return Err(Failure::Unsent(Box::new(request)));
        };
        let answer = self.through(&mut link, request).await?;
        Ok((answer, link))
    }

    async fn by_http2(
        &mut self,
        backend: &Backend,
        mut request: Request<Upload>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut copy = copy(&request);
        loop {
            let Some(mut sender) = backend.http2(self.limits).await else {
                return Err(Failure::Unsent(Box::new(request)));
            };
            let (mut patience, mut steps) = (Patience::default(), 0);
            let mut sending = std::pin::pin!(sender.try_send_request(request));
            let answer = std::future::poll_fn(|context| match sending.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(done.map_err(|error| Unsent::Failed(Box::new(error)))),
                Poll::Pending => {
                    self.over(context, &mut patience, &mut steps).map(|end| Err(Unsent::Over(end)))
                }
            });
            match answer.await.map_err(|error| self.failure(error)) {
                Err(Failure::Closed) if copy.is_some() => {
                    request = copy.take().ok_or(Failure::Closed)?;
                }
                done => return done,
            }
        }
    }

    async fn through(
        &mut self,
        link: &mut Link,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut steps = 0;
        let answer = link.send(request, |context, patience| self.over(context, patience, &mut steps)).await;
        answer.map_err(|error| self.failure(error))
    }

    /// Ready when the request has to end.
    fn over(&mut self, context: &mut Context<'_>, patience: &mut Patience, steps: &mut u64) -> Poll<End> {
        if self.under_way.poll_cut(context).is_ready() {
            return Poll::Ready(End::Broken);
        }
        if let Some(course) = self.course {
            if course.steps() != *steps {
                *steps = course.steps();
                patience.moved();
            }
            if course.waits() {
                // The body itself has patience with its client.
                return Poll::Pending;
            }
        }
        patience.poll_over(context, millis(self.limits.answer_ms)).map(|()| End::Timeout)
    }

    fn failure(&self, error: Unsent<End>) -> Failure {
        if self.course.is_some_and(Course::is_clients_fault) {
            return Failure::Ended(End::Aborted);
        }
        match error {
            Unsent::Over(end) => Failure::Ended(end),
            Unsent::Closed => Failure::Closed,
            Unsent::Failed(mut error) => match error.take_message() {
                Some(request) => Failure::Unsent(Box::new(request)),
                // Broken words are an answer, too.
                None if error.error().is_parse() => Failure::Ended(End::Broken),
                None => Failure::Closed,
            },
        }
    }
}

/// A copy of a request that may be repeated.
fn copy(request: &Request<Upload>) -> Option<Request<Upload>> {
    let method = request.method();
    let repeats = [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method);
    if !repeats || !request.body().is_end_stream() || request.headers().contains_key(hyper::header::UPGRADE) {
        return None;
    }
    let mut copy = Request::new(Upload::empty());
    *copy.method_mut() = method.clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// A request that may not be repeated is only sent by a connection that was used just now.
const UNREPEATABLE_REUSE: Duration = Duration::from_millis(500);
