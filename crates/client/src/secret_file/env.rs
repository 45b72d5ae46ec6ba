//! `.env` files: lines `NAME=VALUE`, with or without `export`, comments and quotes.
//!
//! Invariant: no variable is expanded and no command is run. The dialects differ in what `$` means outside of single quotes, so a
//! `$` there is refused: it could be a part of the value, or not.

use zeroize::Zeroizing;

use super::values::{NAME, SecretFileError, SecretValues, TWICE, name_of};

/// The values of a file.
pub fn parse(bytes: &[u8]) -> Result<SecretValues, SecretFileError> {
    let mut values = SecretValues::new();
    let mut file = Text { rest: bytes, line: 1 };
    while let Some((name, line)) = file.name()? {
        let wrong = |what| SecretFileError::Line { line, what };
        let name = str::from_utf8(name).ok().and_then(name_of).ok_or_else(|| wrong(NAME))?;
        let value = file.value()?;
        if values.insert(vec![name], value).is_some() {
            return Err(wrong(TWICE));
        }
    }
    Ok(values)
}

/// The part of the file that was not read yet.
struct Text<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Text<'a> {
    /// The next name and its line, up to the `=`; `None` at the end.
    fn name(&mut self) -> Result<Option<(&'a [u8], usize)>, SecretFileError> {
        loop {
            let Some(first) = self.rest.first() else { return Ok(None) };
            match first {
                b'\n' => drop(self.take()),
                first if first.is_ascii_whitespace() => drop(self.take()),
                b'#' => self.skip_line(),
                _ => break,
            }
        }
        let end = self.rest.iter().position(|byte| matches!(byte, b'=' | b'\n'));
        let end = end.filter(|end| self.rest.get(*end) == Some(&b'='));
        let Some((name, rest)) = end.and_then(|end| self.rest.split_at_checked(end)) else {
            return Err(self.wrong("has no `=`: expected `NAME=VALUE`"));
        };
        self.rest = rest.get(1..).unwrap_or_default();
        let name = name.trim_ascii();
        Ok(Some((name.strip_prefix(b"export ").map_or(name, <[u8]>::trim_ascii), self.line)))
    }

    fn value(&mut self) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
        while self.rest.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            self.take();
        }
        let value = match self.rest.first() {
            Some(b'\'') => self.quoted(b'\'')?,
            Some(b'"') => self.quoted(b'"')?,
            _ => return self.plain(),
        };
        // Behind the quote only a comment may stand.
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let behind = self.rest.get(..end).unwrap_or_default().trim_ascii();
        if !behind.is_empty() && !behind.starts_with(b"#") {
            return Err(self.wrong(
                "has something behind the closing quote; put one pair of quotes around the whole value",
            ));
        }
        self.skip_line();
        Ok(value)
    }

    /// A value without quotes: up to the end of the line, or to a comment behind a space.
    fn plain(&mut self) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let line = self.rest.get(..end).unwrap_or_default();
        let comment = line.windows(2).position(|pair| matches!(pair, [b' ' | b'\t', b'#']));
        let value = line.get(..comment.unwrap_or(line.len())).unwrap_or_default().trim_ascii();
        if value.contains(&b'$') || value.contains(&b'`') {
            return Err(self.wrong(EXPANDED));
        }
        let value = Zeroizing::new(value.to_vec());
        self.skip_line();
        Ok(value)
    }

    fn quoted(&mut self, quote: u8) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
        let start = self.line;
        self.take();
        let mut value = Zeroizing::new(Vec::with_capacity(self.rest.len()));
        loop {
            match self.take() {
                None => {
                    let what = "opens a quote that nothing closes";
                    return Err(SecretFileError::Line { line: start, what });
                }
                Some(byte) if byte == quote => return Ok(value),
                Some(b'\\') if quote == b'"' => value.push(match self.take() {
                    Some(b'n') => b'\n',
                    Some(b'r') => b'\r',
                    Some(b't') => b'\t',
                    Some(byte @ (b'"' | b'\\' | b'$' | b'`')) => byte,
                    _ => return Err(self.wrong("has a backslash that means nothing; write `\\\\` for one")),
                }),
                Some(b'$' | b'`') if quote == b'"' => return Err(self.wrong(EXPANDED)),
                Some(byte) => value.push(byte),
            }
        }
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line += usize::from(*first == b'\n');
        Some(*first)
    }

    fn skip_line(&mut self) {
        while self.take().is_some_and(|byte| byte != b'\n') {}
    }

    const fn wrong(&self, what: &'static str) -> SecretFileError {
        SecretFileError::Line { line: self.line, what }
    }
}

const EXPANDED: &str = "has a `$` or a backquote, which some programs expand: put single quotes around a value that is meant as it stands";

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let values = parse(text.as_bytes()).unwrap();
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        values.iter().map(|(path, value)| (path[0].to_string(), text(value))).collect()
    }

    #[test]
    fn the_forms_that_people_write() {
        let text = "# head\n\nA=1\nexport B_TWO = two words # comment\nC='$x `y` \"z\" # no comment'\nD=\"a\\nb\\\"c\" # end\n\
                    E=\nF=x#y\nG='line one\nline two'\r\nH=last";
        let expected = [
            ("a", "1"),
            ("b-two", "two words"),
            ("c", "$x `y` \"z\" # no comment"),
            ("d", "a\nb\"c"),
            ("e", ""),
            ("f", "x#y"),
            ("g", "line one\nline two"),
            ("h", "last"),
        ];
        assert_eq!(values(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn unsound_lines_are_named_and_their_values_are_not() {
        let cases = [
            ("A=1\nB", "line 2: has no `=`"),
            ("A=1\n\nB=pre$HOME", "line 3: has a `$`"),
            ("A=\"x`id`\"", "line 1: has a `$` or a backquote"),
            ("A='s3cr3t", "line 1: opens a quote"),
            ("A=\"s3cr3t\\q\"", "line 1: has a backslash"),
            ("A='s3'cr3t", "line 1: has something behind"),
            ("9=s3cr3t", "line 1: its name has nothing"),
            ("A_B=1\na-b=s3cr3t", "line 2: another one has the same name"),
        ];
        for (text, expected) in cases {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("s3"), "{text}: {error}");
        }
    }
}
