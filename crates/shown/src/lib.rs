//! Text for a terminal or a journal. Text from others cannot move the cursor, hide or reorder what is shown, or start a
//! new line.
//!
//! Invariant: all text that is printed for people passes through this crate. Control characters (C0, DEL, C1),
//! characters that change direction, and invisible characters are written as escapes (Unicode TR 36,
//! <https://www.unicode.org/reports/tr36/>). The crate knows nothing about the meaning of a text.

pub mod shell;

use std::io::Write as _;

/// Prints a message on standard error, as commands do beside their answer. All lines after the first are indented. A
/// failed write is ignored, because nobody could read about it either. Roles log through `tracing` instead.
pub fn say(what: &str) {
    let _ = std::io::stderr().write_all(format!("{}\n", below(what)).as_bytes());
}

/// A number with its noun.
#[must_use]
pub fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A number with its noun, for a noun with an irregular plural.
#[must_use]
pub fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// Text of several lines that the program itself wrote.
#[must_use]
pub fn text(text: &str) -> String {
    escaped(text, |c| c == '\n' || c == '\t')
}

/// Text of another person or program, inside a line.
#[must_use]
pub fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// Text of another person or program, inside a line, of at most so many characters. A text that was cut ends with `…`, after
/// a whole word unless that word is longer than half of the line.
#[must_use]
pub fn brief(text: &str, chars_max: usize) -> String {
    // An escape has at most ten characters, so a longer beginning cannot show more.
    let shown = line(&text.chars().take(chars_max.saturating_add(1)).collect::<String>());
    if shown.chars().count() <= chars_max {
        return shown;
    }
    let mut cut: String = shown.chars().take(chars_max).collect();
    let last = cut.pop();
    // A space right behind the cut ends its last word.
    if last != Some(' ')
        && let Some((words, word)) = cut.rsplit_once(' ')
        && word.chars().count() <= chars_max / 2
    {
        cut.truncate(words.len());
    }
    cut.truncate(cut.trim_end_matches([' ', ',', ';', ':']).len());
    cut.extend((chars_max > 0).then_some('…'));
    cut
}

/// Text of another person or program, below a line. All lines after the first are indented.
#[must_use]
pub fn below(text: &str) -> String {
    self::text(text).replace('\n', "\n      ")
}

/// JSON of the same meaning. Characters that a terminal would act on are written as JSON's own escapes
/// (<https://www.rfc-editor.org/rfc/rfc8259#section-7>).
#[must_use]
pub fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            shown.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| shown += &format!("\\u{unit:04x}"));
        }
    }
    shown
}

/// A piece of a build's log. Its lines and colours stay.
#[must_use]
pub fn log(piece: &str) -> String {
    let mut shown = String::new();
    for (before, code) in coloured(&lines(piece)) {
        shown += &text(before);
        match code {
            Some(code) if code.len() > 1 => shown += code,
            Some(escape) => shown += &line(escape),
            None => {}
        }
    }
    shown
}

/// A piece of a build's log without its colours. It is still the text of another program.
#[must_use]
pub fn uncoloured(piece: &str) -> String {
    let mut plain = String::new();
    for (before, code) in coloured(&lines(piece)) {
        plain += before;
        plain += code.filter(|code| code.len() == 1).unwrap_or_default();
    }
    plain
}

/// The same lines with one sort of ends.
fn lines(piece: &str) -> String {
    piece.replace("\r\n", "\n").replace('\r', "\n")
}

/// The parts of a text, each with what follows it: a colour code, or an escape that begins none.
fn coloured(text: &str) -> Vec<(&str, Option<&str>)> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find('\u{1b}') {
        let (before, escape) = rest.split_at(at);
        let is_code = |codes: &str| codes.chars().all(|c| c.is_ascii_digit() || c == ';');
        let colour = escape.get(1..).and_then(|after| after.strip_prefix('[')?.split_once('m'));
        // The code is `ESC [`, its numbers, and `m`.
        let bytes = colour.filter(|(codes, _)| is_code(codes)).map_or(1, |(codes, _)| codes.len() + 3);
        let (code, after) = escape.split_at(bytes);
        parts.push((before, Some(code)));
        rest = after;
    }
    parts.push((rest, None));
    parts
}

fn escaped(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if keeps(c) || is_plain(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    shown
}

/// Characters that are seen. Unicode calls the others `Default_Ignorable_Code_Point`, but for U+2028, U+2029 and U+FFF9 to U+FFFB, which
/// structure a text, and U+2800, which is a blank with another name.
fn is_plain(c: char) -> bool {
    let unseen = matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_control() && !unseen
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::{below, brief, counted, json, line, log, many, text, uncoloured};

    #[test]
    fn one_thing_has_a_noun_in_the_singular() {
        assert_eq!([0, 1, 2].map(|count| many(count, "file")), ["0 files", "1 file", "2 files"]);
        assert_eq!([1, 2].map(|count| counted(count, "person", "people")), ["1 person", "2 people"]);
    }

    #[test]
    fn nothing_moves_the_cursor_or_hides() {
        for (wrote, shown) in [
            ("Zoë Ångström, 山田", "Zoë Ångström, 山田"),
            ("fix\u{1b}[2K\u{1b}[1Ahidden", "fix\\u{1b}[2K\\u{1b}[1Ahidden"),
            ("a\u{9b}2Jb\u{7f}c\r", "a\\u{9b}2Jb\\u{7f}c\\r"),
            ("user\u{202e}nimda\u{2066}", "user\\u{202e}nimda\\u{2066}"),
            ("ada\u{200b}@example", "ada\\u{200b}@example"),
            ("looks right\nartifact: sha256:00", "looks right\\nartifact: sha256:00"),
        ] {
            assert_eq!(line(wrote), shown);
        }
        assert_eq!(below("at gate.rego:1\ndeny"), "at gate.rego:1\n      deny");
        assert_eq!(text("one\n  two\u{1b}c"), "one\n  two\\u{1b}c");
    }

    #[test]
    fn attack_two_names_that_differ_look_different() {
        for unseen in [
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b5}',
            '\u{180b}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{ffa0}',
            '\u{fff3}',
            '\u{1bca0}',
            '\u{1d173}',
            '\u{e0100}',
            '\u{e0fff}',
        ] {
            let name = format!("Ada{unseen}");
            assert!(line(&name).starts_with("Ada\\u{"), "{:x}", u32::from(unseen));
        }
        assert_eq!(line("Zoë e\u{301} 山田 ❤"), "Zoë e\u{301} 山田 ❤");
    }

    #[test]
    fn a_brief_text_is_escaped_and_bounded() {
        assert_eq!(brief("eval of input", 13), "eval of input");
        assert_eq!(brief("eval of inputs", 13), "eval of…");
        assert_eq!(brief("eval of inputs, then more", 16), "eval of inputs…");
        assert_eq!(brief("eval of inputs", 8), "eval of…");
        assert_eq!(brief("at/a/long/path/of/a/file", 13), "at/a/long/pa…");
        assert_eq!(brief("in at/a/long/path/of/a/file", 13), "in at/a/long…");
        assert_eq!((brief("ab", 1), brief("ab", 0)), ("…".to_owned(), String::new()));
        assert_eq!(brief("山山山山", 3), "山山…");
        assert_eq!(brief("a\u{1b}[2Jb", 8), "a\\u{1b}…");
        assert!(brief(&"\u{202e}".repeat(1_000), 40).chars().count() <= 40);
    }

    #[test]
    fn json_says_the_same() {
        let value = serde_json::json!({ "a": "x\u{9b}2J\u{202e}y\u{e0041}\u{1b}\n Zoë 山" });
        let shown = json(&value.to_string());
        assert_eq!(shown, r#"{"a":"x\u009b2J\u202ey\udb40\udc41\u001b\n Zoë 山"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn logs_keep_lines_and_colours_alone() {
        let wrote = "\u{1b}[1;31merror\u{1b}[0m: x\r\nprogress\rdone\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{1b}";
        let shown = "\u{1b}[1;31merror\u{1b}[0m: x\nprogress\ndone\\u{1b}]52;c;aGk=\\u{7}\\u{1b}[2J\\u{1b}";
        assert_eq!(log(wrote), shown);
        let plain = "error: x\nprogress\ndone\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{1b}";
        assert_eq!(uncoloured(wrote), plain, "colours are gone, and nothing else is");
    }
}
