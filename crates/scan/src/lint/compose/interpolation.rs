//! Variables in values (<https://docs.docker.com/reference/compose-file/interpolation/>): a default that stands in the file counts,
//! and what comes from elsewhere is unknown.

use crate::lint::marked::{Marked, Value};

/// Stands in a text for a part that is unknown.
pub const UNKNOWN: char = '\u{fffd}';

/// A value with all of its texts resolved.
pub fn resolved(node: &Marked) -> Marked {
    let value = match &node.value {
        Value::Text { text, is_plain } => Value::Text { text: resolved_text(text), is_plain: *is_plain },
        Value::List(items) => Value::List(items.iter().map(resolved).collect()),
        Value::Map(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (key.clone(), resolved(value))).collect())
        }
    };
    Marked { line: node.line, tag: node.tag.clone(), value }
}

/// Whether a text is known as a whole.
pub fn is_known(text: &str) -> bool {
    !text.contains(UNKNOWN)
}

fn resolved_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some(end) = closing(after) else {
                out.push(UNKNOWN);
                return out;
            };
            out.push_str(&default_of(after.get(..end).unwrap_or_default()));
            rest = after.get(end + 1..).unwrap_or_default();
        } else {
            let name = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let name = name.unwrap_or(rest.len());
            out.push(if name > 0 { UNKNOWN } else { '$' });
            rest = rest.get(name..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

/// Where the brace that is open ends.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// What `NAME:-default` and `NAME-default` are if nobody sets the variable. A default may have variables too.
fn default_of(expression: &str) -> String {
    let name = expression.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let rest = expression.get(name.unwrap_or(expression.len())..).unwrap_or_default();
    match rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-')) {
        // Each level takes two letters of the text, which is short enough by then.
        Some(default) if expression.len() <= EXPRESSION_BYTES_MAX => resolved_text(default),
        _ => UNKNOWN.to_string(),
    }
}

const EXPRESSION_BYTES_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_count_and_the_rest_is_unknown() {
        for (text, expected) in [
            ("plain", "plain"),
            ("${TAG:-latest}", "latest"),
            ("a${X-b}c", "abc"),
            ("${X:-${Y:-root}}", "root"),
            ("$$HOME", "$HOME"),
            ("5 $", "5 $"),
            ("web:$TAG", "web:\u{fffd}"),
            ("${TAG}", "\u{fffd}"),
            ("${TAG:?say it}", "\u{fffd}"),
            ("${TAG:+x}", "\u{fffd}"),
            ("${TAG", "\u{fffd}"),
        ] {
            assert_eq!(resolved_text(text), expected, "{text}");
        }
        assert!(!is_known(&resolved_text(&"${A:-".repeat(100_000))));
        assert!(!is_known(&resolved_text(&format!("{}{}", "${A:-".repeat(100_000), "}".repeat(100_000)))));
    }
}
