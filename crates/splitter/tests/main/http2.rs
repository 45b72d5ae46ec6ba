//! HTTP/2 from end to end, over backends of both protocols.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use splitter::{Errors, Group};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::support::{Splitter, backend, group, length, saying, table};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client that knows that the port speaks HTTP/2.
async fn client(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let uri = format!("http://shop{path}");
    let request =
        Request::builder().version(Version::HTTP_2).method(method).uri(uri).header("te", "trailers");
    request.header("cookie", "a=1").header("cookie", "b=2").body(Full::from(body)).unwrap()
}

/// The whole of an answer.
async fn whole(answer: Response<Incoming>) -> (u16, String, Option<HeaderMap>) {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap();
    let trailers = body.trailers().cloned();
    (status, String::from_utf8(body.to_bytes().to_vec()).unwrap(), trailers)
}

/// A backend of HTTP/2 alone, which answers with the body that it got and a trailer, and tells the head.
fn by_http2() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (told, heard)) = (listener.local_addr().unwrap(), mpsc::channel());
    thread::spawn(move || {
        runtime().block_on(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let told = told.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    told.send(format!("{} {:?}", request.uri(), request.headers())).unwrap();
                    async move {
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let mut trailers = HeaderMap::new();
                        trailers.insert("grpc-status", "0".parse().unwrap());
                        let frames = [Frame::data(body), Frame::trailers(trailers)].map(Ok::<_, Infallible>);
                        Ok::<_, Infallible>(Response::new(StreamBody::new(futures_util::stream::iter(
                            frames,
                        ))))
                    }
                });
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    (address, heard)
}

#[test]
fn requests_of_one_connection_are_shared_among_groups_of_http1() {
    let (stable, heard) =
        saying("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: x\r\nX: 1\r\n\r\nstable");
    let (canary, _) = saying("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary");
    let mut splitter =
        Splitter::start(&table(&[group("stable", 3, &[stable]), group("canary", 1, &[canary])]));
    runtime().block_on(async {
        let mut client = client(splitter.address).await;
        let mut canaries = 0;
        for _ in 0..40 {
            let answer = client.send_request(request("/a?b", "abc")).await.unwrap();
            assert!(answer.headers().get("x").is_none() && answer.version() == Version::HTTP_2);
            canaries += usize::from(whole(answer).await.1 == "canary");
        }
        assert_eq!(canaries, 10);
    });
    let request = heard.recv().unwrap();
    assert!(request.starts_with("POST /a?b HTTP/1.1\r\n") && request.ends_with("\r\n\r\nabc"), "{request}");
    assert!(request.contains("host: shop\r\n") && request.contains("cookie: a=1; b=2\r\n"), "{request}");
    assert_eq!(length(&request), 3);
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors.total(), figures.client.total()), (30, 0, 0));
}

#[test]
fn a_group_of_http2_gets_requests_and_trailers_as_they_came() {
    let (address, heard) = by_http2();
    let rows = [Group { http2: true, ..group("stable", 1, &[address]) }];
    let mut splitter = Splitter::start(&table(&rows));
    runtime().block_on(async {
        let mut client = client(splitter.address).await;
        for _ in 0..5 {
            let answer = client.send_request(request("/grpc", "question")).await.unwrap();
            let (status, body, trailers) = whole(answer).await;
            assert_eq!((status, body.as_str()), (200, "question"));
            assert_eq!(trailers.unwrap().get("grpc-status").unwrap(), "0");
        }
    });
    let head = heard.recv().unwrap();
    assert!(head.starts_with("http://shop/grpc ") && head.contains(r#""te": "trailers""#), "{head}");
    assert!(head.contains(r#""x-forwarded-for": "127.0.0.1""#), "{head}");
    assert_eq!(splitter.settled("stable").requests, 5);
}

#[test]
fn a_broken_answer_resets_its_stream_alone() {
    let address = backend(|talk| {
        while let Some(head) = talk.head() {
            if head.contains("/broken") {
                talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
                talk.close();
            }
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    runtime().block_on(async {
        let mut client = client(splitter.address).await;
        for _ in 0..3 {
            // The reset may overtake the head.
            let broken = match client.send_request(request("/broken", "")).await {
                Ok(answer) => answer.into_body().collect().await.is_err(),
                Err(_) => true,
            };
            assert!(broken);
            let answer = client.send_request(request("/", "")).await.unwrap();
            assert_eq!(whole(answer).await.1, "ok");
        }
    });
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors), (6, Errors { broken: 3, ..Errors::default() }));
}

#[test]
fn a_request_that_its_client_takes_back_counts_against_the_client() {
    let (told, begun) = mpsc::channel();
    let address = backend(move |talk| {
        talk.head().unwrap();
        told.send(()).unwrap();
        // To the end of the connection.
        talk.head();
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    runtime().block_on(async {
        let mut client = client(splitter.address).await;
        let sending = tokio::spawn(client.send_request(request("/", "")));
        tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
        sending.abort();
        drop(sending.await);
        tokio::task::yield_now().await;
        drop(client);
    });
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors.total(), figures.client.aborted), (1, 0, 1));
}
