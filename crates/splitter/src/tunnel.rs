//! Bytes in both directions between a client and a backend, without a look at them.
//!
//! Invariant: each side's end is passed on alone, so that half-closed connections work. The first error says which side broke
//! off; a tunnel in which nothing moves ends, and so does that of a group which is cut off.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, sleep};

use crate::tally::{End, UnderWay};

/// Passes bytes on until both sides have ended, and says how.
pub async fn pass(
    client: impl AsyncRead + AsyncWrite,
    backend: impl AsyncRead + AsyncWrite,
    under_way: &mut UnderWay,
    time: Duration,
) -> End {
    let moved = Moved { began: Instant::now(), last: AtomicU64::new(0) };
    let ((from_client, to_client), (from_backend, to_backend)) = (split(client), split(backend));
    let up = copy(from_client, to_backend, &moved, (End::Aborted, End::Broken));
    let down = copy(from_backend, to_client, &moved, (End::Broken, End::Aborted));
    let both = async { tokio::try_join!(up, down) };
    let mut both = pin!(both);
    let mut cut = pin!(std::future::poll_fn(|context| under_way.poll_cut(context)));
    loop {
        let rest = time.saturating_sub(moved.since());
        if rest.is_zero() {
            return End::Timeout;
        }
        tokio::select! {
            done = &mut both => return done.map_or_else(|end| end, |_| End::Passed),
            () = &mut cut => return End::Broken,
            () = sleep(rest) => {}
        }
    }
}

/// When something moved last.
struct Moved {
    began: Instant,
    last: AtomicU64,
}

impl Moved {
    fn note(&self) {
        self.last.store(millis(self.began.elapsed()), Ordering::Relaxed);
    }

    fn since(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }
}

/// One direction; the ends are those of an error of the reader and of the writer.
async fn copy<R: AsyncRead, W: AsyncWrite>(
    mut from: ReadHalf<R>,
    mut to: WriteHalf<W>,
    moved: &Moved,
    (read, write): (End, End),
) -> Result<(), End> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await.map_err(|_| read)?;
        moved.note();
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return match to.shutdown().await {
                // The other side has ended already.
                Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(write),
                _ => Ok(()),
            };
        };
        to.write_all(bytes).await.map_err(|_| write)?;
        moved.note();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes of a direction that lie here.
const BUFFER_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::duplex;

    use super::*;
    use crate::tally::Tally;

    fn under_way() -> UnderWay {
        Arc::new(Tally::new("a".to_owned(), 1, "t".to_owned())).enter().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_side_may_end_before_the_other() {
        let ((mut client, ours), (theirs, mut backend)) = (duplex(64), duplex(64));
        let passing =
            tokio::spawn(async move { pass(ours, theirs, &mut under_way(), Duration::from_secs(60)).await });
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = Vec::new();
        backend.read_to_end(&mut question).await.unwrap();
        backend.write_all(b"answer").await.unwrap();
        drop(backend);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!((question.as_slice(), answer.as_slice()), (b"question".as_slice(), b"answer".as_slice()));
        assert_eq!(passing.await.unwrap(), End::Passed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_in_which_nothing_moves_ends() {
        let ((_client, ours), (theirs, _backend)) = (duplex(64), duplex(64));
        let end = pass(ours, theirs, &mut under_way(), Duration::from_secs(60)).await;
        assert_eq!(end, End::Timeout);
    }
}
