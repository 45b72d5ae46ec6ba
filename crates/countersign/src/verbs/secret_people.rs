//! The names of people in lines about secrets.
//!
//! Invariant: a name is for reading alone. It is the server's word, so the beginning of the id stays beside it.

use std::collections::BTreeMap;

use evidence::Id;
use review::ending::named;
use wire::Client;

/// People of the installation, by their ids.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<Id, String>);

impl Names {
    /// Asks for them. A person without an answer is shown by the id.
    pub async fn of(client: &Client) -> Self {
        let people = client.installation().await.map(|all| all.people).unwrap_or_default();
        Self(people.iter().map(|person| (person.person.id(), named(person))).collect())
    }

    /// A person, in words.
    pub fn person(&self, id: &Id) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
}
