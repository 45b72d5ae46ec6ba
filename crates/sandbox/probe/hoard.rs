//! Memory that belongs to no process visibly: shared memory, files without names, and buffers of sockets.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::FromRawFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use crate::{ESCAPED, STOPPED};

/// Hoards this much memory in one of these ways, and prints a line once it succeeded.
pub fn hoard(what: &str, mebibytes: &str) -> ExitCode {
    let bytes = mebibytes.parse::<usize>().unwrap() << 20;
    let done = match what {
        "shared" => shared(bytes),
        "memfd" => memfd(bytes),
        "segments" => segments(bytes),
        "sockets" => sockets(bytes),
        _ => return ExitCode::from(2),
    };
    println!("{what}: {}", if done { "hoarded" } else { "was refused" });
    ExitCode::from(if done { ESCAPED } else { STOPPED })
}

/// Shared memory without a file. This process unmaps it as soon as it is filled.
fn shared(bytes: usize) -> bool {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, touched within its bounds.
    unsafe {
        let block = libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0).cast::<u8>();
        if block.cast() == libc::MAP_FAILED {
            return false;
        }
        for at in (0..bytes).step_by(PIECE) {
            block.add(at).write_bytes(1, PIECE);
            libc::madvise(block.add(at).cast(), PIECE, libc::MADV_DONTNEED);
        }
    }
    true
}

/// System V segments, which remain after every mapping is gone.
fn segments(bytes: usize) -> bool {
    for _ in (0..bytes).step_by(PIECE) {
        // SAFETY: a new segment, touched within its bounds.
        unsafe {
            let segment = libc::shmget(libc::IPC_PRIVATE, PIECE, 0o600);
            let block = libc::shmat(segment, std::ptr::null(), 0);
            if segment < 0 || block.addr() == usize::MAX {
                return false;
            }
            block.cast::<u8>().write_bytes(1, PIECE);
            libc::shmdt(block);
        }
    }
    true
}

fn memfd(bytes: usize) -> bool {
    let block = vec![1; PIECE];
    let mut held = Vec::new();
    for _ in (0..bytes).step_by(PIECE) {
        // SAFETY: the name is static, and nothing else uses the descriptor.
        let file = unsafe {
            match libc::memfd_create(c"hoard".as_ptr(), 0) {
                -1 => return false,
                descriptor => File::from_raw_fd(descriptor),
            }
        };
        held.push(file);
        if held.last_mut().is_none_or(|file| file.write_all(&block).is_err()) {
            return false;
        }
    }
    true
}

/// Unread messages, in as many processes as are needed.
fn sockets(bytes: usize) -> bool {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    for _ in (0..bytes).step_by(PIECE) {
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            -1 => return false,
            0 => {
                let held = fill_sockets(PIECE);
                writer.write_all(&[1]).unwrap();
                std::hint::black_box(&held);
                loop {
                    // SAFETY: waits to be killed.
                    unsafe { libc::pause() };
                }
            }
            _ => {}
        }
        if std::io::Read::read_exact(&mut reader, &mut [0]).is_err() {
            return false;
        }
    }
    true
}

fn fill_sockets(bytes: usize) -> Vec<(UnixStream, UnixStream)> {
    let block = vec![1; 16 << 10];
    let mut held = Vec::new();
    let mut filled = 0;
    while filled < bytes {
        let (mut from, to) = UnixStream::pair().unwrap();
        from.set_nonblocking(true).unwrap();
        while let Ok(count) = from.write(&block) {
            filled += count;
        }
        held.push((from, to));
    }
    held
}

const PIECE: usize = 8 << 20;
