//! `countersign open`: opens a page of the console, with a session in which the browser may read.

use std::io::IsTerminal as _;

use clap::Args;
use client::{browser, session};
use evidence::{Moment, address};
use serde::Serialize;
use wire::PagePath;

use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `open`.
#[derive(Debug, Args)]
pub struct Open {
    #[command(flatten)]
    data_dir: DataDir,
    /// The page, by its path, such as /runs/ID; default: the overview.
    page: Option<PagePath>,
}

#[derive(Debug, Serialize)]
struct OpenReport {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Moment>,
    /// Whether a browser was started.
    opened: bool,
}

/// Fails if a browser of this machine could not open the console's pages: their name leads to this machine alone.
fn reaches(server: &str) -> Result<(), Failure> {
    if !address::is_secured(server) {
        return Ok(());
    }
    Err(Failure::error(format!(
        "the console's pages open on the server's host, or through a tunnel to a loopback address in your line, and you reach the server at {server}; \
         `countersign status`, `countersign record PLACE` and `countersign policy explain PLACE` show the same here, checked under your pin"
    )))
}

/// Asks for a link, prints it, and starts a browser if there is a terminal and a screen.
pub fn run(verb: &Open, output: Output) -> Result<(), Failure> {
    let client = session::client(&verb.data_dir.access()?)?;
    reaches(client.url())?;
    let page = verb.page.clone().unwrap_or_else(PagePath::root);
    let link = runtime()?.block_on(client.open_page(&page))?;
    let opened = output == Output::Text && std::io::stdout().is_terminal() && browser::open(&link)?;
    let report = OpenReport { url: link.url, expires: link.expires, opened };
    output.print(&report, |report| match report.expires {
        None => format!("open: {}", report.url),
        Some(_) => format!(
            "open: {}\nThe link works once, within a minute, and begins a session that can only read and ends after 8 \
             hours. Do not pass it on.",
            report.url
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::reaches;

    #[test]
    fn a_browser_opens_only_what_this_machine_reaches_by_loopback() {
        reaches("http://127.0.0.1:7411").unwrap();
        let said = reaches("https://countersign.example.com").unwrap_err();
        assert!(said.message().contains("or through a tunnel to a loopback address in your line"));
    }
}
