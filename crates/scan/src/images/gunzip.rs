//! Streams that gzip compressed (<https://www.rfc-editor.org/rfc/rfc1952>).
//!
//! Invariant: the number of members has a bound. An empty one has 20 bytes, and each costs as much work as a large one.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Reads the members of a stream, one after the other.
pub struct Gunzip<B> {
    /// The member that is read; absent behind the last one.
    member: Option<GzDecoder<B>>,
    members_left: u32,
}

impl<B: BufRead> Gunzip<B> {
    /// The content of a stream with at most so many members.
    pub fn new(from: B, members_max: u32) -> Self {
        Self { member: Some(GzDecoder::new(from)), members_left: members_max.saturating_sub(1) }
    }
}

impl<B: BufRead> Read for Gunzip<B> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let count = member.read(into)?;
            if count > 0 {
                return Ok(count);
            }
            let Some(mut rest) = self.member.take().map(GzDecoder::into_inner) else { break };
            if rest.fill_buf()?.is_empty() {
                break;
            }
            self.members_left = self
                .members_left
                .checked_sub(1)
                .ok_or_else(|| io::Error::other("it has too many members; compress it as one"))?;
            self.member = Some(GzDecoder::new(rest));
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], members_max: u32) -> io::Result<String> {
        let mut text = String::new();
        Gunzip::new(bytes, members_max).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_are_read_one_after_the_other_up_to_the_bound() {
        let several = [member("one "), member(""), member("two")].concat();
        assert_eq!(read(&several, 3).unwrap(), "one two");
        assert!(read(&several, 2).unwrap_err().to_string().contains("too many members"));
        assert_eq!(read(&member("x"), 1).unwrap(), "x");
        assert!(read(&[member("x"), b"rest".to_vec()].concat(), 9).is_err());
        assert!(read(&several[..several.len() - 1], 3).is_err(), "it is cut");
        assert!(read(b"", 3).is_err());
    }
}
