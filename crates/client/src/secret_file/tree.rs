//! An object with secrets: each member is one, and an object in it is a part of the path.

use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

use super::values::{NAME, SecretFileError, SecretValues, TWICE, name_of};

/// The values of a file.
pub fn parse(bytes: &[u8]) -> Result<SecretValues, SecretFileError> {
    let read: Result<Map<String, Value>, _> = serde_json::from_slice(bytes);
    let object = read.map_err(|error| SecretFileError::Json(error.line(), error.column()))?;
    let mut values = SecretValues::new();
    take(object, &mut Vec::new(), &mut String::new(), &mut values)?;
    Ok(values)
}

fn take(
    object: Map<String, Value>,
    path: &mut Vec<evidence::Name>,
    place: &mut String,
    values: &mut SecretValues,
) -> Result<(), SecretFileError> {
    for (word, value) in object {
        let length = place.len();
        place.push_str(if place.is_empty() { "" } else { "." });
        place.push_str(&word);
        let wrong = |what| SecretFileError::Member { place: place.clone(), what };
        path.push(name_of(&word).ok_or_else(|| wrong(NAME))?);
        if path.len() > DEPTH_MAX {
            return Err(wrong("it lies too deep: a name has at most 7 parts behind the project"));
        }
        let text = match value {
            Value::Object(inner) => {
                take(inner, path, place, values)?;
                None
            }
            Value::String(mut text) => {
                let copy = Zeroizing::new(text.as_bytes().to_vec());
                text.zeroize();
                Some(copy)
            }
            Value::Number(number) => Some(Zeroizing::new(number.to_string().into_bytes())),
            Value::Bool(truth) => Some(Zeroizing::new(truth.to_string().into_bytes())),
            Value::Null | Value::Array(_) => {
                return Err(wrong("it is no text, number, truth value or object"));
            }
        };
        if let Some(text) = text
            && values.insert(path.clone(), text).is_some()
        {
            return Err(SecretFileError::Member { place: place.clone(), what: TWICE });
        }
        path.pop();
        place.truncate(length);
    }
    Ok(())
}

const DEPTH_MAX: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_objects_are_paths() {
        let text = br#"{"db": {"User": "app", "pass_word": "p\n"}, "port": 5432, "tls": true}"#;
        let values = parse(text).unwrap();
        let shown: Vec<_> = values
            .iter()
            .map(|(path, value)| {
                let path: Vec<_> = path.iter().map(ToString::to_string).collect();
                format!("{}={}", path.join("/"), String::from_utf8_lossy(value))
            })
            .collect();
        assert_eq!(shown, ["db/pass-word=p\n", "db/user=app", "port=5432", "tls=true"]);
    }

    #[test]
    fn unsound_members_are_named_and_their_values_are_not() {
        let deep = format!("{}\"s3\"{}", "{\"a\":".repeat(8), "}".repeat(8));
        let cases = [
            (r#"{"a": {"b": ["s3"]}}"#, "a.b: it is no text"),
            (r#"{"a": null}"#, "a: it is no text"),
            (r#"{"a": {"1": "s3"}}"#, "a.1: its name has nothing"),
            (r#"{"a-b": "s3", "a_b": "s3"}"#, "a_b: another one has the same name"),
            (&deep, "a.a.a.a.a.a.a.a: it lies too deep"),
            ("{\"a\": \"s3\"", "the file is no JSON object: line 1, column 10"),
            ("[\"s3\"]", "the file is no JSON object"),
        ];
        for (text, expected) in cases {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("s3"), "{text}: {error}");
        }
    }
}
