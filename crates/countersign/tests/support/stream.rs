//! One direction of a TCP connection as a recorder saw it: its bytes in order, and whether they are records of TLS 1.3.
//!
//! Invariant: every byte is looked at once, whatever the order and number in which its segments were seen.

use std::collections::BTreeMap;

/// Bytes of one side of a connection.
#[derive(Default)]
pub struct Stream {
    /// The sequence number of its beginning.
    begin: u32,
    /// Bytes that were seen in order.
    pub seen: u64,
    /// Segments after a gap, by their distance from the beginning.
    waiting: BTreeMap<u64, Vec<u8>>,
    record: Vec<u8>,
    records: u64,
    fault: Option<String>,
}

impl Stream {
    pub fn from(begin: u32) -> Self {
        Self { begin, ..Self::default() }
    }

    pub const fn begins_at(&self, begin: u32) -> bool {
        self.begin == begin
    }

    /// Takes a segment. Its number is the one of its first byte.
    pub fn take(&mut self, number: u32, bytes: &[u8]) {
        // A connection of these tests is shorter than the numbers go.
        let at = u64::from(number.wrapping_sub(self.begin).wrapping_sub(1));
        if at > u64::from(u32::MAX / 2) {
            return;
        }
        let waiting = self.waiting.entry(at).or_default();
        if waiting.len() < bytes.len() {
            *waiting = bytes.to_vec();
        }
        while let Some((&at, _)) = self.waiting.first_key_value().filter(|(at, _)| **at <= self.seen) {
            let bytes = self.waiting.remove(&at).unwrap();
            let known = usize::try_from(self.seen - at).unwrap();
            if let Some(new) = bytes.get(known..) {
                self.seen += new.len() as u64;
                self.read(new);
            }
        }
    }

    /// What is wrong with it, now that nothing more comes.
    pub fn fault(&self) -> Option<String> {
        let gap =
            (!self.waiting.is_empty()).then(|| format!("the recorder missed bytes after {}", self.seen));
        self.fault.clone().or(gap)
    }

    fn read(&mut self, bytes: &[u8]) {
        for word in PLAIN {
            if self.fault.is_none() && bytes.windows(word.len()).any(|part| part == word.as_bytes()) {
                self.fault = Some(format!("`{word}` in plain text"));
            }
        }
        self.record.extend_from_slice(bytes);
        while self.fault.is_none() && self.record.len() >= HEAD {
            let length = usize::from(u16::from_be_bytes([self.record[3], self.record[4]]));
            if !(20..=23).contains(&self.record[0]) || self.record[1] != 3 || length > RECORD_MAX {
                self.fault = Some(format!("no TLS record: {:?}", String::from_utf8_lossy(&self.record)));
                return;
            }
            if self.record.len() < HEAD + length {
                return;
            }
            let record: Vec<_> = self.record.drain(..HEAD + length).collect();
            if self.records == 0 && !is_hello(&record) {
                self.fault = Some("it does not begin with a hello of TLS 1.3".to_owned());
            }
            self.records += 1;
        }
    }
}

/// Whether a record is a hello of a client or a server that speaks TLS 1.3 and nothing older.
fn is_hello(record: &[u8]) -> bool {
    let versions = || {
        let handshake = record.strip_prefix(&[22])?.get(HEAD - 1..)?;
        let mut rest = handshake.get(4 + 2 + 32..)?;
        skip(&mut rest, 1)?;
        match handshake[0] {
            1 => {
                skip(&mut rest, 2)?;
                skip(&mut rest, 1)?;
            }
            2 => rest = rest.get(3..)?,
            _ => return None,
        }
        let mut extensions = skip(&mut rest, 2)?;
        while !extensions.is_empty() {
            let (kind, mut after) = (extensions.get(..2)?, extensions.get(2..)?);
            let value = skip(&mut after, 2)?;
            if kind == [0, 43] {
                return Some(value.to_vec());
            }
            extensions = after;
        }
        None
    };
    // A client's list has its length first.
    versions().is_some_and(|versions| versions == [3, 4] || versions == [2, 3, 4])
}

/// Takes bytes that follow their length, which has this many bytes.
fn skip<'a>(rest: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let length = rest.get(..width)?.iter().fold(0, |length, byte| length * 256 + usize::from(*byte));
    let bytes = rest.get(width..width + length)?;
    *rest = &rest[width + length..];
    Some(bytes)
}

/// Words that no connection between hosts shows.
const PLAIN: [&str; 5] = ["HTTP/1.", "GET /", "POST /", "\"payload\"", "\"signatures\""];
const HEAD: usize = 5;
const RECORD_MAX: usize = 16_384 + 256;

#[test]
fn a_recorder_tells_records_of_tls_from_anything_else() {
    let mut hello = vec![2, 0, 0, 0, 3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
    let mut bytes = vec![22, 3, 3, 0, u8::try_from(hello.len()).unwrap()];
    bytes.extend(&hello);
    bytes.extend([23, 3, 3, 0, 2, 8, 9]);
    // In order, again, and after a gap that is filled later.
    let seen = |parts: &[(usize, &[u8])]| {
        let mut stream = Stream::from(u32::MAX);
        parts.iter().for_each(|(at, bytes)| stream.take(u32::try_from(*at).unwrap(), bytes));
        stream.fault()
    };
    assert_eq!(seen(&[(0, &bytes)]), None);
    assert_eq!(seen(&[(9, &bytes[9..]), (0, &bytes[..20]), (0, &bytes[..9])]), None);
    // Each of these differs from it in one thing.
    let changed = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        seen(&[(0, &bytes)]).unwrap_or_default()
    };
    assert!(seen(&[(9, &bytes[9..])]).unwrap().contains("missed bytes"));
    assert!(changed(0, 23).contains("hello of TLS 1.3"));
    assert!(changed(bytes.len() - 8, 3).contains("hello of TLS 1.3"));
    assert!(changed(bytes.len() - 7, b'G').contains("no TLS record"));
    assert!(seen(&[(0, b"GET / HTTP/1.1\r\n\r\n")]).unwrap().contains("in plain text"));
}
