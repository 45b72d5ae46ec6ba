//! Patterns of lockfiles of yarn, such as `a@^1.0.0`.

/// Name and range of a pattern; the name may begin with `@`.
pub fn split(pattern: &str) -> (&str, &str) {
    let at = pattern.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
    match at.and_then(|at| pattern.split_at_checked(at)) {
        Some((name, range)) => (name, range.trim_start_matches('@')),
        None => (pattern, ""),
    }
}
