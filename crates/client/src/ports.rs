//! Ports of services: which place has which one.
//!
//! Input: views of places. Output: their ports. Invariant: each port comes from the configuration that the place's
//! statement names.

use std::collections::BTreeSet;

use evidence::Place;
use wire::{Client, PlaceView};

use crate::error::Error;
use crate::project_files;

/// The port of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenPort {
    /// The port.
    pub port: u16,
    /// The place.
    pub place: Place,
    /// Hosts of its agents.
    pub hosts: BTreeSet<String>,
}

/// The ports of all places.
pub async fn taken(client: &Client, places: &[PlaceView]) -> Result<Vec<TakenPort>, Error> {
    let mut taken = Vec::new();
    for view in places {
        let (statement, configuration) = project_files::configured(client, view).await?;
        if let Some(port) = configuration.port {
            let hosts = statement.agents.iter().map(|agent| agent.place.host.clone()).collect();
            taken.push(TakenPort { port, place: view.place.clone(), hosts });
        }
    }
    Ok(taken)
}

/// The failure of a place whose port another place on one of its hosts has.
pub fn free(taken: &[TakenPort], place: &Place, port: u16, hosts: &BTreeSet<String>) -> Result<(), Error> {
    let same =
        |other: &&TakenPort| other.port == port && other.place != *place && !other.hosts.is_disjoint(hosts);
    match taken.iter().find(same) {
        None => Ok(()),
        Some(other) => Err(Error::unusable(format!(
            "port {port} is the one of {} on the same host; give {place} another one with --port",
            other.place
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::{TakenPort, free};

    #[test]
    fn two_places_on_one_host_never_have_one_port() {
        let place = |name: &str| format!("shop/api/{name}").parse::<evidence::Place>().unwrap();
        let hosts = |host: &str| std::collections::BTreeSet::from([host.to_owned()]);
        let taken = [TakenPort { port: 8080, place: place("dev"), hosts: hosts("a") }];
        let said = free(&taken, &place("staging"), 8080, &hosts("a")).map_err(|error| error.to_string());
        assert_eq!(
            said,
            Err("port 8080 is the one of shop/api/dev on the same host; give shop/api/staging another one with --port".into())
        );
        assert!(free(&taken, &place("dev"), 8080, &hosts("a")).is_ok(), "it keeps its own");
        assert!(free(&taken, &place("staging"), 8080, &hosts("b")).is_ok());
        assert!(free(&taken, &place("staging"), 8081, &hosts("a")).is_ok());
    }
}
