//! Bytes of a report become text.
//!
//! Invariant: the text is the whole input. A byte order mark is removed, UTF-16 with a mark is decoded, and every other
//! encoding than UTF-8 is refused, because a wrong guess would change paths and rules without notice.

use std::borrow::Cow;

use crate::{INPUT_BYTES_MAX, ScanError};

/// The text of a report.
pub(crate) fn decode<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Cow<'a, str>, ScanError> {
    if bytes.len() > INPUT_BYTES_MAX {
        return Err(ScanError::Long { what });
    }
    let text = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Err(fault(what, "the file is UTF-32; let the tool write UTF-8"));
        }
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(what, rest, u16::from_le_bytes)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(what, rest, u16::from_be_bytes)?),
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(utf8(what, rest)?),
        _ => Cow::Borrowed(utf8(what, bytes)?),
    };
    if text.trim().is_empty() {
        return Err(fault(
            what,
            "the file is empty, so the tool wrote no report; look at the log of the step",
        ));
    }
    Ok(text)
}

fn utf8<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a str, ScanError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        fault(what, &format!("byte {at} is not UTF-8; let the tool write UTF-8"))
    })
}

fn utf16(what: &'static str, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, ScanError> {
    let broken = || fault(what, "the file begins as UTF-16 and is not UTF-16; let the tool write UTF-8");
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(broken());
    }
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<_, _>>().map_err(|_| broken())
}

fn fault(what: &'static str, why: &str) -> ScanError {
    ScanError::Format { what, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let utf16 = |text: &str, unit: fn(u16) -> [u8; 2], mark: [u8; 2]| -> Vec<u8> {
            mark.into_iter().chain(text.encode_utf16().flat_map(unit)).collect()
        };
        let text = "{\"a\": \"\u{e9}\u{1f600}\"}";
        assert_eq!(decode("x", text.as_bytes()).unwrap(), text);
        assert_eq!(decode("x", &[b"\xef\xbb\xbf", text.as_bytes()].concat()).unwrap(), text);
        assert_eq!(decode("x", &utf16(text, u16::to_le_bytes, [0xff, 0xfe])).unwrap(), text);
        assert_eq!(decode("x", &utf16(text, u16::to_be_bytes, [0xfe, 0xff])).unwrap(), text);
        let odd = [utf16(text, u16::to_le_bytes, [0xff, 0xfe]), vec![1]].concat();
        let lone = vec![0xff, 0xfe, 0x00, 0xd8];
        for bad in [
            odd,
            lone,
            vec![0xff, 0xfe, 0, 0, 1, 0, 0, 0],
            vec![b'{', 0xe9, b'}'],
            Vec::new(),
            b" \n".to_vec(),
        ] {
            decode("x", &bad).unwrap_err();
        }
    }
}
