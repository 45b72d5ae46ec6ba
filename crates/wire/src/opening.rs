//! Opening a page of the console in a browser.

use evidence::Moment;
use serde::{Deserialize, Serialize};

use crate::page_path::PagePath;

/// A page that a person wants to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenPage {
    /// The page.
    pub page: PagePath,
}

/// A link that opens a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLink {
    /// The link. It is secret if it expires.
    pub url: String,
    /// Its end, if it holds a ticket, which is valid once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}
