//! What verbs print: text for people, or one JSON object with `-o json`.

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl Output {
    /// Prints a value as JSON, or as the text that `text` makes of it.
    pub fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        match self {
            Self::Text => println!("{}", shown::text(text(value).trim_end())),
            Self::Json => println!("{}", shown::json(&serde_json::to_string(value)?)),
        }
        Ok(())
    }
}
