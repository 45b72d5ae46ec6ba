//! What goes between hosts, recorded at their switch: every connection in both directions.
//!
//! Invariant: it sees every packet that the switch passes on. What is neither TCP nor needed to find neighbours is told, and a
//! byte that was missed is a fault.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::stream::Stream;

/// Records until it is asked what it saw.
pub struct Recorder {
    stop: Sender<()>,
    recording: JoinHandle<Recorded>,
}

/// What was seen. Hosts are the last parts of their addresses.
#[derive(Default)]
pub struct Recorded {
    streams: BTreeMap<(End, End), Stream>,
    /// Hosts that began a connection, with the host that they began it to.
    pub talked: BTreeSet<(u8, u8)>,
    /// Bytes of payload.
    pub bytes: u64,
    faults: Vec<String>,
}

/// A host and its port.
type End = (u8, u16);

impl Recorder {
    /// Begins in the network namespace of a process.
    pub fn at(process: u32) -> Self {
        let (ready, begun) = channel();
        let (stop, stopped) = channel();
        let recording = std::thread::spawn(move || {
            let namespace = std::fs::File::open(format!("/proc/{process}/ns/net")).unwrap();
            // This thread alone changes its namespace, and ends in it.
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let (family, kind) = (AddressFamily::PACKET, SocketType::RAW);
            let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, Some(net::eth::ALL)).unwrap();
            sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER).unwrap();
            sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(LOOK_EVERY)).unwrap();
            ready.send(()).unwrap();
            record(&socket, &stopped)
        });
        begun.recv().unwrap();
        Self { stop, recording }
    }

    /// Ends, and tells what it saw.
    pub fn end(self) -> Recorded {
        drop(self.stop);
        self.recording.join().unwrap()
    }
}

fn record(socket: &impl AsFd, stopped: &Receiver<()>) -> Recorded {
    let (mut recorded, mut packet) = (Recorded::default(), vec![0; PACKET_MAX]);
    loop {
        match net::recv(socket, &mut packet[..], RecvFlags::empty()) {
            Ok((length, _)) => recorded.take(&packet[..length]),
            // Nothing came for a while, so what was sent before the end has been seen.
            Err(Errno::AGAIN) if stopped.try_recv() == Err(TryRecvError::Disconnected) => return recorded,
            Err(Errno::AGAIN | Errno::INTR | Errno::NETDOWN) => {}
            Err(error) => unreachable!("the recorder cannot read: {error}"),
        }
    }
}

impl Recorded {
    /// Everything that is not a whole connection of TLS 1.3.
    pub fn faults(&self) -> Vec<String> {
        let told = |((from, to), stream): (&(End, End), &Stream)| {
            Some(format!("{from:?} to {to:?}: {}", stream.fault()?))
        };
        self.faults.iter().cloned().chain(self.streams.iter().filter_map(told)).collect()
    }

    fn take(&mut self, frame: &[u8]) {
        match frame.get(12..14) {
            Some([0x08, 0x00]) if frame[23] == TCP => self.segment(&frame[14..]),
            // The kernel finds neighbours by ARP, and by ICMP in IPv6; it tells groups of receivers by IGMP.
            Some([0x08, 0x06]) => {}
            Some([0x08, 0x00]) if frame[23] == IGMP => {}
            Some([0x86, 0xdd]) if [0, 58].contains(&frame[20]) => {}
            _ => self
                .faults
                .push(format!("neither TCP nor the kernel's own: {:02x?}", &frame[..frame.len().min(40)])),
        }
    }

    /// An IPv4 packet with a segment of TCP.
    fn segment(&mut self, packet: &[u8]) {
        let (head, total) = (usize::from(packet[0] & 15) * 4, u16::from_be_bytes([packet[2], packet[3]]));
        // A packet that the sending host cuts later may be longer than its field can say.
        let tcp = if total == 0 { &packet[head..] } else { &packet[head..usize::from(total)] };
        let word = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let (from, to) = ((packet[15], word(0)), (packet[19], word(2)));
        let number = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        let (flags, bytes) = (tcp[13], &tcp[usize::from(tcp[12] >> 4) * 4..]);
        if flags & SYN != 0 {
            if flags & ACK == 0 {
                self.talked.insert((from.0, to.0));
            }
            let known = self.streams.get(&(from, to)).is_some_and(|stream| stream.begins_at(number));
            if !known && let Some(old) = self.streams.insert((from, to), Stream::from(number)) {
                self.faults.extend(old.fault());
            }
        } else if !bytes.is_empty() {
            self.bytes += bytes.len() as u64;
            match self.streams.get_mut(&(from, to)) {
                Some(stream) => stream.take(number, bytes),
                None => self.faults.push(format!("{from:?} to {to:?}: its beginning was not seen")),
            }
        }
    }
}

const TCP: u8 = 6;
const IGMP: u8 = 2;
const SYN: u8 = 2;
const ACK: u8 = 16;
const PACKET_MAX: usize = 1 << 17;
const BUFFER: usize = 1 << 26;
const LOOK_EVERY: Duration = Duration::from_millis(100);
