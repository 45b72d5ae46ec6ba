//! `countersign logs PLACE`: the output of a place's service, as its agent sent it.
//!
//! It shows the latest part, which the server keeps in memory; the agent's own files `service.log` and `service.log.1`
//! have more.

use std::str::FromStr;

use client::id_prefix::IdPrefix;
use client::places;
use evidence::Place;
use serde_json::json;
use wire::Client;

use crate::failure::Failure;
use crate::log_text::LogText;
use crate::output::{self, Output};

/// The subject of the log: a run, or a place's service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A run.
    Run(IdPrefix),
    /// A place.
    Place(Place),
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') {
            return text.parse().map(Self::Place).map_err(|error| format!("{error}"));
        }
        text.parse().map(Self::Run)
    }
}

/// Prints the log of a place's service; with `follow` until it is interrupted.
pub async fn show(place: &Place, client: &Client, follow: bool, output: Output) -> Result<(), Failure> {
    // An unknown place is an error that lists the known places.
    let place = &places::named(client.places().await?, place)?.place;
    let (mut from, mut wait) = (0, false);
    let (mut kept, mut text) = (Vec::new(), LogText::default());
    let mut is_silent = true;
    loop {
        let found = client.service_log(place, from, wait).await?;
        let is_all = found.bytes.0.is_empty();
        is_silent &= is_all;
        from = found.next;
        match output {
            Output::Text => output::log(&text.take(&found.bytes.0))?,
            Output::Json => kept.extend(found.bytes.0),
        }
        if is_all && !follow {
            output::log(&text.rest())?;
            break;
        }
        // The first request does not wait, so that a service that prints nothing does not look like a hang.
        wait = follow;
    }
    match output {
        Output::Text if is_silent => {
            shown::say(&format!("the service of {place} has printed nothing since its agent was started"));
            Ok(())
        }
        Output::Text => Ok(()),
        Output::Json => {
            let text = String::from_utf8_lossy(&kept).into_owned();
            output.print(&json!({ "place": place, "log": text }), |_| String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_a_run_are_told_apart() {
        assert!(matches!("shop/api/staging".parse(), Ok(Subject::Place(_))));
        let run = "0".repeat(32);
        assert!(matches!(run.parse(), Ok(Subject::Run(_))));
        assert!("shop/api".parse::<Subject>().is_err());
    }
}
