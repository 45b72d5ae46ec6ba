//! Opens a link in the person's browser.
//!
//! Invariant: a link with a ticket is never an argument of a program, because every user of a machine can read the
//! arguments of all programs: the browser is given a private file that leads to the link. The file is worth nothing once
//! the ticket was used or has expired.

use std::process::Stdio;

use wire::PageLink;

use crate::dirs;
use crate::error::Error;
use crate::files::write_private;

/// Starts the person's browser with a link; returns whether one was started. Without a graphical session none is.
///
/// # Errors
/// `Error` if the private file cannot be written.
pub fn open(link: &PageLink) -> Result<bool, Error> {
    let has_screen = ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if !has_screen {
        return Ok(false);
    }
    let mut command = runner::program::of_person("xdg-open");
    if link.expires.is_some() {
        let file = dirs::config_dir()?.join("open.html");
        write_private(&file, &page(&link.url))?;
        command.arg(file);
    } else {
        command.arg(&link.url);
    }
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    // Without the program, or where it fails, people use the printed link.
    Ok(started.is_ok())
}

/// A page that leads to a link at once.
fn page(url: &str) -> String {
    let url = url.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n<title>countersign</title>\n\
         <a href=\"{url}\">Open the console</a>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn attack_a_link_stays_inside_its_attribute() {
        let page = page("http://x.localhost:1/open?ticket=a&b=\"><script>");
        assert!(
            page.contains("url=http://x.localhost:1/open?ticket=a&amp;b=&quot;>&lt;script>\">"),
            "{page}"
        );
        assert!(!page.contains("<script"));
    }
}
