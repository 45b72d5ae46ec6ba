//! `countersign open`: opens a page of the console, with a session in which the browser may read.

use std::io::IsTerminal as _;

use clap::Args;
use client::{browser, session};
use evidence::Moment;
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

/// Asks for a link, prints it, and starts a browser if there is a terminal and a screen.
pub fn run(verb: &Open, output: Output) -> Result<(), Failure> {
    let client = session::client(&verb.data_dir.home()?)?;
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
