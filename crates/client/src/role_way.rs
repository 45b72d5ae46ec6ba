//! The way of a role to its server: an address that its operator gives, else those of the pin that it joined with.
//!
//! Invariant: plain HTTP leads to loopback alone. Over TLS the server's certificate leads to the authority that the newest
//! trust root names, else to the one of the pin.

use std::io::ErrorKind;
use std::path::Path;

use evidence::pin::Pin;
use evidence::{Digest, Id, address};
use serde::{Deserialize, Serialize};
use wire::Client;

use crate::error::Error;
use crate::files::{read_text, write_private};

/// The addresses of a role's server, as stored beside its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Way {
    /// Version of this format; 1.
    v: u8,
    /// URLs of the server, sorted as preferred.
    addresses: Vec<String>,
    /// Digest of the certificate of the installation's authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<Digest>,
}

/// Keeps the addresses of a pin in a role's directory, if it names any.
pub fn keep(dir: &Path, pin: &Pin) -> Result<(), Error> {
    if pin.addresses.is_empty() {
        return Ok(());
    }
    let way = Way { v: 1, addresses: pin.addresses.clone(), authority: pin.authority };
    write_private(&dir.join(FILE), &serde_json::to_string_pretty(&way)?)
}

/// A client of a role's server, without anchor and identity, and the address in words.
pub fn client(dir: &Path, given: Option<&str>, installation: Id) -> Result<(Client, String), Error> {
    let (addresses, authority) = match read(&dir.join(FILE))? {
        Some(way) => (way.addresses, way.authority),
        None => (Vec::new(), None),
    };
    reached(given, &addresses, (installation, authority))
}

/// The same for a role that has no directory yet.
pub fn of_pin(pin: &Pin, given: Option<&str>) -> Result<(Client, String), Error> {
    reached(given, &pin.addresses, (pin.installation, pin.authority))
}

fn reached(
    given: Option<&str>,
    kept: &[String],
    (installation, authority): (Id, Option<Digest>),
) -> Result<(Client, String), Error> {
    let given = given.map(|given| vec![given.trim_end_matches('/').to_owned()]);
    let addresses = given.as_deref().unwrap_or(kept);
    let shown = addresses.join(" ");
    match addresses {
        [] => Err(Error::unusable(NO_ADDRESS)),
        // The address of a server on this machine is what it prints when it starts.
        [one] if !address::is_secured(one) => Ok((Client::new(one)?, shown)),
        several => {
            let checked = several.iter().try_for_each(|one| address::check(one));
            checked.map_err(|error| Error::unusable(error.to_string()))?;
            Ok((Client::over_tls(several, installation, authority)?, shown))
        }
    }
}

fn read(path: &Path) -> Result<Option<Way>, Error> {
    let wrong = |what: &dyn std::fmt::Display| {
        Error::unusable(format!("`{}`: {what}; give the address with --server URL", path.display()))
    };
    match read_text(path) {
        Ok(text) => match serde_json::from_str(&text) {
            Ok(way @ Way { v: 1, .. }) => Ok(Some(way)),
            Ok(Way { v, .. }) => {
                Err(wrong(&format!("it is of version {v}, which this program does not know")))
            }
            Err(error) => Err(wrong(&error)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(&error)),
    }
}

const NO_ADDRESS: &str = "--server URL is required: the line that this role joined with names no address of the server; a line of \
                          `countersign trust pin` that begins with `cs2.` does";
/// File in the directory of a role.
const FILE: &str = "server.json";

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(addresses: &[&str]) -> Pin {
        let line = Pin {
            v: 1,
            installation: lab::id(1),
            root_version: 1,
            root: Digest::of(b"root"),
            status: 1,
            environments: Vec::new(),
            checkpoint: String::new(),
            addresses: Vec::new(),
            authority: None,
        };
        let addresses: Vec<_> = addresses.iter().map(|&address| address.to_owned()).collect();
        Pin { v: 2, addresses, authority: Some(Digest::of(b"authority")), ..line }
    }

    #[test]
    fn a_role_asks_where_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let asked = |given| client(dir.path(), given, lab::id(1)).map(|(_, shown)| shown);
        let said = |given| asked(given).unwrap_err().to_string();
        assert!(said(None).contains("--server URL is required"));
        assert_eq!(asked(Some("http://127.0.0.1:8080/")).unwrap(), "http://127.0.0.1:8080");
        keep(dir.path(), &Pin { addresses: Vec::new(), ..pin(&[]) }).unwrap();
        assert!(said(None).contains("--server URL is required"), "a pin without addresses is not kept");
        keep(dir.path(), &pin(&["https://a.example", "https://b.example:8443"])).unwrap();
        assert_eq!(asked(None).unwrap(), "https://a.example https://b.example:8443");
        assert_eq!(asked(Some("https://c.example")).unwrap(), "https://c.example");
        for (bad, reason) in [
            ("ftp://c.example", "is not the URL of a server"),
            ("https://c.example/path", "is not an address"),
        ] {
            assert!(said(Some(bad)).contains(reason), "{}", said(Some(bad)));
        }
        let long = " ".repeat((1 << 20) + 1);
        for (bad, reason) in
            [("{", "EOF"), (r#"{"v":2,"addresses":[]}"#, "of version 2"), (&long, "more than 1048576 bytes")]
        {
            write_private(&dir.path().join(FILE), bad).unwrap();
            assert!(said(None).contains(reason), "{}", said(None));
            assert!(said(None).contains("give the address with --server URL"));
        }
    }
}
