//! Licences, as metadata states them.

/// The SPDX licence expression, if the text is one
/// (<https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>). Free text such as `SEE LICENSE IN README`
/// leaves the licence unknown.
pub fn expression(text: &str) -> Option<String> {
    let text = text.trim();
    let fine = text.len() <= LICENCE_BYTES_MAX && spdx::Expression::parse(text).is_ok();
    fine.then(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

const LICENCE_BYTES_MAX: usize = 400;
