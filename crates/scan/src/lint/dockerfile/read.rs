//! The reader of Dockerfiles (<https://docs.docker.com/reference/dockerfile/>): lines become instructions.
//!
//! Invariant: what Docker refuses is a fault, and each letter of an instruction knows its line. Comments and empty lines within an
//! instruction are left out, as Docker leaves them out.

use super::subject::{Dockerfile, Flag, Form, HereDocument, Instruction};
use crate::lint::unread::Unread;

/// Instructions of a text.
pub(super) fn read(text: &str) -> Result<Dockerfile, Unread> {
    let lines: Vec<&str> = text.lines().collect();
    let escape = escape_of(&lines)?;
    let mut reader = Reader { lines, at: 0, escape };
    let mut all = Vec::new();
    while let Some((line, chars)) = reader.logical() {
        all.push(reader.instruction(line, chars)?);
    }
    Dockerfile::of(all)
}

/// The letter that continues a line, by the directives that stand before everything else.
fn escape_of(lines: &[&str]) -> Result<char, String> {
    let mut escape = '\\';
    for (number, line) in lines.iter().enumerate() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else {
            break;
        };
        let name = name.trim();
        if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
            break;
        }
        if name.eq_ignore_ascii_case("escape") {
            escape = match value.trim() {
                "\\" => '\\',
                "`" => '`',
                _ => return Err(format!("line {}: the directive `escape` is neither \\ nor `", number + 1)),
            };
        }
    }
    Ok(escape)
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    escape: char,
}

impl Reader<'_> {
    /// The next instruction with its continued lines joined, and its first line.
    fn logical(&mut self) -> Option<(u32, Vec<(char, u32)>)> {
        let is_left_out = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        while self.lines.get(self.at).is_some_and(|line| is_left_out(line)) {
            self.at += 1;
        }
        let first = number(self.at);
        let mut chars: Vec<(char, u32)> = Vec::new();
        while let Some(line) = self.lines.get(self.at) {
            if self.at + 1 > usize::try_from(first).unwrap_or_default() && is_left_out(line) {
                self.at += 1;
                continue;
            }
            let own = number(self.at);
            self.at += 1;
            let body = if chars.is_empty() { line.trim_start() } else { line };
            match self.continued(body) {
                Some(part) => chars.extend(part.chars().map(|letter| (letter, own))),
                None => {
                    chars.extend(body.chars().map(|letter| (letter, own)));
                    break;
                }
            }
        }
        (!chars.is_empty()).then_some((first, chars))
    }

    /// The line without the letter that continues it; two of them continue nothing.
    fn continued<'a>(&self, line: &'a str) -> Option<&'a str> {
        let part = line.trim_end_matches([' ', '\t', '\r']).strip_suffix(self.escape)?;
        (!part.ends_with(self.escape)).then_some(part)
    }

    fn instruction(&mut self, line: u32, chars: Vec<(char, u32)>) -> Result<Instruction, String> {
        let whole: String = chars.iter().map(|(letter, _)| *letter).collect();
        let (mut name, mut rest) = word_off(chars);
        name.make_ascii_uppercase();
        let is_onbuild = name == "ONBUILD";
        if is_onbuild {
            (name, rest) = word_off(rest);
            name.make_ascii_uppercase();
            if matches!(name.as_str(), "FROM" | "MAINTAINER" | "ONBUILD") {
                return Err(format!("line {line}: ONBUILD takes no {name}"));
            }
        }
        if !INSTRUCTIONS.contains(&name.as_str()) {
            return Err(format!("line {line}: `{}` is no instruction", evidence::document::text(&name, 40)));
        }
        let (flags, rest) = flags_off(&name, rest);
        let text: String = rest.iter().map(|(letter, _)| *letter).collect();
        if text.trim().is_empty() && !matches!(name.as_str(), "RUN" | "CMD" | "ENTRYPOINT") {
            return Err(format!("line {line}: {name} has no argument"));
        }
        let form = form_of(&name, &text);
        let documents = if matches!(name.as_str(), "RUN" | "COPY" | "ADD") && form == Form::Shell {
            self.here_documents(line, &whole)?
        } else {
            Vec::new()
        };
        Ok(Instruction {
            line,
            name,
            flags,
            text: text.trim().to_owned(),
            chars: rest,
            form,
            documents,
            is_onbuild,
            escape: self.escape,
        })
    }

    /// The here-documents that an instruction begins; their text stands behind it.
    fn here_documents(&mut self, line: u32, text: &str) -> Result<Vec<HereDocument>, String> {
        let mut documents = Vec::new();
        let words = words_of(text);
        if words.is_none() && text.contains("<<") {
            return Err(format!(
                "line {line}: a quote has no end, so nobody can tell where a here-document begins"
            ));
        }
        for (end, strips) in words.into_iter().flatten().filter_map(|word| end_of(&word)) {
            let mut lines = Vec::new();
            loop {
                let Some(body) = self.lines.get(self.at) else {
                    return Err(format!("line {line}: the here-document `{end}` has no end"));
                };
                let own = number(self.at);
                self.at += 1;
                let body = if strips { body.trim_start_matches('\t') } else { body };
                if body.trim_end_matches('\r') == end {
                    break;
                }
                lines.push((own, body.to_owned()));
            }
            documents.push(HereDocument { end, lines });
        }
        Ok(documents)
    }
}

/// The end of the here-document that a word begins, and whether tabs before its lines go. As Docker has it, the mark begins the word, or
/// only digits stand before it, and the rest of the word is the end, whatever a shell would make of it
/// (<https://docs.docker.com/reference/dockerfile/#here-documents>). Of `a1<<'#x'` all lines behind it would be no instructions.
fn end_of(word: &str) -> Option<(String, bool)> {
    let rest = word.trim_start_matches(|letter: char| letter.is_ascii_digit()).strip_prefix("<<")?;
    let (strips, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let end = unquoted(rest);
    (!rest.contains('<') && !end.is_empty()).then_some((end, strips))
}

/// Words with their quotes; `None` if a quote has no end.
fn words_of(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match quote {
            None if letter.is_whitespace() => words.push(std::mem::take(&mut word)),
            _ if letter == '\\' && quote != Some('\'') => {
                word.push(letter);
                word.extend(letters.next());
            }
            _ => {
                match quote {
                    None if matches!(letter, '\'' | '"') => quote = Some(letter),
                    Some(open) if letter == open => quote = None,
                    _ => {}
                }
                word.push(letter);
            }
        }
    }
    words.push(word);
    quote.is_none().then_some(words)
}

/// A word without its quotes.
fn unquoted(word: &str) -> String {
    let (mut plain, mut quote) = (String::new(), None);
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (None, '\\') => plain.extend(letters.next()),
            (Some('"'), '\\') => match letters.next() {
                Some(next @ ('"' | '$' | '\\')) => plain.push(next),
                next => {
                    plain.push(letter);
                    plain.extend(next);
                }
            },
            _ => plain.push(letter),
        }
    }
    plain
}

/// The first word and what follows it.
fn word_off(chars: Vec<(char, u32)>) -> (String, Vec<(char, u32)>) {
    let begin = chars.iter().position(|(letter, _)| !letter.is_whitespace()).unwrap_or(chars.len());
    let word: Vec<_> = chars.iter().skip(begin).take_while(|(letter, _)| !letter.is_whitespace()).collect();
    let rest = chars.get(begin + word.len()..).unwrap_or_default().to_vec();
    (word.iter().map(|(letter, _)| *letter).collect(), rest)
}

/// Flags, such as `--mount=type=cache`, and what follows them.
fn flags_off(name: &str, chars: Vec<(char, u32)>) -> (Vec<Flag>, Vec<(char, u32)>) {
    let mut flags = Vec::new();
    if !matches!(name, "FROM" | "ADD" | "COPY" | "RUN" | "HEALTHCHECK") {
        return (flags, chars);
    }
    let mut rest = chars.as_slice();
    loop {
        let begin = rest.iter().position(|(letter, _)| !letter.is_whitespace()).unwrap_or(rest.len());
        let open = rest.get(begin..).unwrap_or_default();
        let is_flag = matches!(open, [('-', _), ('-', _), (next, _), ..] if !next.is_whitespace());
        if !is_flag {
            return (flags, rest.to_vec());
        }
        let length = open.iter().position(|(letter, _)| letter.is_whitespace()).unwrap_or(open.len());
        let (word, after) = open.split_at(length);
        let flag: String = word.iter().skip(2).map(|(letter, _)| *letter).collect();
        let (key, value) = flag.split_once('=').unwrap_or((&flag, ""));
        flags
            .push(Flag { name: key.to_ascii_lowercase(), value: value.trim_matches(['"', '\'']).to_owned() });
        rest = after;
    }
}

/// A list of JSON is the exec form; anything else is a text for the shell, as Docker has it.
fn form_of(name: &str, text: &str) -> Form {
    let takes_list =
        matches!(name, "RUN" | "CMD" | "ENTRYPOINT" | "SHELL" | "COPY" | "ADD" | "VOLUME" | "HEALTHCHECK");
    let text = text.trim();
    let list = match name {
        "HEALTHCHECK" => {
            text.get(3..).filter(|_| text.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("cmd")))
        }
        _ => Some(text),
    };
    let list = list.map(str::trim).filter(|list| takes_list && list.starts_with('['));
    match list.and_then(|list| serde_json::from_str::<Vec<String>>(list).ok()) {
        Some(words) => Form::Exec(words),
        None => Form::Shell,
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1)
}

const INSTRUCTIONS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];
