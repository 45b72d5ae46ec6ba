//! The socket between supervisor and init: frames of bounded size, and descriptors that are passed over.
//!
//! Invariant: a frame is a 32-bit length followed by that many bytes, at most `FRAME_BYTES_MAX`.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// Largest frame in bytes.
pub const FRAME_BYTES_MAX: usize = 1 << 30;

/// Writes one frame.
///
/// # Errors
/// When it is too long, or the other side is gone.
pub fn write_frame(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("a frame is too long"))?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)
}

/// Reads one frame.
pub fn read_frame(from: impl Read) -> io::Result<Vec<u8>> {
    read_frame_within(from, FRAME_BYTES_MAX)
}

/// Reads one frame of at most so many bytes.
///
/// # Errors
/// When it is longer, or the other side is gone.
pub fn read_frame_within(mut from: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length as usize > most {
        return Err(io::Error::other("a frame is too long"));
    }
    let mut bytes = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    if bytes.len() == length as usize { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Sends a descriptor, with one byte that carries it.
///
/// # Errors
/// When the other side is gone.
pub fn send_descriptor(socket: &UnixStream, tag: u8, descriptor: impl AsFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    sendmsg(socket, &[IoSlice::new(&[tag])], &mut ancillary, SendFlags::empty())?;
    Ok(())
}

/// Receives one byte, and the descriptor that came with it, if there was one.
///
/// # Errors
/// When the socket fails or its time is over.
pub fn receive_descriptor(socket: &UnixStream) -> io::Result<(Option<u8>, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received =
        recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptor = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            descriptor = descriptors.last();
        }
    }
    let byte = (received.bytes > 0).then_some(byte[0]);
    Ok((byte, descriptor))
}
