//! The entries of a tar stream: ustar, with the long names and sizes of pax and GNU
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>).
//!
//! Invariant: it reads forwards and holds one header at a time; names and records have bounds, so no stream makes it use
//! more memory. It judges no path: its callers do.

use std::io::{self, Read};

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path as the stream has it.
    pub path: Vec<u8>,
    /// Kind of the entry.
    pub kind: Kind,
    /// Permissions, with the bits that give a program the rights of its owner or group (octal 7777).
    pub mode: u32,
    /// Account of the owner, by number.
    pub owner: u64,
    /// Whether a program gets privileges of the kernel when it is run: the extended attribute `security.capability`.
    pub has_capabilities: bool,
    /// Time in seconds.
    pub mtime: i64,
    /// Bytes of the content.
    pub size: u64,
    /// Target of a link.
    pub target: Vec<u8>,
}

/// Kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// Another name of an earlier file.
    HardLink,
    /// A symbolic link.
    Link,
    /// A directory.
    Directory,
    /// A device or a pipe.
    Special,
}

/// Reads the entries of a stream.
#[derive(Debug)]
pub struct Entries<R> {
    from: R,
    /// Bytes of the present entry that were not read.
    left: u64,
    /// Bytes that fill its last block.
    padding: u64,
}

/// Fields of the next entry that extension headers set.
#[derive(Debug, Default)]
struct Extended {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<i64>,
    owner: Option<u64>,
    has_capabilities: bool,
}

impl<R: Read> Entries<R> {
    /// The entries of a stream.
    pub const fn new(from: R) -> Self {
        Self { from, left: 0, padding: 0 }
    }

    /// The stream, of which everything before the content of the present entry was read.
    pub const fn source(&self) -> &R {
        &self.from
    }

    /// The next entry; `None` at the end of the archive. The rest of the one before is passed over.
    ///
    /// # Errors
    /// `io::Error` if the stream fails or is no tar.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = Extended::default();
        for _ in 0..EXTENSIONS_MAX {
            self.pass()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = number(field(&header, 124, 12)?)?;
            match header.get(156).copied().unwrap_or_default() {
                b'x' => self.pax(size, &mut extended)?,
                // A global header is about all entries. None of its fields is used.
                b'g' => drop(self.text(size)?),
                b'L' => set(&mut extended.path, until_nul(&self.text(size)?))?,
                b'K' => set(&mut extended.target, until_nul(&self.text(size)?))?,
                flag => return self.entry(&header, flag, size, extended).map(Some),
            }
        }
        Err(malformed("has too many extension headers before one entry"))
    }

    fn entry(&mut self, header: &Block, flag: u8, size: u64, extended: Extended) -> io::Result<Entry> {
        let kind = match flag {
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Link,
            b'5' => Kind::Directory,
            b'3' | b'4' | b'6' => Kind::Special,
            _ => return Err(malformed("has an entry of an unknown kind, such as a sparse file")),
        };
        let mut path = Vec::new();
        if header.get(257..262) == Some(b"ustar") && header.get(262) == Some(&0) {
            path = until_nul(field(header, 345, 155)?);
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend(until_nul(field(header, 0, 100)?));
        let size = if kind == Kind::File { extended.size.unwrap_or(size) } else { 0 };
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        let mtime = i64::try_from(number(field(header, 136, 12)?)?).unwrap_or_default();
        Ok(Entry {
            path: extended.path.unwrap_or(path),
            kind,
            // A number may be larger than any mode: its other bits say nothing.
            mode: u32::try_from(number(field(header, 100, 8)?)? & 0o7777).unwrap_or_default(),
            owner: extended.owner.unwrap_or(number(field(header, 108, 8)?).unwrap_or_default()),
            has_capabilities: extended.has_capabilities,
            mtime: extended.mtime.unwrap_or(mtime),
            size,
            target: extended.target.unwrap_or_else(|| until_nul(field(header, 157, 100).unwrap_or_default())),
        })
    }

    /// Reads the rest of the stream, which may hold more than the archive, so that all of it is hashed.
    ///
    /// # Errors
    /// `io::Error` if the stream fails.
    pub fn drain(&mut self) -> io::Result<()> {
        io::copy(&mut self.from, &mut io::sink()).map(drop)
    }

    /// Passes over what is left of the present entry.
    fn pass(&mut self) -> io::Result<()> {
        // A header may say any size, and the sum of both would overflow.
        let rest = self.left.saturating_add(self.padding);
        let passed = io::copy(&mut (&mut self.from).take(rest), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        if passed == rest { Ok(()) } else { Err(malformed("ends within an entry")) }
    }

    /// The next header; `None` at the end.
    fn header(&mut self) -> io::Result<Option<Block>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.from.read(rest) {
                // Some writers leave out the blocks at the end.
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(malformed("ends within a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let stated = number(field(&block, 148, 8)?)?;
        let own = |at: usize| (148..156).contains(&at);
        let sum = block.iter().enumerate().map(|(at, byte)| if own(at) { 32 } else { u64::from(*byte) });
        if sum.sum::<u64>() == stated {
            Ok(Some(block))
        } else {
            Err(malformed("has a header whose sum is wrong"))
        }
    }

    /// The content of an extension header.
    fn text(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > TEXT_MAX {
            return Err(malformed("has an extension header of more than 64 KiB"));
        }
        let mut text = Vec::new();
        (&mut self.from).take(size).read_to_end(&mut text)?;
        if text.len() as u64 != size {
            return Err(malformed("ends within an extension header"));
        }
        self.padding = size.wrapping_neg() % BLOCK as u64;
        Ok(text)
    }

    /// Reads the records of a pax header: `LENGTH NAME=VALUE\n`.
    fn pax(&mut self, size: u64, extended: &mut Extended) -> io::Result<()> {
        let text = self.text(size)?;
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let wrong = || malformed("has a pax header with a record that cannot be read");
            let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
            let length =
                rest.get(..space).and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
            let length = length.filter(|length| *length > space + 1).ok_or_else(wrong)?;
            let record = rest
                .get(space + 1..length)
                .and_then(|record| record.strip_suffix(b"\n"))
                .ok_or_else(wrong)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
            let (name, value) =
                (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
            let digits = || std::str::from_utf8(value).ok();
            match name {
                b"path" => set(&mut extended.path, value.to_vec())?,
                b"linkpath" => set(&mut extended.target, value.to_vec())?,
                b"size" => {
                    extended.size = Some(digits().and_then(|text| text.parse().ok()).ok_or_else(wrong)?)
                }
                b"mtime" => {
                    let whole = digits().and_then(|text| text.split('.').next());
                    extended.mtime = Some(whole.and_then(|text| text.parse().ok()).ok_or_else(wrong)?);
                }
                b"uid" => {
                    extended.owner = Some(digits().and_then(|text| text.parse().ok()).ok_or_else(wrong)?);
                }
                b"SCHILY.xattr.security.capability" => extended.has_capabilities = true,
                sparse if sparse.starts_with(b"GNU.sparse.") => {
                    return Err(malformed("has an entry of an unknown kind, such as a sparse file"));
                }
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<R: Read> Read for Entries<R> {
    /// Reads the content of the present entry.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let count = self.from.read(into.get_mut(..wanted).unwrap_or_default())?;
        if count == 0 && wanted > 0 {
            return Err(malformed("ends within an entry"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

type Block = [u8; BLOCK];

/// Sets a name that an extension header has. Tools disagree about which one counts where two headers have it, and whether an empty one
/// does.
fn set(field: &mut Option<Vec<u8>>, name: Vec<u8>) -> io::Result<()> {
    if name.is_empty() || field.replace(name).is_some() {
        return Err(malformed("has a name that is empty, or in two extension headers of one entry"));
    }
    Ok(())
}

fn field(block: &Block, at: usize, length: usize) -> io::Result<&[u8]> {
    block.get(at..at + length).ok_or_else(|| malformed("has a short header"))
}

/// A number in octal digits, or in the binary form of GNU.
fn number(field: &[u8]) -> io::Result<u64> {
    let wrong = || malformed("has a number that cannot be read");
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        if *first != 0x80 {
            return Err(wrong());
        }
        let over = rest.len().saturating_sub(8);
        let (high, low) = rest.split_at(over);
        if high.iter().any(|byte| *byte != 0) {
            return Err(wrong());
        }
        return Ok(low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let text = std::str::from_utf8(field).map_err(|_| wrong())?;
    let text = text.trim_matches(|c: char| c == ' ' || c == '\0');
    if text.is_empty() { Ok(0) } else { u64::from_str_radix(text, 8).map_err(|_| wrong()) }
}

fn until_nul(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

const BLOCK: usize = 512;
const TEXT_MAX: u64 = 64 << 10;
const EXTENSIONS_MAX: usize = 16;
