//! A connection to a PostgreSQL server, watched while it comes
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
//!
//! Invariant: a password is proven by SCRAM-SHA-256 (RFC 7677) and never sent, and the server has to prove that it knows the
//! verifier before anything else that it says counts. So a program that took the place of a database gets nothing that opens
//! the database. No message, and not all messages together, need more memory than the bounds here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection of any sort.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A watched connection.
pub struct Watched<S> {
    stream: S,
    watch: Watch,
}

impl<S> Watched<S> {
    /// Watches a connection; `secret` if there is a password to prove.
    pub const fn new(stream: S, secret: bool) -> Self {
        let login = if secret { Login::Unproven } else { Login::Done };
        Self { stream, watch: Watch { login, head: [0; HEAD], have: 0, skip: 0, left: BYTES_MAX } }
    }
}

/// The answer of a server that is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// It wants the password, or something that can be tried out.
    #[error(
        "it asks for the password in another way than by scram-sha-256, which could give it away: let `pg_hba.conf` ask for \
         scram-sha-256, and see which program answers there"
    )]
    Asks,
    /// It lets anybody in.
    #[error(
        "it lets the user in without a proof that it is the database: let `pg_hba.conf` ask for scram-sha-256, or give a \
         credential without a password"
    )]
    Unproven,
    /// It sends more than a database does.
    #[error("it sends more than was asked for")]
    Long,
}

/// The messages of a server.
struct Watch {
    login: Login,
    /// The beginning of the message that comes: its sort, its length, and the number of a message about the login.
    head: [u8; HEAD],
    have: usize,
    /// Bytes to come of a message whose beginning was seen.
    skip: usize,
    /// Bytes that may still come.
    left: usize,
}

/// The login so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    /// The server has proven nothing.
    Unproven,
    /// The last message of SCRAM came, which the client verifies.
    Proven,
    Done,
}

impl Watch {
    fn follow(&mut self, mut came: &[u8]) -> Result<(), LoginError> {
        self.left = self.left.checked_sub(came.len()).ok_or(LoginError::Long)?;
        while let Some((byte, rest)) = came.split_first() {
            if self.skip > 0 {
                let passed = self.skip.min(came.len());
                self.skip -= passed;
                came = came.get(passed..).unwrap_or_default();
                continue;
            }
            if let Some(at) = self.head.get_mut(self.have) {
                *at = *byte;
            }
            self.have += 1;
            came = rest;
            self.begun()?;
        }
        Ok(())
    }

    /// Looks at a message once enough of it came.
    fn begun(&mut self) -> Result<(), LoginError> {
        let [sort, a, b, c, d, number @ ..] = self.head;
        if self.have < SORT_AND_LENGTH {
            return Ok(());
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > MESSAGE_BYTES_MAX {
            return Err(LoginError::Long);
        }
        if sort == LOGIN && self.login != Login::Done {
            if self.have < HEAD {
                return Ok(());
            }
            self.login = match (u32::from_be_bytes(number), self.login) {
                (SASL | SASL_GOES_ON, login) => login,
                (SASL_ENDS, _) => Login::Proven,
                (OK, Login::Proven) => Login::Done,
                (OK, _) => return Err(LoginError::Unproven),
                _ => return Err(LoginError::Asks),
            };
        }
        // The length counts itself and not the sort. One that is too short is for the client to refuse.
        self.skip = (length + 1).saturating_sub(self.have);
        self.have = 0;
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, to))?;
        let came = to.filled().get(before..).unwrap_or_default();
        Poll::Ready(self.watch.follow(came).map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Sort of messages about the login, and their numbers.
const LOGIN: u8 = b'R';
const OK: u32 = 0;
const SASL: u32 = 10;
const SASL_GOES_ON: u32 = 11;
const SASL_ENDS: u32 = 12;
const SORT_AND_LENGTH: usize = 5;
const HEAD: usize = SORT_AND_LENGTH + 4;
/// Longer than any message that answers a statement of this crate.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// More than a database says about all leases of a journal.
const BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sort: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[sort], &length[..], body].concat()
    }

    fn login(number: u32, rest: &[u8]) -> Vec<u8> {
        message(LOGIN, &[&number.to_be_bytes()[..], rest].concat())
    }

    fn followed(messages: &[Vec<u8>], secret: bool) -> Result<(), LoginError> {
        let whole = messages.concat();
        let by_pieces = [1, 2, 7, whole.len()].map(|size| {
            let mut watch = Watched::new((), secret).watch;
            whole.chunks(size).try_for_each(|piece| watch.follow(piece))
        });
        assert!(by_pieces.iter().all(|done| *done == by_pieces[0]), "pieces make no difference");
        by_pieces[0]
    }

    #[test]
    fn attack_a_login_that_is_no_proof() {
        let scram =
            [login(SASL, b"SCRAM-SHA-256\0\0"), login(SASL_GOES_ON, b"r=x"), login(SASL_ENDS, b"v=x")];
        let [begins, goes_on, ends] = scram.clone();
        let ok = login(OK, b"");
        // Afterwards the same bytes are rows of a table.
        let after = [message(b'D', &login(3, b"")), login(3, b"")];
        assert_eq!(followed(&[&scram[..], std::slice::from_ref(&ok), &after].concat(), true), Ok(()));
        let notice = message(b'N', b"\0");
        assert_eq!(followed(&[notice.clone(), begins.clone(), goes_on.clone(), notice], true), Ok(()));
        for number in [2, 3, 5, 6, 7, 8, 9, 13, u32::MAX] {
            assert_eq!(followed(&[login(number, b"salt")], true), Err(LoginError::Asks), "{number}");
            let late = [begins.clone(), goes_on.clone(), ends.clone(), login(number, b"")];
            assert_eq!(followed(&late, true), Err(LoginError::Asks), "{number}");
        }
        assert_eq!(followed(std::slice::from_ref(&ok), true), Err(LoginError::Unproven));
        assert_eq!(followed(&[begins, goes_on, ok.clone()], true), Err(LoginError::Unproven));
        assert_eq!(followed(&[ok], false), Ok(()), "nothing is given away");
    }

    #[test]
    fn attack_a_database_that_sends_without_end() {
        let mut watch = Watched::new((), false).watch;
        assert_eq!(watch.follow(b"E\x7f\xff\xff\xff"), Err(LoginError::Long));
        let mut watch = Watched::new((), false).watch;
        let row = message(b'D', &[0; 1_000]);
        let done = std::iter::repeat_n(row, 70_000).try_for_each(|row| watch.follow(&row));
        assert_eq!(done, Err(LoginError::Long));
    }
}
