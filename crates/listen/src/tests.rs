//! Listeners whose connections cannot be watched, or never shake hands.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tls::{Authority, Identity, Role, Served, SpiffeId, TransportKey};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::oneshot;

use crate::peer::Finder;
use crate::{Account, Limits, Listener, Peer, TlsListener, serve};

/// Connections; the next one is last.
struct Broken(Mutex<Vec<Half>>);

/// One end of a connection, and a handle for watching it.
struct Half(UnixStream, OwnedFd, u8);

impl AsFd for Half {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.1.as_fd()
    }
}

impl AsyncRead for Half {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for Half {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl Listener for Broken {
    type Stream = Half;

    async fn next(&self) -> io::Result<Half> {
        let next = self.0.lock().unwrap().pop();
        match next {
            Some(next) => Ok(next),
            None => std::future::pending().await,
        }
    }

    fn peer(stream: &Half, _: &Finder, _: Duration) -> io::Result<Peer> {
        Ok(Peer::of(Account::Address([192, 0, 2, stream.2].into())))
    }
}

#[test]
fn a_connection_that_cannot_be_watched_costs_nobody_a_slot() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (connections, mut ours): (Vec<_>, Vec<_>) = [1, 1, 2, 2]
            .into_iter()
            .enumerate()
            .map(|(number, account)| {
                let (theirs, ours) = UnixStream::pair().unwrap();
                let handle = theirs.as_fd().try_clone_to_owned().unwrap();
                // A file on a disk cannot be watched.
                let file = || {
                    let file = std::fs::File::open("/proc/self/exe").unwrap();
                    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::NONBLOCK).unwrap();
                    file.into()
                };
                (Half(theirs, if number == 2 { file() } else { handle }, account), ours)
            })
            .unzip();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new().route("/small", get(async || "small"));
        let listener = Broken(Mutex::new(connections.into_iter().rev().collect()));
        let bears = Limits { connections: 4, each: 2, ..Limits::default() };
        let serving = tokio::spawn(serve(listener, router, bears, async { drop(stopped.await) }));
        // This connection is closed, and no other one.
        assert_eq!(ours[2].read(&mut [0]).await.unwrap(), 0);
        for ours in &mut ours[..2] {
            ours.write_all(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut answer = [0; 15];
            ours.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
        }
        // The listener pauses before the next try, and can be stopped meanwhile.
        stop.send(()).unwrap();
        serving.await.unwrap();
        assert!(ours[3].read(&mut [0]).await.is_ok_and(|count| count == 0), "it was not answered");
    });
}

/// A listener that speaks TLS as the server of an installation.
async fn over_tls() -> TlsListener {
    let (installation, now) =
        (evidence::Id::from_random([1; 16]), evidence::Moment::from_millis(1 << 40).unwrap());
    let authority = Authority::make(installation, now).unwrap();
    let id = SpiffeId { installation, role: Role::Server, name: "server".parse().unwrap() };
    let key = TransportKey::draw().unwrap();
    let chain = authority.issue(&id, &[], &key.public().unwrap(), now).unwrap();
    let served = Served::new(&Identity::new(&key, chain).unwrap(), Some(&authority)).unwrap();
    TlsListener { tcp: TcpListener::bind("127.0.0.1:0").await.unwrap(), served }
}

#[tokio::test]
async fn attack_connections_that_do_not_shake_hands_lose_their_places() {
    let listener = over_tls().await;
    let at = listener.tcp.local_addr().unwrap();
    let router = Router::new().route("/small", get(async || "small"));
    let limits = Limits { connections: 4, each: 2, first: Duration::from_millis(50), ..Limits::default() };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(listener, router, limits, async { drop(stopped.await) }));
    // RFC 8446, 5.1: a record of TLS begins with its type; CWE-770 for the one that sends nothing, or stops within.
    let plain: &[u8] = b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let half: &[u8] = &[22, 3, 1, 1, 0, 1];
    for sent in [&[][..], plain, half] {
        let mut connection = TcpStream::connect(at).await.unwrap();
        connection.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        // A reset ends it too.
        let _ = connection.read_to_end(&mut answer).await;
        assert!(!answer.windows(4).any(|bytes| bytes == b"HTTP"), "{answer:?}");
    }
    stop.send(()).unwrap();
    serving.await.unwrap();
}

/// Others who connect faster than the listener accepts do not make the kernel drop a newcomer's first packet.
#[test]
fn attack_a_full_queue_turns_no_newcomer_away() {
    let most: usize =
        std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    let wanted = 600.min(most);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Nobody accepts.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.lengthen_queue().unwrap();
        let at = listener.local_addr().unwrap();
        // A dropped packet is sent again after a second.
        let soon = Duration::from_millis(900);
        let connect = |number| {
            std::net::TcpStream::connect_timeout(&at, soon)
                .unwrap_or_else(|error| unreachable!("{number}: {error}"))
        };
        let all: Vec<_> = (0..wanted).map(connect).collect();
        assert_eq!(all.len(), wanted);
    });
}
