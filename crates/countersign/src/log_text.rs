//! A log that comes in pieces, cut anywhere: what is passed on ends where nothing is cut in two.
//!
//! Invariant: all bytes come out, in order. Neither a character nor the code of a colour nor a line's end is divided,
//! whatever the pieces were.

/// One log.
#[derive(Debug, Default)]
pub struct LogText(Vec<u8>);

impl LogText {
    /// As much as can be passed on with this piece.
    pub fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(piece);
        let rest = self.0.split_off(whole(&self.0));
        std::mem::replace(&mut self.0, rest)
    }

    /// What is left when nothing more comes.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// How many bytes can be passed on.
fn whole(bytes: &[u8]) -> usize {
    let len = bytes.len();
    let tail = bytes.get(len.saturating_sub(HELD_MAX)..).unwrap_or_default();
    let from = len - tail.len();
    // The code of a colour ends with a letter: `ESC [ 1 ; 31 m`.
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
    // A character begun (RFC 3629): a first byte that says more are to come than have.
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

/// Most bytes that are held back; no code of a colour is longer.
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
