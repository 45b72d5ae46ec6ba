//! Places of findings, as a tool names them. Lines are shown to people and are no part of an identity.

use serde::{Deserialize, Serialize};

/// Places of problems.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Site {
    /// A place in a file.
    File {
        /// Path in the tree.
        path: String,
        /// First line, counted from 1; absent if the whole file is meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
        /// Last line, if it is another one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<u32>,
    },
    /// A package.
    Component {
        /// Package URL with version (<https://github.com/package-url/purl-spec>).
        purl: String,
        /// Package URLs from a direct dependency down to the package, if the graph is known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        through: Vec<String>,
    },
    /// A page of a running service.
    Page {
        /// Method of the request.
        method: String,
        /// Path of the page, without host and query.
        path: String,
        /// Parameter of the request, if one is at fault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parameter: Option<String>,
    },
    /// The tool names no place.
    Whole,
}

impl Site {
    /// Path of the file, if the place is in one.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Component { .. } | Self::Page { .. } | Self::Whole => None,
        }
    }
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, line: Some(line), .. } => write!(f, "{path}:{line}"),
            Self::File { path, .. } => f.write_str(path),
            Self::Component { purl, .. } => f.write_str(purl),
            Self::Page { method, path, parameter: Some(parameter) } => {
                write!(f, "{method} {path} ({parameter})")
            }
            Self::Page { method, path, .. } => write!(f, "{method} {path}"),
            Self::Whole => f.write_str("no place"),
        }
    }
}
