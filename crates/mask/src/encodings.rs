//! The texts that a value may appear as.
//!
//! Invariant: the texts have no line breaks, since those of the stream are skipped; so a value or its encoding is found
//! however it is wrapped. No text is shorter than [`BYTES_MIN`]: it would hide what is no secret. No text is longer than
//! [`TEXT_MAX`]: of a longer one the beginning is looked for, and as many bytes as the rest has are hidden behind it. So the
//! automaton has a bound that does not depend on how long values are.

use std::collections::BTreeMap;

use zeroize::{Zeroize as _, Zeroizing};

/// Least number of bytes that are looked for.
pub const BYTES_MIN: usize = 6;
/// Most bytes of a text that are looked for.
pub const TEXT_MAX: usize = 1_024;

/// Whether a value is looked for as it is, and so hidden. Spaces and breaks around it do not make a short value long, since a
/// program seldom prints them.
#[must_use]
pub fn is_hidden(value: &[u8]) -> bool {
    value.trim_ascii().iter().filter(|byte| !is_break(**byte)).count() >= BYTES_MIN
}

/// Whether a byte breaks lines, so that it may stand anywhere within a value.
pub const fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// A text that is looked for.
#[derive(Clone, Copy, Default)]
pub struct Mark {
    /// Bytes without line breaks that belong to the value behind the text.
    pub rest: usize,
    /// Whether the text stands for a whole value, and not for a word of one.
    pub whole: bool,
}

/// All texts of a value, each once.
pub fn texts(value: &[u8]) -> Vec<(Zeroizing<Vec<u8>>, Mark)> {
    let mut texts = Texts::default();
    for word in words(value) {
        texts.add(Text::of(word.iter().copied()), false);
    }
    // A file's last line break is seldom part of what a program prints.
    for part in [value, value.trim_ascii()] {
        texts.add(Text::of(part.iter().copied()), true);
        texts.add(Text::of(part.iter().rev().copied()), true);
        encoded(part, 6, 3, &[BASE64, BASE64_URL], &mut texts);
        encoded(part, 5, 5, &[BASE32, &BASE32.to_ascii_lowercase()], &mut texts);
        for digits in [LOWER, UPPER] {
            spelled(part, digits, &mut texts);
            percents(part, digits, &mut texts);
            json_strings(part, digits, &mut texts);
        }
        quoted(part, &mut texts);
    }
    texts.0.into_iter().map(|(text, mark)| (Zeroizing::new(text), mark)).collect()
}

/// The beginning of a text, and how long it is.
#[derive(Default)]
struct Text {
    start: Vec<u8>,
    length: usize,
}

impl Text {
    fn of(bytes: impl Iterator<Item = u8>) -> Self {
        let mut text = Self::default();
        bytes.for_each(|byte| text.push(byte));
        text
    }

    fn push(&mut self, byte: u8) {
        if !is_break(byte) {
            if self.length < TEXT_MAX {
                self.start.push(byte);
            }
            self.length += 1;
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte));
    }
}

#[derive(Default)]
struct Texts(BTreeMap<Vec<u8>, Mark>);

impl Texts {
    fn add(&mut self, mut text: Text, whole: bool) {
        let rest = text.length - text.start.len();
        if let Some(known) = self.0.get_mut(&text.start) {
            *known = Mark { rest: known.rest.max(rest), whole: known.whole || whole };
            text.start.zeroize();
        } else if text.length < BYTES_MIN {
            text.start.zeroize();
        } else {
            self.0.insert(text.start, Mark { rest, whole });
        }
    }

    /// The text that spells each byte of the value so.
    fn each(&mut self, part: &[u8], spell: impl Fn(u8, &mut Text)) {
        let mut text = Text::default();
        part.iter().for_each(|byte| spell(*byte, &mut text));
        self.add(text, true);
    }
}

/// The long words of a value of several lines: a key, or a file of several keys, is often printed in part.
fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let several = value.trim_ascii().contains(&b'\n');
    let start = if several { value.get(..WORDS_BYTES_MAX).unwrap_or(value) } else { &[] };
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'=' | b',' | b';');
    start.split(ends).filter(|word| word.len() >= WORD_MIN && !word.starts_with(b"-----"))
}

/// The value in an alphabet of characters of so many bits, at each offset that it may have within longer bytes. Characters at
/// the ends depend on the neighbours and are left out.
fn encoded(part: &[u8], bits: usize, offsets: usize, alphabets: &[&[u8]], texts: &mut Texts) {
    for offset in 0..offsets {
        // The first character that has only bits of the value begins at a multiple of its width.
        let skipped = (offset * 8).next_multiple_of(bits) - offset * 8;
        let length = (part.len() * 8).saturating_sub(skipped) / bits;
        for alphabet in alphabets {
            let digit = |at: usize| {
                let index =
                    (0..bits).fold(0, |index, bit| index << 1 | bit_of(part, skipped + at * bits + bit));
                alphabet.get(index).copied().unwrap_or_default()
            };
            texts.add(Text { start: (0..length.min(TEXT_MAX)).map(digit).collect(), length }, true);
        }
    }
}

fn bit_of(bytes: &[u8], at: usize) -> usize {
    bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1))
}

/// Two digits for each byte, alone and with what is written before or between them.
fn spelled(part: &[u8], digits: &[u8], texts: &mut Texts) {
    for before in [&b""[..], b"\\x", b"%", b"0x", b"\\u00"] {
        texts.each(part, |byte, text| {
            text.extend(before);
            text.extend(&pair(digits, byte));
        });
    }
    for between in [b':', b' ', b'-'] {
        texts.each(part, |byte, text| {
            if text.length > 0 {
                text.push(between);
            }
            text.extend(&pair(digits, byte));
        });
    }
}

fn pair(digits: &[u8], byte: u8) -> [u8; 2] {
    [at(digits, byte >> 4), at(digits, byte & 15)]
}

fn at(digits: &[u8], index: u8) -> u8 {
    digits.get(usize::from(index)).copied().unwrap_or_default()
}

/// Parts of URLs and of forms.
fn percents(part: &[u8], digits: &[u8], texts: &mut Texts) {
    for unreserved in [&b"-._~"[..], b"-._~/", b"-._~!*'()", b"-._*"] {
        for plus in [false, true] {
            texts.each(part, |byte, text| match byte {
                b' ' if plus => text.push(b'+'),
                _ if byte.is_ascii_alphanumeric() || unreserved.contains(&byte) => text.push(byte),
                _ => {
                    text.push(b'%');
                    text.extend(&pair(digits, byte));
                }
            });
        }
    }
}

/// Strings of JSON: with UTF-8 as it is, in ASCII alone, and in ASCII that is safe inside HTML.
fn json_strings(part: &[u8], digits: &[u8], texts: &mut Texts) {
    for slash in [false, true] {
        texts.each(part, |byte, text| json(byte, slash, digits, text));
    }
    let Ok(value) = str::from_utf8(part) else { return };
    for html in [false, true] {
        let mut text = Text::default();
        for character in value.chars() {
            match u8::try_from(character) {
                Ok(byte) if byte < 0x7f && !(html && matches!(byte, b'<' | b'>' | b'&' | b'\'' | b'+')) => {
                    json(byte, false, digits, &mut text);
                }
                _ => character.encode_utf16(&mut [0; 2]).iter().for_each(|code| {
                    unit(*code, digits, &mut text);
                }),
            }
        }
        texts.add(text, true);
    }
}

fn json(byte: u8, slash: bool, digits: &[u8], text: &mut Text) {
    match byte {
        b'"' | b'\\' => text.extend(&[b'\\', byte]),
        b'/' if slash => text.extend(b"\\/"),
        b'\n' => text.extend(b"\\n"),
        b'\r' => text.extend(b"\\r"),
        b'\t' => text.extend(b"\\t"),
        8 => text.extend(b"\\b"),
        12 => text.extend(b"\\f"),
        0..0x20 => unit(u16::from(byte), digits, text),
        _ => text.push(byte),
    }
}

/// A code unit of UTF-16 as JSON escapes it.
fn unit(code: u16, digits: &[u8], text: &mut Text) {
    text.extend(b"\\u");
    code.to_be_bytes().iter().for_each(|byte| text.extend(&pair(digits, *byte)));
}

/// Text in HTML, and words of a shell: within single and double quotes, and with backslashes.
fn quoted(part: &[u8], texts: &mut Texts) {
    for (apostrophe, quote) in
        [(&b"&#39;"[..], &b"&quot;"[..]), (b"&#x27;", b"&#34;"), (b"&apos;", b"&quot;")]
    {
        texts.each(part, |byte, text| match byte {
            b'&' => text.extend(b"&amp;"),
            b'<' => text.extend(b"&lt;"),
            b'>' => text.extend(b"&gt;"),
            b'\'' => text.extend(apostrophe),
            b'"' => text.extend(quote),
            _ => text.push(byte),
        });
    }
    for apostrophe in [&b"'\\''"[..], b"'\"'\"'"] {
        texts.each(part, |byte, text| match byte {
            b'\'' => text.extend(apostrophe),
            _ => text.push(byte),
        });
    }
    for special in [is_special_in_a_shell, is_special_in_quotes] {
        texts.each(part, |byte, text| {
            if special(byte) {
                text.push(b'\\');
            }
            text.push(byte);
        });
    }
}

const fn is_special_in_a_shell(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
        && !matches!(byte, b'_' | b'-' | b'.' | b'/' | b':' | b',' | b'@' | b'%' | b'+' | b'=')
}

const fn is_special_in_quotes(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | b'$' | b'`')
}

const LOWER: &[u8] = b"0123456789abcdef";
const UPPER: &[u8] = b"0123456789ABCDEF";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Least bytes of a word of a value that is looked for alone.
const WORD_MIN: usize = 16;
/// Bytes at the beginning of a value whose words are looked for alone.
const WORDS_BYTES_MAX: usize = 64 << 10;
