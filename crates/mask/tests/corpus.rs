//! The corpus of masking: values in every encoding, at every offset, in every split. Other people's encoders make the texts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use mask::{BYTES_MIN, MaskedStream, Masker, Search};
use proptest::prelude::*;

/// Values like those of real secrets.
const VALUES: [&[u8]; 6] = [
    b"hunter2-hunter2",
    b"p\"a's\\s w/ord&<1>$`+%",
    b"correct-horse-battery-staple838347Ae178B4a",
    b"-----BEGIN KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nBG5vbmUAAAAEbm9uZQAAAAAA\n-----END KEY-----\n",
    "pässwörd-🔑-ключ".as_bytes(),
    &[0, 255, 1, 254, 2, 253, 10, 13, 127, 128, 9, 8, 7, 6],
];

/// How a text is named, and what it makes of bytes.
type Encoding = (&'static str, fn(&[u8]) -> Vec<u8>);

const ENCODINGS: [Encoding; 26] = [
    ("as it is", <[u8]>::to_vec),
    ("base64", |value| STANDARD.encode(value).into()),
    ("base64 without padding", |value| STANDARD_NO_PAD.encode(value).into()),
    ("base64url", |value| URL_SAFE.encode(value).into()),
    ("base64url without padding", |value| URL_SAFE_NO_PAD.encode(value).into()),
    ("base64 behind one byte", |value| STANDARD.encode([b":", value].concat()).into()),
    ("base64 behind two bytes", |value| STANDARD.encode([b"u:", value].concat()).into()),
    ("base64 of basic authorization", |value| STANDARD.encode([b"admin:", value, b"\n"].concat()).into()),
    ("base64url in the middle", |value| URL_SAFE.encode([&b"user="[..], value, b"&more=x"].concat()).into()),
    ("hex", |value| hex::encode(value).into()),
    ("HEX", |value| hex::encode_upper(value).into()),
    ("hex with colons", |value| joined(value, ":", |byte| format!("{byte:02x}"))),
    ("HEX with spaces", |value| joined(value, " ", |byte| format!("{byte:02X}"))),
    ("hex with hyphens", |value| joined(value, "-", |byte| format!("{byte:02x}"))),
    ("escapes of C", |value| joined(value, "", |byte| format!("\\x{byte:02x}"))),
    ("every byte of a URL", |value| joined(value, "", |byte| format!("%{byte:02X}"))),
    ("lower every byte of a URL", |value| joined(value, "", |byte| format!("%{byte:02x}"))),
    ("part of a URL", |value| url(value, b"-._~", "%20")),
    ("path of a URL", |value| url(value, b"-._~/", "%20")),
    ("form", |value| url(value, b"-._*", "+")),
    ("JSON", |value| json(value, false)),
    ("JSON in ASCII", |value| json(value, true)),
    ("HTML", |value| html(value)),
    ("within single quotes of a shell", |value| replaced(value, b'\'', b"'\\''")),
    ("backwards", |value| value.iter().rev().copied().collect()),
    ("hex dump of xxd -p", |value| hex::encode(value).into()),
];

fn joined(value: &[u8], between: &str, each: fn(&u8) -> String) -> Vec<u8> {
    value.iter().map(each).collect::<Vec<_>>().join(between).into()
}

fn url(value: &[u8], unreserved: &[u8], space: &str) -> Vec<u8> {
    let each = |byte: &u8| match byte {
        b' ' => space.to_owned(),
        byte if byte.is_ascii_alphanumeric() || unreserved.contains(byte) => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.iter().map(each).collect::<String>().into()
}

/// A string of JSON as `serde_json` writes it; of bytes that are no text nothing.
fn json(value: &[u8], ascii: bool) -> Vec<u8> {
    let Ok(text) = str::from_utf8(value) else { return Vec::new() };
    let written = serde_json::to_string(text).unwrap();
    let inner = &written[1..written.len() - 1];
    let mut units = [0; 2];
    let each = |c: char| match c.is_ascii() || !ascii {
        true => c.to_string(),
        false => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    inner.chars().map(each).collect::<String>().into()
}

fn html(value: &[u8]) -> Vec<u8> {
    let mut text = replaced(value, b'&', b"&amp;");
    for (byte, by) in [(b'<', &b"&lt;"[..]), (b'>', b"&gt;"), (b'"', b"&quot;"), (b'\'', b"&#39;")] {
        text = replaced(&text, byte, by);
    }
    text
}

fn replaced(value: &[u8], byte: u8, by: &[u8]) -> Vec<u8> {
    value.iter().flat_map(|own| if *own == byte { by.to_vec() } else { vec![*own] }).collect()
}

/// The text broken into lines of this width.
fn wrapped(text: &[u8], width: usize, line_break: &[u8]) -> Vec<u8> {
    text.chunks(width).collect::<Vec<_>>().join(line_break)
}

fn in_pieces(masker: &Masker, text: &[u8], size: usize) -> Vec<u8> {
    let mut stream = MaskedStream::new(masker);
    let mut shown = Vec::new();
    text.chunks(size).for_each(|piece| stream.push(piece, &mut shown));
    stream.flush(&mut shown);
    assert_eq!(stream.held(), 0);
    shown
}

/// Whether a run of this many bytes of a text is in what was shown, line breaks aside.
fn shows(shown: &[u8], text: &[u8], run: usize) -> bool {
    let solid =
        |bytes: &[u8]| bytes.iter().copied().filter(|byte| !matches!(byte, 10 | 13)).collect::<Vec<u8>>();
    let (shown, text) = (solid(shown), solid(text));
    let shown = String::from_utf8_lossy(&shown).into_owned();
    text.windows(run).any(|window| shown.contains(&*String::from_utf8_lossy(window)))
}

#[test]
fn attack_a_value_in_every_encoding_and_split() {
    let mut cases = 0;
    for value in VALUES {
        let masker = Masker::new([value]).unwrap();
        for (name, encode) in ENCODINGS {
            let text = encode(value);
            if text.is_empty() {
                continue;
            }
            let around = [&b"before "[..], &text, b" behind\n"].concat();
            let whole = masker.masked(&around);
            // Around base64 in the middle of longer bytes, some characters belong to the neighbours.
            let run = if name.contains("base64") { 24.min(text.len()) } else { 10.min(text.len()) };
            assert!(!shows(&whole, &text, run), "{name} of {value:?}: {}", String::from_utf8_lossy(&whole));
            assert!(
                whole.starts_with(b"before ") && whole.ends_with(b" behind\n"),
                "{name}: nothing else is hidden"
            );
            for size in [1, 2, 3, 7, 64] {
                assert_eq!(in_pieces(&masker, &around, size), whole, "{name} in pieces of {size}");
                cases += 1;
            }
            for (width, line_break) in [(76, &b"\n"[..]), (64, b"\r\n"), (5, b"\n"), (1, b"\n")] {
                let shown = masker.masked(&wrapped(&text, width, line_break));
                assert!(!shows(&shown, &text, run), "{name} of {value:?} in lines of {width}");
                cases += 1;
            }
        }
    }
    assert!(cases >= 1_000, "{cases}");
}

#[test]
fn long_words_of_a_value_of_several_lines_are_hidden_alone_but_not_searched_for() {
    let masker = Masker::new([VALUES[3]]).unwrap();
    let line = b"> b3BlbnNzaC1rZXktdjEAAAAA\n";
    assert_eq!(masker.masked(line), b"> ***\n");
    assert!(!masker.finds(line) && masker.finds(VALUES[3]));
    assert_eq!(masker.masked(b"-----BEGIN KEY-----\n"), b"-----BEGIN KEY-----\n", "what every key has");
    let file = Masker::new([&b"USER=me\nTOKEN=correct-horse-battery-staple\n"[..]]).unwrap();
    assert_eq!(file.masked(b"Bearer correct-horse-battery-staple"), b"Bearer ***");
}

/// The automaton has a bound: of a long value the beginning is looked for, and what follows is hidden by its length.
#[test]
fn a_value_of_a_mebibyte_is_hidden_whole_in_every_encoding() {
    let mut seed = 7_u32;
    let mut byte = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    let value: Vec<u8> = (0..1 << 20).map(|_| byte()).collect();
    let masker = Masker::new([value.as_slice()]).unwrap();
    assert!(masker.memory() < 8 << 20, "{}", masker.memory());
    for encode in
        [|v: &[u8]| v.to_vec(), |v: &[u8]| STANDARD.encode(v).into(), |v: &[u8]| hex::encode(v).into()]
    {
        let text = encode(&value);
        let around = [&b"before "[..], &text, b" behind"].concat();
        let shown = in_pieces(&masker, &around, 65_536);
        let solid: Vec<u8> = shown.into_iter().filter(|byte| !matches!(byte, 10 | 13 | b'*')).collect();
        // The last characters of base64 depend on what follows.
        assert!(
            solid.starts_with(b"before ") && solid.ends_with(b" behind") && solid.len() < 20,
            "{}",
            solid.len()
        );
        assert!(masker.finds(&around));
    }
}

#[test]
fn a_search_finds_a_value_across_pieces() {
    let masker = Masker::new([VALUES[0]]).unwrap();
    let mut search = Search::new(&masker);
    assert!(!search.push(b"say hunter2-") && search.push(b"\nhunter2!"));
}

#[test]
fn no_value_is_in_what_debugging_prints() {
    let masker = Masker::new([VALUES[0]]).unwrap();
    assert!(!format!("{masker:?}").contains("104"), "the byte `h` of an automaton's state");
    assert!(format!("{masker:?}").starts_with("Masker { texts: "));
}

#[test]
fn line_breaks_stay_where_they_are() {
    let masker = Masker::new([&b"hunter2-hunter2"[..]]).unwrap();
    assert_eq!(masker.masked(b"a\nhunter2-\nhunter2\nb\n"), b"a\n***\n\nb\n");
    assert_eq!(masker.masked(b"hunter2-hunter2hunter2-hunter2"), b"***");
    assert_eq!(masker.masked(b"x=hunter2-hunter2 y=hunter2-hunter2"), b"x=*** y=***");
}

/// Only what may begin a value is held, and nothing before it.
#[test]
fn bytes_that_begin_no_value_are_shown_at_once() {
    let masker = Masker::new(VALUES).unwrap();
    let mut stream = MaskedStream::new(&masker);
    let mut shown = Vec::new();
    stream.push(b"ghp_16C7e4 and hunte", &mut shown);
    assert_eq!(shown, b"ghp_16C7e4 and ");
    stream.push(b"rs\n\nhunter", &mut shown);
    assert_eq!((shown.as_slice(), stream.held()), (&b"ghp_16C7e4 and hunters\n\n"[..], 6));
}

/// What waits too long is shown, and the rest of the value is hidden all the same.
#[test]
fn a_flush_within_a_value_shows_its_beginning_alone() {
    let masker = Masker::new([&b"hunter2-hunter2"[..]]).unwrap();
    let mut stream = MaskedStream::new(&masker);
    let mut shown = Vec::new();
    stream.push(b"say hunt", &mut shown);
    assert_eq!((shown.as_slice(), stream.held()), (&b"say "[..], 4));
    stream.flush(&mut shown);
    stream.push(b"er2-hunter2!", &mut shown);
    stream.flush(&mut shown);
    assert_eq!(shown, b"say hunt***!");
}

#[test]
fn short_values_and_no_values_hide_nothing() {
    let text = b"aaaaa bbbbb 12345";
    for values in [vec![], vec![&b""[..]], vec![&b"aaaaa"[..]]] {
        let masker = Masker::new(values).unwrap();
        assert_eq!(masker.masked(text), text);
        assert!(!masker.finds(text));
    }
    assert_eq!(Masker::new([&b"aaaaaa"[..]]).unwrap().masked(b"aaaaaaa"), b"***");
    assert_eq!(BYTES_MIN, 6);
}

#[test]
fn files_are_searched_for_values() {
    let masker = Masker::new([&b"hunter2-hunter2"[..]]).unwrap();
    assert!(masker.finds(&STANDARD.encode(b"--hunter2-hunter2--").into_bytes()));
    assert!(!masker.finds(b"hunter2-hunter3 and hunter1"));
}

proptest! {
    /// Pieces never change what is shown, and bytes that are no part of a value never change.
    #[test]
    fn pieces_do_not_matter(
        value in prop::collection::vec(prop::sample::select(b"ab\n".to_vec()), 6..12),
        text in prop::collection::vec(prop::sample::select(b"ab\nc".to_vec()), 0..200),
        size in 1_usize..20,
    ) {
        let masker = Masker::new([value.as_slice()]).unwrap();
        let whole = masker.masked(&text);
        prop_assert_eq!(in_pieces(&masker, &text, size), whole.clone());
        if !masker.finds(&text) {
            prop_assert_eq!(whole, text);
        }
    }
}
