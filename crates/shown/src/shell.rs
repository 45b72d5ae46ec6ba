//! Quotes words of a command that a person is told to type, so that a shell reads each word as it is meant.

use std::path::Path;

/// A path, quoted as one word.
#[must_use]
pub fn path(path: &Path) -> String {
    word(&path.display().to_string())
}

/// A text, quoted as one word.
#[must_use]
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words_are_read_as_they_are_meant() {
        for (text, shown) in
            [("/srv/data-1", "/srv/data-1"), ("da ta#1", "'da ta#1'"), ("it's", "'it'\\''s'"), ("", "''")]
        {
            assert_eq!(word(text), shown);
        }
    }
}
