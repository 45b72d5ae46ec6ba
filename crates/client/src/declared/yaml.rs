//! YAML as this program writes it: block style, one value to a line, texts quoted where another reading is possible.
//!
//! Invariant: what is written reads as the same value (<https://yaml.org/spec/1.2.2/>: a JSON text is a YAML flow scalar).

use serde_json::Value;

/// A document.
#[must_use]
pub fn document(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn block(text: &mut String, value: &Value, depth: usize) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                text.push_str(&format!("{pad}{}:", scalar(key)));
                below(text, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let line = if is_block(item) { item.to_string() } else { flow(item) };
                text.push_str(&format!("{pad}- {line}\n"));
            }
        }
        other => text.push_str(&format!("{pad}{}\n", flow(other))),
    }
}

fn below(text: &mut String, value: &Value, depth: usize) {
    if is_block(value) {
        text.push('\n');
        block(text, value, depth + 1);
    } else {
        text.push_str(&format!(" {}\n", flow(value)));
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A text, plain only if no reader takes it for something else.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.' | b'@');
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "none"]
        .contains(&text.to_ascii_lowercase().as_str());
    match begins && text.bytes().all(plain) && !is_word {
        true => text.to_owned(),
        false => Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fault::Faults;
    use super::super::node::parse;
    use super::document;

    #[test]
    fn what_is_written_reads_as_the_same() {
        let value = json!({
            "version": 1,
            "a": { "b": "1e5", "c": "true", "d": "", "e": "x: y # z", "f": {}, "g": [] },
            "list": ["plain", "- not", { "key": "ssh-ed25519 AAAA", "purposes": ["approve"] }, [1, "2"]],
            "refs/heads/*": "line\nbreak \"quoted\" \\ \u{e9}\u{7}",
            "bank/api/dev": ["agent=ed25519:AAA+/=,x25519:B=@host-1/Ada & Bob <ops@example.com>"],
            "0123": "2026-12-31", "off": true, "none": "none", "~": "null",
        });
        let mut faults = Faults::default();
        let text = document(&value);
        let node = parse("a.yaml", &text, &mut faults);
        faults.end().unwrap();
        assert_eq!(node.unwrap().json(), value, "{text}");
    }
}
