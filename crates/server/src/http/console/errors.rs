//! Errors for browsers: a page with what happened and what to do, in place of a problem document.
//!
//! Invariant: this is the one place that decides which of both an error becomes. Its page tells no more than the problem
//! document; only a reader who may see the frame sees anything of the installation, and nobody else is told where its data is.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use web::Frame;
use web::model::{Command, Problem};
use wire::{PagePath, ProblemKind};

use super::form::is_browser;
use super::opening;
use crate::http::problem::{Failure, ProblemDocument};

/// The frame that a problem's page has, for a reader who may see it.
#[derive(Clone, Debug)]
struct ProblemFrame(Frame);

/// A failure with the frame of its page.
pub fn framed(failure: Failure, frame: Option<Frame>) -> Response {
    let mut response = failure.into_response();
    if let Some(frame) = frame {
        response.extensions_mut().insert(ProblemFrame(frame));
    }
    response
}

/// Turns an error into a page if a browser asked.
pub async fn for_browsers(request: Request, next: Next) -> Response {
    let is_browser = is_browser(request.headers());
    let uri = is_browser.then(|| request.uri().clone());
    let mut response = next.run(request).await;
    let document = response.extensions_mut().remove::<ProblemDocument>();
    let frame = response.extensions_mut().remove::<ProblemFrame>();
    let status = response.status();
    let Some(uri) = uri.filter(|_| status.is_client_error() || status.is_server_error()) else {
        return response;
    };
    let address = Address::of(uri.path(), uri.query());
    let problem = problem(status, document, &address);
    let page = match frame {
        Some(ProblemFrame(frame)) => web::pages::error(&frame, &problem),
        None => web::pages::outside(&problem),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=utf-8"));
    Response::from_parts(parts, page.into())
}

/// The page that was asked for, as far as it can be asked for again.
#[derive(Debug)]
struct Address {
    page: PagePath,
    /// Whether the same address may answer later. A link that was used never does, and a form is not sent by a link.
    is_lasting: bool,
}

impl Address {
    fn of(path: &str, query: Option<&str>) -> Self {
        if [opening::PATH, web::frame::CLOSE].contains(&path) {
            return Self { page: PagePath::root(), is_lasting: false };
        }
        let whole = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        Self { page: whole.parse().unwrap_or_else(|_| PagePath::root()), is_lasting: true }
    }

    /// The command that opens it, for a person of the installation and for the owner of the data directory, whose path is not told.
    fn commands(&self) -> Vec<Command> {
        let page =
            if self.page == PagePath::root() { String::new() } else { format!(" {}", self.page.word()) };
        vec![Command {
            line: format!("countersign open{page}"),
            note: Some("with your profile; the owner of the data directory adds `--data DIR`".to_owned()),
        }]
    }
}

fn problem(status: StatusCode, document: Option<ProblemDocument>, address: &Address) -> Problem {
    let Some(ProblemDocument(document)) = document else {
        // The framework answered before any handler, for instance to another method.
        let title = status.canonical_reason().unwrap_or("the request failed").to_lowercase();
        let detail = "this address does not answer such a request".to_owned();
        return Problem { status: status.as_u16(), title, detail, commands: Vec::new(), onward: overview() };
    };
    let reasons = document.reasons.iter().map(|reason| format!("; {}: {}", reason.what, reason.remedy));
    let detail = format!("{}{}{}", document.detail, reasons.collect::<String>(), document.where_to_look());
    let is_unknown = document.kind == ProblemKind::Unauthenticated;
    Problem {
        status: document.status,
        title: title(&document),
        detail,
        commands: if is_unknown { address.commands() } else { Vec::new() },
        onward: match document.kind {
            ProblemKind::Unauthenticated if !address.is_lasting => None,
            // A link from elsewhere comes without the session (`SameSite=Strict`); the same link from here comes with it.
            ProblemKind::Unauthenticated | ProblemKind::Busy | ProblemKind::Failed => {
                Some((address.page.to_string(), "Try again".to_owned()))
            }
            _ => overview(),
        },
    }
}

/// The title as a sentence for people.
fn title(document: &wire::Problem) -> String {
    let words = match document.kind {
        ProblemKind::Malformed => "This address cannot be read",
        ProblemKind::Unauthenticated => "Reading needs a right",
        ProblemKind::Forbidden => "You have no right to this",
        ProblemKind::NotFound => "This does not exist",
        ProblemKind::Busy => "The server is busy",
        ProblemKind::Failed => "The server failed",
        ProblemKind::Refused | ProblemKind::KeyReused | ProblemKind::TooLarge | ProblemKind::Full => {
            &document.title
        }
    };
    words.to_owned()
}

fn overview() -> Option<(String, String)> {
    Some(("/".to_owned(), "Overview".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, query: Option<&str>) -> (Vec<String>, Option<String>) {
        let document = ProblemDocument(wire::Problem::new(ProblemKind::Unauthenticated, "x"));
        let address = Address::of(path, query);
        let problem = problem(StatusCode::UNAUTHORIZED, Some(document), &address);
        let lines = problem.commands.into_iter().map(|command| command.line).collect();
        (lines, problem.onward.map(|(path, _)| path))
    }

    #[test]
    fn a_page_without_a_right_names_commands_that_open_it() {
        let page = "/releases/a/b/c/1";
        for (path, query, line, onward) in [
            (page, None, "countersign open /releases/a/b/c/1", Some(page)),
            ("/", None, "countersign open", Some("/")),
            ("/findings", Some("q=a"), "countersign open '/findings?q=a'", Some("/findings?q=a")),
            ("/open", Some("ticket=abc"), "countersign open", None),
            ("/close", None, "countersign open", None),
            ("/runs/$(id)", None, "countersign open", Some("/")),
        ] {
            assert_eq!(of(path, query), (vec![line.to_owned()], onward.map(str::to_owned)), "{path}");
        }
    }
}
