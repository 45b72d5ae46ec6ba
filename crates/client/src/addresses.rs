//! The server on another machine: the first of its addresses that answers and proves itself under the person's pin.
//!
//! Input: a pin with addresses. Output: a client. Invariant: an address only leads somewhere. The server there proves itself by
//! its introduction, whatever the address, before anything is sent in the person's name.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use evidence::pin::Pin;
use evidence::{Id, address};
use wire::Client;

use crate::dirs::person_dir;
use crate::error::Error;
use crate::pinned_root::PinnedRoot;

/// A client of the server that a pin leads to.
///
/// # Errors
/// `Error` with one line for each address if none of them leads to the server.
pub fn client(pin: &Pin) -> Result<Client, Error> {
    let anchor = PinnedRoot::of(pin, pin.root_version, &person_dir(pin.installation)?)?;
    if let Some(address) = chosen(pin) {
        return Ok(at(&address, pin)?.with_anchor(Box::new(anchor)));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut failed = Vec::new();
    for address in &pin.addresses {
        let asked = at(address, pin).and_then(|client| {
            let client = client.with_anchor(Box::new(anchor.clone()));
            runtime.block_on(client.roots())?;
            Ok(client)
        });
        match asked {
            Ok(client) => {
                CHOSEN
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(pin.installation, address.clone());
                return Ok(client);
            }
            Err(error) => failed.push(format!("{address}: {error}")),
        }
    }
    Err(nobody(&failed))
}

/// A client of the server at one address. Its scheme says how: plain HTTP on loopback, else TLS under the authority of the
/// newest root, or of the pin.
fn at(address: &str, pin: &Pin) -> Result<Client, Error> {
    if address::is_secured(address) {
        return Ok(Client::over_tls(&[address.to_owned()], pin.installation, pin.authority)?);
    }
    Ok(Client::new(address)?)
}

fn nobody(failed: &[String]) -> Error {
    if failed.is_empty() {
        return Error::unusable(
            "your pin names no address of the server, which is on another machine: get a new line of `countersign trust pin` from \
             a colleague, and take it with `countersign key use LINE`",
        );
    }
    Error::unusable(format!(
        "no address of your server leads to it: {}; if it has moved, get a new line of `countersign trust pin` from a colleague, \
         and take it with `countersign key use LINE`",
        failed.join("; ")
    ))
}

/// The address that this process has found to be right.
fn chosen(pin: &Pin) -> Option<String> {
    let chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    chosen.get(&pin.installation).filter(|address| pin.addresses.contains(address)).cloned()
}

static CHOSEN: Mutex<BTreeMap<Id, String>> = Mutex::new(BTreeMap::new());
