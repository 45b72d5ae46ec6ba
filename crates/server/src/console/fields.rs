//! The fields of a query, as browsers write them (<https://url.spec.whatwg.org/#application/x-www-form-urlencoded>).

use std::fmt::Display;
use std::str::FromStr;

use super::reading::malformed;
use crate::http::problem::Failure;

/// Names and values of a query, in order. Of each value at most so many bytes count, and bytes that are no UTF-8 are
/// replaced.
pub fn fields(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(FIELDS_MAX);
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// The two sides of a comparison that a query names; a field that is missing or empty names none.
///
/// # Errors
/// `Failure` if a value is malformed, or a field is no side.
pub fn sides<T: FromStr<Err: Display>>(query: &str) -> Result<[Option<T>; 2], Failure> {
    let (mut from, mut to) = (None, None);
    for (name, value) in fields(query).into_iter().filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "from" => from = Some(value.parse().map_err(malformed)?),
            "to" => to = Some(value.parse().map_err(malformed)?),
            _ => {
                let name = shown::brief(&name, 40);
                return Err(malformed(format!("`{name}` is no field of a comparison: name `from` and `to`")));
            }
        }
    }
    Ok([from, to])
}

/// A value for a query.
pub fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(one).collect()
}

fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next().filter(|_| bytes.len() < VALUE_BYTES_MAX) {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or_default(),
                _ => b'?',
            },
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Most fields of one query.
const FIELDS_MAX: usize = 32;
/// Most bytes of one value.
const VALUE_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::{encoded, fields};

    #[test]
    fn what_is_encoded_is_read_back() {
        for text in ["", "a b", "a&b=c", "100 %", "山", "\u{202e}x", "+"] {
            let query = format!("q={}", encoded(text));
            assert_eq!(fields(&query), [("q".to_owned(), text.to_owned())]);
        }
    }

    #[test]
    fn broken_fields_end_nothing() {
        assert_eq!(fields("&&a&b=%&c=%g1").len(), 3);
        assert_eq!(fields(&"a=1&".repeat(1_000)).len(), 32);
        assert_eq!(fields(&format!("a={}", "x".repeat(10_000)))[0].1.len(), 256);
    }
}
