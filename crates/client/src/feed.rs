//! Feeds: a calendar that somebody publishes, fetched once for a person who looks at it and names its digest.
//!
//! Invariant: only `https`, except on this machine; also where a server sends the request elsewhere. Bytes, redirects and
//! waits have bounds. Nothing about the person is sent.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use crate::error::Error;

/// Fetches at most `bytes_max` bytes.
pub async fn fetch(feed: &str, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let url = address(feed)?;
    let mut builder = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_MAX);
    builder = if url.scheme() == "http" {
        // Nobody is asked with TLS, so no certificate is needed.
        builder.tls_certs_only([]).no_proxy().redirect(Policy::none())
    } else {
        builder.https_only(true).redirect(Policy::limited(REDIRECTS_MAX))
    };
    let failed = |error: &reqwest::Error| {
        Error::unusable(format!("cannot fetch `{feed}`: {}", wire::innermost(error)))
    };
    let http = builder.build().map_err(|error| failed(&error))?;
    let mut answer = http.get(url).send().await.map_err(|error| failed(&error))?;
    if answer.status() != StatusCode::OK {
        return Err(Error::unusable(format!("`{feed}` answers {}; nothing was written", answer.status())));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(Error::unusable(format!(
                "`{feed}` has more than {bytes_max} bytes; nothing was written"
            )));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Whether a source is the address of a feed, not a file.
#[must_use]
pub fn is_address(source: &str) -> bool {
    ["https://", "http://", "webcal://"].iter().any(|scheme| source.starts_with(scheme))
}

fn address(feed: &str) -> Result<Url, Error> {
    let text =
        feed.strip_prefix("webcal://").map_or_else(|| feed.to_owned(), |rest| format!("https://{rest}"));
    let url =
        Url::parse(&text).map_err(|error| Error::unusable(format!("`{feed}` is no address: {error}")))?;
    let is_here = ["127.0.0.1", "[::1]", "localhost"].contains(&url.host_str().unwrap_or_default());
    if url.scheme() == "http" && !is_here {
        return Err(Error::unusable(format!(
            "`{feed}`: anybody on the way could change it; use `https`, or fetch the file yourself"
        )));
    }
    Ok(url)
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_MAX: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 5;
