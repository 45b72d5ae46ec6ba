//! The way from a terminal into a browser: a ticket for who may read, a page with one button, and the session.
//!
//! Invariant: the link only shows the page; programs that look at links before people do (scanners, previews, a browser
//! that loads ahead) use nothing up. The form of that page exchanges the ticket, once. The cookie belongs to the console's
//! own name and is out of reach of scripts and other sites. A cookie makes no ticket.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Extension, extract::FromRequest as _};
use listen::Peer;
use serde::Deserialize;
use web::model::Opening;
use wire::{Credential, OpenPage, PageLink, ProblemKind};

use crate::browser_sessions::{BrowserReader, SESSION_VALIDITY};
use crate::caller::Caller;
use crate::clock;
use crate::edge::Gatekeeper;
use crate::http::host::Host;
use crate::http::names::named;
use crate::http::problem::Failure;
use crate::http::requester::blocking;
use crate::http::right;
use crate::shared::Shared;

/// Makes a link for who asks: with a ticket, or plain where reading needs none.
pub async fn link(State(shared): State<Arc<Shared>>, request: Request) -> Result<Json<PageLink>, Failure> {
    let (parts, body) = request.into_parts();
    // Before the body is read, and never by a cookie: a session of a browser cannot make another one.
    let caller = right::asker(&shared, &parts).await?.caller;
    let asked = Json::<OpenPage>::from_request(Request::from_parts(parts.clone(), body), &()).await;
    let Json(OpenPage { page }) =
        asked.map_err(|rejection| Failure::new(ProblemKind::Malformed, rejection.body_text()))?;
    if parts.extensions.get::<Peer>().is_some_and(Peer::is_over_tls) {
        return Err(Failure::new(ProblemKind::Forbidden, ELSEWHERE));
    }
    let state = shared.intake.state();
    if Gatekeeper::is_solo(&state) {
        // Everybody on this machine reads, under any name.
        let url = format!("{}{page}", shared.console.plain());
        return Ok(Json(PageLink { url, expires: None }));
    }
    let reader = match caller {
        Caller::Owner => BrowserReader::Owner,
        Caller::Person(person) => {
            let Some(Credential::Token(token)) = right::credential(&parts.headers) else {
                return Err(nobody());
            };
            let key = shared.gatekeeper.sessions().key(&token, &state, clock::now()).ok_or_else(nobody)?;
            BrowserReader::Person { person, key }
        }
        Caller::Anybody | Caller::Runner(_) | Caller::Agent(..) => return Err(nobody()),
    };
    if let Some(why) = shared.console.shared_name() {
        let what = format!("no session can be given to a browser: {why}");
        return Err(Failure::new(ProblemKind::Forbidden, what));
    }
    let (ticket, expires) = shared.browsers.ticket(reader, page, clock::now()).map_err(Failure::failed)?;
    let url = format!("{}{PATH}?ticket={ticket}", shared.console.url());
    Ok(Json(PageLink { url, expires: Some(expires) }))
}

fn nobody() -> Failure {
    Failure::new(ProblemKind::Unauthenticated, "a link is made for a person with a session, or for the owner")
}

/// The ticket of a link.
#[derive(Debug, Deserialize)]
pub struct TicketQuery {
    #[serde(default)]
    ticket: String,
}

/// The page behind a link. It changes nothing.
pub async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(host): Extension<Host>,
    Query(TicketQuery { ticket }): Query<TicketQuery>,
) -> Result<Html<String>, Failure> {
    only_here(host)?;
    let opening = blocking(move || {
        let found = shared.browsers.look(&ticket, clock::now()).ok_or_else(ended)?;
        let reader = match found.reader {
            BrowserReader::Owner => "owner of this machine".to_owned(),
            BrowserReader::Person { person, .. } => {
                named(&shared, person).name.unwrap_or_else(|| person.to_string())
            }
        };
        let hours = SESSION_VALIDITY.as_secs() / 3_600;
        Ok(Opening { reader, page: found.page.to_string(), action: PATH.to_owned(), ticket, hours })
    });
    Ok(Html(web::pages::opening(&opening.await?)))
}

/// Exchanges a ticket for a session, and shows the page that it was made for.
pub async fn exchange(
    State(shared): State<Arc<Shared>>,
    Extension(host): Extension<Host>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    only_here(host)?;
    let ticket = std::str::from_utf8(&body).ok().and_then(|body| body.strip_prefix("ticket="));
    let ticket = ticket.filter(|ticket| ticket.len() <= TICKET_BYTES_MAX).unwrap_or_default().to_owned();
    if !is_own_form(&shared, &headers) {
        return Err(Failure::new(ProblemKind::Forbidden, "another site's form sent this ticket"));
    }
    let state = shared.intake.state();
    let opened = shared.browsers.exchange(&ticket, &state, clock::now()).map_err(Failure::failed)?;
    let opened = opened.ok_or_else(ended)?;
    let cookie = format!(
        "{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict",
        right::COOKIE,
        opened.token,
        SESSION_VALIDITY.as_secs()
    );
    let headers = [(header::LOCATION, opened.page.to_string()), (header::SET_COOKIE, cookie)];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Whether a form of these pages was sent. A browser that knows of sites says so itself (`isolation.rs`); an older one says its
/// origin, or nothing of it.
pub fn is_own_form(shared: &Shared, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    origin.is_none_or(|origin| {
        origin == "null" || shared.console.is_named(origin.trim_start_matches("http://"))
    })
}

/// Refuses any other name than the console's: a cookie that is set under a shared name goes to every program there.
fn only_here(host: Host) -> Result<(), Failure> {
    match host {
        Host::Console => Ok(()),
        Host::Loopback | Host::Address(_) => {
            Err(Failure::new(ProblemKind::NotFound, "a link opens under the name that it has"))
        }
    }
}

fn ended() -> Failure {
    let what = "this link was used, or is older than a minute: links open one session each";
    Failure::new(ProblemKind::Unauthenticated, what)
}

const ELSEWHERE: &str = "browsers reach the console on the server's own machine: run `countersign open` there; every verb works \
                         from here";
/// Path of the page behind a link.
pub const PATH: &str = "/open";
const TICKET_BYTES_MAX: usize = 128;
