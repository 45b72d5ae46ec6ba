//! Lines of logs: colour codes become classes, groups become parts that fold.
//!
//! Only codes for colour and weight act (ECMA-48, SGR). Every other control character is shown as an escape, so a log cannot
//! clear, move or hide what stands before it.

use maud::{Markup, html};

use super::texts::text;

/// A line with its colours.
#[must_use]
pub fn line_of_log(raw: &str) -> Markup {
    let mut pen = Pen::default();
    let mut rest = raw;
    let mut parts: Vec<(Option<String>, String)> = Vec::new();
    while let Some(at) = rest.find('\u{1b}') {
        let (before, escape) = rest.split_at(at);
        parts.push((pen.class(), shown::text(before)));
        if let Some((codes, after)) = colour(escape) {
            pen.take(codes);
            rest = after;
        } else {
            let (sign, after) = escape.split_at(1);
            parts.push((pen.class(), text(sign)));
            rest = after;
        }
    }
    parts.push((pen.class(), shown::text(rest)));
    parts.retain(|(_, words)| !words.is_empty());
    html! {
        @for (class, words) in &parts {
            @if let Some(class) = class { span class=(class) { (words) } } @else { (words) }
        }
    }
}

/// The effect of a line on groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// It begins a group with a title.
    Begin(String),
    /// It ends a group.
    End,
}

/// Reads the marks by which build tools begin and end a group: `::group::TITLE`, `##[group]TITLE`.
#[must_use]
pub fn group_of(raw: &str) -> Option<Group> {
    let raw = raw.trim_start();
    let title = raw.strip_prefix("::group::").or_else(|| raw.strip_prefix("##[group]"));
    let ends = ["::endgroup::", "##[endgroup]"].iter().any(|mark| raw.starts_with(mark));
    title.map(|title| Group::Begin(title.to_owned())).or(ends.then_some(Group::End))
}

/// The numbers of a colour code at the beginning, and the text after it.
fn colour(escape: &str) -> Option<(&str, &str)> {
    let (codes, after) = escape.strip_prefix("\u{1b}[")?.split_once('m')?;
    let plain = codes.len() <= CODE_CHARS_MAX && codes.chars().all(|c| c.is_ascii_digit() || c == ';');
    plain.then_some((codes, after))
}

/// How the text after a code looks.
#[derive(Default)]
struct Pen {
    ink: Option<u8>,
    ground: Option<u8>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
}

impl Pen {
    fn take(&mut self, codes: &str) {
        let mut numbers = codes.split(';').map(|code| code.parse::<u16>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            let small = u8::try_from(number).unwrap_or(0);
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                30..=37 => self.ink = Some(small - 30),
                38 => self.ink = other(&mut numbers).or(self.ink),
                39 => self.ink = None,
                40..=47 => self.ground = Some(small - 40),
                48 => self.ground = other(&mut numbers).or(self.ground),
                49 => self.ground = None,
                90..=97 => self.ink = Some(small - 82),
                100..=107 => self.ground = Some(small - 92),
                _ => {}
            }
        }
    }

    fn class(&self) -> Option<String> {
        let mut names = Vec::new();
        names.extend(self.ink.map(|ink| format!("i{ink}")));
        names.extend(self.ground.map(|ground| format!("g{ground}")));
        let marks = [(self.bold, "ab"), (self.dim, "ad"), (self.italic, "ai"), (self.underline, "au")];
        names.extend(marks.iter().filter(|(is_on, _)| *is_on).map(|(_, name)| (*name).to_owned()));
        (!names.is_empty()).then(|| names.join(" "))
    }
}

/// One of the sixteen colours for `5;N` or `2;R;G;B`. The style sheet has no others, since a page has no inline style.
fn other(numbers: &mut impl Iterator<Item = u16>) -> Option<u8> {
    let cube = |level: u16| if level == 0 { 0 } else { 55 + level * 40 };
    match numbers.next()? {
        5 => match numbers.next()? {
            basic @ 0..=15 => u8::try_from(basic).ok(),
            of_cube @ 16..=231 => {
                let at = of_cube - 16;
                Some(nearest(cube(at / 36), cube(at / 6 % 6), cube(at % 6)))
            }
            grey => {
                let level = 8 + grey.min(255).saturating_sub(232) * 10;
                Some(nearest(level, level, level))
            }
        },
        2 => Some(nearest(numbers.next()?, numbers.next()?, numbers.next()?)),
        _ => None,
    }
}

/// The basic colour nearest to one: a bit for each of red, green and blue, and one for brightness.
fn nearest(red: u16, green: u16, blue: u16) -> u8 {
    let highest = red.max(green).max(blue);
    let is_on = |level: u16| highest > 0 && level * 2 > highest;
    let bits = u8::from(is_on(red)) | u8::from(is_on(green)) << 1 | u8::from(is_on(blue)) << 2;
    match highest {
        0..48 => 0,
        48..112 if bits == 7 => 8,
        112..192 => bits,
        _ if bits == 7 && highest < 224 => 7,
        _ => bits | 8,
    }
}

/// Longest code that is read.
const CODE_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::{Group, group_of, line_of_log, nearest};

    #[test]
    fn colours_are_classes_and_all_else_is_visible() {
        for (raw, html) in [
            ("plain <b>", "plain &lt;b&gt;"),
            ("\u{1b}[1;32mok\u{1b}[0m done", "<span class=\"i2 ab\">ok</span> done"),
            ("\u{1b}[38;5;196mred\u{1b}[m", "<span class=\"i9\">red</span>"),
            ("\u{1b}[48;2;0;0;200mx", "<span class=\"g12\">x</span>"),
            ("\u{1b}[2Jgone\r", "\\u{1b}[2Jgone\\r"),
            ("\u{1b}]8;;http://x\u{7}y", "\\u{1b}]8;;http://x\\u{7}y"),
            ("a\u{202e}b\tc", "a\\u{202e}b\tc"),
            ("\u{1b}[38;5m\u{1b}[38mx", "x"),
            ("\u{1b}[", "\\u{1b}["),
        ] {
            assert_eq!(line_of_log(raw).into_string(), html);
        }
        assert_eq!([nearest(0, 0, 0), nearest(255, 255, 255), nearest(128, 0, 0)], [0, 15, 1]);
    }

    #[test]
    fn groups_are_read() {
        assert_eq!(group_of("::group::Install"), Some(Group::Begin("Install".to_owned())));
        assert_eq!(group_of("##[endgroup]"), Some(Group::End));
        assert_eq!(group_of("a ::group::"), None);
    }
}
