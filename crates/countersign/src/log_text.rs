//! A log that arrives in pieces that may be cut anywhere, passed on in pieces that are safe to print.
//!
//! Invariant: all bytes come out, in order. No piece ends inside a character, a colour code or a line's end,
//! wherever the input was cut.

/// The part of one log that was not passed on yet.
#[derive(Debug, Default)]
pub struct LogText(Vec<u8>);

impl LogText {
    /// Adds a piece and returns all bytes that can be passed on.
    pub fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(piece);
        let rest = self.0.split_off(whole(&self.0));
        std::mem::replace(&mut self.0, rest)
    }

    /// The held-back bytes, for the end of the log.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Number of bytes that can be passed on.
fn whole(bytes: &[u8]) -> usize {
    let len = bytes.len();
    let tail = bytes.get(len.saturating_sub(HELD_MAX)..).unwrap_or_default();
    let from = len - tail.len();
    // A colour code ends with a letter: `ESC [ 1 ; 31 m`.
    if let Some(at) = tail.iter().rposition(|byte| *byte == b'\x1b') {
        let code = tail.get(at + 1..).unwrap_or_default();
        let code = code.strip_prefix(b"[").unwrap_or(code);
        if !code.iter().any(|byte| !byte.is_ascii_digit() && *byte != b';') {
            return from + at;
        }
    }
    if tail.last() == Some(&b'\r') {
        return len - 1;
    }
    // An incomplete character (RFC 3629): its first byte announces more bytes than have arrived.
    let begun = tail.iter().rposition(|byte| byte & 0xc0 != 0x80);
    match begun.and_then(|at| Some((at, *tail.get(at)?))) {
        Some((at, first)) if tail.len() - at < width(first) => from + at,
        _ => len,
    }
}

const fn width(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

/// Most bytes that are held back; no colour code is longer.
const HELD_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::LogText;

    #[test]
    fn no_cut_is_seen() {
        let text = "ä山🦀\u{1b}[1;31mred\u{1b}[0m line\r\nnext \u{1b}[2K end\r";
        let broken = [text.as_bytes(), b"\xff\xfe\xf0\x9f plain"].concat();
        for size in 1..=broken.len() {
            let (mut log, mut whole) = (LogText::default(), Vec::new());
            for piece in broken.chunks(size) {
                let shown = log.take(piece);
                let valid = text.starts_with(&*String::from_utf8_lossy(&[&whole[..], &shown].concat()));
                assert!(valid || whole.len() + shown.len() > text.len(), "pieces of {size}");
                assert!(!shown.ends_with(b"\r") && !shown.ends_with(b"\x1b[1;"), "pieces of {size}");
                whole.extend(shown);
            }
            whole.extend(log.rest());
            assert_eq!(whole, broken, "pieces of {size}");
        }
        let mut log = LogText::default();
        assert_eq!(log.take(&[b"\x1b[", &[b'1'; 100][..]].concat()).len(), 102, "nothing is held for ever");
    }
}
