//! The Unix socket in the data directory: a way in that connections over TCP cannot fill, for users who may enter the
//! directory.
//!
//! Invariant: a client must pass the directory's own permissions; the socket's permissions are for owner and group. The
//! socket is removed when the server ends; a socket that a killed server left is replaced, because the ledger's lock
//! proves that no other server runs here.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as Listener;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;
use wire::SOCKET_FILE;

use crate::serve_error::ServeError;

/// The socket's file and its listener.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    listener: Listener,
}

impl Socket {
    /// Listens in a data directory.
    ///
    /// # Errors
    /// `ServeError::Socket` if the socket cannot be made.
    pub fn bind(data: &Path) -> Result<Self, ServeError> {
        let path = data.join(SOCKET_FILE);
        let failed = |error| ServeError::Socket(path.clone(), error);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // An address holds 107 bytes, and the path of the data directory may be longer; the path of a descriptor is short.
        let dir = File::open(data).map_err(failed)?;
        let short = format!("/proc/self/fd/{}/{SOCKET_FILE}", dir.as_raw_fd());
        let listener = Listener::bind(short).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        fs::set_permissions(&path, Permissions::from_mode(0o660)).map_err(failed)?;
        Ok(Self { path, listener })
    }

    /// The listener, inside a runtime.
    ///
    /// # Errors
    /// If the runtime accepts no further descriptor.
    pub fn listener(&self) -> io::Result<UnixListener> {
        UnixListener::from_std(self.listener.try_clone()?)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}
