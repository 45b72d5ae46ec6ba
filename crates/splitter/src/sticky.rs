//! Sticky clients: the cookie that names a client's group, and the header by whose value the group is found.
//!
//! Invariant: the cookie's value is only compared with the tokens of groups: nothing that a client sends gets into an answer.
//! A group that is gone has no token, so its clients are given to another one.

use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, COOKIE, HeaderValue, SET_COOKIE};

use crate::table::Sticky;

/// The group that a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish<'a> {
    /// None.
    Any,
    /// The group of this token.
    Token(&'a str),
    /// The group of this value.
    Value(&'a [u8]),
}

/// The wish of a request. Of several cookies of the name the first one that a group has counts.
pub fn wish<'a>(sticky: Option<&Sticky>, headers: &'a HeaderMap, known: impl Fn(&str) -> bool) -> Wish<'a> {
    match sticky {
        None => Wish::Any,
        Some(Sticky::Header(name)) => {
            headers.get(name.as_str()).map_or(Wish::Any, |value| Wish::Value(value.as_bytes()))
        }
        Some(Sticky::Cookie(name)) => {
            let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
            let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(own, _)| own.trim() == name).map(|(_, value)| value.trim());
            values.find(|value| known(value)).map_or(Wish::Any, Wish::Token)
        }
    }
}

/// Sets the cookie of a group in an answer, unless shared caches may give that answer to others.
pub fn set_cookie(headers: &mut HeaderMap, name: &str, token: &str) {
    let said = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
    let words = said.flat_map(|value| value.split(',')).map(|word| word.trim().to_ascii_lowercase());
    if words.into_iter().any(|word| word == "public" || word.starts_with("s-maxage")) {
        return;
    }
    let Ok(cookie) = HeaderValue::from_str(&format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax")) else {
        return;
    };
    headers.append(SET_COOKIE, cookie);
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn a_cookie_counts_only_with_the_token_of_a_group() {
        let sticky = Some(Sticky::Cookie("group".to_owned()));
        let known = |token: &str| token == "aa" || token == "bb";
        for (lines, wanted) in [
            (vec!["group=aa"], Wish::Token("aa")),
            (vec!["x=1; group=bb ; y=2"], Wish::Token("bb")),
            (vec!["x=1", "group=zz; group=aa"], Wish::Token("aa")),
            (vec!["group=zz"], Wish::Any),
            (vec!["Group=aa"], Wish::Any),
            (vec!["xgroup=aa", "group"], Wish::Any),
            (vec![], Wish::Any),
        ] {
            assert_eq!(wish(sticky.as_ref(), &cookies(&lines), known), wanted, "{lines:?}");
        }
        assert_eq!(wish(None, &cookies(&["group=aa"]), known), Wish::Any);
        let header = Some(Sticky::Header("Cookie".to_owned()));
        assert_eq!(wish(header.as_ref(), &cookies(&["a"]), known), Wish::Value(b"a"));
    }

    #[test]
    fn an_answer_for_everybody_gets_no_cookie() {
        let set = |cache: Option<&'static str>| {
            let mut headers: HeaderMap =
                cache.iter().map(|text| (CACHE_CONTROL, HeaderValue::from_static(text))).collect();
            set_cookie(&mut headers, "group", "aa");
            let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            (text(SET_COOKIE), text(CACHE_CONTROL).unwrap())
        };
        let cookie = Some("group=aa; Path=/; HttpOnly; SameSite=Lax".to_owned());
        assert_eq!(set(None), (cookie.clone(), "private".to_owned()));
        assert_eq!(set(Some("no-cache")), (cookie, "no-cache".to_owned()));
        assert_eq!(set(Some("max-age=1, Public")).0, None);
        assert_eq!(set(Some("s-maxage=9")).0, None);
    }
}
