//! Whether a file is packed, so that a scan of its bytes says nothing about its content.
//!
//! Invariant: no text is packed. Forms whose first bytes may begin a text are told by a control character as well. It
//! deliberately omits to unpack, and forms without a mark, such as brotli.

/// Whether the bytes are those of a compressed file or an archive.
pub fn is_packed(bytes: &[u8]) -> bool {
    MARKS.iter().any(|mark| bytes.starts_with(mark))
        || is_skippable(bytes)
        || bytes.strip_prefix(b"BZh").is_some_and(|rest| !is_text(rest))
        || is_zlib(bytes)
        || is_lzma(bytes)
        || ends_as_zip(bytes)
}

/// A frame that readers of zstd and lz4 skip; what they read stands behind
/// (<https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2>).
fn is_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// A stream of zlib (<https://www.rfc-editor.org/rfc/rfc1950#section-2.2>). Its two bytes may begin a text, as `x^` does.
fn is_zlib(bytes: &[u8]) -> bool {
    let [method, flags, rest @ ..] = bytes else { return false };
    let is_deflate = method & 15 == 8 && method >> 4 <= 7;
    is_deflate && u16::from_be_bytes([*method, *flags]).is_multiple_of(31) && !is_text(rest)
}

/// The older form of LZMA has a header without a mark: properties, size of the dictionary, size of the content; its
/// first coded byte is zero.
fn is_lzma(bytes: &[u8]) -> bool {
    let Some((properties, rest)) = bytes.split_first() else { return false };
    let Some((dictionary, rest)) = rest.split_first_chunk() else { return false };
    let Some((size, rest)) = rest.split_first_chunk() else { return false };
    let (dictionary, size) = (u32::from_le_bytes(*dictionary), u64::from_le_bytes(*size));
    // The size is a power of two, or three times one.
    let is_power =
        |size: u32| size.is_power_of_two() || size.is_multiple_of(3) && (size / 3).is_power_of_two();
    let is_known = size == u64::MAX || (1..1 << 38).contains(&size);
    *properties < 225 && dictionary >= 4_096 && is_power(dictionary) && is_known && rest.first() == Some(&0)
}

/// A zip is read from its end, so anything may stand in front. The end record counts its entries twice
/// (APPNOTE 4.3.16); a program that only knows the mark has no such record.
fn ends_as_zip(bytes: &[u8]) -> bool {
    let tail = bytes.get(bytes.len().saturating_sub(ZIP_END_BYTES)..).unwrap_or_default();
    tail.windows(12).any(|record| match record {
        [b'P', b'K', 5, 6, 0, 0, 0, 0, here, also, total, in_all] => {
            [here, also] == [total, in_all] && [*here, *also] != [0, 0]
        }
        _ => false,
    })
}

/// Whether the first bytes have no control character that no text has. One byte of ten is such a one in packed bytes.
fn is_text(bytes: &[u8]) -> bool {
    let mut first = bytes.iter().take(TEXT_BYTES);
    first.all(|byte| !byte.is_ascii_control() || matches!(byte, 0x08..=0x0d | 0x1b))
}

/// An end record of a zip and the longest comment behind it.
const ZIP_END_BYTES: usize = 65_535 + 22;
const TEXT_BYTES: usize = 1_024;

/// First bytes: zip and its parts, gzip, compress, xz, zstd, 7z, rar, lz4 and its older form, lzip, lzop, snappy, cabinet.
const MARKS: [&[u8]; 15] = [
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"\x1f\x8b",
    b"\x1f\x9d",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x04\x22\x4d\x18",
    b"\x02\x21\x4c\x18",
    b"LZIP\x01",
    b"\x89LZO\0",
    b"\xff\x06\0\0sNaPpY",
    b"MSCF\0\0\0\0",
];
