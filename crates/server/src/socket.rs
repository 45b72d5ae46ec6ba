//! The Unix socket in the data directory: a lane that connections over TCP cannot fill, for whoever may enter the
//! directory.
//!
//! Invariant: nobody reaches it without passing the directory's own permissions; the socket's are those of its owner
//! and group. It goes away with the server; one that a killed server left is replaced, because the ledger's lock says
//! that no other server runs here.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as Listener;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;
use wire::SOCKET_FILE;

use crate::serve::ServeError;

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
    /// `ServeError::Socket` when the directory does not let us.
    pub fn bind(data: &Path) -> Result<Self, ServeError> {
        let path = data.join(SOCKET_FILE);
        let failed = |error| ServeError::Socket(path.clone(), error);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // An address holds 107 bytes, a data directory may have a longer path: the way through a descriptor is short.
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
    /// When the runtime takes no further descriptor.
    pub fn listener(&self) -> io::Result<UnixListener> {
        UnixListener::from_std(self.listener.try_clone()?)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}
