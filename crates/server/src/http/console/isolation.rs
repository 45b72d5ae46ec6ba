//! Isolation from other sites: what a page of another site makes a browser ask is not answered
//! (<https://www.w3.org/TR/fetch-metadata/>).
//!
//! Invariant: programs send no such headers, so nothing changes for them. A link from elsewhere may lead here, but no page
//! of another address can load, frame or post anything. Another port of the same name is another site here, because
//! browsers count it as the same.

use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use wire::ProblemKind;

use crate::http::problem::Failure;

/// Refuses what another site asks.
pub async fn isolated(request: Request, next: Next) -> Response {
    if is_allowed(request.method(), request.headers()) {
        return next.run(request).await;
    }
    let what = "another site's page asked this browser for it; open the address itself";
    Failure::new(ProblemKind::Forbidden, what).into_response()
}

fn is_allowed(method: &Method, headers: &HeaderMap) -> bool {
    let sent = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match sent("sec-fetch-site") {
        None | Some("same-origin" | "none") => true,
        // A link, which opens a whole page.
        Some(_) => {
            *method == Method::GET
                && sent("sec-fetch-mode") == Some("navigate")
                && sent("sec-fetch-dest") == Some("document")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_another_site_may_link_here_and_nothing_else() {
        for (method, site, mode, dest, allowed) in [
            ("GET", "", "", "", true),
            ("POST", "", "", "", true),
            ("POST", "same-origin", "navigate", "document", true),
            ("GET", "none", "navigate", "document", true),
            ("GET", "cross-site", "navigate", "document", true),
            ("GET", "same-site", "navigate", "document", true),
            ("POST", "cross-site", "navigate", "document", false),
            ("POST", "same-site", "navigate", "document", false),
            ("GET", "cross-site", "navigate", "iframe", false),
            ("GET", "cross-site", "navigate", "", false),
            ("GET", "cross-site", "no-cors", "image", false),
            ("GET", "same-site", "cors", "empty", false),
            ("GET", "same-site", "no-cors", "script", false),
            ("GET", "unheard-of", "cors", "empty", false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in
                [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]
            {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let method: Method = method.parse().unwrap();
            assert_eq!(is_allowed(&method, &headers), allowed, "{method} {site} {mode} {dest}");
        }
    }
}
