//! The path of a page of the console, with its query.
//!
//! Invariant: it leads to the server that it is given to and nowhere else: it begins with one `/`, and holds no second one
//! beside it, no backslash, no scheme and no control character. It is one word for a shell, too.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A path of this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PagePath(String);

/// The text is not a path of a page.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not the path of a page: expected a path that begins with `/`, such as `/runs/ID`")]
pub struct PagePathError(String);

impl PagePath {
    /// The overview.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path as a word of a shell.
    #[must_use]
    pub fn word(&self) -> String {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        if self.0.bytes().all(is_plain) { self.0.clone() } else { format!("'{}'", self.0) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PagePath {
    type Err = PagePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let is_path = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte));
        let is_query = query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-=&%+".contains(&byte));
        let leads_here = path.starts_with('/') && !path.contains("//");
        if leads_here && is_path && is_query && text.len() <= BYTES_MAX {
            return Ok(Self(text.to_owned()));
        }
        Err(PagePathError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for PagePath {
    type Error = PagePathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PagePath> for String {
    fn from(path: PagePath) -> Self {
        path.0
    }
}

const BYTES_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::PagePath;

    #[test]
    fn attack_a_path_leads_nowhere_else_and_is_one_word() {
        for (good, word) in [
            ("/", "/"),
            ("/releases/shop/api/production/42", "/releases/shop/api/production/42"),
            ("/runs/0123.json", "/runs/0123.json"),
            (
                "/runs/1/logs/step/test/runner-1?line=5&q=a%20b",
                "'/runs/1/logs/step/test/runner-1?line=5&q=a%20b'",
            ),
        ] {
            let path: PagePath = good.parse().unwrap();
            assert_eq!((path.as_str(), path.word().as_str()), (good, word));
        }
        for bad in [
            "",
            "runs",
            "//evil.example",
            "/\\evil.example",
            "/a//b",
            "\\\\evil.example",
            "http://evil.example",
            "javascript:alert(1)",
            " /",
            "/ x",
            "/\r\nSet-Cookie: a=b",
            "/\0",
            "/a'$(id)'",
            "/`id`",
            "/?a=//evil.example",
            "/#x",
            "/@evil.example",
            "/%2f%2fevil.example",
            "/\u{202e}x",
            "/ä",
        ] {
            bad.parse::<PagePath>().unwrap_err();
        }
        format!("/{}", "a".repeat(1_024)).parse::<PagePath>().unwrap_err();
    }
}
