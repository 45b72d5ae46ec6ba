//! The form of an answer: a document for a browser, or a value for a program.
//!
//! Invariant: only a request that names `text/html` gets an error as a document, so programs keep their problem documents.

use axum::http::{HeaderMap, header};

use crate::console::Form;

/// The form of a page: JSON if the path ends in `.json` or the request prefers it, else HTML.
pub fn of_page(path: &str, headers: &HeaderMap) -> Form {
    let accepted = Accepted::read(headers);
    if path.ends_with(".json") || accepted.json > accepted.html { Form::Json } else { Form::Html }
}

/// Whether the sender is a browser that would show an error to a person.
pub fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = Accepted::read(headers);
    accepted.names_html && accepted.html > 0 && accepted.html >= accepted.json
}

/// The weights of both types, in thousandths (RFC 9110, section 12.5.1).
#[derive(Debug, Default, PartialEq, Eq)]
struct Accepted {
    html: u16,
    json: u16,
    /// Whether `text/html` itself is named.
    names_html: bool,
}

impl Accepted {
    fn read(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = values.flat_map(|value| value.split(',')).map(range).collect();
        let weight = |names: [&str; 3]| {
            // The most specific range decides.
            let mut weights = names.iter().filter_map(|name| {
                ranges.iter().find(|(kind, _)| kind.eq_ignore_ascii_case(name)).map(|(_, weight)| *weight)
            });
            weights.next().unwrap_or(if ranges.is_empty() { WHOLE } else { 0 })
        };
        Self {
            html: weight(["text/html", "text/*", "*/*"]),
            json: weight(["application/json", "application/*", "*/*"]),
            names_html: ranges.iter().any(|(kind, _)| kind.eq_ignore_ascii_case("text/html")),
        }
    }
}

/// A media range and its weight; one that cannot be read has none.
fn range(text: &str) -> (&str, u16) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let named = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (kind, named.map_or(WHOLE, weight))
}

fn weight(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_short = rest.len() <= 3 && rest.bytes().all(|byte| byte.is_ascii_digit());
    match (whole, is_short) {
        ("1", _) => WHOLE,
        ("0", true) => format!("{rest:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

const WHOLE: u16 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_browser_gets_documents_and_a_program_gets_values() {
        let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, page, browser) in [
            ("", Form::Html, false),
            ("*/*", Form::Html, false),
            (chromium, Form::Html, true),
            ("application/json", Form::Json, false),
            ("application/json, text/html;q=0.9", Form::Json, false),
            ("application/*, text/html;q=0.1", Form::Json, false),
            ("text/html, application/json", Form::Html, true),
            ("text/html;q=0", Form::Html, false),
            ("text/html;q=x, */*", Form::Json, false),
            ("TEXT/HTML", Form::Html, true),
            ("image/png", Form::Html, false),
        ] {
            let headers = headers(accept);
            assert_eq!((of_page("/", &headers), is_browser(&headers)), (page, browser), "{accept}");
        }
        assert_eq!(of_page("/runs/1.json", &headers(chromium)), Form::Json);
    }
}
