//! The runner's side: starts the process that holds a step's secrets, and is the [`Isolation`] of that step.
//!
//! Invariant: everything but the step itself goes to the isolation around which this one is: reservations, limits, tasks that
//! read reports. A holder that ends without a result is an error, never a step that passed.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use evidence::seal::SealKey;
use evidence::{Id, Name};
use sandbox::{
    Input, Outputs, SandboxError, Spec, StepOutcome, Stream, read_frame_within, receive_descriptor,
    send_inputs, write_frame,
};
use wire::LentSecrets;

use super::protocol::{
    DONE, DONE_BYTES_MAX, Done, ERROR, FAILED, Failed, HAS, HAS_NOT, HELLO, HELLO_BYTES_MAX, Lent, OUT,
    PIECE_BYTES_MAX, SEARCH, UNWANTED, WORKSPACE, Work, encoded, read,
};
use super::start::HolderStart;
use crate::caps::{Caps, Part};
use crate::host::{IsWanted, Isolation, Log};
use crate::images::Images;

/// A holder that waits for its work.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    socket: UnixStream,
    key: SealKey,
    allowed: Vec<String>,
}

/// Why there is no holder.
#[derive(Debug, thiserror::Error)]
pub enum HolderError {
    /// The system failed.
    #[error("cannot {0}: {1}")]
    Io(&'static str, io::Error),
    /// It sent something else than its key.
    #[error("the process that is to hold the step's secrets did not send its key")]
    Key,
}

impl Holder {
    /// Starts a holder. The thread that calls this has to live as long as the holder.
    ///
    /// # Errors
    /// `HolderError` if it does not start.
    pub fn start(start: HolderStart) -> Result<Self, HolderError> {
        let doing = |what| move |error| HolderError::Io(what, error);
        let HolderStart { mut command, allowed } = start;
        let (socket, theirs) = UnixStream::pair().map_err(doing("make a socket"))?;
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(doing("start the process that is to hold the step's secrets"))?;
        // It still has a copy of the other end.
        drop(command);
        let mut holder = Unready(Some(child));
        socket.set_read_timeout(Some(PATIENCE)).map_err(doing("set a timeout"))?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(doing("set a timeout"))?;
        let mut tag = [0];
        (&socket).read_exact(&mut tag).map_err(doing("hear from the process that is to hold secrets"))?;
        let text = read_frame_within(&socket, HELLO_BYTES_MAX).map_err(|_| HolderError::Key)?;
        let key = String::from_utf8_lossy(&text).parse().ok().filter(|_| tag == [HELLO]);
        let key = key.ok_or(HolderError::Key)?;
        let child = holder.0.take().ok_or(HolderError::Key)?;
        Ok(Self { child, socket, key, allowed })
    }

    /// The key to which secrets for it are sealed.
    #[must_use]
    pub const fn key(&self) -> SealKey {
        self.key
    }
}

/// Ends a process that never said its key.
struct Unready(Option<Child>);

impl Drop for Unready {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            end(child);
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// The isolation of one step with secrets.
pub struct HeldStep<'a> {
    within: &'a dyn Isolation,
    holder: Mutex<Holder>,
    installation: Id,
    nonce: Id,
    lent: LentSecrets,
    leaves: Vec<String>,
    found: Mutex<Vec<String>>,
}

impl std::fmt::Debug for HeldStep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeldStep").field("nonce", &self.nonce).finish_non_exhaustive()
    }
}

impl<'a> HeldStep<'a> {
    /// The isolation of a step whose secrets were lent to this holder, and which leaves these outputs and reports.
    #[must_use]
    pub fn new(
        within: &'a dyn Isolation,
        holder: Holder,
        (installation, nonce): (Id, Id),
        lent: LentSecrets,
        leaves: Vec<String>,
    ) -> Self {
        let found = Mutex::default();
        Self { within, holder: Mutex::new(holder), installation, nonce, lent, leaves, found }
    }

    /// Names of the files in which the step gets what was lent.
    pub fn files(&self) -> impl Iterator<Item = &Name> {
        self.lent.values.iter().map(|lent| &lent.name)
    }

    fn work(&self, spec: &Spec, allowed: &[String]) -> Work {
        let lent = self.lent.values.iter().cloned();
        let values = lent.map(|lent| {
            let wire::LentSecret { name, secret, number, sealed, key } = lent;
            Lent { file: name, secret, number, sealed, key }
        });
        Work {
            installation: self.installation,
            nonce: self.nonce,
            values: values.collect(),
            spec: spec.clone(),
            allowed: allowed.to_vec(),
            leaves: self.leaves.clone(),
        }
    }
}

impl Isolation for HeldStep<'_> {
    fn run(
        &self,
        spec: &Spec,
        inputs: &[Input<'_>],
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<StepOutcome, SandboxError> {
        if spec.secrets.is_empty() {
            return self.within.run(spec, inputs, log, wanted);
        }
        // Until the step has ended, nothing else speaks to the holder.
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = &holder.socket;
        let work = encoded(&self.work(spec, &holder.allowed)).map_err(lost)?;
        let given = write_frame(socket, &work).and_then(|()| send_inputs(socket, inputs));
        let deadline = Instant::now() + Duration::from_millis(spec.limits.wall_ms) + SLACK;
        // A holder that does not take its inputs has said why.
        let (done, outputs) = Following { socket, log, wanted, deadline }.follow(given.err())?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = done.found;
        let Done { exit, level, log_truncated, reached, refused, .. } = done;
        Ok(StepOutcome { exit, level, outputs, log_truncated, reached, refused })
    }

    fn found(&self) -> Vec<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn has_value(&self, bytes: &[u8]) -> Result<bool, SandboxError> {
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        let mut socket = &holder.socket;
        let mut answer = [0];
        socket
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| socket.write_all(&[SEARCH]))
            .and_then(|()| write_frame(socket, bytes))
            .and_then(|()| socket.read_exact(&mut answer))
            .map_err(lost)?;
        match answer {
            [HAS] => Ok(true),
            [HAS_NOT] => Ok(false),
            _ => Err(lost("it gave no answer")),
        }
    }

    fn reserve(
        &self,
        bytes: u64,
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<Option<Part<'_>>, SandboxError> {
        self.within.reserve(bytes, log, wanted)
    }

    fn caps(&self) -> Caps {
        self.within.caps()
    }

    fn advisories(&self) -> Option<&Path> {
        self.within.advisories()
    }

    fn images(&self) -> Option<&Images> {
        self.within.images()
    }
}

/// A step that a holder runs, followed to its end.
struct Following<'a> {
    socket: &'a UnixStream,
    log: Log<'a>,
    wanted: IsWanted<'a>,
    deadline: Instant,
}

impl Following<'_> {
    fn follow(&self, not_given: Option<io::Error>) -> Result<(Done, Outputs), SandboxError> {
        let mut workspace = None;
        let mut told = false;
        loop {
            let Some((tag, descriptor)) = self.next(&mut told)? else {
                return Err(not_given.map_or_else(|| lost("it ended without a result"), lost));
            };
            self.socket.set_read_timeout(Some(PATIENCE)).map_err(lost)?;
            match tag {
                OUT | ERROR => {
                    let piece = read_frame_within(self.socket, PIECE_BYTES_MAX).map_err(lost)?;
                    (self.log)(if tag == OUT { Stream::Out } else { Stream::Error }, &piece);
                }
                WORKSPACE => workspace = descriptor,
                DONE => {
                    let done = read(self.socket, DONE_BYTES_MAX).map_err(lost)?;
                    let workspace = workspace.ok_or_else(|| lost("it handed over no workspace"))?;
                    return Ok((done, Outputs::new(workspace)));
                }
                FAILED => {
                    let failed: Failed = read(self.socket, DONE_BYTES_MAX).map_err(lost)?;
                    let why = SandboxError::Holder(failed.why);
                    return Err(if failed.unwanted { SandboxError::Unwanted } else { why });
                }
                _ => return Err(lost("it sent an unknown message")),
            }
        }
    }

    /// The next message; `None` if there is no more. In between, checks the time and whether the step is still wanted.
    fn next(&self, told: &mut bool) -> Result<Option<(u8, Option<OwnedFd>)>, SandboxError> {
        self.socket.set_read_timeout(Some(LOOK_EVERY)).map_err(lost)?;
        loop {
            match receive_descriptor(self.socket) {
                Ok((tag, descriptor)) => return Ok(tag.map(|tag| (tag, descriptor))),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error)
                    if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) =>
                {
                    return Err(lost(error));
                }
                Err(_) => {}
            }
            if Instant::now() >= self.deadline {
                return Err(lost("it did not end in time"));
            }
            if !*told && !(self.wanted)() {
                *told = true;
                // A holder that has just ended does not hear this, and needs not to.
                drop((&*self.socket).write_all(&[UNWANTED]));
            }
        }
    }
}

fn lost(why: impl std::fmt::Display) -> SandboxError {
    SandboxError::Holder(format!(
        "the process that held the step's secrets was lost: {why}; run the commit again"
    ))
}

/// Longest wait for a message that is on its way.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time for the beginning and the end of a step, beside its own.
const SLACK: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);
