//! Images from a registry, by digest: the pull half of the OCI distribution specification 1.1
//! (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull>), with the token that registries ask for
//! (<https://distribution.github.io/distribution/spec/auth/token/>).
//!
//! Invariant: the operator's credentials go to the registry and to where it says that tokens are, never along a redirect.
//! Every request is over TLS, unless the operator said otherwise of a registry on this machine; no answer changes that.
//! The bytes that a registry gives are believed by their digest alone.

use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use evidence::Digest;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use crate::blobs::Blobs;
use crate::challenge::{Challenge, challenges};
use crate::credentials::{Registry, is_loopback};
use crate::error::ImageError;
use crate::store::Store;

/// Pulls an image from a registry into a store. One that a step pulls, and no person, makes room for others later.
///
/// # Errors
/// `ImageError` if the registry refuses, or its answers are not this image. Then the store has no image more than before.
pub fn pull(
    store: &Store,
    (host, name): (&str, &str),
    image: Digest,
    (registry, by_step): (&Registry, bool),
    going: &dyn Fn() -> bool,
) -> Result<(), ImageError> {
    let mut remote = Remote::new(host, name, registry, going)?;
    store.add(&mut remote, image, (None, by_step), going)
}

/// A repository of a registry.
struct Remote<'a> {
    http: Client,
    runtime: tokio::runtime::Runtime,
    host: &'a str,
    name: &'a str,
    registry: &'a Registry,
    /// The header that the registry has accepted.
    authorization: Option<HeaderValue>,
    going: &'a dyn Fn() -> bool,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Remote<'a> {
    fn new(
        host: &'a str,
        name: &'a str,
        registry: &'a Registry,
        going: &'a dyn Fn() -> bool,
    ) -> Result<Self, ImageError> {
        let wrong = |what: String| ImageError::Registry(host.to_owned(), what);
        let mut builder =
            Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).timeout(ANSWER_MAX);
        builder =
            builder.redirect(reqwest::redirect::Policy::none()).no_proxy().https_only(!registry.plain_http);
        if registry.plain_http {
            // Nobody is asked with TLS, so no certificate is needed.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| wrong(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| wrong(error.to_string()))?;
        Ok(Self { http, runtime, host, name, registry, authorization: None, going })
    }

    /// The answer to a request, with a token if the registry asks for one.
    fn get(&mut self, kind: &str, digest: &Digest) -> Result<Response, ImageError> {
        let url = format!("{}://{}/v2/{}/{kind}/{digest}", self.scheme(), self.host, self.name);
        let url = Url::parse(&url).map_err(|error| self.wrong(error.to_string()))?;
        let mut answer = self.send(&url, self.authorization.clone())?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let header = self.authorize(&answer)?;
            answer = self.send(&url, Some(header.clone()))?;
            self.authorization = Some(header);
        }
        for _ in 0..REDIRECTS_MAX {
            if !answer.status().is_redirection() {
                break;
            }
            let next = self.redirected(&answer)?;
            // The other place gets no credentials: the address itself is the right to read.
            answer = self.send(&next, None)?;
        }
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_FOUND => Err(self.wrong(format!("it has no {kind} {digest} in `{}`", self.name))),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.wrong(format!(
                "it does not let this runner read `{}`; name credentials in the file of registries",
                self.name
            ))),
            status if status.is_redirection() => {
                Err(self.wrong(format!("it redirects more than {REDIRECTS_MAX} times")))
            }
            status => Err(self.wrong(format!("it answers {status}"))),
        }
    }

    fn send(&self, url: &Url, authorization: Option<HeaderValue>) -> Result<Response, ImageError> {
        let mut request = self.http.get(url.clone()).header(ACCEPT, ACCEPTED);
        if let Some(header) = authorization {
            request = request.header(AUTHORIZATION, header);
        }
        self.runtime.block_on(async { request.send().await }).map_err(|error| self.wrong(innermost(&error)))
    }

    /// Where an answer sends this program: by the same scheme, and without TLS only on this machine.
    fn redirected(&self, answer: &Response) -> Result<Url, ImageError> {
        let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let to = to
            .and_then(|to| answer.url().join(to).ok())
            .ok_or_else(|| self.wrong("it redirects to nowhere".into()))?;
        if self.is_same_way(&to) { Ok(to) } else { Err(self.wrong(OTHER_WAY.into())) }
    }

    fn is_same_way(&self, to: &Url) -> bool {
        let host = to.host_str().unwrap_or_default();
        to.scheme() == self.scheme() && (!self.registry.plain_http || is_loopback(host))
    }

    /// The header that answers the registry's challenge.
    fn authorize(&self, answer: &Response) -> Result<HeaderValue, ImageError> {
        let asked =
            answer.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|header| header.to_str().ok());
        let asked: Vec<Challenge> = asked.flat_map(challenges).collect();
        let header = match (asked.iter().find(|asked| asked.scheme == "bearer"), &self.registry.auth) {
            (Some(asked), _) => format!("Bearer {}", self.token(asked)?),
            (None, Some(auth)) if asked.iter().any(|asked| asked.scheme == "basic") => {
                format!("Basic {auth}")
            }
            (None, _) => {
                return Err(self.wrong(
                    "it wants to know this runner; name credentials in the file of registries".into(),
                ));
            }
        };
        let mut header =
            HeaderValue::from_str(&header).map_err(|_| self.wrong("its token is no text".into()))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// A token to read this repository, and nothing else.
    fn token(&self, asked: &Challenge) -> Result<String, ImageError> {
        let realm = asked.realm.as_deref().and_then(|realm| Url::parse(realm).ok());
        let mut realm = realm.ok_or_else(|| self.wrong("it does not say where tokens are".into()))?;
        if !self.is_same_way(&realm) {
            return Err(self.wrong(OTHER_WAY.into()));
        }
        realm.query_pairs_mut().append_pair("scope", &format!("repository:{}:pull", self.name));
        if let Some(service) = &asked.service {
            realm.query_pairs_mut().append_pair("service", service);
        }
        let basic =
            self.registry.auth.as_ref().and_then(|auth| HeaderValue::from_str(&format!("Basic {auth}")).ok());
        let answer = self.send(&realm, basic)?;
        if answer.status() != StatusCode::OK {
            return Err(self.wrong(format!("it gives no token: {}", answer.status())));
        }
        let mut bytes = Vec::new();
        let body = Body { remote: self, answer, piece: Bytes::new() };
        body.take(TOKEN_MAX).read_to_end(&mut bytes).map_err(|error| self.wrong(error.to_string()))?;
        let token: Token =
            serde_json::from_slice(&bytes).map_err(|_| self.wrong("its answer has no token".into()))?;
        token.token.or(token.access_token).ok_or_else(|| self.wrong("its answer has no token".into()))
    }

    const fn scheme(&self) -> &'static str {
        if self.registry.plain_http { "http" } else { "https" }
    }

    fn wrong(&self, what: String) -> ImageError {
        ImageError::Registry(self.host.to_owned(), what)
    }
}

impl Blobs for Remote<'_> {
    fn open(&mut self, digest: &Digest, is_document: bool) -> Result<Box<dyn Read + '_>, ImageError> {
        let answer = self.get(if is_document { "manifests" } else { "blobs" }, digest)?;
        Ok(Box::new(Body { remote: self, answer, piece: Bytes::new() }))
    }
}

/// The body of an answer. Its reader knows how much it may have.
struct Body<'a> {
    remote: &'a Remote<'a>,
    answer: Response,
    piece: Bytes,
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if !(self.remote.going)() {
                return Err(io::Error::other("it is no longer wanted"));
            }
            let next = self.remote.runtime.block_on(async { self.answer.chunk().await });
            match next.map_err(|error| io::Error::other(innermost(&error)))? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(into.len());
        let taken = self.piece.split_to(count);
        into.get_mut(..count).unwrap_or_default().copy_from_slice(&taken);
        Ok(count)
    }
}

/// The innermost reason of a failed request, which says what really happened.
fn innermost(failure: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = failure;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json",
);
const OTHER_WAY: &str =
    "it leads to another scheme, or to another machine without TLS, and that is not followed";
const REDIRECTS_MAX: usize = 5;
const TOKEN_MAX: u64 = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence within an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer, however slowly it comes.
const ANSWER_MAX: Duration = Duration::from_secs(3600);
