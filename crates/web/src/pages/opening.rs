//! The page of an opening: a form with one button. It has no frame, because its reader has no session yet.

use maud::html;

use crate::frame::plain_document;
use crate::model::Opening;
use crate::parts::{address, text};

/// The page.
#[must_use]
pub fn opening(page: &Opening) -> String {
    let form = html! {
        h1 { "Read as " (text(&page.reader)) "?" }
        p { "This browser may then read for " (page.hours) " hours. It can change nothing." }
        form method="post" action=(address(&page.action).unwrap_or("/")) {
            input type="hidden" name="ticket" value=(text(&page.ticket));
            button type="submit" autofocus { "Open the console" }
        }
        @if page.page != "/" { p { "The next page is " code { (text(&page.page)) } "." } }
    };
    plain_document("Open the console", &form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_a_ticket_and_a_name_stay_inside_their_elements() {
        let hostile = "\"><script>alert(1)</script>\u{202e}";
        let page = opening(&Opening {
            reader: hostile.into(),
            page: hostile.into(),
            action: "/open".into(),
            ticket: hostile.into(),
            hours: 8,
        });
        assert!(!page.contains("<script>"), "{page}");
        assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;"), "{page}");
    }
}
